//! The reader of .avsc and .avpr: spanned JSON into the common representation.
//!
//! Every member that Avro does not reserve is an annotation. Nothing is resolved here.

use std::sync::Arc;

use super::attach::{Target, texts, type_aliases};
use super::cursor::Cursor;
use super::idl::{misplaced_in, unique};
use super::ir::{
    Body, Definition, Field, File, Format, Item, Kind, Message, Order, Primitive, Protocol, Reference, Type,
};
use super::json::{self, Member, Node, Value};
use super::lexer::Dialect;
use super::model::{Annotation, Misplaced, Place};
use super::{names, undefined};
use crate::diag::{Code, Diagnostic, FileId, Span};

/// Reads an .avsc or .avpr file.
pub(super) fn parse(id: FileId, text: &str, format: Format) -> (File, Vec<Diagnostic>) {
    let mut cursor = Cursor::new(id, text, Dialect::Json);
    let document = json::document(&mut cursor);
    let mut reader = Reader {
        diagnostics: cursor.diagnostics,
        items: Vec::new(),
        misplaced: Vec::new(),
        incomplete: document.is_err(),
    };
    let (mut protocol, mut main) = (None, None);
    match document {
        Ok(node) if format == Format::Protocol => protocol = reader.protocol(node),
        Ok(node) => {
            main = reader.schema(node, "");
            if let Some(main) = &main {
                misplaced_in(&mut reader.misplaced, main, Some(Place::MainSchema), Place::InnerType, None);
            }
        }
        Err(_) => {}
    }
    let items = reader.items.into_iter().flatten().collect();
    let incomplete = reader.incomplete;
    let file = File { id, protocol, main, items, misplaced: reader.misplaced, incomplete };
    (file, reader.diagnostics)
}

struct Reader {
    diagnostics: Vec<Diagnostic>,
    /// A place is kept for each type before its fields are read, so that the outer one comes first.
    items: Vec<Option<Item>>,
    misplaced: Vec<Misplaced>,
    incomplete: bool,
}

/// The members of an object, taken out one by one.
struct Members {
    members: Vec<Member>,
    /// The opening brace, for complaints about what is missing.
    open: Span,
}

impl Members {
    fn take(&mut self, key: &str) -> Option<Member> {
        let index = self.members.iter().position(|member| member.key == key)?;
        Some(self.members.remove(index))
    }

    fn is_without(&self, key: &str) -> bool {
        self.members.iter().all(|member| member.key != key)
    }

    /// What remains and is not reserved.
    fn properties(self, target: Target) -> Vec<Annotation> {
        self.members.into_iter().filter(|member| !target.is_reserved(&member.key)).map(annotation).collect()
    }
}

fn annotation(member: Member) -> Annotation {
    let Member { key, key_span, value, lost } = member;
    let name_span = inside(key_span);
    Annotation { name: key, name_span, span: key_span.to(value.span), value, lost: lost.map(inside) }
}

impl Reader {
    fn invalid(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.incomplete = true;
        self.diagnostics.push(Diagnostic::at(Code::Invalid, span, message, ""));
        let last = self.diagnostics.len() - 1;
        &mut self.diagnostics[last]
    }

    fn object(&mut self, node: Node, what: &str) -> Option<Members> {
        let open = Span { end: (node.span.start + 1).min(node.span.end), ..node.span };
        let kind = node.type_name();
        match node.value {
            Value::Object(members) => Some(Members { members, open }),
            _ => {
                self.invalid(node.span, format!("{what} must be an object, not {kind}"));
                None
            }
        }
    }

    fn list(&mut self, member: Option<Member>, open: Span, what: &str) -> Option<Vec<Node>> {
        let Some(member) = member else {
            self.invalid(open, format!("{what} is missing"));
            return None;
        };
        let (span, kind) = (member.value.span, member.value.type_name());
        match member.value.value {
            Value::Array(elements) => Some(elements),
            _ => {
                self.invalid(span, format!("{what} must be a list, not {kind}"));
                None
            }
        }
    }

