//! docs/guarantees.md: every promise says how it is kept, where it ends, and which test holds it; those tests exist.

use std::fs;

use super::{page, path};

/// The tests that a text names, as file and function: `tests/cli/saved.rs: a_plan_is_stale`.
pub fn named(text: &str) -> Vec<(&str, &str)> {
    text.split('`').skip(1).step_by(2).filter_map(|quoted| quoted.split_once(".rs: ")).collect()
}

/// The sections that hold promises.
fn promises(text: &str) -> Vec<&str> {
    text.split("\n## ").skip(1).collect()
}

#[test]
fn every_promise_has_its_parts_and_a_test() {
    let text = page("guarantees.md");
    let promises = promises(&text);
    assert!(promises.len() > 10);
    for promise in promises {
        let title = promise.lines().next().unwrap();
        for part in ["**Promise.**", "**How.**", "**Limits.**", "**Held by**"] {
            assert_eq!(promise.matches(part).count(), 1, "{part} of \"{title}\"");
        }
        assert!(!named(promise).is_empty(), "no test holds \"{title}\"");
    }
}

#[test]
fn every_test_that_is_named_exists() {
    exist(&page("guarantees.md"));
}

/// Every test that a text names exists.
pub fn exist(text: &str) {
    for (file, test) in named(text) {
        let text = fs::read_to_string(path("..").join(format!("{file}.rs")));
        let text = text.unwrap_or_else(|error| panic!("{file}.rs: {error}"));
        let (before, _) =
            text.split_once(&format!("fn {test}(")).unwrap_or_else(|| panic!("{file}.rs has no test {test}"));
        let above: Vec<&str> = before.lines().rev().take(3).collect();
        assert!(above.iter().any(|line| line.ends_with("test]")), "{test} of {file}.rs is no test");
    }
}
