//! Declarations of named types in IDL: records, errors, enums and fixed types.

use std::sync::Arc;

use super::{Name, Parser};
use crate::diag::{Code, Diagnostic, Span};
use crate::schema::attach::{Attached, Target, attach, type_aliases};
use crate::schema::cursor::Reported;
use crate::schema::ir::{Body, Definition, Field, Item, Kind};
use crate::schema::json;
use crate::schema::lexer::TokenKind;
use crate::schema::logical;
use crate::schema::model::{Annotation, Place};
use crate::schema::names;

impl Parser<'_> {
    /// Reads `record`, `error`, `enum` or `fixed`; the next token is one of these words.
    pub(super) fn declaration(&mut self, start: usize, annotations: Vec<Annotation>) -> Result<(), Reported> {
        let doc = self.doc(start);
        let keyword = self.cursor.word(0);
        let first = annotations.first().map_or_else(|| self.cursor.here(), |annotation| annotation.span);
        let target = if keyword == "enum" { Target::Enum } else { Target::Named };
        let at = self.cursor.bump().start;
        self.late_annotations(at, Some(keyword))?;
        let attached = attach(annotations, target, &mut self.cursor.diagnostics);
        let name = self.name(match keyword {
            "record" => "the name of the record",
            "error" => "the name of the error",
            "enum" => "the name of the enum",
            _ => "the name of the fixed",
        })?;
        self.late_annotations(at, Some(keyword))?;
        let Attached { namespace, aliases, mut properties, .. } = attached;
        let full_name = self.declare(&name, namespace);
        let inside = names::split(&full_name).0.to_owned();
        let aliases = type_aliases(aliases, &inside, &mut self.cursor.diagnostics);
        let subject = Some((full_name.as_str(), name.span));
        let (body, broken) = match keyword {
            "enum" => {
                self.misplace(&properties, Place::Enum, subject);
                self.enum_body()?
            }
            "fixed" => {
                self.misplace(&properties, Place::Fixed, subject);
                self.fixed_body()?
            }
            _ => {
                // A record's namespace is that of the unqualified names inside it.
                let outside = std::mem::replace(&mut self.namespace, inside);
                let body = self.record_body(keyword);
                self.namespace = outside;
                let (fields, broken) = body?;
                (Body::Record { error: keyword == "error", fields }, broken)
            }
        };
        if let Body::Fixed { size } = body {
            logical::complete(&mut properties, Some(size));
        }
        self.items.push(Item::Definition(Definition {
            full_name,
            start: first.start,
            name_span: name.span,
            doc,
            aliases,
            properties,
            body,
            broken,
        }));
        Ok(())
    }

    fn fixed_body(&mut self) -> Result<(Body, bool), Reported> {
        self.cursor.expect(TokenKind::LParen, "`(` and the size")?;
        let at = self.cursor.here();
        let size = self.small_int("the size")?;
        if size < 0 {
            let message = format!("the size of a fixed cannot be negative: {size}");
            self.cursor.diagnostics.push(Diagnostic::at(Code::Invalid, at, message, ""));
        }
        self.cursor.expect(TokenKind::RParen, "`)`")?;
        self.semicolon("the size")?;
        Ok((Body::Fixed { size: size.max(0).unsigned_abs() }, false))
    }

    fn enum_body(&mut self) -> Result<(Body, bool), Reported> {
        let open = self.cursor.expect(TokenKind::LBrace, "`{` and the symbols")?;
        let mut symbols: Vec<Name> = Vec::new();
        let mut comma: Option<Span> = None;
        loop {
            if self.cursor.at(TokenKind::RBrace) {
                if let Some(comma) = comma {
                    let diagnostic = Diagnostic::at(
                        Code::Syntax,
                        comma,
                        "no comma stands after the last symbol",
                        "remove it",
                    )
                    .with_fix(comma, "");
                    self.cursor.report(diagnostic);
                }
                self.cursor.bump();
                break;
            }
            if self.cursor.at(TokenKind::End) {
                self.unclosed(self.cursor.span(open), "the enum");
                return Err(Reported);
            }
            let annotations = self.annotations()?;
            let name = self.name("a symbol")?;
            self.symbol_annotations(&annotations, &name);
            self.simple_name(&name);
            symbols.push(name);
            let next = self.cursor.here();
            comma = self.cursor.eat(TokenKind::Comma).then_some(next);
            if comma.is_none() && !self.cursor.at(TokenKind::RBrace) && !self.cursor.at(TokenKind::End) {
                // Two symbols side by side lack a comma and nothing else.
                if !self.cursor.at(TokenKind::Ident) {
                    let value = matches!(self.cursor.kind(0), TokenKind::Equals | TokenKind::LParen);
                    return Err(self.cursor.expected_with("`,` or `}`", |diagnostic| match value {
                        true => diagnostic.with_help("symbols have no values"),
                        false => diagnostic,
                    }));
                }
                self.cursor.missing(",", "`,` or `}`");
            }
        }
        for (first, symbol) in names::repetitions(&symbols, |symbol| &symbol.text) {
            let message = format!("the symbol `{}` is given twice", symbol.text);
            self.cursor.diagnostics.push(
                Diagnostic::at(Code::Invalid, symbol.span, message, "")
                    .with_secondary(first.span, "first here"),
            );
        }
        let symbols: Vec<String> = symbols.into_iter().map(|symbol| symbol.text).collect();
        if !self.cursor.eat(TokenKind::Equals) {
            self.stray_semicolon("an enum without a default");
            return Ok((Body::Enum { symbols, default: None }, false));
        }
        let default = self.name("the default symbol")?;
        if !symbols.contains(&default.text) {
            let message = format!("the default `{}` is not a symbol of the enum", default.text);
            self.cursor.diagnostics.push(Diagnostic::at(Code::DefaultValue, default.span, message, ""));
        }
        self.semicolon("the default of the enum")?;
        Ok((Body::Enum { symbols, default: Some(default.text) }, false))
    }

    fn symbol_annotations(&mut self, annotations: &[Annotation], name: &Name) {
        for annotation in annotations {
            let message = format!("Avro drops `@{}` on a symbol of an enum", annotation.name);
            self.cursor.diagnostics.push(Diagnostic::at(Code::Lost, annotation.span, message, ""));
        }
        self.misplace(annotations, Place::EnumSymbol, Some((&name.text, name.span)));
    }

    /// Complains about names of fields and symbols with a `.` or a `-`, which are one token in IDL.
    pub(super) fn simple_name(&mut self, name: &Name) {
        if let Err(reason) = names::check(&name.text) {
            self.cursor.diagnostics.push(Diagnostic::at(Code::Name, name.span, reason, ""));
        }
    }

    fn record_body(&mut self, keyword: &str) -> Result<(Vec<Field>, bool), Reported> {
        let open = self.cursor.expect(TokenKind::LBrace, "`{` and the fields")?;
        let mut fields = Vec::new();
        let mut broken = false;
        loop {
            if self.cursor.eat(TokenKind::RBrace) {
                self.stray_semicolon(if keyword == "error" { "an error" } else { "a record" });
                break;
            }
            if self.cursor.at(TokenKind::End) {
                self.unclosed(self.cursor.span(open), &format!("the {keyword}"));
                broken = true;
                break;
            }
            let start = self.cursor.index();
            let result = self.leading_annotations().and_then(|annotations| match self.is_declaration() {
                true => {
                    self.nested_declaration(start, annotations, self.cursor.span(open))?;
                    broken = true;
                    Ok(())
                }
                false => self.field_line(start, annotations, &mut fields),
            });
            if result.is_err() {
                broken = true;
                self.recover_field(start);
            }
        }
        unique(&fields, "field", &mut self.cursor.diagnostics);
        Ok((fields, broken))
    }

    /// A declaration inside a record: a habit from .avsc, or the `}` above is missing.
    fn nested_declaration(
        &mut self,
        start: usize,
        annotations: Vec<Annotation>,
        open: Span,
    ) -> Result<(), Reported> {
        if !std::mem::replace(&mut self.nested, true) && !self.cursor.lexical_errors {
            let message = "a type cannot be declared inside a record";
            let diagnostic = Diagnostic::at(Code::Syntax, self.cursor.here(), message, "")
                .with_secondary(open, "the record opened here is not closed yet")
                .with_help("declare it beside the record and refer to it by name, or close the record above");
            self.cursor.report(diagnostic);
        }
        self.cursor.enter(64)?;
        let result = self.declaration(start, annotations);
        self.cursor.leave();
        result?;
        if self.cursor.at(TokenKind::Ident) && self.cursor.kind(1) == TokenKind::Semicolon {
            self.cursor.bump();
            self.cursor.bump();
        }
        Ok(())
    }

    fn recover_field(&mut self, start: usize) {
        if self.cursor.index() == start {
            self.cursor.bump();
        }
        let mut depth = self.cursor.open_braces(start);
        loop {
            match self.cursor.kind(0) {
                TokenKind::End => return,
                // No `;` stands inside a type or a value.
                TokenKind::Semicolon => {
                    self.cursor.bump();
                    return;
                }
                TokenKind::Ident if self.is_declaration() => return,
                TokenKind::LBrace => depth += 1,
                TokenKind::RBrace if depth == 0 => return,
                TokenKind::RBrace => depth -= 1,
                _ => {}
            }
            self.cursor.bump();
        }
    }

    /// `type name = default, name = default;`
    fn field_line(
        &mut self,
        start: usize,
        annotations: Vec<Annotation>,
        fields: &mut Vec<Field>,
    ) -> Result<(), Reported> {
        let foreign = self.foreign_word();
        let mut schema = self.plain_type()?;
        if let Some(word) = foreign {
            self.no_foreign_word(word, &schema);
        }
        self.annotate(&mut schema, annotations);
        let schema = Arc::new(schema);
        let doc = self.doc(start);
        let mut first = true;
        let mut comma: Option<Span> = None;
        loop {
            let start = self.cursor.index();
            let mut field = self.variable(&schema, doc.as_deref(), "the name of a field")?;
            if let Some(comma) = comma
                && self.is_behind_type()
            {
                // What was taken for a name is the type of the next field.
                self.comma_for_semicolon(comma);
                self.cursor.back_to(start);
                return Ok(());
            }
            self.question_behind_name(&schema);
            if first && !matches!(schema.kind, Kind::Primitive(..) | Kind::Reference(_)) {
                let subject = Some((field.name.as_str(), field.name_span));
                self.misplaced_in(&schema, None, Place::InnerType, subject);
            }
            first = false;
            self.late_annotations(field.name_span.start, None)?;
            field.default = self.default()?;
            self.late_annotations(field.name_span.start, None)?;
            let known = self.foreign_default(&field)?;
            if !known {
                fields.push(field);
            }
            let here = self.cursor.here();
            comma = Some(here);
            if !self.cursor.eat(TokenKind::Comma) {
                break;
            }
            if self.cursor.at(TokenKind::RBrace) {
                self.comma_for_semicolon(here);
                return Ok(());
            }
        }
        self.semicolon("the field")
    }

    /// `@annotations name`, of a field or a parameter.
    pub(super) fn variable(
        &mut self,
        schema: &Arc<crate::schema::ir::Type>,
        doc: Option<&str>,
        what: &str,
    ) -> Result<Field, Reported> {
        let own_doc = self.doc(self.cursor.index());
        let annotations = self.annotations()?;
        let attached = attach(annotations, Target::Field, &mut self.cursor.diagnostics);
        let name = match self.cursor.kind(0) {
            TokenKind::Ident | TokenKind::Float => self.name(what)?,
            kind => {
                return Err(self.cursor.expected_with(what, |diagnostic| {
                    let diagnostic = diagnostic.with_secondary(schema.span, "this is taken for the type");
                    match kind {
                        TokenKind::Colon => diagnostic.with_help("the type comes first, as in `int count;`"),
                        TokenKind::LBracket => diagnostic.with_help("a list is written `array<…>`"),
                        _ => diagnostic,
                    }
                }));
            }
        };
        self.simple_name(&name);
        Ok(Field {
            name: name.text,
            name_span: name.span,
            doc: own_doc.or_else(|| doc.map(str::to_owned)),
            aliases: attached.aliases.into_iter().map(|(alias, _)| alias).collect(),
            order: attached.order,
            properties: attached.properties,
            schema: Arc::clone(schema),
            default: None,
        })
    }

    /// `= value`, if it is there.
    pub(super) fn default(&mut self) -> Result<Option<json::Node>, Reported> {
        match self.cursor.eat(TokenKind::Equals) {
            true => json::value(&mut self.cursor).map(Some),
            false => Ok(None),
        }
    }
}

/// Complains about fields or parameters of one name.
pub(in crate::schema) fn unique(fields: &[Field], what: &str, diagnostics: &mut Vec<Diagnostic>) {
    for (first, field) in names::repetitions(fields, |field| &field.name) {
        let message = format!("the {what} `{}` is declared twice", field.name);
        diagnostics.push(
            Diagnostic::at(Code::Invalid, field.name_span, message, "")
                .with_secondary(first.name_span, "first here"),
        );
    }
}
