//! House rules that the compiler does not know: layers, homes of dependencies, purity, small and finished files.
//!
//! The tables of `docs/architecture.md` are the rules; this test holds the source to them.

#![allow(clippy::expect_used, reason = "a test may panic, in its helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The files below `directory` with one of the extensions, by their path from the crate's root, in order.
fn files(directory: &str, extensions: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root().join(directory)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a readable directory");
            open.extend(entries.map(|entry| entry.expect("a readable entry").path()));
        } else if path
            .extension()
            .is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted))
        {
            let name = path.strip_prefix(root()).expect("below the root");
            let name = name.to_string_lossy().replace('\\', "/");
            found.insert(name, fs::read_to_string(&path).expect("UTF-8 text"));
        }
    }
    found
}

fn source() -> BTreeMap<String, String> {
    files("src", &["rs"])
}

/// The rows of the table below a heading of docs/architecture.md, without its head.
fn table(heading: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("docs/architecture.md")).expect("docs/architecture.md");
    let section = text.split(&format!("\n## {heading}\n")).nth(1).expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The words of a cell that stand in backquotes.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The module of the crate's root that a file belongs to; none for `lib.rs` and `main.rs`.
fn module_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("src/")?;
    let module = rest.split('/').next()?.trim_end_matches(".rs");
    (!matches!(module, "lib" | "main")).then_some(module)
}

/// The code of a file: without comments and, if `tests` are left out, without its unit tests.
fn code(text: &str, tests: bool) -> String {
    let text = match text.find("#[cfg(test)]\nmod tests {") {
        Some(start) if !tests => &text[..start],
        _ => text,
    };
    let lines = text.lines().map(|line| match line.trim_start().starts_with("//") {
        true => "",
        false => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The names that follow `prefix` in `text`, where `prefix` is a whole path segment.
fn names_after<'t>(text: &'t str, prefix: &str) -> Vec<&'t str> {
    text.match_indices(prefix)
        .filter(|(at, _)| !text[..*at].ends_with(is_name) && !text[..*at].ends_with("::"))
        .map(|(at, _)| &text[at + prefix.len()..])
        .map(|rest| &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())])
        .collect()
}

fn assert_none(found: &BTreeSet<String>, rule: &str) {
    let list: Vec<&str> = found.iter().map(String::as_str).collect();
    assert!(list.is_empty(), "{rule}:\n  {}\n", list.join("\n  "));
}

fn layers() -> Vec<(u8, String, Vec<String>)> {
    let mut layer = 0;
    let rows = table("Modules").into_iter().map(|row| {
        if let Some(digit) = row[0].chars().next() {
            layer = digit.to_digit(10).expect("a layer's number") as u8;
        }
        let module = quoted(&row[1]).pop().expect("a module's name");
        let uses = if row[3] == "everything" { vec!["*".to_owned()] } else { quoted(&row[3]) };
        (layer, module, uses)
    });
    rows.collect()
}

#[test]
fn the_table_of_modules_is_complete_and_leads_downwards() {
    let layers = layers();
    let mut above = BTreeSet::new();
    for (_, module, uses) in &layers {
        for used in uses.iter().filter(|used| *used != "*") {
            assert!(above.contains(used), "`{module}` may not use `{used}`, which stands below it");
        }
        assert!(above.insert(module.clone()), "`{module}` has two rows");
    }
    let modules: BTreeSet<String> =
        source().keys().filter_map(|path| module_of(path)).map(str::to_owned).collect();
    assert_eq!(modules, above, "each module of src has a row in docs/architecture.md, and no other");
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let layers = layers();
    let allowed: BTreeMap<&str, &Vec<String>> =
        layers.iter().map(|(_, module, uses)| (module.as_str(), uses)).collect();
    let modules: BTreeSet<&str> = allowed.keys().copied().collect();
    let mut found = BTreeSet::new();
    for (path, text) in source() {
        let Some(module) = module_of(&path) else { continue };
        let code = code(&text, true);
        let uses = allowed[module];
        for used in names_after(&code, "crate::") {
            let fine = used == module || uses.iter().any(|name| name == used || name == "*");
            if modules.contains(used) && !fine {
                found.insert(format!("{path}: `{module}` uses `{used}`"));
            }
        }
        if code.contains("crate::{") {
            found.insert(format!("{path}: one `use crate::module` a line, please"));
        }
        // `super::` that climbs out of the module would be an import that this test does not see.
        let depth = path.matches('/').count() - usize::from(path.ends_with("/mod.rs"));
        let longest = "super::".repeat(depth);
        if names_after(&code, &longest).iter().any(|name| modules.contains(name)) {
            found.insert(format!("{path}: `{longest}` leaves the module; write `crate::`"));
        }
    }
    assert_none(&found, "imports that docs/architecture.md does not allow");
}

