//! Random valid Avro IDL: it is accepted, what comes out reads back as the same, and layout does not matter.

use bellwether::diag::Sources;
use bellwether::schema::{InputFile, LoadError, Loader, ParseOptions, avro_json};
use proptest::prelude::*;
use serde_json::Value;

/// Keywords that are names wherever a name can stand.
const SOFT_KEYWORDS: &str = "record enum fixed array map union error throws oneway import idl";

/// Primitive types, the base of each and defaults that fit.
#[rustfmt::skip]
const PRIMITIVES: [(&str, &str, &str); 11] = [
    ("string", "string", r#""" "é\n\101\uD83D\uDE00//" "/*""#), ("bytes", "bytes", r#""\u00ff" "\377" """#),
    ("int", "int", "0 -017 0x7FFFFFFF 5L"), ("long", "long", "0 -9223372036854775808 0xFFL"),
    ("float", "float", "1 +.5 -1.e-3f NaN"), ("double", "double", "7L -Infinity 0x1.8p1 123456789.25"),
    ("time_ms", "int", "0"), ("local_timestamp_ms", "long", "1"), ("uuid", "string", "\"\""),
    ("boolean", "boolean", "true false"), ("null", "null", "null"),
];

/// A type as it is written, tokens with blanks between.
struct Type {
    text: String,
    /// Two branches of a union cannot have the same.
    branch: String,
    /// A value that fits, where there is a short one.
    default: Option<String>,
}

impl Type {
    fn new(text: String, branch: impl Into<String>, default: Option<String>) -> Self {
        Self { text, branch: branch.into(), default }
    }
}

/// Writes a file token by token, as the choices say; when they are used up, the first possibility counts.
struct Writer<'a> {
    choices: std::slice::Iter<'a, u16>,
    tokens: Vec<String>,
    /// Kind and name of each named type.
    declarations: Vec<(&'static str, String)>,
}

impl Writer<'_> {
    fn choose(&mut self, count: usize) -> usize {
        self.choices.next().map_or(0, |choice| usize::from(*choice) % count)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.choose(count) == count - 1
    }

    fn word<'t>(&mut self, words: &'t str) -> &'t str {
        let words: Vec<_> = words.split(' ').collect();
        words[self.choose(words.len())]
    }

    /// A name; the number keeps it apart from its neighbours.
    fn name(&mut self, number: usize) -> String {
        match SOFT_KEYWORDS.split(' ').nth(number) {
            Some(word) if self.one_in(4) => word.to_owned(),
            _ => format!("Tüp_{number}"),
        }
    }

    fn put(&mut self, tokens: &str) {
        self.tokens.extend(tokens.split_whitespace().map(str::to_owned));
    }

    /// Puts the tokens in one of four cases.
    fn maybe(&mut self, tokens: &str) {
        if self.one_in(4) {
            self.put(tokens);
        }
    }

    fn doc(&mut self) {
        let docs = ["/** What it is. */", "/***/", "/**\n * Two\n *  lines\n */", "/** a\n   b\n  c */"];
        if let Some(doc) = docs.get(self.choose(12)) {
            self.tokens.push((*doc).to_owned());
        }
    }

    fn annotation(&mut self) -> String {
        let name = self.word("x java-class a.b-c.`record` été");
        let value = self.word(r#"null {"a":[1,0x1F,-2.5e3],"b":{}} NaN "'\'" ["@",true]"#);
        if self.one_in(4) { format!("@ {name} ( {value} ) ") } else { String::new() }
    }

    fn annotations(&mut self) {
        let annotation = self.annotation();
        self.put(&annotation);
    }

    fn file(&mut self) {
        for number in 0..1 + self.choose(5) {
            let kind = self.word("record enum fixed error");
            let name = self.name(number);
            self.declarations.push((kind, name));
        }
        let protocol = self.one_in(2);
        if protocol {
            self.doc();
            self.put("@ namespace ( \"n.m\" )");
            self.annotations();
            self.put("protocol P {");
        } else {
            self.put("namespace n.m ;");
            let main = self.a_type(0).text;
            self.maybe(&format!("schema array < {main} > ;"));
        }
        for number in 0..self.declarations.len() {
            self.declaration(number);
            if protocol && self.one_in(3) {
                self.message(number);
            }
        }
        self.put(if protocol { "}" } else { "" });
    }

    fn a_type(&mut self, depth: usize) -> Type {
        let annotation = self.annotation();
        match self.choose(if depth > 2 { 5 } else { 9 }) {
            0 | 1 => {
                let (name, base, defaults) = PRIMITIVES[self.choose(PRIMITIVES.len())];
                Type::new(format!("{annotation}{name}"), base, Some(self.word(defaults).into()))
            }
            2 => {
                let size = self.word("9,2 0x9 011,00");
                Type::new(format!("{annotation}decimal ( {size} )"), "bytes", Some("\"\\1\"".into()))
            }
            3 => self.reference(),
            4 => {
                let Type { mut text, mut default, .. } = self.reference();
                if self.one_in(2) {
                    (text, default) = (format!("{annotation}string"), Some("\"a\"".into()));
                }
                let default = default.filter(|_| self.one_in(2)).or(Some("null".into()));
                Type::new(format!("{text} ?"), "union", default)
            }
            5 | 6 => {
                let Type { text, default, .. } = self.a_type(depth + 1);
                let default = default.map_or("[ ]".into(), |value| format!("[ {value} , {value} ]"));
                Type::new(format!("{annotation}array < {text} >"), "array", Some(default))
            }
            7 => {
                let Type { text, default, .. } = self.a_type(depth + 1);
                let default = default.map_or("{ }".into(), |value| format!("{{ \"key\" : {value} }}"));
                Type::new(format!("{annotation}map < {text} >"), "map", Some(default))
            }
            _ => self.union(depth),
        }
    }

    fn reference(&mut self) -> Type {
        let number = self.choose(self.declarations.len());
        let (kind, name) = self.declarations[number].clone();
        let text = [name.clone(), format!("n.m.{name}"), format!("`n`.m.`{name}`")][self.choose(3)].clone();
        let default = match kind {
            "enum" => Some("\"union\"".into()),
            "fixed" => Some("\"ab\"".into()),
            _ => None,
        };
        Type::new(text, format!("n.m.{name}"), default)
    }

    fn union(&mut self, depth: usize) -> Type {
        let mut branches = vec![Type::new("null".into(), "null", Some("null".into()))];
        for _ in 0..self.choose(4) {
            let branch = self.a_type(depth + 1);
            if branch.branch != "union" && branches.iter().all(|other| other.branch != branch.branch) {
                branches.push(branch);
            }
        }
        let texts: Vec<_> = branches.iter().map(|branch| branch.text.as_str()).collect();
        let text = format!("union {{ {} }}", texts.join(" , "));
        Type::new(text, "union", branches.pop().and_then(|branch| branch.default))
    }

    fn declaration(&mut self, number: usize) {
        let (kind, name) = self.declarations[number].clone();
        self.doc();
        self.maybe("@ aliases ( [ \"Old\" , \"x.Older\" ] )");
        self.annotations();
        self.put(&format!("{kind} {name}"));
        match kind {
            "enum" => self.put("{ A , `B` , union } = B ;"),
            "fixed" => self.put("( 0x2 ) ;"),
            _ => {
                self.put("{");
                for number in 0..self.choose(5) {
                    self.doc();
                    let schema = self.a_type(0);
                    self.put(&schema.text);
                    let name = self.name(number);
                    self.variable(&name, &schema);
                    if self.one_in(4) {
                        self.put(",");
                        self.variable(&format!("{name}_2"), &schema);
                    }
                    self.put(";");
                }
                self.put("}");
            }
        }
    }

    fn message(&mut self, number: usize) {
        self.doc();
        self.annotations();
        let thrown = self.declarations.iter().find(|(kind, _)| *kind == "error").cloned();
        let one_way = self.one_in(3);
        let response = if one_way { "void".into() } else { format!("map < {} >", self.a_type(1).text) };
        self.put(&format!("{response} message{number} ("));
        let parameter = self.a_type(1);
        self.put(&parameter.text);
        self.variable("parameter", &parameter);
        match thrown {
            _ if one_way => self.put(") oneway ;"),
            Some((_, name)) => self.put(&format!(") throws {name} ;")),
            None => self.put(") ;"),
        }
    }

    fn variable(&mut self, name: &str, schema: &Type) {
        self.doc();
        self.maybe("@ order ( \"DESCENDING\" ) @ aliases ( [ \"old\" ] )");
        self.annotations();
        self.put(name);
        if let Some(default) = &schema.default {
            self.maybe(&format!("= {default}"));
        }
    }
}

