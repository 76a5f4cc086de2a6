//! The keys: in no output, no state and no plan, whatever happens.

use std::fs;
use std::path::Path;

use super::double::{Answer, Asked, Double};
use super::support::{Project, Server};

const API_KEY: &str = "5ecre7a9i0123456789abcdef0123456";
const APP_KEY: &str = "5ecre7a990123456789abcdef0123456789abcde";

const SCHEMA: &str = "\
@namespace(\"n\") @alert_channel(\"a\") protocol P {
  @traffic_threshold_monitor({\"below\": 9}) @traffic_anomaly_monitor({}) record R { int a; }
  record S { string @aggregate_metric({}) id; }
}";

/// Runs a command with the keys and looks for them in what it says.
fn run(project: &Project, arguments: &[&str]) -> String {
    let mut command = project.command(arguments);
    let output = command.env("DD_API_KEY", API_KEY).env("DD_APP_KEY", APP_KEY).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    is_clean(&said, &arguments.join(" "));
    said
}

fn is_clean(text: &str, place: &str) {
    // Half a key is still half a key.
    for part in [&API_KEY[..12], &API_KEY[16..], &APP_KEY[..12], &APP_KEY[20..]] {
        assert!(!text.contains(part), "a key is shown by {place}:\n{text}");
    }
}

fn files_are_clean(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_are_clean(&path);
        } else {
            is_clean(&String::from_utf8_lossy(&fs::read(&path).unwrap()), &path.display().to_string());
        }
    }
}

const COMMANDS: &[&[&str]] = &[
    &["check"],
    &["schema", "schemas/events.avdl"],
    &["catalog"],
    &["catalog", "traffic_anomaly_monitor"],
    &["graph"],
    &["graph", "--format", "json"],
    &["plan"],
    &["plan", "--format", "json"],
    &["plan", "--format", "markdown"],
    &["plan", "--format", "github"],
    &["plan", "--out", "saved.json"],
    &["apply", "saved.json"],
    &["plan", "--offline"],
    &["drift"],
    &["drift", "--format", "json"],
    &["explain", "n.R/traffic_anomaly_monitor"],
    &["explain", "BW0204"],
    &["state", "show"],
    &["state", "export"],
    &["state", "restore", "n.R/traffic_anomaly_monitor", "--yes"],
    &["apply", "--yes"],
    &["apply", "--yes", "--format", "json"],
    &["init", "new"],
    &["plan", "--nonsense"],
];

/// Every command, in weather that shows the keys to it in every way an API or a proxy can.
fn all_commands(answer: impl Fn(&Asked) -> Answer + Send + 'static) {
    let server = Server::new();
    let double = Double::before(&server, answer);
    let project = Project::of(SCHEMA, double.url());
    for arguments in COMMANDS {
        run(&project, &[*arguments, &["-vv"]].concat());
    }
    files_are_clean(&project.path(""));
}

#[test]
fn no_key_is_shown_when_all_is_well() {
    all_commands(|_| Answer::Pass);
}

#[test]
fn no_key_is_shown_by_answers_that_repeat_it() {
    for status in [400, 403, 404, 500] {
        all_commands(move |asked| repeating(status, asked));
    }
    all_commands(|asked| Answer::Say(200, "text/html", format!("<p>{}</p>", asked.headers)));
    all_commands(|asked| Answer::Break(format!("[{{\"name\": \"{}\"", asked.headers.replace('"', "'"))));
}

#[test]
fn no_key_is_kept_in_the_journal_of_writes_that_are_refused_with_it() {
    for status in [400, 403, 500] {
        all_commands(move |asked| match asked.method == "GET" || asked.path.ends_with("/validate") {
            true => Answer::Pass,
            false => repeating(status, asked),
        });
    }
}

/// An error that repeats what was asked, keys and all.
fn repeating(status: u16, asked: &Asked) -> Answer {
    let errors = serde_json::json!({"errors": [format!("bad key in {}", asked.headers)]});
    Answer::Say(status, "application/json", errors.to_string())
}

#[test]
fn no_key_is_shown_when_nobody_answers() {
    let project = Project::of(SCHEMA, "http://127.0.0.1:9");
    for arguments in COMMANDS {
        run(&project, &[*arguments, &["-vv"]].concat());
    }
    files_are_clean(&project.path(""));
}
