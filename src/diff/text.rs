//! Differences of text for people: lines of long texts, tokens of short ones. The only home of `similar`.

use similar::{Algorithm, ChangeTag, DiffTag, TextDiff, capture_diff_slices};

/// One line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineChange {
    /// On both sides.
    Same(String),
    /// Only before.
    Removed(String),
    /// Only after.
    Added(String),
}

/// The line difference of two texts, with one unchanged line around each change; skipped lines are left out.
pub fn lines(before: &str, after: &str) -> Vec<LineChange> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for group in diff.grouped_ops(1) {
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let text = change.value().trim_end_matches(['\n', '\r']).to_owned();
            lines.push(match change.tag() {
                ChangeTag::Equal => LineChange::Same(text),
                ChangeTag::Delete => LineChange::Removed(text),
                ChangeTag::Insert => LineChange::Added(text),
            });
        }
    }
    lines
}

/// The tokens of both texts, each with whether it changed.
pub fn marked_tokens<'t>(before: &'t str, after: &'t str) -> [Vec<(&'t str, bool)>; 2] {
    let (old, new) = (tokens(before), tokens(after));
    let mut marked = [Vec::new(), Vec::new()];
    for op in capture_diff_slices(Algorithm::Myers, &old, &new) {
        let changed = op.tag() != DiffTag::Equal;
        marked[0].extend(old[op.old_range()].iter().map(|token| (*token, changed)));
        marked[1].extend(new[op.new_range()].iter().map(|token| (*token, changed)));
    }
    marked
}

/// Words, numbers and single other characters.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    while let Some(first) = rest.chars().next() {
        let end =
            if is_word(first) { rest.find(|c| !is_word(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (token, after) = rest.split_at(end);
        tokens.push(token);
        rest = after;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changed_tokens_are_marked() {
        let [before, after] = marked_tokens("sum(last_5m):a > 500", "sum(last_15m):a > 200");
        let changed =
            |side: &[(&str, bool)]| side.iter().filter(|t| t.1).map(|t| t.0).collect::<Vec<_>>().join(" ");
        assert_eq!(changed(&before), "last_5m 500");
        assert_eq!(changed(&after), "last_15m 200");
    }

    #[test]
    fn unchanged_lines_are_left_out_but_for_one_around() {
        let changed = lines("a\nb\nc\nd\ne", "a\nb\nc\nD\ne");
        assert_eq!(
            changed,
            [
                LineChange::Same("c".into()),
                LineChange::Removed("d".into()),
                LineChange::Added("D".into()),
                LineChange::Same("e".into())
            ]
        );
    }
}