    fn text(&mut self, member: Option<Member>, open: Span, what: &str) -> Option<(String, Span)> {
        let Some(member) = member else {
            self.invalid(open, format!("{what} is missing"));
            return None;
        };
        let (span, kind) = (member.value.span, member.value.type_name());
        match member.value.value {
            Value::String(text) => Some((text, span)),
            _ => {
                self.invalid(span, format!("{what} must be a text, not {kind}"));
                None
            }
        }
    }

    fn optional_text(&mut self, member: Option<Member>, open: Span, what: &str) -> Option<(String, Span)> {
        member.and_then(|member| self.text(Some(member), open, what))
    }

    fn doc(&mut self, members: &mut Members) -> Option<String> {
        let member = members.take("doc")?;
        match member.value.value {
            Value::String(text) => Some(text),
            _ => {
                let message = "Avro drops documentation that is no text";
                self.diagnostics.push(Diagnostic::at(Code::Lost, member.value.span, message, ""));
                None
            }
        }
    }

    fn aliases(&mut self, members: &mut Members) -> Vec<(String, Span)> {
        let Some(member) = members.take("aliases") else { return Vec::new() };
        let span = member.value.span;
        texts(member.value.value).unwrap_or_else(|| {
            self.invalid(span, "`aliases` must be a list of texts");
            Vec::new()
        })
    }

    /// The full name under `key`, with the bytes of the name inside the quotes.
    fn full_name(
        &mut self,
        members: &mut Members,
        key: &str,
        namespace: &str,
        is_type: bool,
    ) -> Option<(String, Span)> {
        let own = members.take("namespace");
        let own = self.optional_text(own, members.open, "`namespace`");
        let (name, span) = self.text(members.take(key), members.open, &format!("`{key}`"))?;
        if let Some((own, span)) = &own
            && let Err(reason) = names::check_namespace(own)
        {
            self.diagnostics.push(Diagnostic::at(Code::Name, *span, reason, ""));
        }
        let within = own.as_ref().map_or(namespace, |(own, _)| own.as_str());
        let result = match is_type {
            true => names::check_json_type(&name),
            false => names::check_full(&name),
        };
        let span = inside(span);
        if let Err(reason) = result {
            self.diagnostics.push(Diagnostic::at(Code::Name, span, reason, ""));
        }
        Some((names::qualify(&name, within), span))
    }

    fn schema(&mut self, node: Node, namespace: &str) -> Option<Type> {
        let span = node.span;
        let kind = node.type_name();
        match node.value {
            Value::String(name) => Some(Type::new(inside(span), reference(name, namespace))),
            Value::Array(branches) => {
                let count = branches.len();
                let read: Vec<Type> =
                    branches.into_iter().filter_map(|branch| self.schema(branch, namespace)).collect();
                (read.len() == count).then(|| Type::new(span, Kind::Union(read)))
            }
            Value::Object(_) => {
                let members = self.object(node, "a type")?;
                self.object_schema(members, span, namespace)
            }
            _ => {
                self.invalid(span, format!("a type is a name, an object or a list, not {kind}"));
                None
            }
        }
    }

