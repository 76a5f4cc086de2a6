//! What people write who come from other languages: told in one sentence, with the way Avro writes it.
//!
//! Reached only where the text cannot be Avro IDL, so that no valid file is touched.

use super::{Name, Parser};
use crate::diag::{Code, Diagnostic, Span};
use crate::schema::cursor::Reported;
use crate::schema::ir::{Field, Format, Kind, Type};
use crate::schema::json;
use crate::schema::lexer::{Token, TokenKind};
use crate::schema::model::Annotation;
use crate::suggest;

/// Says which keyword `word` may stand for; `fits` if what follows goes on like a declaration.
pub(super) fn with_keyword(diagnostic: Diagnostic, word: &str, fits: bool) -> Diagnostic {
    let meant = match word {
        "struct" | "class" | "message" | "type" | "interface" => Some("record"),
        _ => suggest::closest(word, ["record", "error", "enum", "fixed", "import", "protocol"]),
    };
    let span = diagnostic.primary.as_ref().map(|label| label.span);
    match (meant, span) {
        (Some(meant), Some(span)) => {
            let diagnostic = diagnostic.with_help(format!("did you mean `{meant}`?"));
            if fits { diagnostic.with_fix(span, meant) } else { diagnostic }
        }
        _ => diagnostic.with_help("declarations start with `record`, `error`, `enum` or `fixed`"),
    }
}

