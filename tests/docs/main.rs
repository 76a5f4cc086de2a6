//! The pages of `docs/` that can be checked: generated ones are made again and compared, tables and examples are held to the code.
//!
//! `BLESS=1 cargo test --test docs` writes the generated pages.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod aggregator;
mod avro;
mod diagnostics;
mod examples;
mod guarantees;
mod lifecycle;
mod pages;
mod plan_format;
mod project;
mod sandbox;
mod serve;
mod workflows;

use std::fs;
use std::path::PathBuf;

/// The path of a page.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

/// The text of a page.
pub fn page(name: &str) -> String {
    let text = fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("docs/{name}: {error}"));
    text.replace("\r\n", "\n")
}

/// The code blocks of a language on a page, in order.
pub fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("\n```{language}\n");
    let blocks = page.split(&fence).skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.map(|block| format!("{block}\n")).collect()
}

/// The section below a heading, up to the next heading of the same or a higher level.
pub fn section<'p>(page: &'p str, heading: &str) -> &'p str {
    let rest = page.split(&format!("\n{heading}\n")).nth(1).unwrap_or_else(|| panic!("no section {heading}"));
    let level = heading.bytes().take_while(|byte| *byte == b'#').count();
    let ends = (1..=level).filter_map(|level| rest.find(&format!("\n{} ", "#".repeat(level))));
    &rest[..ends.min().unwrap_or(rest.len())]
}

/// The cells of the tables in a section, heads left out.
pub fn rows(section: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut in_table = false;
    for line in section.lines() {
        if !line.starts_with('|') {
            in_table = false;
        } else if line.starts_with("|---") {
            in_table = true;
        } else if in_table {
            rows.push(line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect());
        }
    }
    rows
}
