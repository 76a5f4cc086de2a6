//! Untrusted text on its way to a terminal or a log.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with everything made visible that could act on a terminal or mislead a reader: control characters,
/// bidirectional overrides, zero-width characters. Line breaks and tabs stay.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_dangerous(c) {
            // Writing into a String cannot fail.
            let _ = write!(cleaned, "\\u{{{:x}}}", c as u32);
        } else {
            cleaned.push(c);
        }
    }
    Cow::Owned(cleaned)
}

/// The same for text that has to stay on one line.
pub fn clean_line(text: &str) -> String {
    clean(text).replace('\n', "⏎").replace('\t', " ")
}

/// `text` with nothing left in it that the GitHub Actions runner takes for a command: a line that starts with `::`,
/// and `##[` anywhere.
pub fn without_commands(text: &str) -> Cow<'_, str> {
    if !text.contains("::") && !text.contains("##[") {
        return Cow::Borrowed(text);
    }
    let text = text.replace("##[", "## [");
    let mut broken = String::with_capacity(text.len() + 8);
    for line in text.split_inclusive(['\n', '\r']) {
        // The runner trims blanks before it looks.
        let command = line.trim_start_matches(|c: char| c.is_whitespace() || is_dangerous(c));
        match command.strip_prefix("::") {
            Some(rest) => {
                broken.push_str(&line[..line.len() - command.len()]);
                broken.push_str(": :");
                broken.push_str(rest);
            }
            None => broken.push_str(line),
        }
    }
    Cow::Owned(broken)
}

/// `text` with at most `most` characters, of which the last is `…` if any are missing.
pub fn shortened(text: &str, most: usize) -> String {
    if text.char_indices().nth(most).is_none() {
        return text.to_owned();
    }
    let end = text.char_indices().nth(most.saturating_sub(1)).map_or(0, |(end, _)| end);
    format!("{}…", &text[..end])
}

fn is_dangerous(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shortened_between_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äö…");
        assert_eq!(shortened("", 0), "");
    }

    #[test]
    fn escape_sequences_and_overrides_become_visible() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c"), "a\\u{1b}[31mb\\u{202e}c");
        assert_eq!(clean("plain\ntext"), "plain\ntext");
        assert_eq!(clean_line("a\r\nb"), "a\\u{d}⏎b");
    }

    #[test]
    fn nothing_is_left_that_the_runner_takes_for_a_command() {
        let broken = |text: &str| without_commands(text).into_owned();
        assert_eq!(broken("a::b\n c"), "a::b\n c");
        assert_eq!(broken("::error::x"), ": :error::x");
        assert_eq!(broken("a\n \t\u{feff}::error\r::add-mask"), "a\n \t\u{feff}: :error\r: :add-mask");
        assert_eq!(broken("::::x"), ": :::x");
        assert_eq!(broken("a ###[x]##[y]"), "a ### [x]## [y]");
    }
}