    fn object_schema(&mut self, mut members: Members, span: Span, namespace: &str) -> Option<Type> {
        if members.is_without("type") && !members.is_without("protocol") {
            self.invalid(members.open, "this is a protocol, not a schema")
                .helps
                .push("a protocol stands in an .avpr file".into());
            return None;
        }
        let member = members.take("type");
        if let Some(Member { value: Node { value: Value::Object(_) | Value::Array(_), span }, .. }) = &member
        {
            self.invalid(*span, "`type` must be the name of a kind of type here")
                .helps
                .push("only a field has a type inside `type`; write the inner one without the outer".into());
            return None;
        }
        let (word, word_span) = self.text(member, members.open, "`type`")?;
        let kind = match word.as_str() {
            "array" => Kind::Array(Box::new(self.inner(&mut members, "items", namespace)?)),
            "map" => Kind::Map(Box::new(self.inner(&mut members, "values", namespace)?)),
            "record" | "error" | "enum" | "fixed" => {
                let full_name = self.definition(&word, members, namespace)?;
                let reference = Reference { full_name, or_null_namespace: false };
                return Some(Type::new(span, Kind::Reference(reference)));
            }
            _ => match Primitive::parse(&word) {
                Some(primitive) => Kind::Primitive(primitive, None),
                None => {
                    let meant = undefined::built_in(&word, true);
                    let diagnostic = self.invalid(word_span, format!("`{word}` is not a kind of type"));
                    diagnostic.helps.push(match meant {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => format!(
                            "to refer to a type declared elsewhere, write \"{word}\" in place of the object"
                        ),
                    });
                    return None;
                }
            },
        };
        Some(Type { span, kind, properties: members.properties(Target::Type) })
    }

    fn inner(&mut self, members: &mut Members, key: &str, namespace: &str) -> Option<Type> {
        let Some(member) = members.take(key) else {
            self.invalid(members.open, format!("`{key}` is missing"));
            return None;
        };
        self.schema(member.value, namespace)
    }

    /// Reads a named type and gives its full name.
    fn definition(&mut self, word: &str, mut members: Members, namespace: &str) -> Option<String> {
        let (full_name, name_span) = self.full_name(&mut members, "name", namespace, true)?;
        let inside = names::split(&full_name).0.to_owned();
        let slot = self.items.len();
        self.items.push(None);
        let doc = self.doc(&mut members);
        let aliases = self.aliases(&mut members);
        let aliases = type_aliases(aliases, &inside, &mut self.diagnostics);
        let (body, broken) = match word {
            "enum" => self.enum_body(&mut members)?,
            "fixed" => (self.fixed_body(&mut members)?, false),
            _ => {
                let fields = members.take("fields");
                let (fields, broken) = match self.list(fields, members.open, "`fields`") {
                    Some(nodes) => self.fields(nodes, &inside, "field"),
                    None => (Vec::new(), true),
                };
                (Body::Record { error: word == "error", fields }, broken)
            }
        };
        let target = if word == "enum" { Target::Enum } else { Target::Named };
        let start = members.open.start;
        let properties = members.properties(target);
        let place = match word {
            "enum" => Some(Place::Enum),
            "fixed" => Some(Place::Fixed),
            _ => None,
        };
        if let Some(place) = place {
            self.misplace(&properties, place, &full_name, name_span);
        }
        let definition = Definition {
            full_name: full_name.clone(),
            start,
            name_span,
            doc,
            aliases,
            properties,
            body,
            broken,
        };
        if let Some(slot) = self.items.get_mut(slot) {
            *slot = Some(Item::Definition(definition));
        }
        Some(full_name)
    }

    fn misplace(&mut self, annotations: &[Annotation], place: Place, name: &str, span: Span) {
        self.misplaced.extend(annotations.iter().map(|annotation| Misplaced {
            annotation: annotation.clone(),
            place,
            subject: Some((name.to_owned(), span)),
        }));
    }

