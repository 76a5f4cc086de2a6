//! Moving an annotation to another place, as edits of the text.

use super::{Edit, SourceFile, Span};

/// The edits that move the annotation at `from` to a declaration: in IDL before the byte `start`, in JSON behind
/// the member whose value is the name at `name`. `None` where commas and comments leave no simple way, or the
/// declaration is in another file.
pub fn relocate(file: &SourceFile, from: Span, start: u32, name: Span) -> Option<Vec<Edit>> {
    let (text, newline) = (&*file.text, file.newline());
    let moved = text.get(from.start as usize..from.end as usize)?;
    if from.file != name.file || (from.start < name.end && name.start < from.end) {
        return None;
    }
    let (cut, at, inserted) = if moved.starts_with('@') {
        let inserted = match own_line(text, start as usize) {
            Some(indent) => format!("{moved}{newline}{indent}"),
            None => format!("{moved} "),
        };
        (cut(text, from), start, inserted)
    } else {
        let inserted = match own_line(text, member_start(text, name)?) {
            Some(indent) => format!(",{newline}{indent}{moved}"),
            None => format!(", {moved}"),
        };
        (cut_member(text, from)?, name.end + 1, inserted)
    };
    Some(vec![
        Edit { span: cut, text: String::new() },
        Edit { span: Span::new(from.file, at, at), text: inserted },
    ])
}

/// Where the member `"name": "…"` starts whose value's text is at `name`.
fn member_start(text: &str, name: Span) -> Option<usize> {
    let before = text.get(..name.start as usize)?.strip_suffix('"')?;
    Some(before.trim_end().strip_suffix(':')?.trim_end().strip_suffix("\"name\"")?.len())
}

/// The indentation before `offset`, if nothing else stands before it on its line.
fn own_line(text: &str, offset: usize) -> Option<&str> {
    let before = text.get(..offset)?;
    let line = before.rfind('\n').map_or(0, |newline| newline + 1);
    before.get(line..).filter(|before| before.bytes().all(is_blank))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// What to remove with an annotation in IDL: its line if it stands alone on it, else the blanks behind it.
fn cut(text: &str, span: Span) -> Span {
    let (start, end) = (span.start as usize, span.end as usize);
    let blanks = |text: &str| text.bytes().take_while(|byte| is_blank(*byte)).count();
    let after = end + text.get(end..).map_or(0, blanks);
    let rest = text.get(after..).unwrap_or_default();
    let newline = if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
    let (start, end) = match own_line(text, start) {
        Some(indent) if newline > 0 => (start - indent.len(), after + newline),
        None if newline > 0 => {
            (text.get(..start).map_or(start, |before| before.trim_end_matches([' ', '\t']).len()), end)
        }
        _ => (start, after),
    };
    Span::new(span.file, start as u32, end as u32)
}

/// What to remove with a member of a JSON object: a comma and the blanks around it too.
fn cut_member(text: &str, span: Span) -> Option<Span> {
    let (before, after) = (text.get(..span.start as usize)?, text.get(span.end as usize..)?);
    let (start, end) = match after.trim_start().strip_prefix(',') {
        Some(rest) => (span.start as usize, text.len() - rest.trim_start().len()),
        None => (before.trim_end().strip_suffix(',')?.len(), span.end as usize),
    };
    Some(Span::new(span.file, start as u32, end as u32))
}

#[cfg(test)]
mod tests {
    use super::super::Sources;
    use super::*;

    /// The text after moving `what` to the first byte of `to`, or behind the member of that value in JSON.
    fn moved(text: &str, what: &str, to: &str) -> Option<String> {
        let mut sources = Sources::default();
        let file = sources.add("a", text);
        let span = |part: &str| {
            let start = text.find(part).map_or(0, |at| at as u32);
            Span::new(file, start, start + part.len() as u32)
        };
        let to = span(to);
        let mut edits = relocate(sources.file(file), span(what), to.start, to)?;
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.span));
        let mut text = text.to_owned();
        for Edit { span, text: replacement } in edits {
            text.replace_range(span.start as usize..span.end as usize, &replacement);
        }
        Some(text)
    }

    #[test]
    fn an_annotation_on_its_own_line_moves_as_a_line() {
        assert_eq!(
            moved("  @a(1)\n  enum E { A }\n\n  /** d */\n  record R {}\n", "@a(1)", "record").as_deref(),
            Some("  enum E { A }\n\n  /** d */\n  @a(1)\n  record R {}\n")
        );
    }

    #[test]
    fn an_annotation_within_a_line_moves_with_one_blank() {
        assert_eq!(
            moved("record R { @a(1) union {null, int} x; }", "@a(1)", "x;").as_deref(),
            Some("record R { union {null, int} @a(1) x; }")
        );
        assert_eq!(
            moved("enum E @a(1)\r\nrecord", "@a(1)", "record").as_deref(),
            Some("enum E\r\n@a(1)\r\nrecord")
        );
    }

    #[test]
    fn a_member_of_json_takes_its_comma_along() {
        let text = "{\"name\": \"f\", \"type\": {\"type\": \"int\", \"a\": 1}}";
        let expected = "{\"name\": \"f\", \"a\": 1, \"type\": {\"type\": \"int\"}}";
        assert_eq!(moved(text, "\"a\": 1", "f").as_deref(), Some(expected));
        let text = "{\n  \"name\": \"f\",\n  \"type\": {\"a\": 1, \"type\": \"int\"}\n}";
        let expected = "{\n  \"name\": \"f\",\n  \"a\": 1,\n  \"type\": {\"type\": \"int\"}\n}";
        assert_eq!(moved(text, "\"a\": 1", "f").as_deref(), Some(expected));
    }

    #[test]
    fn a_comment_between_a_member_and_its_comma_is_left_to_people() {
        assert_eq!(moved("{\"name\": \"f\", \"o\": {\"a\": 1 /* , */ }}", "\"a\": 1", "f"), None);
    }
}
