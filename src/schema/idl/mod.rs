//! The reader of Avro IDL: whole files, their imports, and recovery after errors.
//!
//! A recursive descent with up to three tokens of look-ahead. Keywords are names wherever a name can stand,
//! so every decision looks at what follows. Nothing is resolved here.

mod annotation;
mod declaration;
mod habits;
mod message;
mod types;

pub(super) use annotation::misplaced_in;
pub(super) use declaration::unique;

use super::attach::{Target, attach};
use super::cursor::{Cursor, Reported};
use super::ir::{File, Format, Import, Item, Protocol};
use super::json;
use super::lexer::{Dialect, TokenKind};
use super::model::{Annotation, Misplaced, Place};
use super::{doc, names};
use crate::diag::{Code, Diagnostic, FileId, Span};

/// Reads an IDL file. There is always a result; what could not be read is missing from it.
pub(super) fn parse(id: FileId, text: &str) -> (File, Vec<Diagnostic>) {
    let mut parser = Parser {
        cursor: Cursor::new(id, text, Dialect::Idl),
        namespace: String::new(),
        protocol: None,
        main: None,
        items: Vec::new(),
        misplaced: Vec::new(),
        incomplete: false,
        nested: false,
    };
    parser.file();
    parser.finish(id)
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    /// The namespace of unqualified names at the moment.
    namespace: String,
    protocol: Option<Protocol>,
    main: Option<super::ir::Type>,
    items: Vec<Item>,
    misplaced: Vec<Misplaced>,
    incomplete: bool,
    /// Whether a declaration inside a record was reported: then a `}` is most likely missing, and said so.
    nested: bool,
}

/// A name in the source.
struct Name {
    /// Without backticks.
    text: String,
    span: Span,
}

