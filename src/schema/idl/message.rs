//! Messages of a protocol in IDL.

use std::sync::Arc;

use super::declaration::unique;
use super::habits::with_keyword;
use super::{Name, Parser};
use crate::diag::{Code, Diagnostic, Span};
use crate::schema::attach::{Target, attach};
use crate::schema::cursor::Reported;
use crate::schema::ir::{Field, Item, Kind, Message, Primitive, Reference, Type};
use crate::schema::lexer::TokenKind;
use crate::schema::model::{Annotation, Place};
use crate::schema::names;

impl Parser<'_> {
    pub(super) fn message(&mut self, start: usize, annotations: Vec<Annotation>) -> Result<(), Reported> {
        let at = self.cursor.here();
        let response = if self.cursor.word(0) == "void" && self.cursor.kind(1) == TokenKind::Ident {
            self.cursor.bump();
            Type::new(at, Kind::Primitive(Primitive::Null, None))
        } else {
            if !self.cursor.at(TokenKind::Ident) {
                return Err(self.cursor.expected("a declaration, a message or `}`"));
            }
            self.plain_type()?
        };
        let doc = self.doc(start);
        let name = self.name("the name of the message")?;
        if !self.cursor.at(TokenKind::LParen) {
            return Err(self.not_a_message(at, &name));
        }
        let attached = attach(annotations, Target::Message, &mut self.cursor.diagnostics);
        let subject = Some((name.text.as_str(), name.span));
        self.misplace(&attached.properties, Place::Message, subject);
        self.misplaced_in(&response, None, Place::InnerType, subject);
        self.cursor.bump();
        let request = self.parameters()?;
        let one_way = self.cursor.word(0) == "oneway";
        let mut errors = Vec::new();
        if one_way {
            self.cursor.bump();
            if !matches!(response.kind, Kind::Primitive(Primitive::Null, None)) {
                let message = format!("the one-way message `{}` must return void", name.text);
                self.cursor.diagnostics.push(Diagnostic::at(Code::Invalid, response.span, message, ""));
            }
            if self.cursor.word(0) == "throws" {
                return Err(self.cursor.expected("`;`: a one-way message throws nothing"));
            }
        } else if self.cursor.word(0) == "throws" {
            self.cursor.bump();
            errors = self.throws()?;
        }
        self.semicolon("the message")?;
        self.items.push(Item::Message(Message {
            name: name.text,
            name_span: name.span,
            doc,
            properties: attached.properties,
            request,
            response,
            errors,
            one_way,
            strict: false,
        }));
        Ok(())
    }

    /// `int x;` in a protocol: most likely a field outside its record.
    fn not_a_message(&mut self, at: Span, name: &Name) -> Reported {
        if self.cursor.at(TokenKind::LBrace) {
            let message = format!("`{}` begins no declaration", self.cursor.slice(at));
            let diagnostic = Diagnostic::at(Code::Syntax, at, message, "");
            let diagnostic = with_keyword(diagnostic, self.cursor.slice(at), true);
            return self.cursor.report(diagnostic);
        }
        if self.cursor.slice(at) == "namespace" {
            let message = "inside a protocol there is no `namespace` line";
            let help = format!("write `@namespace(\"{}\")` before `protocol`", name.text);
            return self.cursor.report(Diagnostic::at(Code::Syntax, at, message, "").with_help(help));
        }
        let field =
            matches!(self.cursor.kind(0), TokenKind::Semicolon | TokenKind::Equals | TokenKind::Comma);
        self.cursor.expected_with("`(` and the parameters of a message", |diagnostic| match field {
            true => diagnostic
                .with_secondary(at, "this is taken for a message")
                .with_help("fields stand inside the braces of a record"),
            false => diagnostic,
        })
    }

    fn parameters(&mut self) -> Result<Vec<Field>, Reported> {
        let mut request: Vec<Field> = Vec::new();
        if self.cursor.eat(TokenKind::RParen) {
            return Ok(request);
        }
        loop {
            let start = self.cursor.index();
            let schema = Arc::new(self.any_type()?);
            let doc = self.doc(start);
            let mut parameter = self.variable(&schema, doc.as_deref(), "the name of a parameter")?;
            self.question_behind_name(&schema);
            let subject = Some((parameter.name.as_str(), parameter.name_span));
            self.misplace(&parameter.properties, Place::Parameter, subject);
            self.misplaced_in(&schema, Some(Place::Parameter), Place::Parameter, subject);
            parameter.default = self.default()?;
            request.push(parameter);
            if self.cursor.eat(TokenKind::RParen) {
                break;
            }
            self.cursor.expect(TokenKind::Comma, "`,` or `)`")?;
        }
        unique(&request, "parameter", &mut self.cursor.diagnostics);
        Ok(request)
    }

    fn throws(&mut self) -> Result<Vec<Type>, Reported> {
        let mut errors = Vec::new();
        loop {
            let name = self.name("the name of an error type")?;
            let full_name = names::qualify(&name.text, &self.namespace);
            let reference = Reference { full_name, or_null_namespace: false };
            errors.push(Type::new(name.span, Kind::Reference(reference)));
            if !self.cursor.eat(TokenKind::Comma) {
                return Ok(errors);
            }
        }
    }
}
