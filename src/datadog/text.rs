//! Text from the network, made fit for a terminal, and the two shapes of error bodies.
//!
//! Whoever can answer our requests can write anything, escape sequences included.

use serde_json::Value;

/// The longest excerpt of a reply that is not what it should be.
const EXCERPT: usize = 200;
/// The longest single message that is kept.
const MESSAGE: usize = 1_000;
/// The most messages that are kept of one reply.
const MESSAGES: usize = 20;

/// Replaces control and direction-changing characters by blanks, collapses white space, and shortens.
pub(super) fn clean(text: &str, limit: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(limit));
    let mut characters = 0;
    let mut blank = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() || is_invisible(c) {
            blank = !clean.is_empty();
            continue;
        }
        if characters + usize::from(blank) >= limit {
            clean.push('…');
            return clean;
        }
        if std::mem::take(&mut blank) {
            clean.push(' ');
            characters += 1;
        }
        clean.push(c);
        characters += 1;
    }
    clean
}

/// Zero-width and bidirectional formatting characters: they can make a line read as something else.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
}

/// The beginning of a reply that could not be understood. Markup is named, not shown.
pub(super) fn excerpt(body: &[u8]) -> String {
    // Four bytes for each character are enough; the body may be large.
    let start = &body[..body.len().min(EXCERPT * 4)];
    let text = String::from_utf8_lossy(start);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.is_empty() {
        return "an empty body".to_owned();
    }
    if text.starts_with('<') {
        return "an HTML page".to_owned();
    }
    format!("`{}`", clean(text, EXCERPT))
}

/// The messages of an error body, in either shape; empty when the body is something else.
pub(super) fn messages(body: &[u8]) -> Vec<String> {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    let mut found = Vec::new();
    match value.get("errors").or_else(|| value.get("error")).or_else(|| value.get("message")) {
        Some(Value::Array(errors)) => found.extend(errors.iter().take(MESSAGES).filter_map(message)),
        Some(Value::Object(errors)) => {
            found.extend(errors.iter().take(MESSAGES).filter_map(|(key, value)| {
                let texts = strings(value).join("; ");
                (!texts.is_empty()).then(|| clean(&format!("{key}: {texts}"), MESSAGE))
            }));
        }
        Some(error) => found.extend(message(error)),
        None => {}
    }
    found.retain(|message| !message.is_empty());
    found
}

/// One error: a text (v1), or an object with a title and a detail (v2).
fn message(error: &Value) -> Option<String> {
    let part = |key: &str| error.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let text = match error {
        Value::String(text) => clean(text, MESSAGE),
        Value::Object(_) => match (part("title"), part("detail").or_else(|| part("message"))) {
            (Some(title), Some(detail)) => clean(&format!("{title}: {detail}"), MESSAGE),
            (Some(text), None) | (None, Some(text)) => clean(text, MESSAGE),
            (None, None) => return None,
        },
        _ => return None,
    };
    Some(text)
}

/// A text or a list of texts, cleaned.
pub(super) fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![clean(text, MESSAGE)],
        Value::Array(values) => {
            values.iter().take(MESSAGES).filter_map(Value::as_str).map(|text| clean(text, MESSAGE)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_one_blank() {
        assert_eq!(clean("\x1b[31mred\r\n\x07 x\u{202e}y\u{9b}z ", 99), "[31mred x y z");
        assert_eq!(clean("abcdef", 3), "abc…");
        assert_eq!(clean("abc", 3), "abc");
        assert_eq!(clean("ab cd", 3), "ab…");
    }

    #[test]
    fn both_error_shapes_are_read() {
        let read = |text: &str| messages(text.as_bytes());
        assert_eq!(read(r#"{"errors":["a\u001b[0m","b"]}"#), ["a [0m", "b"]);
        assert_eq!(
            read(r#"{"errors":[{"status":"400","title":"T","detail":"d"},{"title":"U"},{"status":"1"}]}"#),
            ["T: d", "U"]
        );
        assert_eq!(read(r#"{"errors":{"7":["x","y"]}}"#), ["7: x; y"]);
        assert_eq!(read(r#"{"error":"x"}"#), ["x"]);
        for text in ["", "<html>", "[]", "{}", r#"{"errors":null}"#, r#"{"errors":[1,null,{}]}"#] {
            assert!(read(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn markup_is_not_shown() {
        assert_eq!(excerpt(b"\n <html><body>secret"), "an HTML page");
        assert_eq!(excerpt(b" "), "an empty body");
        assert_eq!(excerpt(b"{\"a\": \xff"), "`{\"a\": \u{fffd}`");
        assert!(excerpt(&[b'x'; 5000]).chars().count() <= EXCERPT + 3);
    }
}
