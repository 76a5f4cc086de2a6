//! A position in a token stream, and the diagnostics gathered on the way.
//!
//! Shared by the IDL parser and the JSON value parser; knows no grammar.

use super::lexer::{Dialect, DocComment, Lexed, Token, TokenKind, lex};
use crate::diag::{Code, Diagnostic, FileId, Span};

/// A syntax error that has been reported; the caller recovers or passes it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reported;

/// Whoever reads the fiftieth error of one file has read enough.
const MAX_ERRORS: usize = 50;

pub(super) struct Cursor<'a> {
    pub file: FileId,
    pub dialect: Dialect,
    text: &'a str,
    tokens: Vec<Token>,
    docs: Vec<DocComment>,
    /// How many comments precede the token that was last asked for.
    docs_before: usize,
    at: usize,
    /// How deep types or values are nested at the moment.
    depth: usize,
    syntax_errors: usize,
    /// Whether the lexer found errors: a bad token may have swallowed what closes a block.
    pub lexical_errors: bool,
    pub diagnostics: Vec<Diagnostic>,
}

impl<'a> Cursor<'a> {
    pub fn new(file: FileId, text: &'a str, dialect: Dialect) -> Self {
        let Lexed { tokens, docs, mut errors } = lex(file, text, dialect);
        errors.truncate(MAX_ERRORS);
        Self {
            file,
            dialect,
            text,
            tokens,
            docs,
            docs_before: 0,
            at: 0,
            depth: 0,
            syntax_errors: errors.len(),
            lexical_errors: !errors.is_empty(),
            diagnostics: errors,
        }
    }

    /// The token `n` places ahead; past the end it stays the end.
    pub fn peek(&self, n: usize) -> Token {
        let end = self.text.len() as u32;
        let last = Token { kind: TokenKind::End, start: end, end };
        self.tokens.get(self.at + n).or(self.tokens.last()).copied().unwrap_or(last)
    }

    pub fn kind(&self, n: usize) -> TokenKind {
        self.peek(n).kind
    }

    pub fn at(&self, kind: TokenKind) -> bool {
        self.kind(0) == kind
    }

    /// The index of the next token.
    pub fn index(&self) -> usize {
        self.at
    }

    /// Goes back to a token taken before.
    pub fn back_to(&mut self, index: usize) {
        self.at = self.at.min(index);
    }

    /// Takes the next token.
    pub fn bump(&mut self) -> Token {
        let token = self.peek(0);
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    pub fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.at(kind);
        if found {
            self.bump();
        }
        found
    }

