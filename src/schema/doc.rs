//! The text of documentation comments: what remains without the frame of stars and indentation.
//!
//! Follows Java to the letter, odd cases included, because the text ends up in the schema.

/// Horizontal white space as Java's `\h`.
fn is_blank(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\u{a0}' | '\u{1680}' | '\u{180e}' | '\u{2000}'
            ..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// Whether the byte is a star, or part of what may be a line break.
fn may_matter(byte: u8) -> bool {
    matches!(byte, b'*' | b'\n'..=b'\r' | 0xC2 | 0xE2)
}

/// Cuts `text` after each line break; every piece but the last ends in one.
fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !matches!(c, '\n' | '\u{b}' | '\u{c}' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}') {
            continue;
        }
        let mut end = at + c.len_utf8();
        if c == '\r' && chars.next_if(|(_, c)| *c == '\n').is_some() {
            end += 1;
        }
        lines.push(text.get(start..end).unwrap_or_default());
        start = end;
    }
    lines.push(text.get(start..).unwrap_or_default());
    lines
}

/// The documentation in what stands between `/**` and `*/`.
pub(super) fn clean(comment: &str) -> String {
    let text = comment.trim_matches(|c| c <= ' ');
    if !text.bytes().any(may_matter) {
        return text.into();
    }
    let lines = lines(text);
    for stars in ["**", "*"] {
        // The text is trimmed, so a first line without stars settles it.
        if lines.iter().enumerate().all(|(i, line)| {
            let line = if i == 0 { line } else { line.trim_start_matches(is_blank) };
            line.starts_with(stars)
        }) {
            return lines
                .iter()
                .map(|line| {
                    let line = line.trim_start_matches(is_blank);
                    let rest = line.strip_prefix(stars).unwrap_or(line);
                    rest.strip_prefix(is_blank).unwrap_or(rest)
                })
                .collect();
        }
    }
    let indent = lines
        .iter()
        .skip(1)
        .map(|line| line.get(..line.len() - line.trim_start_matches(is_blank).len()).unwrap_or_default())
        .reduce(|a, b| {
            let common =
                a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
            a.get(..common).unwrap_or_default()
        })
        .unwrap_or_default();
    let strip = |(i, line): (usize, &&str)| match i {
        0 => (*line).to_owned(),
        _ => line.strip_prefix(indent).unwrap_or(line).to_owned(),
    };
    lines.iter().enumerate().map(strip).collect()
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn stars_at_the_start_of_every_line_are_a_frame() {
        assert_eq!(clean("\n * A\n *  B\n *\n * C\n "), "A\n B\n\nC");
        assert_eq!(clean("* foo **"), "foo **");
        assert_eq!(clean("\r\n * A\r\n * B\r\n "), "A\r\nB");
    }

    #[test]
    fn otherwise_the_common_indent_of_the_later_lines_goes() {
        assert_eq!(clean(" A\n    B\n      C\n    D "), "A\nB\n  C\nD");
        assert_eq!(clean(" A\n    B\n\n    D "), "A\n    B\n\n    D", "one empty line stops it, as in Java");
        assert_eq!(clean(" "), "");
    }
}
