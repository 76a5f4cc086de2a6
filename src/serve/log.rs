//! One line of JSON for each thing that happens, with the delivery that it belongs to.

use std::sync::Arc;

use jiff::Timestamp;

use crate::text::clean_line;

/// Takes one line, without its end.
pub type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// Tells the time.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Where lines go.
#[derive(Clone)]
pub struct Log {
    sink: Sink,
    now: Now,
}

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Info,
    /// Somebody was refused, or something is tried again.
    Warn,
    /// Somebody should look.
    Error,
}

impl Log {
    /// A log that goes to `sink`.
    pub fn new(sink: Sink, now: Now) -> Self {
        Self { sink, now }
    }

    /// Writes a line. Texts are cleaned: they come from GitHub, from Datadog and from schemas.
    pub fn line(&self, level: Level, event: &str, fields: &[(&str, &str)]) {
        let level = match level {
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        let time = format!("{:.3}", (self.now)());
        let all = [("time", time.as_str()), ("level", level), ("event", event)];
        let parts = all
            .iter()
            .chain(fields)
            .map(|(name, value)| format!("\"{name}\":{}", serde_json::Value::String(clean_line(value))));
        (self.sink)(&format!("{{{}}}", parts.collect::<Vec<_>>().join(",")));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_line_is_one_line_of_json_whatever_it_tells() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let sink = Arc::new(move |line: &str| kept.lock().unwrap().push(line.to_owned()));
        let log = Log::new(sink, Arc::new(|| Timestamp::UNIX_EPOCH));
        log.line(Level::Warn, "refused", &[("reason", "a\n\u{1b}[31m\"b\u{202e}")]);
        let line = lines.lock().unwrap().remove(0);
        assert_eq!(
            line,
            r#"{"time":"1970-01-01T00:00:00.000Z","level":"warn","event":"refused","reason":"a⏎\\u{1b}[31m\"b\\u{202e}"}"#
        );
    }
}
