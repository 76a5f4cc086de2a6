//! What the reader of events takes, what it refuses, and what it says then.

use std::collections::BTreeMap;

use super::{EventError, EventReader, Limits, SetupError};
use crate::schema::{InputFile, LoadError, Loader, ParseOptions, SchemaSet, parse_project};

struct Nothing;

impl Loader for Nothing {
    fn load(&self, _: &str) -> Result<Vec<u8>, LoadError> {
        Err(LoadError::NotFound)
    }
}

fn schemas(idl: &str) -> SchemaSet {
    let options = ParseOptions { import_directories: &[], loader: &Nothing };
    let file = InputFile { path: "a.avdl".into(), bytes: idl.into() };
    let parsed = parse_project(vec![file], &options, &mut Default::default());
    assert_eq!(parsed.diagnostics, []);
    parsed.set
}

/// A reader of the only record `R` with these fields, of which those are wanted.
fn reader_with(types: &str, fields: &str, wanted: &[&str], limits: Limits) -> EventReader {
    let set = schemas(&format!("@namespace(\"n\") protocol P {{ {types} record R {{ {fields} }} }}"));
    let wanted: Vec<_> = wanted.iter().map(|field| ("n.R".to_owned(), (*field).to_owned())).collect();
    EventReader::new(&set, &wanted, limits).expect("a reader")
}

const TYPES: &str = r#"
    enum Colour { RED, GREEN }
    fixed Four(4);
    @logicalType("uuid") fixed Guid(16);
    record Inner { string userId; int n = 3; }
    record Other { string otherId; }
    record Chain { union {null, Chain} next = null; }
"#;

fn json(fields: &str, body: &str) -> Result<Vec<String>, EventError> {
    let reader = reader_with(TYPES, fields, &["a"], Limits::default());
    let mut ids = Vec::new();
    reader.json("R", body.as_bytes(), |wanted| ids.push(wanted.id.to_string()))?;
    Ok(ids)
}

/// The id in `a`, or the cause and message of the refusal.
fn outcome(type_name: &str, value: &str) -> String {
    match json(&format!("{type_name} a;"), &format!("{{\"a\": {value}}}")) {
        Ok(ids) => ids.first().cloned().unwrap_or_else(|| "no id".into()),
        Err(error) => format!("{}: {error}", error.cause()),
    }
}

