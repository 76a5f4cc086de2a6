//! Avro names: which are valid, and how short ones become full.
//!
//! Works on text alone.

use std::collections::HashMap;

use super::ir::Primitive;

/// The names that no type may have. `local_timestamp_ms` is not among them, which follows Java.
pub(super) const RESERVED_TYPE_NAMES: [&str; 12] = [
    "boolean",
    "int",
    "long",
    "float",
    "double",
    "bytes",
    "string",
    "null",
    "date",
    "time_ms",
    "timestamp_ms",
    "uuid",
];

/// Splits a full name into namespace and name; the namespace is empty where there is none.
pub(super) fn split(full_name: &str) -> (&str, &str) {
    full_name.rsplit_once('.').unwrap_or(("", full_name))
}

/// The full name that `name` has inside `namespace`.
pub(super) fn qualify(name: &str, namespace: &str) -> String {
    match namespace.is_empty() || name.contains('.') {
        true => name.to_owned(),
        false => {
            let mut full = String::with_capacity(namespace.len() + 1 + name.len());
            full.push_str(namespace);
            full.push('.');
            full.push_str(name);
            full
        }
    }
}

/// Why `name` is no simple name, if it is none.
pub(super) fn check(name: &str) -> Result<(), String> {
    // Nearly all names are ASCII, and every field is checked.
    if let [first, rest @ ..] = name.as_bytes()
        && (*first == b'_' || first.is_ascii_alphabetic())
        && rest.iter().all(|byte| *byte == b'_' || byte.is_ascii_alphanumeric())
    {
        return Ok(());
    }
    let mut chars = name.chars();
    match chars.next() {
        None => return Err("an empty name".into()),
        Some(c) if c == '_' || c.is_alphabetic() => {}
        Some(c) => return Err(format!("`{name}` is not a valid name: it starts with `{c}`")),
    }
    match chars.find(|c| *c != '_' && !c.is_alphanumeric()) {
        Some(c) => Err(format!("`{name}` is not a valid name: it contains `{c}`")),
        None => Ok(()),
    }
}

/// Why `namespace` is none, if so. The empty one is the null namespace.
pub(super) fn check_namespace(namespace: &str) -> Result<(), String> {
    if namespace.is_empty() {
        return Ok(());
    }
    namespace
        .split('.')
        .try_for_each(check)
        .map_err(|reason| format!("`{namespace}` is not a valid namespace: {reason}"))
}

/// Why no type can be declared in IDL under that full name, if so.
pub(super) fn check_type(full_name: &str) -> Result<(), String> {
    check_full(full_name)?;
    let (_, name) = split(full_name);
    match RESERVED_TYPE_NAMES.contains(&name) {
        true => Err(format!("`{name}` is the name of a built-in type and cannot be declared")),
        false => Ok(()),
    }
}

/// The same for JSON, where the words that only IDL has are free.
pub(super) fn check_json_type(full_name: &str) -> Result<(), String> {
    let (_, name) = split(full_name);
    match Primitive::parse(name) {
        Some(_) => Err(format!("`{name}` is the name of a built-in type and cannot be declared")),
        None => check_full(full_name),
    }
}

/// Why a possibly dotted name is none, if so.
pub(super) fn check_full(full_name: &str) -> Result<(), String> {
    let (namespace, name) = split(full_name);
    check(name)?;
    check_namespace(namespace)
}

/// The way a type is referred to from inside `namespace` in JSON.
pub(super) fn relative<'a>(full_name: &'a str, namespace: &str) -> &'a str {
    const KINDS: [&str; 14] = [
        "record", "enum", "array", "map", "union", "fixed", "string", "bytes", "int", "long", "float",
        "double", "boolean", "null",
    ];
    let (own, name) = split(full_name);
    // A type named like a kind of schema would be mistaken for it.
    if own == namespace && !KINDS.contains(&name) { name } else { full_name }
}

/// The items whose name an earlier item has, each after that earlier one.
pub(super) fn repetitions<T>(items: &[T], name: impl Fn(&T) -> &str) -> Vec<(&T, &T)> {
    // Hashing costs more than it saves for the few fields or annotations that are usual.
    if items.len() <= 12 {
        let mut found = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let earlier = items.iter().take(i).rev().find(|earlier| name(earlier) == name(item));
            found.extend(earlier.map(|earlier| (earlier, item)));
        }
        return found;
    }
    let mut last: HashMap<&str, &T> = HashMap::with_capacity(items.len());
    items.iter().filter_map(|item| last.insert(name(item), item).map(|earlier| (earlier, item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_letters_digits_and_underscores() {
        for name in ["a", "_a1", "Été", "名前"] {
            assert_eq!(check(name), Ok(()));
        }
        for name in ["", "1a", "a-b", "a.b", "a b"] {
            assert!(check(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn built_in_types_cannot_be_declared() {
        assert!(check_type("n.uuid").is_err());
        assert!(check_type("decimal").is_ok());
        assert!(check_type("a.0.R").is_err());
    }

    #[test]
    fn a_type_named_like_a_kind_is_always_written_in_full() {
        assert_eq!(relative("n.R", "n"), "R");
        assert_eq!(relative("n.map", "n"), "n.map");
        assert_eq!(relative("m.R", "n"), "m.R");
    }

    #[test]
    fn repetitions_are_found_in_short_and_long_lists() {
        let short = ["a", "b", "a", "a"];
        assert_eq!(repetitions(&short, |s| s), [(&"a", &"a"), (&"a", &"a")]);
        let long: Vec<String> = (0..100).map(|i| (i % 99).to_string()).collect();
        assert_eq!(repetitions(&long, |s| s).len(), 1);
    }
}
