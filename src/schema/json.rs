//! The parser of JSON values that know where they stand in a file.
//!
//! One parser serves annotation values and defaults in IDL as well as whole .avsc and .avpr files. It knows
//! nothing of schemas.

use std::collections::HashMap;

use super::cursor::{Cursor, Reported};
use super::lexer::{Dialect, Token, TokenKind};
use super::literal::{self, Number};
use super::names;
use crate::diag::{Code, Diagnostic, Span};
pub(super) use crate::value::{Member, Node, Value, non_finite};

/// Values in IDL nest less deep than whole schemas in JSON, where each record costs four levels.
fn depth_limit(dialect: Dialect) -> usize {
    match dialect {
        Dialect::Idl => 64,
        Dialect::Json => 256,
    }
}

/// The words that a file in Avro IDL starts with.
const IDL_WORDS: [&str; 8] =
    ["record", "error", "enum", "fixed", "import", "namespace", "schema", "protocol"];

/// Reads one value.
pub(super) fn value(cursor: &mut Cursor<'_>) -> Result<Node, Reported> {
    let token = cursor.peek(0);
    let value = match token.kind {
        TokenKind::String => Value::String(string(cursor)?.0),
        TokenKind::Int | TokenKind::Float => number(cursor)?,
        TokenKind::LBrace => cursor.nested(depth_limit(cursor.dialect), object)?,
        TokenKind::LBracket => cursor.nested(depth_limit(cursor.dialect), array)?,
        TokenKind::Ident => {
            let value = match cursor.text(token) {
                "null" => Value::Null,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                word if cursor.kind(1) == TokenKind::Equals => {
                    return Err(cursor.expected_with("a JSON value", |diagnostic| {
                        diagnostic.with_help(format!(
                            "parameters are the members of an object: `{{\"{word}\": …}}`"
                        ))
                    }));
                }
                word => {
                    let span = cursor.span(token);
                    let (help, fix) = match word {
                        "True" | "TRUE" => ("write `true`".to_owned(), "true".to_owned()),
                        "False" | "FALSE" => ("write `false`".to_owned(), "false".to_owned()),
                        "None" | "Null" | "NULL" | "nil" => ("write `null`".to_owned(), "null".to_owned()),
                        _ => (format!("a text stands in quotes: `\"{word}\"`"), format!("\"{word}\"")),
                    };
                    return Err(cursor.expected_with("a JSON value", |diagnostic| {
                        diagnostic.with_help(help).with_fix(span, fix)
                    }));
                }
            };
            cursor.bump();
            value
        }
        _ => return Err(cursor.expected("a JSON value")),
    };
    Ok(Node { span: cursor.span_from(token.start), value })
}

/// Reads a text; the span includes the quotes.
pub(super) fn string(cursor: &mut Cursor<'_>) -> Result<(String, Span), Reported> {
    let token = cursor.expect(TokenKind::String, "a text in double quotes")?;
    let span = cursor.span(token);
    let text = cursor.text(token);
    let raw = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    let inside = |from: usize, to: usize| {
        Span::new(span.file, span.start + 1 + from as u32, span.start + 1 + to as u32)
    };
    match literal::unescape(raw, cursor.dialect) {
        Ok(text) => {
            if let Some(at) = text.lone_surrogate {
                cursor.diagnostics.push(
                    Diagnostic::at(
                        Code::Lost,
                        inside(at, at + 6),
                        "half of a surrogate pair is no character",
                        "",
                    )
                    .with_help("write both halves, or the character itself"),
                );
            }
            Ok((text.value.into_owned(), span))
        }
        Err(range) => {
            let escape = raw.get(range.clone()).unwrap_or_default();
            let message = format!("`{escape}` is not an escape");
            let help = match escape {
                "\\u" => "four hexadecimal digits follow `\\u`",
                _ => "a backslash itself is written `\\\\`",
            };
            let diagnostic =
                Diagnostic::at(Code::Syntax, inside(range.start, range.end), message, "").with_help(help);
            Err(cursor.report(diagnostic))
        }
    }
}

