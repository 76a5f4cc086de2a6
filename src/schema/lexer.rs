//! Text to tokens, for Avro IDL and for JSON with comments.
//!
//! A token is a kind and a range of bytes; nothing is copied. Documentation comments are kept aside with
//! the token they precede. What is no token becomes an `Error` token and a diagnostic, never silence.
//! Knows nothing of grammar: which tokens may follow each other is the parsers' business.

use unicode_ident::{is_xid_continue, is_xid_start};

use crate::diag::{Code, Diagnostic, Edit, FileId, Span};

/// Which language is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Avro IDL.
    Idl,
    /// JSON with `/* */` and `//` comments, as in .avsc and .avpr.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name or a keyword; every keyword is a name somewhere.
    Ident,
    /// A text in double quotes; its escapes are not checked yet.
    String,
    Int,
    Float,
    LBrace,
    RBrace,
    LParen,
    RParen,
    LBracket,
    RBracket,
    Less,
    Greater,
    Comma,
    Semicolon,
    Colon,
    Equals,
    Question,
    At,
    /// Something that was already complained about.
    Error,
    /// The end of the input.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub start: u32,
    pub end: u32,
}

/// A `/** */` comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DocComment {
    pub start: u32,
    pub end: u32,
    /// The index of the token that follows it.
    pub token: usize,
    /// Whether a declaration has taken it.
    pub used: bool,
}

#[derive(Debug)]
pub(super) struct Lexed {
    /// All tokens; the last one is `End`.
    pub tokens: Vec<Token>,
    pub docs: Vec<DocComment>,
    pub errors: Vec<Diagnostic>,
}

pub(super) fn lex(file: FileId, text: &str, dialect: Dialect) -> Lexed {
    let mut lexer = Lexer {
        file,
        text,
        bytes: text.as_bytes(),
        at: 0,
        dialect,
        out: Lexed { tokens: Vec::with_capacity(text.len() / 6 + 1), docs: Vec::new(), errors: Vec::new() },
    };
    lexer.run();
    lexer.out
}

/// Which ASCII bytes go on a name: half of all bytes are asked.
const NAME_BYTE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < 0x80 {
        table[byte as usize] = byte == b'_' || byte.is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

struct Lexer<'a> {
    file: FileId,
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
    out: Lexed,
}

