//! Logical types that Avro ignores because they do not fit the type they stand on.
//!
//! Avro's tools keep such a property and use the plain type, without a word. Logical types that Avro does
//! not define belong to somebody else and are left alone.

use super::ir::{Body, Definition, Kind, Primitive, Type};
use super::json::{Node, Value};
use super::model::Annotation;
use crate::diag::{Code, Diagnostic, Span};

/// The logical types with one base type; `decimal`, `uuid` and `duration` have rules of their own.
const BASES: [(&str, &str); 10] = [
    ("date", "int"),
    ("time-millis", "int"),
    ("time-micros", "long"),
    ("timestamp-millis", "long"),
    ("timestamp-micros", "long"),
    ("timestamp-nanos", "long"),
    ("local-timestamp-millis", "long"),
    ("local-timestamp-micros", "long"),
    ("local-timestamp-nanos", "long"),
    ("big-decimal", "bytes"),
];

/// The type that the logical type of this name is written with.
pub(super) fn base(name: &str) -> Option<&'static str> {
    match name {
        "uuid" => Some("string"),
        _ => BASES.iter().find(|(known, _)| *known == name).map(|(_, base)| *base),
    }
}

/// Adds `scale` to a decimal of IDL that has none, as Java does; `size` is that of a fixed type.
pub(super) fn complete(properties: &mut Vec<Annotation>, size: Option<u32>) {
    let decimal = find(properties, "logicalType").is_some_and(|a| a.value.as_str() == Some("decimal"));
    if !decimal || find(properties, "scale").is_some() {
        return;
    }
    let Some(precision) = find(properties, "precision") else { return };
    let fits = whole(&precision.value.value)
        .is_some_and(|digits| digits > 0 && size.is_none_or(|size| i64::from(digits) <= most_digits(size)));
    if fits {
        let value = Node { span: precision.value.span, value: Value::Int(0) };
        let (name_span, span) = (precision.name_span, precision.span);
        let scale = Annotation { name: "scale".into(), name_span, value, span, lost: None };
        properties.push(scale);
    }
}

/// Checks what is written on a type where it is used.
pub(super) fn check_type(schema: &Type, diagnostics: &mut Vec<Diagnostic>) {
    let what = match &schema.kind {
        Kind::Primitive(primitive, _) => primitive.as_str(),
        Kind::Array(_) => "array",
        Kind::Map(_) => "map",
        Kind::Union(_) | Kind::Optional(_) | Kind::Reference(_) => return,
    };
    let bytes = matches!(schema.kind, Kind::Primitive(Primitive::Bytes, _));
    check(&schema.properties, what, bytes.then_some(None), diagnostics);
}

/// Checks what is written on the declaration of a type.
pub(super) fn check_definition(definition: &Definition, diagnostics: &mut Vec<Diagnostic>) {
    let size = match definition.body {
        Body::Fixed { size } => Some(Some(size)),
        _ => None,
    };
    check(&definition.properties, definition.body.kind(), size, diagnostics);
}

/// `binary` is given for bytes and fixed types, with the size of the latter.
fn check(
    properties: &[Annotation],
    what: &str,
    binary: Option<Option<u32>>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(annotation) = find(properties, "logicalType") else { return };
    let Some(name) = annotation.value.as_str() else { return };
    let wanted = match name {
        "decimal" if binary.is_some() => return check_decimal(properties, annotation, binary, diagnostics),
        "decimal" => "`bytes` or a fixed type",
        "uuid" if what == "string" || binary == Some(Some(16)) => return,
        "uuid" => "`string` or a fixed type of 16 bytes",
        "duration" if binary == Some(Some(12)) => return,
        "duration" => "a fixed type of 12 bytes",
        _ => match BASES.iter().find(|(known, _)| *known == name) {
            Some((_, base)) if *base != what => {
                return diagnostics.push(ignored(name, annotation.value.span, what, &format!("`{base}`")));
            }
            _ => return,
        },
    };
    diagnostics.push(ignored(name, annotation.value.span, what, wanted));
}

fn ignored(name: &str, span: Span, what: &str, wanted: &str) -> Diagnostic {
    let what = match what {
        "record" | "error" | "enum" => format!("this {what}"),
        "fixed" => "a fixed type of this size".into(),
        _ => format!("`{what}`"),
    };
    let message = format!("Avro ignores the logical type `{name}` on {what}");
    Diagnostic::at(Code::Lost, span, message, "").with_help(format!("`{name}` needs {wanted}"))
}

fn check_decimal(
    properties: &[Annotation],
    annotation: &Annotation,
    binary: Option<Option<u32>>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut ignored = |span: Span, reason: &str, help: &str| {
        let message = format!("Avro ignores this `decimal`: {reason}");
        diagnostics.push(Diagnostic::at(Code::Lost, span, message, "").with_help(help));
    };
    let Some(precision) = find(properties, "precision") else {
        let help = "add `precision`, the number of digits, and `scale`, how many of them are decimal places";
        return ignored(annotation.value.span, "it has no `precision`", help);
    };
    let Some(digits) = whole(&precision.value.value).filter(|digits| *digits > 0) else {
        let help = "write a whole number from 1 to 2147483647";
        return ignored(precision.value.span, "its `precision` is not a number of digits", help);
    };
    if let Some(scale) = find(properties, "scale")
        && whole(&scale.value.value).is_none_or(|scale| scale < 0 || scale > digits)
    {
        let help = format!("write a whole number from 0 to {digits}");
        ignored(scale.value.span, "its `scale` does not fit its `precision`", &help);
    }
    if let Some(Some(size)) = binary
        && i64::from(digits) > most_digits(size)
    {
        let most = most_digits(size);
        let reason = format!("{digits} digits do not fit {size} bytes");
        ignored(
            precision.value.span,
            &reason,
            &format!("{size} bytes hold {most} digits; use a larger fixed type"),
        );
    }
}

/// How many decimal digits every signed number of so many bytes has room for.
fn most_digits(bytes: u32) -> i64 {
    let bits = (u64::from(bytes) * 8).saturating_sub(1);
    // No power of two is one of ten, so rounding down is exact.
    (bits as f64 * std::f64::consts::LOG10_2) as i64
}

fn whole(value: &Value) -> Option<i32> {
    match value {
        Value::Int(value) => i32::try_from(*value).ok(),
        _ => None,
    }
}

/// Of several annotations of one name the last counts.
pub(super) fn find<'a>(properties: &'a [Annotation], name: &str) -> Option<&'a Annotation> {
    properties.iter().rev().find(|property| property.name == name)
}

#[cfg(test)]
mod tests {
    use super::most_digits;

    #[test]
    fn the_digits_that_bytes_hold() {
        let held = [(0, 0), (1, 2), (2, 4), (4, 9), (8, 18), (12, 28), (16, 38)];
        assert_eq!(held.map(|(bytes, _)| (bytes, most_digits(bytes))), held);
    }
}