fn number(cursor: &mut Cursor<'_>) -> Result<Value, Reported> {
    let token = cursor.bump();
    let (span, text) = (cursor.span(token), cursor.text(token));
    match literal::number(text, cursor.dialect) {
        Ok(Number::Int(value)) => Ok(Value::Int(value)),
        Ok(Number::Float(value)) => Ok(Value::Float(value)),
        Ok(Number::Overflow(value)) => {
            let message = format!("the number is too large and becomes {}", non_finite(value));
            cursor.diagnostics.push(Diagnostic::at(Code::Lost, span, message, ""));
            Ok(Value::Float(value))
        }
        Err(reason) => Err(cursor.report(Diagnostic::at(Code::Syntax, span, reason, ""))),
    }
}

fn array(cursor: &mut Cursor<'_>) -> Result<Value, Reported> {
    let open = cursor.bump();
    let mut elements = Vec::new();
    if cursor.eat(TokenKind::RBracket) {
        return Ok(Value::Array(elements));
    }
    loop {
        elements.push(value(cursor)?);
        if closes(cursor, open, TokenKind::RBracket, "`,` or `]`")? {
            return Ok(Value::Array(elements));
        }
    }
}

fn object(cursor: &mut Cursor<'_>) -> Result<Value, Reported> {
    let open = cursor.bump();
    let mut members = Vec::new();
    if cursor.eat(TokenKind::RBrace) {
        return Ok(Value::Object(members));
    }
    loop {
        let (key, key_span) = if cursor.at(TokenKind::Ident) { bare_key(cursor)? } else { string(cursor)? };
        if !cursor.eat(TokenKind::Colon) {
            let here = cursor.here();
            let equals = cursor.at(TokenKind::Equals);
            return Err(cursor.expected_with("`:` after the key", |diagnostic| match equals {
                true => diagnostic.with_help("write `:`").with_fix(here, ":"),
                false => diagnostic,
            }));
        }
        members.push(Member { key, key_span, value: value(cursor)?, lost: None });
        if closes(cursor, open, TokenKind::RBrace, "`,` or `}`")? {
            return Ok(Value::Object(without_repetitions(cursor, members)));
        }
    }
}

/// A key without quotes, as in JavaScript: complained about, and taken where it can be nothing else.
#[cold]
fn bare_key(cursor: &mut Cursor<'_>) -> Result<(String, Span), Reported> {
    let token = cursor.peek(0);
    let (span, word) = (cursor.span(token), cursor.text(token).to_owned());
    let reported = cursor.expected_with("a key in double quotes", |diagnostic| {
        diagnostic.with_help(format!("write `\"{word}\"`")).with_fix(span, format!("\"{word}\""))
    });
    if !matches!(cursor.kind(1), TokenKind::Colon | TokenKind::Equals) {
        return Err(reported);
    }
    cursor.bump();
    Ok((word, span))
}

/// Takes what stands behind an element: `close`, or the comma before the next one. Whether it was `close`.
fn closes(cursor: &mut Cursor<'_>, open: Token, close: TokenKind, what: &str) -> Result<bool, Reported> {
    if cursor.eat(close) {
        return Ok(true);
    }
    let comma = cursor.here();
    if cursor.eat(TokenKind::Comma) {
        let last = cursor.eat(close);
        if last {
            let message = "JSON has no trailing comma";
            cursor.report(Diagnostic::at(Code::Syntax, comma, message, "remove it").with_fix(comma, ""));
        }
        return Ok(last);
    }
    match cursor.kind(0) {
        TokenKind::String | TokenKind::Int | TokenKind::Float | TokenKind::LBrace | TokenKind::LBracket => {
            let reported = cursor.missing(",", what);
            let key = cursor.at(TokenKind::String) && cursor.kind(1) == TokenKind::Colon;
            if key == (close == TokenKind::RBrace) { Ok(false) } else { Err(reported) }
        }
        TokenKind::End | TokenKind::RBrace | TokenKind::RBracket | TokenKind::RParen => {
            let open = cursor.span(open);
            Err(cursor.expected_with(what, |diagnostic| diagnostic.with_secondary(open, "opened here")))
        }
        _ => Err(cursor.expected(what)),
    }
}