#[test]
fn layers_without_effects_have_none() {
    const EFFECTS: &[&str] = &[
        "async ",
        ".await",
        "tokio::",
        "futures_util::",
        "std::fs",
        "std::io",
        "std::net",
        "std::env",
        "std::process",
        "std::os",
        "Instant::now",
        "SystemTime",
        "Timestamp::now",
        "Zoned::now",
    ];
    let pure: BTreeSet<String> =
        layers().into_iter().filter(|(layer, ..)| *layer <= 1).map(|(_, module, _)| module).collect();
    let mut found = BTreeSet::new();
    for (path, text) in source() {
        let is_pure = module_of(&path).is_some_and(|module| pure.contains(module));
        if !is_pure || path.contains("/tests/") {
            continue;
        }
        let code = code(&text, false);
        found.extend(
            EFFECTS.iter().filter(|word| code.contains(**word)).map(|word| format!("{path}: `{word}`")),
        );
    }
    assert_none(&found, "effects in a layer that has none");
}

#[test]
fn printing_clock_environment_and_files_have_their_places() {
    // What is looked for, and where it may stand.
    const PLACES: &[(&str, &[&str])] = &[
        ("println!", &[]),
        ("eprintln!", &[]),
        ("print!(", &[]),
        ("dbg!", &[]),
        ("io::stdout", &["src/cli/output.rs"]),
        ("io::stderr", &["src/cli"]),
        ("io::stdin", &["src/cli/commands/apply.rs"]),
        ("process::exit", &["src/cli"]),
        ("env::var", &["src/cli"]),
        ("env::args", &["src/main.rs"]),
        ("Timestamp::now", &["src/cli", "src/retry.rs", "src/sandbox/clock.rs"]),
        // Pure work may be divided among threads, in one place.
        ("std::thread", &["src/daemon", "src/parallel.rs", "src/publisher.rs", "src/store", "src/sandbox"]),
        ("std::fs", &["src/cli", "src/daemon", "src/project", "src/store", "src/sandbox"]),
    ];
    let mut found = BTreeSet::new();
    for (path, text) in source() {
        let code = code(&text, false);
        for (word, places) in PLACES {
            if code.contains(word) && !is_below(&path, places) {
                found.insert(format!("{path}: `{word}`"));
            }
        }
    }
    assert_none(&found, "effects out of place");
}

fn is_below(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path == *place || path.starts_with(&format!("{place}/")))
}

#[test]
fn only_apply_and_restore_are_handed_a_writer() {
    const PLACES: &[&str] =
        &["src/datadog", "src/apply", "src/ops/apply.rs", "src/ops/restore.rs", "src/ops/connect.rs"];
    let mut found = BTreeSet::new();
    for (path, text) in source() {
        let code = code(&text, true);
        let names_it = code.match_indices("datadog::").any(|(at, prefix)| {
            let rest = &code[at + prefix.len()..];
            let end = rest.find(';').unwrap_or(rest.len());
            rest[..end].split(|c| !is_name(c)).any(|word| word == "Writer")
        });
        if names_it && !is_below(&path, PLACES) {
            found.insert(path);
        }
    }
    assert_none(&found, "files that name datadog's writer");
}

