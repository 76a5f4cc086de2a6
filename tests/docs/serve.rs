//! docs/serve.md: each line of the threat model is held by a test that exists, and the options are those that there are.

use std::process::Command;

use super::guarantees::{exist, named};
use super::{page, rows, section};

#[test]
fn each_line_of_the_threat_model_is_held_by_a_test() {
    let page = page("serve.md");
    let rows = rows(section(&page, "## Threat model"));
    assert!(rows.len() > 20);
    for row in rows {
        assert!(!named(&row[2]).is_empty(), "no test holds \"{}\"", row[0]);
    }
    exist(&page);
}

#[test]
fn the_options_and_commands_are_those_that_there_are() {
    let page = page("serve.md");
    let help = Command::new(env!("CARGO_BIN_EXE_bellwether")).args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let options = rows(section(&page, "## Running it")).into_iter().map(|row| row[0].clone());
    let options: Vec<String> = options.filter(|cell| cell.starts_with("`--")).collect();
    assert_eq!(options.len(), 5);
    for option in options {
        let (name, value) = option.trim_matches('`').split_once(' ').unwrap();
        assert!(help.contains(&format!("{name} <{value}>")), "{name} <{value}> is not in\n{help}");
    }
    let words = ["bellwether".to_owned()];
    for row in rows(section(&page, "## Commands")) {
        let command = row[0].trim_matches('`');
        let text = match command.starts_with("--") {
            true => format!("bellwether register {}", command.replace("GLOB", "a.*/*").replace(" N", " 3")),
            false => command.to_owned(),
        };
        assert!(
            matches!(bellwether::review::parse(&text, &words), bellwether::review::Said::Command(_)),
            "{text}"
        );
    }
}