impl Lexer<'_> {
    fn byte(&self, at: usize) -> u8 {
        // A NUL is no token either, so the end needs no case of its own.
        self.bytes.get(at).copied().unwrap_or(0)
    }

    fn char(&self, at: usize) -> Option<char> {
        self.text.get(at..).and_then(|rest| rest.chars().next())
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        self.out.tokens.push(Token { kind, start: start as u32, end: self.at as u32 });
    }

    fn error(&mut self, start: usize, end: usize, message: impl Into<String>) -> &mut Diagnostic {
        let span = Span::new(self.file, start as u32, end as u32);
        let errors = &mut self.out.errors;
        errors.push(Diagnostic::at(Code::Syntax, span, message, ""));
        let last = errors.len() - 1;
        &mut errors[last]
    }

    fn run(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            let start = self.at;
            let kind = match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {
                    self.at += 1;
                    continue;
                }
                b'{' => TokenKind::LBrace,
                b'}' => TokenKind::RBrace,
                b'(' => TokenKind::LParen,
                b')' => TokenKind::RParen,
                b'[' => TokenKind::LBracket,
                b']' => TokenKind::RBracket,
                b'<' => TokenKind::Less,
                b'>' => TokenKind::Greater,
                b',' => TokenKind::Comma,
                b';' => TokenKind::Semicolon,
                b':' => TokenKind::Colon,
                b'=' => TokenKind::Equals,
                b'?' => TokenKind::Question,
                b'@' => TokenKind::At,
                b'"' => {
                    self.string();
                    continue;
                }
                b'/' if matches!(self.byte(start + 1), b'/' | b'*') => {
                    self.comment();
                    continue;
                }
                b'0'..=b'9' | b'+' | b'-' | b'.' => {
                    self.number();
                    continue;
                }
                0x0C if self.dialect == Dialect::Idl => {
                    self.at += 1;
                    continue;
                }
                // Ctrl-Z ends the input, as in Java's grammar.
                0x1A if self.dialect == Dialect::Idl => break,
                _ => {
                    if self.ident_part(start).is_some() {
                        self.ident();
                    } else {
                        self.no_token();
                    }
                    continue;
                }
            };
            self.at += 1;
            self.push(kind, start);
        }
        self.push(TokenKind::End, self.at);
    }

    /// The end of the identifier part at `at`, if there is one.
    fn ident_part(&self, at: usize) -> Option<usize> {
        let quoted = self.byte(at) == b'`';
        let mut end = if quoted { at + 1 } else { at };
        let first = self.byte(end);
        if first == b'_' || first.is_ascii_alphabetic() {
            end += 1;
        } else {
            let first = self.char(end).filter(|c| !c.is_ascii() && is_xid_start(*c))?;
            end += first.len_utf8();
        }
        loop {
            let rest = self.bytes.get(end..).unwrap_or_default();
            end += rest.iter().take_while(|byte| NAME_BYTE[usize::from(**byte)]).count();
            if self.byte(end) < 0x80 {
                break;
            }
            match self.char(end) {
                Some(c) if is_xid_continue(c) => end += c.len_utf8(),
                _ => break,
            }
        }
        match quoted {
            true => (self.byte(end) == b'`').then_some(end + 1),
            false => Some(end),
        }
    }

    fn ident(&mut self) {
        let start = self.at;
        let mut end = self.ident_part(start).unwrap_or(start + 1);
        while matches!(self.byte(end), b'.' | b'-')
            && let Some(next) = self.ident_part(end + 1)
        {
            end = next;
        }
        self.at = end;
        let kind = match self.text.get(start..end) {
            Some("NaN" | "Infinity") => TokenKind::Float,
            _ => TokenKind::Ident,
        };
        self.push(kind, start);
    }

    fn digits(&self, mut at: usize, digit: fn(&u8) -> bool) -> usize {
        while self.bytes.get(at).is_some_and(digit) {
            at += 1;
        }
        at
    }

    fn number(&mut self) {
        let start = self.at;
        let unsigned = if matches!(self.byte(start), b'+' | b'-') { start + 1 } else { start };
        if unsigned > start
            && let Some(end) = self.ident_part(unsigned)
            && let Some("NaN" | "Infinity") = self.text.get(unsigned..end)
        {
            self.at = end;
            return self.push(TokenKind::Float, start);
        }
        let hex = self.byte(unsigned) == b'0' && matches!(self.byte(unsigned + 1), b'x' | b'X');
        let digit: fn(&u8) -> bool = if hex { u8::is_ascii_hexdigit } else { u8::is_ascii_digit };
        let whole = if hex { unsigned + 2 } else { unsigned };
        let mut end = self.digits(whole, digit);
        let mut float = false;
        let mut digits = end - whole;
        if self.byte(end) == b'.' {
            let fraction = self.digits(end + 1, digit);
            digits += fraction - end - 1;
            float = digits > 0;
            end = if float { fraction } else { end };
        }
        if digits == 0 {
            return self.no_token();
        }
        let exponents: &[u8] = if hex { b"pP" } else { b"eE" };
        if exponents.contains(&self.byte(end)) {
            let sign = matches!(self.byte(end + 1), b'+' | b'-') as usize;
            let exponent = self.digits(end + 1 + sign, u8::is_ascii_digit);
            if exponent > end + 1 + sign {
                float = true;
                end = exponent;
            }
        }
        if self.dialect == Dialect::Idl {
            if matches!(self.byte(end), b'f' | b'F' | b'd' | b'D') {
                float = true;
                end += 1;
            } else if !float && matches!(self.byte(end), b'l' | b'L') {
                end += 1;
            }
        }
        // `1_000`, `0x`, `12ab`: one clear complaint instead of a puzzling one about the next token.
        let tail = self.ident_tail(end);
        self.at = tail;
        if tail > end {
            let text = self.text.get(start..tail).unwrap_or_default().to_owned();
            self.error(start, tail, format!("`{text}` is not a number"));
            return self.push(TokenKind::Error, start);
        }
        self.push(if float { TokenKind::Float } else { TokenKind::Int }, start);
    }

    fn ident_tail(&self, mut at: usize) -> usize {
        while let Some(c) = self.char(at)
            && is_xid_continue(c)
        {
            at += c.len_utf8();
        }
        at
    }

    fn string(&mut self) {
        let start = self.at;
        let mut bad = false;
        self.at += 1;
        loop {
            let byte = self.bytes.get(self.at).copied();
            match byte {
                Some(b'"') => {
                    self.at += 1;
                    break;
                }
                Some(b'\\') if matches!(self.byte(self.at + 1), b'"' | b'\\') => self.at += 2,
                None | Some(b'\n' | b'\r') => {
                    self.error(start, self.at, "this text is not closed").helps.push(
                        "end it with `\"` on the same line; a line break inside is written `\\n`".into(),
                    );
                    bad = true;
                    break;
                }
                Some(control) if control < 0x20 => {
                    let json = self.dialect == Dialect::Json;
                    if json || matches!(control, b'\t' | 0x08 | 0x0C) {
                        let at = self.at;
                        let help =
                            if control == b'\t' { "`\\t`".into() } else { format!("`\\u{control:04x}`") };
                        self.error(at, at + 1, "a control character inside a text")
                            .helps
                            .push(format!("write {help}"));
                        bad = true;
                    }
                    self.at += 1;
                }
                Some(_) => self.at += 1,
            }
        }
        self.push(if bad { TokenKind::Error } else { TokenKind::String }, start);
    }

    fn comment(&mut self) {
        let start = self.at;
        let rest = self.bytes.get(start + 2..).unwrap_or_default();
        if self.byte(start + 1) == b'/' {
            let length = rest.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(rest.len());
            self.at = start + 2 + length;
            return;
        }
        // `/**/` is an empty comment, not the beginning of a documentation comment.
        let doc = self.byte(start + 2) == b'*' && self.byte(start + 3) != b'/';
        let from = start + if doc { 3 } else { 2 };
        let rest = self.text.get(from..).unwrap_or_default();
        let Some(length) = rest.find("*/") else {
            self.error(start, start + 2, "this comment is not closed").helps.push("end it with `*/`".into());
            self.at = self.bytes.len();
            return self.push(TokenKind::Error, start);
        };
        self.at = from + length + 2;
        if doc && self.dialect == Dialect::Idl {
            let token = self.out.tokens.len();
            self.out.docs.push(DocComment { start: start as u32, end: self.at as u32, token, used: false });
        }
    }

    /// `'text'`, or a text in typographic quotes, as one mistake.
    fn wrongly_quoted(&mut self, start: usize, open: char) -> bool {
        let rest = self.text.get(start + open.len_utf8()..).unwrap_or_default();
        let close = match open {
            '\'' => '\'',
            '‘' => '’',
            _ => '”',
        };
        // What is longer is no text that lacks only its quotes, and hostile input must not be searched twice.
        let mut chars = rest.char_indices().take(1000);
        let end = chars.find(|(_, c)| *c == close || matches!(c, '"' | '\n' | '\r'));
        let Some((length, _)) = end.filter(|(_, c)| *c == close) else { return false };
        let fix = format!("\"{}\"", rest.get(..length).unwrap_or_default());
        self.at = start + open.len_utf8() + length + close.len_utf8();
        let end = self.at;
        let error = self.error(start, end, "texts stand in plain double quotes");
        if let Some(span) = error.primary.as_ref().map(|label| label.span) {
            error.helps.push(format!("write `{fix}`"));
            error.fix.push(Edit { span, text: fix });
        }
        self.push(TokenKind::Error, start);
        true
    }

    /// Something in backticks that is no name, as one mistake.
    fn wrong_name(&mut self, start: usize) -> bool {
        let rest = self.text.get(start + 1..).unwrap_or_default();
        let mut chars = rest.char_indices().take(1000);
        let end = chars.find(|(_, c)| matches!(c, '`' | '"' | '\n' | '\r'));
        let Some((length, _)) = end.filter(|(_, c)| *c == '`') else { return false };
        self.at = start + length + 2;
        let end = self.at;
        let name = rest.get(..length).unwrap_or_default();
        let message = format!("`{name}` is not a valid name, not even in backticks");
        self.error(start, end, message).helps.push("a name has letters, digits and `_` only".into());
        self.push(TokenKind::Error, start);
        true
    }

    /// Skips characters that no token can start with, up to something that looks like one.
    fn no_token(&mut self) {
        let start = self.at;
        let first = self.char(start).unwrap_or(' ');
        self.at += first.len_utf8();
        if matches!(first, '\'' | '‘' | '“' | '”') && self.wrongly_quoted(start, first) {
            return;
        }
        if first == '`' && self.wrong_name(start) {
            return;
        }
        // A run of the same character is one mistake.
        while self.char(self.at) == Some(first) {
            self.at += first.len_utf8();
        }
        let name = if first.is_control() || first.is_whitespace() || !first.is_ascii() {
            format!("the character U+{:04X}", first as u32)
        } else {
            format!("`{first}`")
        };
        let end = self.at;
        let error = self.error(start, end, format!("{name} has no meaning here"));
        match first {
            c if c.is_whitespace() || c == '\u{b}' => error.helps.push("use an ordinary blank".into()),
            '|' => error.helps.push("one of several types is written `union { null, string }`".into()),
            '#' => error.helps.push("a comment starts with `//`".into()),
            '`' => error.helps.push("end the name with a backtick too".into()),
            '-' | '+' => error.helps.push("a sign stands directly before the digits of a number".into()),
            _ => {}
        }
        self.push(TokenKind::Error, start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Sources;

    fn kinds(text: &str) -> Vec<(TokenKind, &str)> {
        let file = Sources::default().add("a", text);
        let lexed = lex(file, text, Dialect::Idl);
        lexed.tokens.iter().map(|t| (t.kind, &text[t.start as usize..t.end as usize])).collect()
    }

    #[test]
    fn dots_and_dashes_belong_to_names_only_between_parts() {
        use TokenKind::*;
        assert_eq!(kinds("a.b-c"), [(Ident, "a.b-c"), (End, "")]);
        assert_eq!(kinds("a.`record`.b"), [(Ident, "a.`record`.b"), (End, "")]);
        assert_eq!(kinds("a-1"), [(Ident, "a"), (Int, "-1"), (End, "")]);
        assert_eq!(kinds("n. x")[1].0, Error);
    }

    #[test]
    fn numbers_come_in_all_notations_of_java() {
        use TokenKind::*;
        for text in ["0", "-0", "0x1F", "017", "5L", "-0x10"] {
            assert_eq!(kinds(text)[0], (Int, text));
        }
        for text in ["1.", ".5", "1f", "1e3", "+1.5", "0x1.8p1", "NaN", "-Infinity", "-.5", "1e3d"] {
            assert_eq!(kinds(text)[0], (Float, text));
        }
        assert_eq!(kinds("NaNf")[0], (Ident, "NaNf"));
        for text in ["1_000", "-", "0x"] {
            assert_eq!(kinds(text)[0].0, Error, "{text}");
        }
    }

    #[test]
    fn an_empty_comment_is_not_a_documentation_comment() {
        let text = "/**/ a /** d */ b /***/";
        let lexed = lex(Sources::default().add("a", text), text, Dialect::Idl);
        assert_eq!(lexed.docs.iter().map(|d| d.token).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn what_is_not_closed_is_reported_at_its_opening() {
        for text in ["  /* abc", "  \"abc", "  /*/ x"] {
            let lexed = lex(Sources::default().add("a", text), text, Dialect::Idl);
            assert_eq!(lexed.errors[0].primary.as_ref().unwrap().span.start, 2, "{text}");
        }
    }
}