    pub fn text(&self, token: Token) -> &'a str {
        self.text.get(token.start as usize..token.end as usize).unwrap_or_default()
    }

    /// The text of a span of this file.
    pub fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// The empty span behind the token last taken.
    pub fn behind(&self) -> Span {
        let end = self.at.checked_sub(1).and_then(|i| self.tokens.get(i)).map_or(0, |t| t.end);
        Span::new(self.file, end, end)
    }

    /// What stands between the token last taken and the next one.
    pub fn gap(&self) -> Span {
        self.behind().to(Span { end: self.peek(0).start, ..self.behind() })
    }

    /// Whether the next token is the first one of its line.
    pub fn is_first_of_line(&self) -> bool {
        self.slice(self.gap()).contains('\n')
    }

    /// How many braces opened since the token of index `from` are still open.
    pub fn open_braces(&self, from: usize) -> usize {
        let taken = self.tokens.get(from..self.at).unwrap_or_default();
        taken.iter().fold(0usize, |depth, token| match token.kind {
            TokenKind::LBrace => depth + 1,
            TokenKind::RBrace => depth.saturating_sub(1),
            _ => depth,
        })
    }

    /// The text of the name `n` places ahead; empty for any other token.
    pub fn word(&self, n: usize) -> &'a str {
        let token = self.peek(n);
        if token.kind == TokenKind::Ident { self.text(token) } else { "" }
    }

    pub fn span(&self, token: Token) -> Span {
        Span::new(self.file, token.start, token.end)
    }

    pub fn here(&self) -> Span {
        self.span(self.peek(0))
    }

    /// From `start` to the end of the token last taken.
    pub fn span_from(&self, start: u32) -> Span {
        let end = self.at.checked_sub(1).and_then(|i| self.tokens.get(i)).map_or(start, |t| t.end);
        Span::new(self.file, start, end.max(start))
    }

    /// How the next token is called in messages.
    pub fn found(&self) -> String {
        let token = self.peek(0);
        match token.kind {
            TokenKind::End => "the end of the file".into(),
            TokenKind::String => "a text".into(),
            _ => {
                let text = self.text(token);
                match text.char_indices().nth(30) {
                    Some((cut, _)) => format!("`{}…`", text.get(..cut).unwrap_or_default()),
                    None => format!("`{text}`"),
                }
            }
        }
    }

    /// Records a syntax error, unless too many are known already.
    pub fn report(&mut self, diagnostic: Diagnostic) -> Reported {
        if self.syntax_errors < MAX_ERRORS {
            self.diagnostics.push(diagnostic);
        }
        self.syntax_errors += 1;
        Reported
    }

    /// A syntax error at the next token, which the lexer may have reported already.
    pub fn expected(&mut self, what: &str) -> Reported {
        self.expected_with(what, |diagnostic| diagnostic)
    }

    pub fn expected_with(&mut self, what: &str, more: impl FnOnce(Diagnostic) -> Diagnostic) -> Reported {
        if self.at(TokenKind::Error) {
            return Reported;
        }
        let message = format!("expected {what}, found {}", self.found());
        let diagnostic = more(Diagnostic::at(Code::Syntax, self.here(), message, ""));
        self.report(diagnostic)
    }

    /// A syntax error for a missing `token`. Its place is behind what stands before it, not before what
    /// follows, which may stand lines below.
    #[cold]
    pub fn missing(&mut self, token: &str, what: &str) -> Reported {
        let behind = self.behind();
        // On the same line, something else may be wrong than the missing token.
        let sure = token == "," || self.is_first_of_line() || self.at(TokenKind::RBrace);
        self.expected_with(what, |diagnostic| {
            let diagnostic = diagnostic.with_secondary(behind, format!("`{token}` is missing here"));
            if sure { diagnostic.with_fix(behind, token) } else { diagnostic }
        })
    }

    pub fn expect(&mut self, kind: TokenKind, what: &str) -> Result<Token, Reported> {
        if self.at(kind) { Ok(self.bump()) } else { Err(self.expected(what)) }
    }

    pub fn has_syntax_errors(&self) -> bool {
        self.syntax_errors > 0
    }

    /// Goes one level deeper, or reports that `limit` levels are enough. `leave` undoes it.
    pub fn enter(&mut self, limit: usize) -> Result<(), Reported> {
        if self.depth >= limit {
            let message = format!("nested more than {limit} levels deep");
            let diagnostic = Diagnostic::at(Code::Syntax, self.here(), message, "")
                .with_help("declare the inner parts as types of their own");
            return Err(self.report(diagnostic));
        }
        self.depth += 1;
        Ok(())
    }

    pub fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Runs `inner` one level deeper.
    pub fn nested<T>(
        &mut self,
        limit: usize,
        inner: impl FnOnce(&mut Self) -> Result<T, Reported>,
    ) -> Result<T, Reported> {
        self.enter(limit)?;
        let result = inner(self);
        self.leave();
        result
    }

    /// The text of the documentation comment directly before the token of that index, which thereby is used.
    pub fn take_doc(&mut self, index: usize) -> Option<&'a str> {
        // Tokens are asked for nearly in order, so the place is never far from the last one.
        while self.docs.get(self.docs_before).is_some_and(|doc| doc.token <= index) {
            self.docs_before += 1;
        }
        let last = loop {
            let last = self.docs_before.checked_sub(1)?;
            if self.docs.get(last).is_some_and(|doc| doc.token <= index) {
                break last;
            }
            self.docs_before = last;
        };
        let doc = self.docs.get_mut(last).filter(|doc| doc.token == index)?;
        doc.used = true;
        self.text.get(doc.start as usize + 3..(doc.end as usize).saturating_sub(2))
    }

    /// The documentation comments that no declaration has taken.
    pub fn unused_docs(&self) -> impl Iterator<Item = Span> {
        self.docs.iter().filter(|doc| !doc.used).map(|doc| Span::new(self.file, doc.start, doc.end))
    }
}