impl Parser<'_> {
    fn finish(mut self, id: FileId) -> (File, Vec<Diagnostic>) {
        // After a syntax error, comments lose their declarations too; warning of them would only distract.
        if !self.cursor.has_syntax_errors() {
            let lost: Vec<Span> = self.cursor.unused_docs().collect();
            self.cursor.diagnostics.extend(lost.into_iter().map(|span| {
                Diagnostic::at(Code::Doc, span, "this documentation comment belongs to no declaration", "")
                    .with_help("place it directly before a declaration and its annotations, or write `/* */`")
            }));
        }
        let file = File {
            id,
            protocol: self.protocol,
            main: self.main,
            items: self.items,
            misplaced: self.misplaced,
            incomplete: self.incomplete,
        };
        (file, self.cursor.diagnostics)
    }

    fn file(&mut self) {
        let start = self.cursor.index();
        let annotations = match self.leading_annotations() {
            Ok(annotations) => annotations,
            Err(Reported) => {
                self.recover_from(start);
                Vec::new()
            }
        };
        if self.cursor.word(0) == "protocol" {
            return self.protocol(start, annotations);
        }
        if self.header(&annotations) {
            self.schema_items(start, Vec::new());
        } else {
            self.schema_items(start, annotations);
        }
    }

    /// `namespace x.y;` and `schema T;`. Whether there was any of them.
    fn header(&mut self, annotations: &[Annotation]) -> bool {
        let mut any = false;
        let start = self.cursor.index();
        if self.cursor.word(0) == "namespace" && self.cursor.kind(1) != TokenKind::LParen {
            any = true;
            self.no_annotations(annotations, "`namespace`");
            if self.namespace_line().is_err() {
                self.recover_from(start);
            }
        }
        if self.cursor.word(0) == "schema" && self.cursor.kind(1) != TokenKind::LParen {
            if !any {
                self.no_annotations(annotations, "`schema`");
            }
            any = true;
            let start = self.cursor.index();
            if self.schema_line().is_err() {
                self.recover_from(start);
            }
        }
        any
    }

    /// Avro's grammar has no annotations there, and a monitor annotation there would be nobody's.
    fn no_annotations(&mut self, annotations: &[Annotation], before: &str) {
        if let Some(annotation) = annotations.first() {
            let message = format!("annotations cannot stand before {before}");
            let diagnostic = Diagnostic::at(Code::Syntax, annotation.span, message, "")
                .with_help("a schema file has nothing to annotate as a whole; annotate its records");
            self.cursor.report(diagnostic);
        }
    }

    fn namespace_line(&mut self) -> Result<(), Reported> {
        self.cursor.bump();
        let name = self.name("a namespace")?;
        if let Err(reason) = names::check_namespace(&name.text) {
            self.cursor.diagnostics.push(Diagnostic::at(Code::Name, name.span, reason, ""));
        }
        self.namespace = name.text;
        self.semicolon("the namespace")
    }

    fn schema_line(&mut self) -> Result<(), Reported> {
        self.cursor.bump();
        let main = self.any_type()?;
        self.misplaced_in(&main, Some(Place::MainSchema), Place::InnerType, None);
        self.main = Some(main);
        self.semicolon("the main schema")
    }

    fn protocol(&mut self, start: usize, annotations: Vec<Annotation>) {
        self.cursor.bump();
        let attached = attach(annotations, Target::Protocol, &mut self.cursor.diagnostics);
        let doc = self.doc(start);
        let Ok(name) = self.name("the name of the protocol") else {
            self.incomplete = true;
            return;
        };
        let full_name = self.declare(&name, attached.namespace);
        self.namespace = names::split(&full_name).0.to_owned();
        self.protocol = Some(Protocol { full_name, doc, properties: attached.properties.into() });
        let Ok(open) = self.cursor.expect(TokenKind::LBrace, "`{` and the declarations") else {
            self.incomplete = true;
            return;
        };
        loop {
            if self.cursor.at(TokenKind::End) {
                self.unclosed(self.cursor.span(open), "the protocol");
                return;
            }
            if self.cursor.eat(TokenKind::RBrace) {
                break;
            }
            let start = self.cursor.index();
            let item = self.leading_annotations().and_then(|annotations| self.item(start, annotations, true));
            if item.is_err() {
                self.recover_from(start);
            }
        }
        self.stray_semicolon("a protocol");
        if !self.cursor.at(TokenKind::End) {
            self.cursor.expected_with("the end of the file after the protocol", |diagnostic| {
                diagnostic.with_help("one file holds one protocol, and declarations stand inside its braces")
            });
        }
    }

    fn schema_items(&mut self, first: usize, annotations: Vec<Annotation>) {
        let mut pending = Some((first, annotations)).filter(|(_, annotations)| !annotations.is_empty());
        loop {
            let start = pending.as_ref().map_or(self.cursor.index(), |(start, _)| *start);
            let annotations = match pending.take() {
                Some((_, annotations)) => Ok(annotations),
                None if self.cursor.at(TokenKind::End) => return,
                None => self.leading_annotations(),
            };
            if annotations.and_then(|annotations| self.item(start, annotations, false)).is_err() {
                self.recover_from(start);
            }
        }
    }

    /// An import, a declaration or, in a protocol, a message.
    fn item(
        &mut self,
        start: usize,
        annotations: Vec<Annotation>,
        in_protocol: bool,
    ) -> Result<(), Reported> {
        let is_import = self.cursor.kind(1) == TokenKind::String
            || matches!(self.cursor.word(1), "idl" | "protocol" | "schema")
                && (self.cursor.kind(2) == TokenKind::String
                    || !in_protocol
                    || self.cursor.kind(2) != TokenKind::LParen);
        match self.cursor.word(0) {
            "import" if is_import => {
                self.no_annotations(&annotations, "`import`");
                return self.import();
            }
            word @ ("record" | "error" | "enum" | "fixed") if !in_protocol || !self.is_message(word) => {
                return self.declaration(start, annotations);
            }
            _ => {}
        }
        if in_protocol {
            return self.message(start, annotations);
        }
        let what = if annotations.is_empty() { "a declaration or an import" } else { "a declaration" };
        Err(self.no_declaration(what))
    }

    /// Whether `record X(…` and the like is a message that returns a type named `record`.
    fn is_message(&self, word: &str) -> bool {
        if self.cursor.kind(1) != TokenKind::Ident {
            return self.cursor.kind(1) == TokenKind::Question;
        }
        match (word, self.cursor.kind(2)) {
            ("fixed", TokenKind::LParen) => {
                matches!(self.cursor.kind(3), TokenKind::Ident | TokenKind::At | TokenKind::RParen)
            }
            (_, kind) => kind == TokenKind::LParen,
        }
    }

    /// Whether a named type is declared here; true only for what can be nothing else.
    fn is_declaration(&self) -> bool {
        let open = match self.cursor.word(0) {
            "record" | "error" | "enum" => TokenKind::LBrace,
            "fixed" => TokenKind::LParen,
            _ => return false,
        };
        self.cursor.kind(1) == TokenKind::Ident
            && self.cursor.kind(2) == open
            && (open == TokenKind::LBrace || self.cursor.kind(3) == TokenKind::Int)
    }

    fn import(&mut self) -> Result<(), Reported> {
        self.cursor.bump();
        if self.cursor.at(TokenKind::String) {
            return Err(self.import_of_nothing());
        }
        let format = match self.cursor.word(0) {
            "idl" => Format::Idl,
            "protocol" => Format::Protocol,
            _ => Format::Schema,
        };
        let format_span = self.cursor.here();
        self.cursor.bump();
        let (path, span) = json::string(&mut self.cursor)?;
        // The import is known from here on, whatever follows it.
        self.items.push(Item::Import(Import { format, format_span, path, span }));
        self.semicolon("the import")
    }

    fn name(&mut self, what: &str) -> Result<Name, Reported> {
        if self.cursor.at(TokenKind::Float) {
            let token = self.cursor.peek(0);
            if self.cursor.text(token).ends_with(|c: char| c.is_ascii_alphabetic()) {
                let message = format!("{} is a number here", self.cursor.found());
                let diagnostic = Diagnostic::at(Code::Syntax, self.cursor.here(), message, "")
                    .with_help("enclose the name in backticks");
                return Err(self.cursor.report(diagnostic));
            }
        }
        if self.cursor.at(TokenKind::String) {
            return Err(self
                .cursor
                .expected_with(what, |diagnostic| diagnostic.with_help("names have no quotes")));
        }
        let token = self.cursor.expect(TokenKind::Ident, what)?;
        let raw = self.cursor.text(token);
        let text = if raw.contains('`') { raw.replace('`', "") } else { raw.to_owned() };
        Ok(Name { text, span: self.cursor.span(token) })
    }

    fn semicolon(&mut self, after: &str) -> Result<(), Reported> {
        if self.cursor.eat(TokenKind::Semicolon) {
            return Ok(());
        }
        // What stands on a line of its own is the next thing, and only the `;` is missing.
        let next = matches!(self.cursor.kind(0), TokenKind::Ident | TokenKind::At);
        let alone = self.cursor.at(TokenKind::RBrace) || (next && self.cursor.is_first_of_line());
        let reported = self.missing_semicolon(after);
        if alone { Ok(()) } else { Err(reported) }
    }

    #[cold]
    fn missing_semicolon(&mut self, after: &str) -> Reported {
        self.cursor.missing(";", &format!("`;` after {after}"))
    }

    /// The full name of a declaration. A protocol cannot have the name of a built-in type either.
    fn declare(&mut self, name: &Name, namespace: Option<(String, Span)>) -> String {
        let mut within = self.namespace.clone();
        if let Some((namespace, span)) = namespace {
            if let Err(reason) = names::check_namespace(&namespace) {
                self.cursor.diagnostics.push(Diagnostic::at(Code::Name, span, reason, ""));
            }
            within = namespace;
        }
        let full_name = names::qualify(&name.text, &within);
        // The namespace around was checked where it stands; only a dotted name brings its own.
        if let Err(reason) = names::check_type(&name.text) {
            self.cursor.diagnostics.push(Diagnostic::at(Code::Name, name.span, reason, ""));
        }
        full_name
    }

    /// The documentation before the token of that index.
    fn doc(&mut self, index: usize) -> Option<String> {
        self.cursor.take_doc(index).map(doc::clean)
    }

    fn unclosed(&mut self, open: Span, what: &str) {
        // The first complaint is about what swallowed the brace, or about what came before it.
        if self.cursor.lexical_errors || self.nested {
            return;
        }
        let message = format!("{what} is not closed: expected `}}`, found the end of the file");
        let diagnostic =
            Diagnostic::at(Code::Syntax, self.cursor.here(), message, "").with_secondary(open, "opened here");
        self.cursor.report(diagnostic);
    }

    /// `};` is what other languages want; here it is a mistake that needs no recovery.
    fn stray_semicolon(&mut self, what: &str) {
        if self.cursor.at(TokenKind::Semicolon) {
            let span = self.cursor.here();
            self.cursor.bump();
            let message = format!("no `;` stands after the `}}` of {what}");
            self.cursor.report(Diagnostic::at(Code::Syntax, span, message, "remove it").with_fix(span, ""));
        }
    }

    fn recover_from(&mut self, start: usize) {
        if self.cursor.index() == start {
            self.cursor.bump();
        }
        let depth = self.cursor.open_braces(start);
        self.recover(depth);
    }

    /// Skips to where the next declaration may start: behind a `;` or a closed block, or before a
    /// declaration, an annotation or the `}` of what is around. `depth` braces are open already.
    fn recover(&mut self, mut depth: usize) {
        self.incomplete = true;
        loop {
            match self.cursor.kind(0) {
                TokenKind::End => return,
                TokenKind::Semicolon if depth == 0 => {
                    self.cursor.bump();
                    return;
                }
                TokenKind::At if depth == 0 => return,
                TokenKind::Ident if self.is_declaration() => return,
                TokenKind::Ident
                    if self.cursor.word(0) == "import" && self.cursor.kind(2) == TokenKind::String =>
                {
                    return;
                }
                TokenKind::LBrace => depth += 1,
                TokenKind::RBrace if depth == 0 => return,
                TokenKind::RBrace => {
                    depth -= 1;
                    // A block that goes on behind its brace was a value or a union, not a body.
                    let goes_on = matches!(
                        self.cursor.kind(1),
                        TokenKind::RParen
                            | TokenKind::RBracket
                            | TokenKind::Greater
                            | TokenKind::Comma
                            | TokenKind::Equals
                            | TokenKind::Semicolon
                    );
                    if depth == 0 && !goes_on {
                        self.cursor.bump();
                        return;
                    }
                }
                _ => {}
            }
            self.cursor.bump();
        }
    }
}
