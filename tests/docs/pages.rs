//! Generated pages, and tables that must name everything that the code knows.

use std::collections::BTreeSet;
use std::fs;

use bellwether::catalog::{CONTEXT, Catalog, ParameterType};
use bellwether::config::Config;
use bellwether::diag::Sources;
use bellwether::ops::Exit;
use bellwether::render;

use super::{blocks, page, path, rows, section};

/// Compares a generated page with the one in `docs/`, or writes it.
pub fn generated(name: &str, text: &str) {
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        fs::write(path(name), text).unwrap();
    }
    let there = page(name);
    let line = there.lines().zip(text.lines()).position(|(one, other)| one != other);
    assert!(
        there == text,
        "docs/{name} differs from line {line:?} on; BLESS=1 cargo test --test docs writes it"
    );
}

#[test]
fn the_page_of_annotations_is_made_from_the_catalog() {
    generated("annotations.md", &render::annotations(&Catalog::builtin()));
}

fn quoted(cell: &str) -> String {
    cell.split('`').nth(1).unwrap_or_default().to_owned()
}

pub fn first_column(section: &str) -> BTreeSet<String> {
    rows(section).iter().map(|row| quoted(&row[0])).collect()
}

/// The keys that the parser of bellwether.toml knows in a table, as it says itself of a key that it does not know.
fn known_keys(table: &str) -> BTreeSet<String> {
    let text = format!("{table}\nqqqqqqqqqqqqqqqqqqqq = 1\n");
    let file = Sources::default().add("bellwether.toml", text.as_str());
    let (_, diagnostics) = Config::parse(file, &text);
    let help = diagnostics.iter().flat_map(|d| &d.helps).find(|help| help.starts_with("the keys here are"));
    let help = help.unwrap_or_else(|| panic!("no list of keys in {table}: {diagnostics:?}"));
    help.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_key_of_the_configuration_is_explained_and_no_other() {
    let text = page("configuration.md");
    for (heading, table) in [
        ("## Top level", ""),
        ("## `[state]`", "[state]"),
        ("## `[metrics]`", "[metrics]"),
        ("## `[budget]`", "[budget]"),
        ("## `[guard]`", "[guard]"),
        ("## `[register]`", "[register]"),
        ("## `[environments.NAME]`", "[environments.prod]"),
    ] {
        assert_eq!(first_column(section(&text, heading)), known_keys(table), "{heading}");
    }
}

#[test]
fn the_defaults_of_the_configuration_are_those_of_the_parser() {
    let (config, diagnostics) = Config::parse(Sources::default().add("bellwether.toml", ""), "");
    assert!(diagnostics.is_empty());
    let list = |items: &[String]| format!("{items:?}");
    let text = page("configuration.md");
    for (heading, key, default) in [
        ("## Top level", "schemas", list(&config.schemas)),
        ("## Top level", "imports", list(&config.imports)),
        ("## Top level", "catalog", list(&config.catalog)),
        ("## Top level", "foreign_annotations", list(&config.foreign_annotations)),
        ("## `[state]`", "path", format!("{:?}", config.state_path)),
        ("## `[metrics]`", "received", format!("{:?}", config.metrics.received)),
        ("## `[metrics]`", "errors", format!("{:?}", config.metrics.errors)),
        ("## `[budget]`", "custom_metrics", config.budget.custom_metrics.to_string()),
        ("## `[budget]`", "price_per_100", format!("{:.2}", config.budget.price_per_100)),
        ("## `[guard]`", "max_deletes", format!("\"{}\"", config.guard.max_deletes)),
        ("## `[guard]`", "on_drift", "\"hold\"".to_owned()),
        ("## `[register]`", "approvals", config.register.approvals.to_string()),
        ("## `[register]`", "checks", config.register.checks.to_string()),
    ] {
        let rows = rows(section(&text, heading));
        let row = rows.iter().find(|row| quoted(&row[0]) == key).unwrap();
        assert_eq!(quoted(&row[1]), default, "{heading} {key}");
    }
    assert_eq!(config.guard.on_drift, bellwether::config::OnDrift::Hold);
}

#[test]
fn the_examples_of_the_configuration_parse() {
    let examples = blocks(&page("configuration.md"), "toml");
    assert!(examples.len() > 1);
    for text in examples {
        let file = Sources::default().add("bellwether.toml", text.as_str());
        let (_, diagnostics) = Config::parse(file, &text);
        let messages: Vec<&String> = diagnostics.iter().map(|d| &d.message).collect();
        assert!(messages.is_empty(), "{messages:?} in\n{text}");
    }
}

#[test]
fn every_type_and_name_of_the_catalog_format_is_explained() {
    let text = page("catalog.md");
    let types: BTreeSet<String> = ParameterType::names().map(str::to_owned).collect();
    assert_eq!(first_column(section(&text, "### Types")), types);
    let names: BTreeSet<String> = CONTEXT.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(first_column(section(&text, "### Names")), names);
}

#[test]
fn every_exit_code_is_explained_and_no_other() {
    // A new code makes this match incomplete, and so leads here.
    let listed = |exit: Exit| match exit {
        Exit::Done
        | Exit::Error
        | Exit::Differences
        | Exit::Stale
        | Exit::Partial
        | Exit::Blocked
        | Exit::Usage
        | Exit::Interrupted
        | Exit::Terminated => (exit as u8).to_string(),
    };
    let codes = [
        Exit::Done,
        Exit::Error,
        Exit::Differences,
        Exit::Stale,
        Exit::Partial,
        Exit::Blocked,
        Exit::Usage,
        Exit::Interrupted,
        Exit::Terminated,
    ];
    let text = page("exit-codes.md");
    let explained: Vec<String> =
        rows(section(&text, "## The codes")).iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    assert_eq!(explained, codes.map(listed));
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    let mut broken = BTreeSet::new();
    let mut open = vec![path("")];
    while let Some(place) = open.pop() {
        if place.is_dir() {
            open.extend(fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        if place.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs::read_to_string(&place).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let is_local = !file.is_empty() && !target.contains("://");
            if is_local && !place.parent().unwrap().join(file).exists() {
                broken.insert(format!("{}: {target}", place.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