fn without_repetitions(cursor: &mut Cursor<'_>, members: Vec<Member>) -> Vec<Member> {
    if names::repetitions(&members, |member| &member.key).is_empty() {
        return members;
    }
    let mut first: HashMap<String, usize> = HashMap::new();
    let mut kept: Vec<Member> = Vec::with_capacity(members.len());
    for member in members {
        let known = first.get(&member.key).and_then(|index| kept.get_mut(*index));
        match known {
            Some(earlier) => {
                let message = format!("the key `{}` is given twice; the last one counts", member.key);
                let diagnostic = Diagnostic::at(Code::Lost, member.key_span, message, "this one counts")
                    .with_secondary(earlier.key_span, "this one is lost");
                cursor.diagnostics.push(diagnostic);
                *earlier = Member { lost: Some(earlier.key_span), ..member };
            }
            None => {
                first.insert(member.key.clone(), kept.len());
                kept.push(member);
            }
        }
    }
    kept
}

/// Reads a whole JSON file.
pub(super) fn document(cursor: &mut Cursor<'_>) -> Result<Node, Reported> {
    if cursor.at(TokenKind::End) {
        return Err(cursor.expected("a JSON value"));
    }
    if cursor.dialect == Dialect::Json && IDL_WORDS.contains(&cursor.word(0)) {
        return Err(cursor.expected_with("a JSON value", |diagnostic| {
            diagnostic.with_help("Avro IDL stands in .avdl files; .avsc and .avpr files are JSON")
        }));
    }
    let node = value(cursor)?;
    cursor.expect(TokenKind::End, "the end of the file")?;
    if cursor.has_syntax_errors() {
        return Err(Reported);
    }
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Sources;

    fn parse(text: &str, dialect: Dialect) -> (Result<Node, Reported>, Vec<Diagnostic>) {
        let file = Sources::default().add("a", text);
        let mut cursor = Cursor::new(file, text, dialect);
        (document(&mut cursor), cursor.diagnostics)
    }

    #[test]
    fn values_know_their_bytes() {
        let (node, _) = parse(r#"{"a": [1, 2.5], /* c */ "b": {"c": null}}"#, Dialect::Json);
        let node = node.unwrap();
        let b = node.get("b").unwrap();
        assert_eq!((b.span.start, b.span.end), (29, 40));
        assert_eq!(node.to_json(), serde_json::json!({"a": [1, 2.5], "b": {"c": null}}));
    }

    #[test]
    fn of_two_members_with_one_key_the_last_counts_and_a_warning_says_so() {
        let (node, diagnostics) = parse(r#"{"a":1,"b":2,"a":3}"#, Dialect::Idl);
        assert_eq!(node.unwrap().to_json(), serde_json::json!({"a": 3, "b": 2}));
        assert_eq!(diagnostics.len(), 1);
        assert_eq!(diagnostics[0].code, Code::Lost);
    }

    #[test]
    fn mistakes_are_reported_where_they_are() {
        for (text, start) in [("[1,]", 2), ("{a: 1}", 1), ("[1 2]", 3), ("\"a\\q\"", 2), ("1 2", 2), ("x", 0)]
        {
            let (node, diagnostics) = parse(text, Dialect::Json);
            assert!(node.is_err(), "{text}");
            assert_eq!(diagnostics.len(), 1, "{text}: {diagnostics:?}");
            assert_eq!(diagnostics[0].primary.as_ref().unwrap().span.start, start, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_overflow() {
        let (node, diagnostics) = parse(&"[".repeat(100_000), Dialect::Json);
        assert!(node.is_err());
        assert!(diagnostics[0].message.contains("256 levels"));
    }
}
