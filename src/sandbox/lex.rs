//! Reading query text: brackets, quotes, arguments, method calls.

/// The text with everything inside quotes replaced by `_` (quotes too), byte for byte; `None` when
/// brackets or quotes do not match.
pub(super) fn mask(text: &str) -> Option<String> {
    let mut masked = String::with_capacity(text.len());
    let mut open = Vec::new();
    let mut quote = None;
    let mut escaped = false;
    for c in text.chars() {
        if let Some(mark) = quote {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == mark {
                quote = None;
            }
            masked.extend(std::iter::repeat_n('_', c.len_utf8()));
            continue;
        }
        match c {
            '"' | '\'' => {
                quote = Some(c);
                masked.push('_');
                continue;
            }
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(c) => return None,
            _ => {}
        }
        masked.push(c);
    }
    (open.is_empty() && quote.is_none()).then_some(masked)
}

/// The text between the bracket at `start` and its partner, from both the text and its mask.
pub(super) fn inside<'t>(text: &'t str, masked: &'t str, start: usize) -> Option<(&'t str, &'t str)> {
    let mut depth = 0_usize;
    for (at, c) in masked.get(start..)?.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    let range = start + 1..start + at;
                    return Some((text.get(range.clone())?, masked.get(range)?));
                }
            }
            _ => {}
        }
    }
    None
}

/// The arguments of a call, at the top level only.
pub(super) fn arguments<'t>(text: &'t str, masked: &str) -> Vec<&'t str> {
    let mut depth = 0_usize;
    let mut from = 0;
    let mut found = Vec::new();
    for (at, c) in masked.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push(text.get(from..at).unwrap_or_default().trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    found.push(text.get(from..).unwrap_or_default().trim());
    found
}

/// The argument text of a method call outside quotes.
pub(super) fn method<'t>(text: &'t str, masked: &'t str, call: &str) -> Option<&'t str> {
    let at = masked.find(call)?;
    inside(text, masked, at + call.len() - 1).map(|(text, _)| text)
}

/// Quoted lists too: `"a","b"` and `"a,b"` are the same groups.
pub(super) fn items(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(',')
        .map(|item| item.trim().trim_matches(['"', '\'']).to_owned())
        .filter(|item| !item.is_empty())
}