    fn enum_body(&mut self, members: &mut Members) -> Option<(Body, bool)> {
        let symbols = members.take("symbols");
        let nodes = self.list(symbols, members.open, "`symbols`")?;
        let mut symbols: Vec<(String, Span)> = Vec::with_capacity(nodes.len());
        let mut broken = false;
        for node in nodes {
            let (span, kind) = (node.span, node.type_name());
            let Value::String(symbol) = node.value else {
                self.invalid(span, format!("a symbol must be a text, not {kind}"));
                broken = true;
                continue;
            };
            if let Err(reason) = names::check(&symbol) {
                self.diagnostics.push(Diagnostic::at(Code::Name, span, reason, ""));
            }
            symbols.push((symbol, span));
        }
        for ((_, first), (symbol, span)) in names::repetitions(&symbols, |(symbol, _)| symbol) {
            let message = format!("the symbol `{symbol}` is given twice");
            self.diagnostics
                .push(Diagnostic::at(Code::Invalid, *span, message, "").with_secondary(*first, "first here"));
        }
        let symbols: Vec<String> = symbols.into_iter().map(|(symbol, _)| symbol).collect();
        let default = members.take("default");
        let default = self.optional_text(default, members.open, "`default`");
        if let Some((default, span)) = &default
            && !broken
            && !symbols.contains(default)
        {
            let message = format!("the default `{default}` is not a symbol of the enum");
            self.diagnostics.push(Diagnostic::at(Code::DefaultValue, *span, message, ""));
        }
        Some((Body::Enum { symbols, default: default.map(|(text, _)| text) }, broken))
    }

    fn fixed_body(&mut self, members: &mut Members) -> Option<Body> {
        let Some(member) = members.take("size") else {
            self.invalid(members.open, "`size` is missing");
            return None;
        };
        let size = match member.value.value {
            Value::Int(size) => i32::try_from(size).ok().and_then(|size| u32::try_from(size).ok()),
            _ => None,
        };
        if size.is_none() {
            self.invalid(member.value.span, "`size` must be a whole number of 32 bits that is not negative");
        }
        Some(Body::Fixed { size: size? })
    }

    fn fields(&mut self, nodes: Vec<Node>, namespace: &str, what: &str) -> (Vec<Field>, bool) {
        let count = nodes.len();
        let fields: Vec<Field> =
            nodes.into_iter().filter_map(|node| self.field(node, namespace, what)).collect();
        unique(&fields, what, &mut self.diagnostics);
        let broken = fields.len() < count;
        (fields, broken)
    }

    fn field(&mut self, node: Node, namespace: &str, what: &str) -> Option<Field> {
        let mut members = self.object(node, &format!("a {what}"))?;
        let name = members.take("name");
        let (name, span) = self.text(name, members.open, "`name`")?;
        let name_span = inside(span);
        if let Err(reason) = names::check(&name) {
            self.diagnostics.push(Diagnostic::at(Code::Name, name_span, reason, ""));
        }
        let schema = self.inner(&mut members, "type", namespace)?;
        let doc = self.doc(&mut members);
        let default = members.take("default").map(|member| member.value);
        let aliases = self.aliases(&mut members).into_iter().map(|(alias, _)| alias).collect();
        let order = match members.take("order").map(|member| member.value) {
            None => Order::default(),
            Some(node) => node.as_str().and_then(Order::parse).unwrap_or_else(|| {
                self.invalid(node.span, "`order` must be \"ascending\", \"descending\" or \"ignore\"");
                Order::default()
            }),
        };
        let properties = members.properties(Target::Field);
        if let Some(logical) = properties.iter().find(|property| property.name == "logicalType") {
            let message = "Avro ignores `logicalType` on a field; it belongs to the type";
            self.diagnostics.push(
                Diagnostic::at(Code::Lost, logical.span, message, "")
                    .with_help("write `\"type\": {\"type\": …, \"logicalType\": …}`"),
            );
        }
        let subject = Some((name.as_str(), name_span));
        if what == "field" {
            misplaced_in(&mut self.misplaced, &schema, None, Place::InnerType, subject);
        } else {
            self.misplace(&properties, Place::Parameter, &name, name_span);
            misplaced_in(&mut self.misplaced, &schema, Some(Place::Parameter), Place::Parameter, subject);
        }
        let schema = Arc::new(schema);
        Some(Field { name, name_span, doc, aliases, order, properties, schema, default })
    }

