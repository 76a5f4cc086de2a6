//! docs/sandbox.md: its routes are those of the router, its keys those of the parser of faults.

use std::collections::BTreeSet;
use std::fs;

use bellwether::sandbox::Faults;

use super::pages::first_column;
use super::{page, path, section};

/// The keys that the parser of faults knows in a table, as it says itself of a key that it does not know.
fn known_keys(table: &str) -> BTreeSet<String> {
    let message = Faults::parse(&format!("{table}\nqqqq = 1\n")).unwrap_err().message;
    let keys = message.split("expected ").nth(1).unwrap_or_else(|| panic!("no list of keys: {message}"));
    keys.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_key_of_faults_is_explained_and_no_other() {
    let text = page("sandbox.md");
    for (heading, table) in
        [("### Keys", ""), ("### Keys of a rule", "[[rules]]"), ("### Keys of a rate limit", "[[limits]]")]
    {
        assert_eq!(first_column(section(&text, heading)), known_keys(table), "{heading}");
    }
}

#[test]
fn every_route_is_listed_and_no_other() {
    let router = fs::read_to_string(path("../src/sandbox/http.rs")).unwrap();
    let table = router.split("\nfn api() ").nth(1).unwrap().split("\n}").next().unwrap();
    let routes: BTreeSet<String> =
        table.split('"').skip(1).step_by(2).filter(|text| text.starts_with('/')).map(str::to_owned).collect();
    assert!(routes.len() > 20);
    let text = page("sandbox.md");
    let (api, _) = section(&text, "## What it serves").split_once("Its own routes").unwrap();
    assert_eq!(first_column(api), routes);
}
