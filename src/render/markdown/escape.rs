//! Untrusted text in GitHub-flavoured Markdown: nothing in it is markup, a link, a mention or a workflow command.
//!
//! GitHub notifies and links nothing inside code. So whatever is not plain words stands in a code span, in
//! `<code>` or in a fence.

use crate::text::{clean, clean_line, without_commands};

/// `text` on one line, harmless in a log.
fn visible(text: &str) -> String {
    without_commands(&clean_line(text)).into_owned()
}

/// The length of the longest run of back-ticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Untrusted text as a code span.
pub fn code(text: &str) -> String {
    let text = visible(text);
    if text.is_empty() {
        return "`\"\"`".to_owned();
    }
    let run = "`".repeat(longest_run(&text) + 1);
    let is_blank = text.trim_matches(' ').is_empty();
    // One blank on either side is taken away again.
    let padded = text.starts_with('`') || text.ends_with('`') || text.starts_with(' ') && text.ends_with(' ');
    let pad = if padded && !is_blank { " " } else { "" };
    format!("{run}{pad}{text}{pad}{run}")
}

/// Untrusted text as `<code>`, for places where only HTML is read.
pub fn html_code(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in visible(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    format!("<code>{escaped}</code>")
}

/// Untrusted sentences: plain words as they are, everything else in code spans. What stands in back-quotes is code.
pub fn prose(text: &str) -> String {
    let text = visible(text);
    let parts: Vec<&str> = text.split('`').collect();
    let mut result = String::with_capacity(text.len() + 16);
    // Without an even number of back-quotes nobody knows which text they enclose.
    if parts.len().is_multiple_of(2) {
        words(&text, &mut result);
        return result;
    }
    for (index, part) in parts.into_iter().enumerate() {
        match index % 2 {
            0 => words(part, &mut result),
            _ if part.is_empty() => {}
            _ => push_code(part, &mut result),
        }
    }
    result
}

fn words(text: &str, result: &mut String) {
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            result.push(' ');
        }
        let start = word.trim_start_matches('(');
        let core = start.trim_end_matches([')', '.', ',', ':', ';']);
        let before = &word[..word.len() - start.len()];
        let after = &start[core.len()..];
        result.push_str(before);
        if is_plain(core) {
            result.push_str(core);
        } else {
            push_code(core, result);
        }
        result.push_str(after);
    }
}

/// A code span, apart from one that stands before it.
fn push_code(text: &str, result: &mut String) {
    if result.ends_with('`') {
        result.push(' ');
    }
    result.push_str(&code(text));
}

/// Whether Markdown and GitHub see nothing but a word or a number in it.
fn is_plain(word: &str) -> bool {
    if matches!(word, "" | "→" | "·" | "…" | "=") {
        return true;
    }
    let word = word.strip_prefix(['+', '-']).filter(|rest| starts_with_digit(rest)).unwrap_or(word);
    let word =
        word.strip_suffix('%').filter(|rest| rest.ends_with(|c: char| c.is_ascii_digit())).unwrap_or(word);
    let letters = |c: Option<&char>| c.is_some_and(char::is_ascii_alphabetic);
    let digit = |c: Option<&char>| c.is_some_and(char::is_ascii_digit);
    let chars: Vec<char> = word.chars().collect();
    let fits = chars.iter().enumerate().all(|(at, c)| {
        let (before, after) = (at.checked_sub(1).and_then(|at| chars.get(at)), chars.get(at + 1));
        match c {
            '.' => digit(before) && digit(after),
            '-' | '\'' => letters(before) && letters(after),
            c => c.is_ascii_alphanumeric(),
        }
    });
    // A long mixture of letters and digits may be the name of a commit.
    let is_mixed = word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
    fits && chars.len() <= 30 && !(is_mixed && chars.len() > 6)
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// Markdown made of the above, for a cell of a table.
pub fn cell(markdown: &str) -> String {
    // Readers of tables disagree about what a backslash before `\|` means.
    markdown.replace("\\|", "\\u{7c}").replace('|', "\\|")
}

/// Lines in a fence. In a `diff` each line brings its own sign, so that no content can pose as one.
pub fn fence(language: &str, lines: &[String]) -> String {
    let run = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0).max(2) + 1;
    let fence = "`".repeat(run);
    let mut text = format!("{fence}{language}\n");
    for line in lines {
        text.push_str(&without_commands(&clean(&line.replace('\n', "⏎"))));
        text.push('\n');
    }
    text + &fence + "\n"
}

/// An address of the web, if it is one that needs no escaping.
pub fn link(text: &str, url: &str) -> String {
    if is_plain_url(url) { format!("[{text}]({url})") } else { text.to_owned() }
}

/// Whether an address of the web can stand in Markdown as it is.
pub fn is_plain_url(url: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&*+,;=%".contains(c);
    url.starts_with("https://") && url.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_span_is_longer_than_what_it_holds() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a `b` ``c``"), "``` a `b` ``c`` ```");
        assert_eq!(code(" "), "` `");
        assert_eq!(code(""), "`\"\"`");
        assert_eq!(code("a\nb\u{1b}[31m"), "`a⏎b\\u{1b}[31m`");
    }

    #[test]
    fn sentences_keep_their_words_and_nothing_acts() {
        assert_eq!(prose("slower (5m → 15m, 500 → 200)"), "slower (5m → 15m, 500 → 200)");
        assert_eq!(prose("now pages @slack-a @jane@example.com"), "now pages `@slack-a` `@jane@example.com`");
        assert_eq!(
            prose("fixes #12, GH-12 www.example.com http://x"),
            "fixes `#12`, `GH-12` `www.example.com` `http://x`"
        );
        assert_eq!(prose("lower `top` of **b** <br>"), "lower `top` of `**b**` `<br>`");
        assert_eq!(prose("`a`@b"), "`a` `@b`");
        assert_eq!(prose("one ` alone"), "one `` ` `` alone");
        assert_eq!(prose("at +12.5% of it's re-created"), "at +12.5% of it's re-created");
    }

    #[test]
    fn a_cell_has_no_bar_of_its_own() {
        assert_eq!(cell(&code("a|b")), "`a\\|b`");
        assert_eq!(cell(&code("a\\|b")), "`a\\u{7c}b`");
    }
}
