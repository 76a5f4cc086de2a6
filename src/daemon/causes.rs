//! Why something was dropped or refused: a counter for each cause, and a log that says so without drowning anyone.
//!
//! Counting takes an atomic addition and no clock; the log is written by whoever has the time, from what was counted.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::dogstatsd::Malformed;
use crate::text::clean_line;

/// The causes: name, the word in metrics, and what was lost, which is also its unit.
macro_rules! causes {
    ($($name:ident, $word:literal, $text:literal;)*) => {
        /// Why something was dropped or refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause {
            $(#[doc = $text] $name,)*
        }

        impl Cause {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word that stands for it in metrics.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What was lost.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

causes! {
    NotUtf8, "not_utf8", "lines that are not UTF-8";
    BadName, "bad_name", "lines whose metric has no name, or one that is not printable ASCII";
    NoValue, "no_value", "lines without a value";
    NoType, "no_type", "lines without a type";
    UnknownType, "unknown_type", "lines of an unknown type";
    BadValue, "bad_value", "lines with a value that is not a number";
    BadRate, "bad_rate", "lines with a sample rate that is not from 0 to 1";
    BadTimestamp, "bad_timestamp", "lines with a timestamp that is not a positive whole number";
    BadEvent, "bad_event", "events whose lengths do not fit their title and text";
    BadServiceCheck, "bad_service_check", "service checks without name or status";
    NotFinite, "not_finite", "values that are infinite or not a number";
    NegativeCount, "negative_count", "counts below zero";
    OversizedDatagram, "oversized_datagram", "datagrams that are longer than is taken";
    OversizedFrame, "oversized_frame", "frames that are longer than is taken, and their connections";
    CutFrame, "cut_frame", "frames whose connection ended before they did";
    TooManyConnections, "too_many_connections", "connections beyond the number that is served";
    ReceiveFailed, "receive_failed", "failures to receive";
    KernelDrops, "kernel_drops", "datagrams that the kernel had no room for";
    LineTooLong, "line_too_long", "lines that are longer than the Agent takes";
    AgentAway, "agent_away", "lines for the Agent, which is not there";
    AgentQueueFull, "agent_queue_full", "lines for the Agent, which takes them too slowly";
    NoId, "no_id", "counts for a rule without an id";
    BadEventBody, "bad_event_body", "requests whose events do not fit their schema";
    LedgerFailed, "ledger_failed", "times that the ledger of published series could not be kept";
    RedisFailed, "redis_failed", "calls to Redis that failed";
    PartNotUnderstood, "part_not_understood", "panes of other instances that were not understood";
    NotWritten, "not_written", "points that cannot be written as lines";
    AgentRefused, "agent_refused", "datagrams that were sent to the Agent's port while nobody listened there";
}

impl From<Malformed> for Cause {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::NotUtf8 => Self::NotUtf8,
            Malformed::BadName => Self::BadName,
            Malformed::NoValue => Self::NoValue,
            Malformed::NoType => Self::NoType,
            Malformed::UnknownType => Self::UnknownType,
            Malformed::BadValue => Self::BadValue,
            Malformed::BadRate => Self::BadRate,
            Malformed::BadTimestamp => Self::BadTimestamp,
            Malformed::BadEvent => Self::BadEvent,
            Malformed::BadServiceCheck => Self::BadServiceCheck,
        }
    }
}

/// The counters, shared by everything that loses something.
#[derive(Debug)]
pub struct Causes(Vec<Counter>);

#[derive(Debug, Default)]
struct Counter {
    count: AtomicU64,
    /// The start of a text that was dropped since the last line of the log.
    example: Mutex<Option<Vec<u8>>>,
}

impl Default for Causes {
    fn default() -> Self {
        Self(Cause::ALL.iter().map(|_| Counter::default()).collect())
    }
}

impl Causes {
    /// Counts `lost` more.
    pub fn add(&self, cause: Cause, lost: u64) {
        self.0[cause as usize].count.fetch_add(lost, Ordering::Relaxed);
    }

    /// Counts one more, and keeps the start of its text for the log if there is none yet.
    pub fn add_text(&self, cause: Cause, text: &[u8]) {
        // The longest message of Redis that says what to do.
        const EXAMPLE_BYTES: usize = 240;
        self.add(cause, 1);
        // Whoever holds the lock brings or takes an example; nobody waits for that.
        if let Ok(mut example) = self.0[cause as usize].example.try_lock()
            && example.is_none()
        {
            let mut start = text[..text.len().min(EXAMPLE_BYTES)].to_vec();
            if start.len() < text.len() {
                start.extend("…".bytes());
            }
            *example = Some(start);
        }
    }

    /// How many were lost by this cause since the start.
    pub fn count(&self, cause: Cause) -> u64 {
        self.0[cause as usize].count.load(Ordering::Relaxed)
    }

    /// All counts since the start, in the order of [`Cause::ALL`].
    pub fn snapshot(&self) -> Vec<(Cause, u64)> {
        Cause::ALL.iter().map(|cause| (*cause, self.count(*cause))).collect()
    }

    fn take_example(&self, cause: Cause) -> Option<Vec<u8>> {
        self.0[cause as usize].example.lock().ok()?.take()
    }
}

/// What the log has said so far.
#[derive(Debug)]
pub struct CauseLog(Vec<Logged>);

#[derive(Debug, Clone, Copy, Default)]
struct Logged {
    count: u64,
    at: Option<Instant>,
}

impl Default for CauseLog {
    fn default() -> Self {
        Self(vec![Logged::default(); Cause::ALL.len()])
    }
}

impl CauseLog {
    /// The least time between two lines of one cause.
    pub const INTERVAL: Duration = Duration::from_secs(10);

    /// Says what was lost since the last line of each cause, unless that is too recent. To be called every second or so.
    pub fn write(&mut self, causes: &Causes, now: Instant, say: &mut dyn FnMut(&str)) {
        for (cause, count) in causes.snapshot() {
            let logged = &mut self.0[cause as usize];
            let is_recent = logged.at.is_some_and(|at| now < at + Self::INTERVAL);
            if count == logged.count || is_recent {
                continue;
            }
            let lost = count - logged.count;
            let mut line = format!("{}: {lost} ({count} since the start)", cause.text());
            if let Some(example) = causes.take_example(cause) {
                let example = String::from_utf8_lossy(&example);
                // A message has its own marks. Writing into a String cannot fail.
                let mark = if example.contains('`') { "" } else { "`" };
                let _ = write!(line, ", such as {mark}{}{mark}", clean_line(&example));
            }
            *logged = Logged { count, at: Some(now) };
            say(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(log: &mut CauseLog, causes: &Causes, now: Instant) -> Vec<String> {
        let mut lines = Vec::new();
        log.write(causes, now, &mut |line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn words_are_tag_values_and_differ() {
        let words: std::collections::BTreeSet<&str> = Cause::ALL.iter().map(|cause| cause.word()).collect();
        assert_eq!(words.len(), Cause::ALL.len());
        assert!(words.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b"_8".contains(&b))));
    }

    #[test]
    fn each_cause_has_its_own_counter() {
        let causes = Causes::default();
        causes.add(Cause::from(Malformed::NotUtf8), 1);
        causes.add(Cause::AgentRefused, 2);
        assert_eq!((causes.count(Cause::NotUtf8), causes.count(Cause::AgentRefused)), (1, 2));
        assert_eq!(causes.snapshot().iter().map(|(_, count)| count).sum::<u64>(), 3);
    }

    #[test]
    fn a_cause_has_one_line_in_ten_seconds_and_that_has_them_all() {
        let (causes, mut log, start) = (Causes::default(), CauseLog::default(), Instant::now());
        assert_eq!(said(&mut log, &causes, start), [""; 0]);
        causes.add_text(Cause::NoType, b"a:1");
        causes.add(Cause::BadRate, 1);
        assert_eq!(
            said(&mut log, &causes, start),
            [
                "lines without a type: 1 (1 since the start), such as `a:1`",
                "lines with a sample rate that is not from 0 to 1: 1 (1 since the start)"
            ]
        );
        causes.add_text(Cause::NoType, b"b:1");
        causes.add_text(Cause::NoType, b"c:1");
        assert_eq!(said(&mut log, &causes, start + Duration::from_secs(9)), [""; 0]);
        let later = start + CauseLog::INTERVAL;
        let line = "lines without a type: 2 (3 since the start), such as `b:1`";
        assert_eq!(said(&mut log, &causes, later), [line]);
        assert_eq!(said(&mut log, &causes, later + CauseLog::INTERVAL), [""; 0]);
    }

    #[test]
    fn examples_are_short_and_harmless() {
        let (causes, mut log) = (Causes::default(), CauseLog::default());
        causes.add_text(Cause::NotUtf8, &[b"\x1b[31m\xff\n".as_slice(), &[b'x'; 10_000]].concat());
        let line = said(&mut log, &causes, Instant::now()).concat();
        assert!(line.len() < 400 && line.ends_with("x…`") && !line.contains(char::is_control), "{line:?}");
        assert!(line.contains("\\u{1b}[31m\u{fffd}\u{23ce}xxx"), "{line}");
    }
}