fn written(choices: &[u16]) -> Vec<String> {
    let mut writer = Writer { choices: choices.iter(), tokens: Vec::new(), declarations: Vec::new() };
    writer.file();
    writer.tokens
}

/// The tokens with any layout between; names and numbers never touch.
fn laid_out(tokens: &[String], layout: &[u8]) -> String {
    let glue = |c: char| "{}()<>[],;:=?@\"".contains(c);
    let blanks = ["", "\t", "\r\n\u{c}", " /* \" */ ", " // \" to the end\n", "/**/", "/* two\n **/", " "];
    let mut text = String::new();
    for (token, choice) in tokens.iter().zip(layout.iter().cycle()) {
        let blank = blanks[usize::from(*choice) % blanks.len()];
        let may_touch = text.ends_with(glue) || token.starts_with(glue);
        text.extend([if blank.is_empty() && !may_touch { " " } else { blank }, token.as_str()]);
    }
    text
}

struct Nothing;

impl Loader for Nothing {
    fn load(&self, _: &str) -> Result<Vec<u8>, LoadError> {
        Err(LoadError::NotFound)
    }
}

fn json(path: &str, text: &str) -> String {
    let options = ParseOptions { import_directories: &[], loader: &Nothing };
    let file = InputFile { path: path.into(), bytes: text.into() };
    let (json, diagnostics) = avro_json(file, &options, &mut Sources::default());
    json.unwrap_or_else(|| panic!("{diagnostics:#?}\n{text}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_valid_file_is_accepted_and_its_json_reads_back_as_the_same(
        choices in prop::collection::vec(any::<u16>(), 0..400),
    ) {
        let text = written(&choices).join(" ");
        let first = json("a.avdl", &text);
        if text.contains("protocol P {") {
            prop_assert_eq!(json("a.avpr", &first), first);
        } else if let Ok(Value::Array(bag)) = serde_json::from_str(&first) {
            // Without a main schema there is a list of types, each complete by itself.
            for schema in bag {
                let again = json("a.avsc", &schema.to_string());
                prop_assert_eq!(serde_json::from_str::<Value>(&again).ok(), Some(schema));
            }
        } else {
            prop_assert_eq!(json("a.avsc", &first), first);
        }
    }

    #[test]
    fn layout_does_not_matter(
        choices in prop::collection::vec(any::<u16>(), 0..400),
        layout in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let tokens = written(&choices);
        prop_assert_eq!(json("a.avdl", &laid_out(&tokens, &layout)), json("a.avdl", &tokens.join(" ")));
    }
}