#[test]
fn each_dependency_has_a_home() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    // Those of one kind of system have a section of their own.
    let declared: BTreeSet<String> = manifest
        .split("\n[")
        .filter_map(|section| section.split_once("]\n"))
        .filter(|(title, _)| *title == "dependencies" || title.ends_with(".dependencies"))
        .flat_map(|(_, section)| section.lines())
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim().to_owned())
        .collect();
    let homes: BTreeMap<String, Vec<String>> = table("Dependencies")
        .into_iter()
        .map(|row| (quoted(&row[0]).pop().expect("a dependency's name"), quoted(&row[1])))
        .collect();
    let listed: BTreeSet<String> = homes.keys().cloned().collect();
    assert_eq!(declared, listed, "Cargo.toml and the table of docs/architecture.md name the same");

    let mut found = BTreeSet::new();
    let mut used: BTreeSet<(&str, &str)> = BTreeSet::new();
    let source = source();
    for (path, text) in &source {
        let code = code(text, true);
        for (name, places) in &homes {
            if !names_crate(&code, &name.replace('-', "_")) {
                continue;
            }
            let places: Vec<&str> = places.iter().map(String::as_str).collect();
            match homes[name].iter().find(|place| is_below(path, &[place.as_str()])) {
                Some(place) => {
                    used.insert((name, place));
                }
                None => {
                    found.insert(format!("{path}: `{name}`, whose home is {}", places.join(", ")));
                }
            }
        }
    }
    assert_none(&found, "dependencies away from home");
    let empty: BTreeSet<String> = homes
        .iter()
        .flat_map(|(name, places)| places.iter().map(move |place| (name, place)))
        .filter(|(name, place)| !used.contains(&(name.as_str(), place.as_str())))
        .map(|(name, place)| format!("{name} in {place}"))
        .collect();
    assert_none(&empty, "homes that nobody lives in");
}

/// Whether the code names the crate, and not a module of that name.
fn names_crate(code: &str, name: &str) -> bool {
    let is_module = code.contains(&format!("mod {name};"))
        || ["crate", "self", "super"].iter().any(|start| {
            code.lines().any(|line| {
                let line = line.trim().trim_start_matches("pub ").trim_start_matches("use ");
                line.starts_with(start) && line.contains(&format!("::{name}::"))
            })
        });
    !is_module && !names_after(code, &format!("{name}::")).is_empty()
}

#[test]
fn files_say_what_they_own_and_stay_small() {
    let mut found = BTreeSet::new();
    for (path, text) in source().into_iter().chain(files("tests", &["rs"])) {
        if !text.starts_with("//! ") {
            found.insert(format!("{path}: no `//!` header"));
        }
        let lines = text.lines().count();
        if lines > 600 {
            found.insert(format!("{path}: {lines} lines, more than 600"));
        }
    }
    assert_none(&found, "files to tidy up");
}

#[test]
fn nothing_is_left_unfinished_and_no_machine_is_named() {
    // Put together here, so that this file does not find itself.
    let unfinished = ["TO", "FIX"].map(|start| start.to_owned() + if start == "TO" { "DO" } else { "ME" });
    let macros = ["todo", "unimplemented"].map(|name| format!("{name}!"));
    let paths = ["work", "tmp", "home", "root", "Users"].map(|name| format!("/{name}/"));
    let mut found = BTreeSet::new();
    let texts = ["src", "tests", "docs", "fixtures"]
        .into_iter()
        .filter(|directory| Path::new(&root().join(directory)).is_dir())
        .flat_map(|directory| {
            files(directory, &["rs", "md", "toml", "avdl", "avsc", "avpr", "json", "py", "yml"])
        });
    for (path, text) in texts {
        let is_vendored = path.starts_with("fixtures/") && path.ends_with(".json");
        for word in unfinished.iter().chain(&macros).chain(&paths).filter(|word| text.contains(*word)) {
            if !is_vendored {
                found.insert(format!("{path}: `{word}`"));
            }
        }
    }
    assert_none(&found, "unfinished work, or paths of one machine");
}