    fn protocol(&mut self, node: Node) -> Option<Protocol> {
        let mut members = self.object(node, "a protocol")?;
        if members.is_without("protocol") && !members.is_without("type") {
            let open = members.open;
            self.invalid(open, "this is a schema, not a protocol")
                .helps
                .push("a schema stands in an .avsc file; an .avpr file has `protocol` and `types`".into());
            return None;
        }
        let (full_name, _) = self.full_name(&mut members, "protocol", "", false)?;
        let namespace = names::split(&full_name).0.to_owned();
        let doc = self.doc(&mut members);
        if let Some(types) = members.take("types") {
            for node in self.list(Some(types), members.open, "`types`").unwrap_or_default() {
                let span = node.span;
                let Some(entry) = self.object(node, "an entry of `types`") else { continue };
                let schema = self.object_schema(entry, span, &namespace);
                if schema.is_some_and(|schema| !matches!(schema.kind, Kind::Reference(_))) {
                    self.invalid(span, "`types` declares named types only");
                }
            }
        }
        if let Some(messages) = members.take("messages") {
            let messages = self.object(messages.value, "`messages`");
            for member in messages.map(|messages| messages.members).unwrap_or_default() {
                if let Some(message) = self.message(member, &namespace) {
                    self.items.push(Some(Item::Message(message)));
                }
            }
        }
        let properties = members.properties(Target::Protocol).into();
        Some(Protocol { full_name, doc, properties })
    }

    fn message(&mut self, member: Member, namespace: &str) -> Option<Message> {
        let (name, name_span) = (member.key, inside(member.key_span));
        let mut members = self.object(member.value, "a message")?;
        let doc = self.doc(&mut members);
        let one_way = match members.take("one-way").map(|member| member.value) {
            None => false,
            Some(Node { value: Value::Bool(one_way), .. }) => one_way,
            Some(node) => {
                self.invalid(node.span, "`one-way` must be true or false");
                false
            }
        };
        let request = members.take("request");
        let request = self.list(request, members.open, "`request`")?;
        let (request, _) = self.fields(request, namespace, "parameter");
        let response = match members.take("response") {
            Some(member) => self.schema(member.value, namespace)?,
            None if one_way => Type::new(name_span, Kind::Primitive(Primitive::Null, None)),
            None => {
                self.invalid(members.open, "`response` is missing");
                return None;
            }
        };
        let thrown = members.take("errors");
        let thrown_span = thrown.as_ref().map(|member| member.key_span);
        let thrown = thrown.and_then(|member| self.list(Some(member), members.open, "`errors`"));
        let mut errors = Vec::new();
        for node in thrown.unwrap_or_default() {
            let (span, kind) = (node.span, node.type_name());
            match node.value {
                Value::String(name) => errors.push(Type::new(inside(span), reference(name, namespace))),
                _ => {
                    self.invalid(span, format!("an error is the name of an error type, not {kind}"));
                }
            }
        }
        if one_way && !matches!(response.kind, Kind::Primitive(Primitive::Null, None)) {
            self.invalid(response.span, format!("the one-way message `{name}` must return null"));
        }
        if let (true, Some(span)) = (one_way, thrown_span) {
            self.invalid(span, format!("the one-way message `{name}` cannot throw errors"));
        }
        let properties = members.properties(Target::Message);
        self.misplace(&properties, Place::Message, &name, name_span);
        let subject = Some((name.as_str(), name_span));
        misplaced_in(&mut self.misplaced, &response, Some(Place::Message), Place::InnerType, subject);
        let strict = true;
        Some(Message { name, name_span, doc, properties, request, response, errors, one_way, strict })
    }
}

fn inside(quoted: Span) -> Span {
    let end = quoted.end.saturating_sub(1).max(quoted.start);
    Span::new(quoted.file, (quoted.start + 1).min(end), end)
}

fn reference(name: String, namespace: &str) -> Kind {
    match Primitive::parse(&name) {
        Some(primitive) => Kind::Primitive(primitive, None),
        None => {
            let full_name = names::qualify(&name, namespace);
            Kind::Reference(Reference { full_name, or_null_namespace: !name.contains('.') })
        }
    }
}
