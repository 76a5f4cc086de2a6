//! Types in IDL, where they are used.

use super::Parser;
use crate::diag::{Code, Diagnostic, Span};
use crate::schema::attach::{Target, attach};
use crate::schema::cursor::Reported;
use crate::schema::ir::{Kind, Logical, Primitive, Reference, Type};
use crate::schema::json::Value;
use crate::schema::lexer::{Dialect, TokenKind};
use crate::schema::literal::{self, Number};
use crate::schema::logical;
use crate::schema::model::Annotation;
use crate::schema::names;

/// Deeper types are nobody's work, and recursion must end before the stack does.
const DEPTH_LIMIT: usize = 64;

impl Parser<'_> {
    /// A type with the annotations before it.
    pub(super) fn any_type(&mut self) -> Result<Type, Reported> {
        let annotations = self.annotations()?;
        let mut schema = self.plain_type()?;
        self.annotate(&mut schema, annotations);
        Ok(schema)
    }

    fn inner_type(&mut self) -> Result<Type, Reported> {
        self.cursor.enter(DEPTH_LIMIT)?;
        let result = self.any_type();
        self.cursor.leave();
        result
    }

    /// Puts annotations on the type they stand before.
    pub(super) fn annotate(&mut self, schema: &mut Type, annotations: Vec<Annotation>) {
        let Some(first) = annotations.first() else { return };
        if let Kind::Optional(inner) = &mut schema.kind {
            return self.annotate(inner, annotations);
        }
        if let Kind::Reference(reference) = &schema.kind {
            let message = format!(
                "`@{}` stands before a reference to `{}`, which cannot be annotated",
                first.name, reference.full_name
            );
            let mut diagnostic = Diagnostic::at(Code::Invalid, first.span, message, "")
                .with_secondary(schema.span, "this type is declared elsewhere")
                .with_help("write the annotation behind the type, before the name of the field");
            // A name follows only where there is a field or a parameter to annotate.
            if matches!(self.cursor.kind(0), TokenKind::Ident | TokenKind::At) {
                let all = annotations.last().map_or(first.span, |last| first.span.to(last.span));
                let moved = format!(" {}", self.cursor.slice(all));
                diagnostic = diagnostic
                    .with_fix(Span { end: schema.span.start, ..all }, "")
                    .with_fix(self.cursor.behind(), moved);
            }
            self.cursor.diagnostics.push(diagnostic);
            return;
        }
        if matches!(schema.kind, Kind::Union(_)) {
            for annotation in &annotations {
                let message = format!("Avro drops `@{}` before a union", annotation.name);
                self.cursor.diagnostics.push(
                    Diagnostic::at(Code::Lost, annotation.span, message, "")
                        .with_help("write it behind the `}`, before the name of the field"),
                );
            }
            schema.properties = annotations;
            return;
        }
        let attached = attach(annotations, Target::Type, &mut self.cursor.diagnostics);
        schema.properties = attached.properties;
        if matches!(schema.kind, Kind::Primitive(Primitive::Bytes, None)) {
            logical::complete(&mut schema.properties, None);
        }
        if let Kind::Primitive(_, Some(logical)) = schema.kind {
            self.agree(logical, &mut schema.properties);
        }
    }

    /// A logical type has some properties already; repeating them is fine, changing them is not.
    fn agree(&mut self, logical: Logical, properties: &mut Vec<Annotation>) {
        let fixed = |name: &str| match (name, logical) {
            ("logicalType", _) => Some(Value::String(logical.json_name().into())),
            ("precision", Logical::Decimal { precision, .. }) => Some(Value::Int(precision.into())),
            ("scale", Logical::Decimal { scale, .. }) => Some(Value::Int(scale.into())),
            _ => None,
        };
        properties.retain(|annotation| {
            let Some(value) = fixed(&annotation.name) else { return true };
            if value != annotation.value.value {
                let message = format!("`{}` already says another `{}`", logical.keyword(), annotation.name);
                self.cursor.diagnostics.push(
                    Diagnostic::at(Code::Invalid, annotation.span, message, "")
                        .with_help("remove the annotation, or put it on the plain type"),
                );
            }
            false
        });
    }

    /// A type without annotations before it.
    pub(super) fn plain_type(&mut self) -> Result<Type, Reported> {
        let start = self.cursor.peek(0).start;
        let next = self.cursor.kind(1);
        let kind = match self.cursor.word(0) {
            "array" if next == TokenKind::Less => Kind::Array(self.angled()?),
            "map" if next == TokenKind::Less => Kind::Map(self.angled()?),
            "union" if next == TokenKind::LBrace => self.union()?,
            _ => return self.nullable(),
        };
        let schema = Type::new(self.cursor.span_from(start), kind);
        if self.cursor.at(TokenKind::Question) {
            let span = self.cursor.here();
            let message = "`?` stands only behind names of types, not behind arrays, maps and unions";
            let diagnostic =
                Diagnostic::at(Code::Syntax, span, message, "").with_help("write `union { null, … }`");
            return Err(self.cursor.report(diagnostic));
        }
        Ok(schema)
    }

    fn angled(&mut self) -> Result<Box<Type>, Reported> {
        let map = self.cursor.word(0) == "map";
        self.cursor.bump();
        self.cursor.bump();
        let inner = self.inner_type()?;
        if map && self.cursor.at(TokenKind::Comma) {
            return Err(self.map_with_keys(&inner));
        }
        self.cursor.expect(TokenKind::Greater, "`>`")?;
        Ok(Box::new(inner))
    }

    fn union(&mut self) -> Result<Kind, Reported> {
        self.cursor.bump();
        self.cursor.bump();
        let mut branches = vec![self.inner_type()?];
        loop {
            let comma = self.cursor.here();
            if !self.cursor.eat(TokenKind::Comma) {
                break;
            }
            if self.cursor.at(TokenKind::RBrace) {
                let message = "no comma stands after the last type of a union";
                let diagnostic =
                    Diagnostic::at(Code::Syntax, comma, message, "remove it").with_fix(comma, "");
                self.cursor.report(diagnostic);
                break;
            }
            branches.push(self.inner_type()?);
        }
        if self.cursor.at(TokenKind::Ident) {
            // What ends like a field is one, and the union was not closed.
            let field = matches!(self.cursor.kind(1), TokenKind::Semicolon | TokenKind::Equals);
            return Err(self.cursor.missing(if field { "}" } else { "," }, "`,` or `}`"));
        }
        self.cursor.expect(TokenKind::RBrace, "`,` or `}`")?;
        Ok(Kind::Union(branches))
    }

    fn nullable(&mut self) -> Result<Type, Reported> {
        let start = self.cursor.peek(0).start;
        let word = self.cursor.word(0);
        let kind = if let Some(primitive) = Primitive::parse(word) {
            self.cursor.bump();
            Kind::Primitive(primitive, None)
        } else if let Some((primitive, logical)) = Logical::parse(word) {
            self.cursor.bump();
            Kind::Primitive(primitive, Some(logical))
        } else if word == "decimal" && self.cursor.kind(1) == TokenKind::LParen {
            self.decimal()?
        } else {
            let name = self.name("a type")?;
            if self.cursor.at(TokenKind::Less) {
                return Err(self.no_generic(&name));
            }
            let full_name = names::qualify(&name.text, &self.namespace);
            Kind::Reference(Reference { full_name, or_null_namespace: false })
        };
        let schema = Type::new(self.cursor.span_from(start), kind);
        if !self.cursor.eat(TokenKind::Question) {
            return Ok(schema);
        }
        Ok(Type::new(self.cursor.span_from(start), Kind::Optional(Box::new(schema))))
    }

    fn decimal(&mut self) -> Result<Kind, Reported> {
        let start = self.cursor.bump();
        self.cursor.bump();
        let precision = self.small_int("the precision")?;
        let scale = match self.cursor.eat(TokenKind::Comma) {
            true => self.small_int("the scale")?,
            false => 0,
        };
        self.cursor.expect(TokenKind::RParen, "`)`")?;
        let problem = if precision < 1 {
            Some(format!("the precision of a decimal is at least 1, not {precision}"))
        } else if scale < 0 {
            Some(format!("the scale of a decimal is at least 0, not {scale}"))
        } else if scale > precision {
            Some(format!("the scale {scale} exceeds the precision {precision}"))
        } else {
            None
        };
        if let Some(message) = problem {
            let span = self.cursor.span_from(start.start);
            self.cursor.diagnostics.push(Diagnostic::at(Code::Invalid, span, message, ""));
        }
        let (precision, scale) = (precision.max(1).unsigned_abs(), scale.max(0).unsigned_abs());
        Ok(Kind::Primitive(Primitive::Bytes, Some(Logical::Decimal { precision, scale })))
    }

    /// A whole number of 32 bits.
    pub(super) fn small_int(&mut self, what: &str) -> Result<i32, Reported> {
        let token = self.cursor.expect(TokenKind::Int, what)?;
        let text = self.cursor.text(token);
        let value = match literal::number(text, Dialect::Idl) {
            Ok(Number::Int(value)) if !text.ends_with(['l', 'L']) => i32::try_from(value).ok(),
            _ => None,
        };
        value.ok_or_else(|| {
            let message = format!("{what} must be a whole number of 32 bits, not `{text}`");
            self.cursor.report(Diagnostic::at(Code::Syntax, self.cursor.span(token), message, ""))
        })
    }
}