impl Parser<'_> {
    fn habit(&self, span: Span, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        Diagnostic::at(Code::Syntax, span, message, "").with_help(help)
    }

    /// Takes `optional`, `public` and the like before a type.
    pub(super) fn foreign_word(&mut self) -> Option<Token> {
        let known = matches!(
            self.cursor.word(0),
            "optional"
                | "nullable"
                | "required"
                | "repeated"
                | "public"
                | "protected"
                | "private"
                | "static"
                | "final"
                | "const"
                | "readonly"
        );
        let type_and_name = self.cursor.kind(1) == TokenKind::Ident
            && matches!(
                self.cursor.kind(2),
                TokenKind::Ident
                    | TokenKind::Question
                    | TokenKind::Less
                    | TokenKind::LBrace
                    | TokenKind::LParen
            );
        (known && type_and_name).then(|| self.cursor.bump())
    }

    /// Complains about such a word, now that its type is known.
    #[cold]
    pub(super) fn no_foreign_word(&mut self, word: Token, schema: &Type) {
        let (span, text) = (self.cursor.span(word), self.cursor.text(word));
        let before = Span::new(span.file, span.start, schema.span.start);
        let behind = Span::new(span.file, schema.span.end, schema.span.end);
        let written = self.cursor.slice(schema.span).to_owned();
        let message = format!("Avro IDL has no word `{text}`");
        let diagnostic = match schema.kind {
            _ if text == "required" => self
                .habit(span, message, "remove it: a field is required unless its type allows null")
                .with_fix(before, ""),
            _ if text == "repeated" => self
                .habit(span, message, format!("write `array<{written}>`"))
                .with_fix(before, "array<")
                .with_fix(behind, ">"),
            _ if !matches!(text, "optional" | "nullable") => {
                self.habit(span, message, "remove it").with_fix(before, "")
            }
            Kind::Primitive(..) | Kind::Reference(_) => self
                .habit(span, message, format!("write `{written}?`"))
                .with_fix(before, "")
                .with_fix(behind, "?"),
            Kind::Optional(_) => {
                self.habit(span, message, "remove it: the `?` says the same").with_fix(before, "")
            }
            Kind::Array(_) | Kind::Map(_) => self
                .habit(span, message, "write `union { null, … }`")
                .with_fix(before, "union { null, ")
                .with_fix(behind, " }"),
            Kind::Union(_) => self.habit(span, message, "remove it, and list `null` in the union"),
        };
        self.cursor.report(diagnostic);
    }

    /// `string x?`, as in TypeScript.
    pub(super) fn question_behind_name(&mut self, schema: &Type) {
        if !self.cursor.at(TokenKind::Question) {
            return;
        }
        let span = self.cursor.here();
        self.cursor.bump();
        let message = "`?` stands behind the type, not behind the name";
        let diagnostic = match schema.kind {
            Kind::Primitive(..) | Kind::Reference(_) => {
                let behind = Span::new(span.file, schema.span.end, schema.span.end);
                let written = self.cursor.slice(schema.span);
                self.habit(span, message, format!("write `{written}?`"))
                    .with_fix(behind, "?")
                    .with_fix(span, "")
            }
            _ => self.habit(span, message, "remove it, and write `union { null, … }` for the type"),
        };
        self.cursor.report(diagnostic);
    }

    /// `string x default "a"` and `string default "a" x`. Whether the field's name was no name.
    pub(super) fn foreign_default(&mut self, field: &Field) -> Result<bool, Reported> {
        const MESSAGE: &str = "the default of a field is written with `=` behind its name";
        let is_value = |kind| {
            matches!(
                kind,
                TokenKind::String
                    | TokenKind::Int
                    | TokenKind::Float
                    | TokenKind::LBrace
                    | TokenKind::LBracket
            )
        };
        if field.default.is_some() {
            return Ok(false);
        }
        let help = "as in `int count = 0;`";
        if field.name == "default" && is_value(self.cursor.kind(0)) {
            let diagnostic = self.habit(field.name_span, MESSAGE, help);
            self.cursor.report(diagnostic);
            json::value(&mut self.cursor)?;
            if self.cursor.at(TokenKind::Ident) {
                self.cursor.bump();
            }
            return Ok(true);
        }
        if self.cursor.word(0) == "default" {
            let span = self.cursor.here();
            let equals = self.cursor.kind(1) == TokenKind::Equals;
            let diagnostic = self.habit(span, MESSAGE, help).with_fix(span, if equals { "" } else { "=" });
            self.cursor.report(diagnostic);
            self.cursor.bump();
            self.cursor.eat(TokenKind::Equals);
            json::value(&mut self.cursor)?;
        }
        Ok(false)
    }

    /// Whether the name last taken can only be a type.
    pub(super) fn is_behind_type(&self) -> bool {
        match self.cursor.kind(0) {
            TokenKind::Question => self.cursor.kind(1) == TokenKind::Ident,
            TokenKind::Ident => self.cursor.word(0) != "default",
            kind => matches!(kind, TokenKind::Less | TokenKind::LBrace | TokenKind::LParen),
        }
    }

    /// `int a, int b;`: a comma where the field ends.
    #[cold]
    pub(super) fn comma_for_semicolon(&mut self, comma: Span) -> Reported {
        let message = "a field ends with `;`, not with a comma";
        let help = "write `;`: a comma stands only between the names of fields of one type";
        let diagnostic = self.habit(comma, message, help).with_fix(comma, ";");
        self.cursor.report(diagnostic)
    }

    /// `record @x(1) R {`, `string a @x(1);`: annotations behind the byte `start`, before which they belong.
    /// There stands the keyword of a declaration, or the name of a field.
    pub(super) fn late_annotations(&mut self, start: u32, keyword: Option<&str>) -> Result<(), Reported> {
        if !self.cursor.at(TokenKind::At) || self.cursor.is_first_of_line() {
            return Ok(());
        }
        let gap = self.cursor.gap();
        let first = self.cursor.here();
        let annotations = self.annotations()?;
        let span = annotations.last().map_or(first, |last| first.to(last.span));
        if self.cursor.at(TokenKind::Ident) && keyword.is_none() {
            // They belong to the next field.
            let diagnostic =
                Diagnostic::at(Code::Syntax, first, "expected `;` after the field, found `@`", "")
                    .with_secondary(Span { end: gap.start, ..gap }, "`;` is missing here");
            return Err(self.cursor.report(diagnostic));
        }
        let before = keyword.map_or_else(|| "the name of a field".into(), |word| format!("`{word}`"));
        let message = format!("annotations stand before {before}");
        let written = self.cursor.slice(span).to_owned();
        let diagnostic = self.habit(span, message, "move it there");
        let alone = self.cursor.slice(gap).trim().is_empty();
        let diagnostic = match alone {
            true => diagnostic
                .with_fix(Span::new(span.file, start, start), format!("{written} "))
                .with_fix(gap.to(span), ""),
            false => diagnostic,
        };
        self.cursor.report(diagnostic);
        Ok(())
    }

    /// `owner("x")` for `@owner("x")`, where no type or name can stand like that.
    pub(super) fn lacks_at(&self) -> bool {
        self.cursor.at(TokenKind::Ident)
            && self.cursor.kind(1) == TokenKind::LParen
            && matches!(self.cursor.kind(2), TokenKind::String | TokenKind::LBrace | TokenKind::LBracket)
    }

    #[cold]
    pub(super) fn annotation_without_at(&mut self) -> Result<Annotation, Reported> {
        let here = self.cursor.here();
        let help = format!("write `@{}(…)`", self.cursor.slice(here));
        let diagnostic = self
            .habit(here, "annotations start with `@`", help)
            .with_fix(Span { end: here.start, ..here }, "@");
        self.cursor.report(diagnostic);
        self.named_annotation(here.start)
    }

    /// What begins no declaration.
    #[cold]
    pub(super) fn no_declaration(&mut self, what: &str) -> Reported {
        if self.cursor.at(TokenKind::RBrace) && self.incomplete {
            // What was skipped may have opened it.
            return Reported;
        }
        if self.cursor.at(TokenKind::RBrace) {
            let here = self.cursor.here();
            let diagnostic = self.habit(here, "this `}` closes nothing", "remove it").with_fix(here, "");
            return self.cursor.report(diagnostic);
        }
        let word = self.cursor.word(0);
        let fits = self.cursor.kind(1) == TokenKind::Ident && self.cursor.kind(2) == TokenKind::LBrace;
        let json = matches!(self.cursor.kind(0), TokenKind::LBrace | TokenKind::LBracket);
        let message = self.cursor.kind(1) == TokenKind::Ident && self.cursor.kind(2) == TokenKind::LParen;
        self.cursor.expected_with(what, |diagnostic| match word {
            "protocol" => {
                diagnostic.with_help("a protocol is a file of its own; nothing can stand before it")
            }
            "namespace" | "schema" => {
                diagnostic.with_help(format!("`{word}` stands once, before all declarations and imports"))
            }
            _ if message => diagnostic.with_help("messages stand inside the braces of a protocol"),
            _ if json => diagnostic.with_help("schemas in JSON stand in .avsc and .avpr files"),
            _ => with_keyword(diagnostic, word, fits),
        })
    }

    /// `list<string>`, `union<null, string>`: only arrays and maps have angle brackets.
    #[cold]
    pub(super) fn no_generic(&mut self, name: &Name) -> Reported {
        let simple = name.text.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        let message = format!("`{}<…>` is no type of Avro", name.text);
        let renamed = |word: &str| {
            self.habit(name.span, &message, format!("write `{word}<…>`")).with_fix(name.span, word)
        };
        let diagnostic = match simple.as_str() {
            "array" | "list" | "arraylist" | "set" | "seq" | "sequence" | "vector" | "vec" | "repeated" => {
                renamed("array")
            }
            "map" | "hashmap" | "dict" | "dictionary" | "record" => renamed("map"),
            "union" => self.habit(name.span, &message, "write `union { null, string }`, with braces"),
            "optional" | "option" | "nullable" | "maybe" => self.habit(
                name.span,
                &message,
                "write `string?` for a text or nothing, and likewise for other types",
            ),
            _ => self.habit(name.span, &message, "only `array<…>` and `map<…>` have angle brackets"),
        };
        self.cursor.report(diagnostic)
    }

    /// `map<string, int>`: the keys of Avro's maps are always texts.
    #[cold]
    pub(super) fn map_with_keys(&mut self, keys: &Type) -> Reported {
        let comma = self.cursor.here();
        let next = self.cursor.span(self.cursor.peek(1));
        let span = keys.span.to(comma);
        let written = Span::new(span.file, keys.span.start, next.start.max(comma.end));
        let message = "a map names the type of its values only, as its keys are always texts";
        let diagnostic = self.habit(span, message, "write `map<…>` with one type").with_fix(written, "");
        self.cursor.report(diagnostic)
    }

    /// `import "x.avdl"`.
    #[cold]
    pub(super) fn import_of_nothing(&mut self) -> Reported {
        let here = self.cursor.here();
        let message = "an import says what it imports";
        let Some(format) = Format::of_extension(self.cursor.slice(here).trim_matches('"')) else {
            let help = "write `import idl`, `import protocol` or `import schema`";
            let diagnostic = self.habit(here, message, help);
            return self.cursor.report(diagnostic);
        };
        let kind = format.word();
        let place = Span::new(here.file, here.start, here.start);
        let diagnostic = self
            .habit(here, message, format!("write `import {kind}` before the path"))
            .with_fix(place, format!("{kind} "));
        self.cursor.report(diagnostic)
    }
}