#[test]
fn values_are_ids_in_their_plain_form() {
    for (type_name, value, id) in [
        ("int", "-2147483648", "-2147483648"),
        ("long", "9007199254740993", "9007199254740993"),
        ("long", "-9223372036854775808", "-9223372036854775808"),
        ("string", r#""a\u00e9\n""#, "aé\n"),
        ("string", r#""""#, ""),
        ("uuid", r#""6F9619FF-8b86-d011-b42d-00c04fc964ff""#, "6F9619FF-8b86-d011-b42d-00c04fc964ff"),
        ("boolean", "true", "true"),
        ("Colour", r#""GREEN""#, "GREEN"),
        ("bytes", r#""\u0000\u00ff""#, "00ff"),
        ("Four", r#""abcd""#, "61626364"),
        ("Guid", r#""0123456789abcdef""#, "30313233-3435-3637-3839-616263646566"),
        ("Guid", r#""6F9619FF-8B86-D011-B42D-00C04FC964FF""#, "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
        ("timestamp_ms", "1700000000000", "1700000000000"),
        ("float", "1", "no id"),
        ("double", "1e300", "no id"),
        ("double", "18446744073709551615", "no id"),
        ("null", "null", "no id"),
        ("array<int>", "[1, 2]", "no id"),
        ("map<int>", r#"{"k": 1}"#, "no id"),
        ("Inner", r#"{"userId": "x"}"#, "no id"),
    ] {
        assert_eq!(outcome(type_name, value), id, "{type_name} {value}");
    }
}

#[test]
fn a_union_is_written_plain_or_with_the_name_of_its_branch() {
    for (type_name, value, id) in [
        ("union {null, string}", "null", "no id"),
        ("union {null, string}", r#""x""#, "x"),
        ("union {null, string}", r#"{"string": "x"}"#, "x"),
        ("string?", r#""x""#, "x"),
        ("union {int, long, double}", "5000000000", "5000000000"),
        ("union {double, int}", "1.5", "no id"),
        ("union {double, int}", "1", "1"),
        ("union {bytes, Colour, string}", r#""RED""#, "RED"),
        ("union {bytes, Colour}", r#""RED""#, "RED"),
        ("union {bytes, Colour}", r#""ab""#, "6162"),
        ("union {bytes, Colour}", r#"{"n.Colour": "RED"}"#, "RED"),
        ("union {string, bytes}", r#"{"bytes": "ab"}"#, "6162"),
        ("union {null, map<int>}", r#"{"k": 1}"#, "no id"),
        ("union {null, map<int>}", r#"{"map": {"k": 1}}"#, "no id"),
        ("union {Inner, Other}", r#"{"otherId": "x"}"#, "no id"),
        ("union {Inner, Other}", r#"{"n.Other": {"otherId": "x"}}"#, "no id"),
        ("union {map<string>, Other}", r#"{"otherId": "x"}"#, "no id"),
        ("union {map<string>, Other}", r#"{"thirdId": "x"}"#, "no id"),
        ("array<union {null, Other}>", r#"[null, {"otherId": "x"}, {"n.Other": {"otherId": "y"}}]"#, "no id"),
    ] {
        assert_eq!(outcome(type_name, value), id, "{type_name} {value}");
    }
}

#[test]
fn what_does_not_fit_is_named_with_its_place() {
    for (type_name, value, message) in [
        (
            "int",
            "2147483648",
            "out_of_range: `a`: expected `int`, found the number 2147483648, which is out of range",
        ),
        (
            "long",
            "9223372036854775808",
            "out_of_range: `a`: expected `long`, found the number 9223372036854775808, which is out of range",
        ),
        (
            "long",
            "99999999999999999999",
            "out_of_range: `a`: expected `long`, found the number 1e20, which is out of range",
        ),
        ("long", "1.0", "wrong_type: `a`: expected `long`, found the number 1.0"),
        ("long", "1e3", "wrong_type: `a`: expected `long`, found the number 1000.0"),
        (
            "float",
            "1e39",
            "out_of_range: `a`: expected `float`, found the number 1e39, which is out of range",
        ),
        ("string", "5", "wrong_type: `a`: expected `string`, found the number 5"),
        ("string", "null", "wrong_type: `a`: expected `string`, found null"),
        ("boolean", r#""true""#, "wrong_type: `a`: expected `boolean`, found the text `true`"),
        ("double", r#""NaN""#, "wrong_type: `a`: expected `double`, found the text `NaN`"),
        (
            "Colour",
            r#""GREN""#,
            "unknown_symbol: `a`: `GREN` is not a symbol of `n.Colour`; did you mean `GREEN`?",
        ),
        ("Four", r#""abc""#, "wrong_length: `a`: `n.Four` has 4 bytes, found 3"),
        ("bytes", r#""\u0100""#, "malformed: `a`: bytes are written as a text of characters up to U+00FF"),
        ("array<int>", "[1, true]", "wrong_type: `a[1]`: expected `int`, found true"),
        ("map<int>", r#"{"k": []}"#, "wrong_type: `a.k`: expected `int`, found an array"),
        ("map<int>", r#"{"k": 1, "k": 1}"#, "duplicate_key: `a.k`: the key stands twice"),
        (
            "Inner",
            r#"{"usrId": "x"}"#,
            "unknown_field: `a.usrId`: `n.Inner` has no such field; did you mean `userId`?",
        ),
        ("Inner", "{}", "missing_field: `a.userId`: the field is missing and has no default"),
        ("Inner", r#"{"userId": "x", "userId": "x"}"#, "duplicate_key: `a.userId`: the key stands twice"),
        ("Inner", r#"{"userId": "x", "n": {}}"#, "wrong_type: `a.n`: expected `int`, found an object"),
        (
            "union {null, int}",
            "3000000000",
            "out_of_range: `a`: expected `int`, found the number 3000000000, which is out of range",
        ),
        ("union {null, int}", r#""x""#, "wrong_type: `a`: expected one of `null`, `int`, found the text `x`"),
        ("union {null, int}", r#"{"int": "x"}"#, "wrong_type: `a.int`: expected `int`, found the text `x`"),
        (
            "union {null, Other}",
            r#"{"otherID": 1}"#,
            "unknown_field: `a.otherID`: `n.Other` has no such field; did you mean `otherId`?",
        ),
        ("string?", "[]", "wrong_type: `a`: expected one of `null`, `string`, found an array"),
        (
            "int",
            "\"\\u001b[31m\\u202e\"",
            "wrong_type: `a`: expected `int`, found the text `\\u{1b}[31m\\u{202e}`",
        ),
    ] {
        assert_eq!(outcome(type_name, value), message, "{type_name} {value}");
    }
    let long = outcome("int", &format!("\"{}\"", "x".repeat(10_000)));
    assert!(long.len() < 200, "{long}");
}

#[test]
fn what_is_left_out_has_its_default() {
    assert_eq!(json("string a = \"eu\";", "{}").expect("fits"), ["eu"]);
    assert_eq!(json("int? a = 7;", "{}").expect("fits"), ["7"]);
    assert_eq!(json("Colour a = \"RED\";", "{}").expect("fits"), ["RED"]);
    assert!(json("int? a = null;", "{}").expect("fits").is_empty());
    assert_eq!(json("int? a;", "{}").expect_err("no default").cause(), "missing_field");
}

#[test]
fn events_come_alone_in_an_array_or_one_after_the_other() {
    let one = r#"{"a": 1}"#;
    for (body, ids) in [
        (format!("  {one}\n"), 1),
        (format!("[{one}, {one}]"), 2),
        ("[]".into(), 0),
        (format!("{one}\n{one}\r\n{one}"), 3),
        ("{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n".into(), 2),
    ] {
        assert_eq!(json("int a;", &body).expect("fits").len(), ids, "{body}");
    }
    for (body, cause) in [
        (String::new(), "not_json"),
        ("  \n".into(), "not_json"),
        ("nonsense".into(), "not_json"),
        (format!("{one}, {one}"), "not_json"),
        (format!("[{one}]\n[{one}]"), "not_json"),
        (format!("{one}\n[{one}]"), "wrong_type"),
        (format!("[{one}"), "not_json"),
        ("7".into(), "wrong_type"),
        ("[[]]".into(), "wrong_type"),
    ] {
        assert_eq!(json("int a;", &body).expect_err("refused").cause(), cause, "{body}");
    }
}

#[test]
fn a_batch_with_one_mistake_reports_nothing() {
    let reader = reader_with(TYPES, "int a;", &["a"], Limits::default());
    for body in [r#"[{"a": 1}, {"a": "x"}]"#, "{\"a\": 1}\n{\"a\": \"x\"}", "{\"a\": 1}\n{\"a\": "] {
        let mut found = 0;
        let error = reader.json("R", body.as_bytes(), |_| found += 1).expect_err("refused");
        assert_eq!(found, 0, "{error}");
    }
    let error = reader.json("R", b"[{\"a\": 1}, {\"a\": \"x\"}]", |_| {}).expect_err("refused");
    assert_eq!(error.to_string(), "event 2, `a`: expected `int`, found the text `x`");
}

#[test]
fn ids_say_which_event_and_which_wanted_field_they_are_of() {
    let reader = reader_with(TYPES, "int a; string? b; int c;", &["b", "a", "b"], Limits::default());
    let mut found = Vec::new();
    let body = r#"[{"c": 0, "a": 1, "b": "x"}, {"a": 2, "b": null, "c": 0}]"#;
    let events = reader.json("n.R", body.as_bytes(), |w| found.push((w.event, w.field, w.id.to_string())));
    assert_eq!(events, Ok(2));
    assert_eq!(found, [(0, 1, "1".into()), (0, 0, "x".into()), (0, 2, "x".into()), (1, 1, "2".into())]);
}

#[test]
fn limits_hold() {
    let limits = Limits { bytes: 100, events: 3, values: 12, depth: 3 };
    let reader = reader_with(TYPES, "union {null, Chain} c = null; array<null> a = [];", &[], limits);
    let cause = |body: &str| reader.json("R", body.as_bytes(), |_| {}).map_err(|error| error.cause());
    assert_eq!(cause("{}{}{}"), Ok(3));
    assert_eq!(cause("{}{}{}{}"), Err("too_large"));
    assert_eq!(cause("[{},{},{},{}]"), Err("too_large"));
    assert_eq!(cause(&" ".repeat(101)), Err("too_large"));
    assert_eq!(cause(r#"{"a": [null, null, null]}"#), Ok(1));
    assert_eq!(cause(&format!(r#"{{"a": [null{}]}}"#, ",null".repeat(12))), Err("too_large"));
    assert_eq!(cause(r#"[{"c": {"next": {}}}]"#), Ok(1));
    assert_eq!(cause(r#"{"c": {"next": {"next": {}}}}"#), Err("too_deep"));
}

#[test]
fn deep_nesting_is_refused_without_end_of_the_stack() {
    let limits = Limits { depth: usize::MAX, bytes: usize::MAX, ..Limits::default() };
    let reader = reader_with(TYPES, "Chain a;", &[], limits);
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"a\":{\"next\":", "}}")] {
        let body = open.repeat(200_000) + "null" + &close.repeat(200_000);
        let error = reader.json("R", body.as_bytes(), |_| {}).expect_err("too deep");
        assert_eq!(error.cause(), "too_deep", "{open}");
    }
}

#[test]
fn unions_in_unions_take_no_exponential_time() {
    // A tag and a field of the same name: were both tried at each level, this would never end.
    let set = schemas("record R { union {null, R} R = null; }");
    let reader = EventReader::new(&set, &[], Limits::default()).expect("a reader");
    let body = "{\"R\":".repeat(60) + "7" + &"}".repeat(60);
    assert_eq!(reader.json("R", body.as_bytes(), |_| {}).expect_err("refused").cause(), "wrong_type");
}

#[test]
fn a_record_is_known_by_its_full_name_or_a_simple_name_of_its_own() {
    let set = schemas(
        r#"@namespace("shop") protocol P {
            record Cart { int a; } record Order { int a; } @namespace("old") record Order { int b; }
        }"#,
    );
    let reader = EventReader::new(&set, &[], Limits::default()).expect("a reader");
    assert_eq!(reader.full_name("shop.Cart"), Ok("shop.Cart"));
    assert_eq!(reader.full_name("Cart"), Ok("shop.Cart"));
    assert_eq!(reader.full_name("old.Order"), Ok("old.Order"));
    let messages: BTreeMap<&str, String> = ["Order", "cart", "shop.Ordr", "x\u{1b}y"]
        .map(|name| (name, reader.full_name(name).expect_err("refused").to_string()))
        .into();
    assert_eq!(
        messages.into_values().collect::<Vec<_>>(),
        [
            "several records are called `Order`, so it takes the full name: `old.Order`, `shop.Order`",
            "there is no record `cart`; did you mean `Cart`?",
            "there is no record `shop.Ordr`; did you mean `shop.Order`?",
            "there is no record `x\\u{1b}y`",
        ]
    );
    let wanted = [("shop.Cart".to_owned(), "b".to_owned())];
    let error = EventReader::new(&set, &wanted, Limits::default()).expect_err("no such field");
    assert_eq!(error, SetupError::Field { record: "shop.Cart".into(), field: "b".into() });
}

fn message(reader: &EventReader, bytes: &[u8]) -> Vec<u8> {
    let fingerprint = reader.records["n.R"].fingerprint.expect("a fingerprint");
    [&[0xC3, 1], &fingerprint.to_le_bytes()[..], bytes].concat()
}

fn binary(fields: &str, bytes: &[u8]) -> String {
    let reader = reader_with(TYPES, fields, &["a"], Limits { values: 1000, ..Limits::default() });
    let mut ids = Vec::new();
    let outcome =
        reader.single_object("R", &message(&reader, bytes), |wanted| ids.push(wanted.id.to_string()));
    match outcome {
        Ok(()) => ids.pop().unwrap_or_else(|| "no id".into()),
        Err(error) => {
            assert!(ids.is_empty());
            format!("{}: {error}", error.cause())
        }
    }
}

#[test]
fn binary_values_are_ids() {
    let largest = [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1];
    let smallest = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1];
    for (type_name, bytes, id) in [
        ("int", &[1][..], "-1"),
        ("long", &largest, "9223372036854775807"),
        ("long", &smallest, "-9223372036854775808"),
        ("string", &[4, 0xC3, 0xA9], "é"),
        ("boolean", &[1], "true"),
        ("Colour", &[2], "GREEN"),
        ("bytes", &[4, 0, 0xFF], "00ff"),
        ("Guid", b"0123456789abcdef", "30313233-3435-3637-3839-616263646566"),
        ("string?", &[0], "no id"),
        ("string?", &[2, 2, b'x'], "x"),
        ("double", &[0; 8], "no id"),
        ("array<int>", &[4, 2, 4, 0], "no id"),
        // A block that says how many bytes it takes.
        ("array<int>", &[3, 4, 2, 4, 0], "no id"),
        ("map<int>", &[2, 2, b'k', 2, 0], "no id"),
        ("Inner", &[2, b'x', 0], "no id"),
    ] {
        assert_eq!(binary(&format!("{type_name} a;"), bytes), id, "{type_name} {bytes:?}");
    }
}

#[test]
fn binary_that_no_encoder_writes_is_refused() {
    let huge = [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1];
    let smallest = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0];
    for (type_name, bytes, message) in [
        ("int", &[][..], "truncated: `a`: the message ends in the middle of a value"),
        ("int", &[0x80], "truncated: `a`: the message ends in the middle of a value"),
        ("int", &[2, 0], "trailing: the message goes on after the event, by 1 byte"),
        (
            "int",
            &huge,
            "out_of_range: `a`: expected `int`, found the number 9223372036854775807, which is out of range",
        ),
        ("long", &[0xFF; 10], "malformed: `a`: a number has more than 64 bits"),
        ("boolean", &[2], "malformed: `a`: a boolean is neither 0 nor 1"),
        ("Colour", &[4], "malformed: `a`: an enum has no symbol of that number"),
        ("Colour", &[1], "malformed: `a`: an enum has no symbol of that number"),
        ("string?", &[4], "malformed: `a`: a union has no branch of that number"),
        ("string", &[2, 0xFF], "malformed: `a`: a text is not UTF-8"),
        ("string", &[1], "malformed: `a`: a length is negative"),
        ("string", &huge, "truncated: `a`: the message ends in the middle of a value"),
        ("Four", &[0; 3], "truncated: `a`: the message ends in the middle of a value"),
        ("array<int>", &huge, "truncated: `a[0]`: the message ends in the middle of a value"),
        ("array<null>", &huge, "too_large: `a[999]`: the message has more than 1000 values"),
        ("array<null>", &smallest, "too_large: `a[999]`: the message has more than 1000 values"),
        ("array<int>", &[1, 4, 2, 0], "malformed: `a`: a block of items has another size than it says"),
        ("array<int>", &[1, 40, 2, 0], "truncated: `a`: the message ends in the middle of a value"),
        ("map<int>", &[2, 2, b'k', 1, 4], "truncated: `a`: the message ends in the middle of a value"),
        ("map<Colour>", &[2, 2, b'k', 1], "malformed: `a.k`: an enum has no symbol of that number"),
    ] {
        assert_eq!(binary(&format!("{type_name} a;"), bytes), message, "{type_name} {bytes:?}");
    }
    assert!(binary("Chain a;", &[2; 1000]).starts_with("too_deep: `a.next.next."), "records in records");
}

#[test]
fn a_message_must_have_the_schema_of_the_record() {
    let set = schemas("@namespace(\"n\") protocol P { record R { int a; } record S { int a; } }");
    let reader = EventReader::new(&set, &[], Limits::default()).expect("a reader");
    let error = |record, body: &[u8]| reader.single_object(record, body, |_| {}).expect_err("refused");
    let body = message(&reader, &[2]);
    let [r, s] = ["n.R", "n.S"].map(|name| reader.records[name].fingerprint.expect("a fingerprint"));
    assert_eq!(reader.single_object("R", &body, |_| {}), Ok(()));
    assert_eq!(
        error("S", &body).to_string(),
        format!("the message has the schema {r:016x}, but `n.S` has {s:016x}; it is the schema of `n.R`")
    );
    assert_eq!(error("S", &[0xC3, 1, 0, 0, 0, 0, 0, 0, 0, 0]).cause(), "unknown_schema");
    assert_eq!(error("R", &body[..9]).cause(), "truncated");
    assert_eq!(error("R", b"{}").cause(), "not_single_object");
    assert_eq!(error("R", b"").cause(), "not_single_object");
}
