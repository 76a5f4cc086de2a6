//! One process at a time uses a state directory; another one says who that is, and waits or leaves.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::double::{Answer, Double};
use super::support::{Project, Server};

const SCHEMA: &str = "@namespace(\"a\") @alert_channel(\"a\") protocol P { @traffic_threshold_monitor({\"below\": 1}) record R {} }";

/// An apply that stands still in the middle of its only write, until it is let go.
struct Held {
    server: Server,
    project: Project,
    apply: Child,
    go_on: Sender<()>,
}

fn held() -> Held {
    let server = Server::new();
    let (arrived, in_the_middle): (Sender<()>, Receiver<()>) = channel();
    let (go_on, may_go_on) = channel();
    let mut may_go_on = Some(may_go_on);
    let double = Double::before(&server, move |asked| {
        match may_go_on.take_if(|_| asked.is("POST", "/api/v1/monitor")) {
            Some(may_go_on) => {
                let arrived = arrived.clone();
                Answer::meanwhile(move || {
                    arrived.send(()).unwrap();
                    let _ = may_go_on.recv();
                })
            }
            None => Answer::Pass,
        }
    });
    let project = Project::of(SCHEMA, double.url());
    let mut command = project.command(&["apply", "--yes"]);
    let apply = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    in_the_middle.recv().unwrap();
    Held { server, project, apply, go_on }
}

#[test]
fn a_second_process_says_who_holds_the_state_directory_and_leaves() {
    let Held { server, project, mut apply, go_on } = held();
    let mark = server.mark();
    let told = format!("`./state/snapshot` is used by process {} (bellwether apply), since 2", apply.id());
    for command in [&["plan"][..], &["apply", "--yes"], &["drift"], &["state", "show"]] {
        let run = project.run(command).exits(1).complains(&[&told, "--lock-timeout"]);
        assert_eq!(run.out, "");
    }
    assert_eq!(server.since(mark), [""; 0], "Datadog was not even asked");
    go_on.send(()).unwrap();
    assert!(apply.wait().unwrap().success());
    project.is_settled();
}

#[test]
fn a_second_process_that_waits_says_for_whom_and_goes_on_when_the_first_has_ended() {
    let Held { server, project, mut apply, go_on } = held();
    let mut command = project.command(&["apply", "--yes", "--lock-timeout", "600"]);
    let mut second = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(second.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    let expected = format!("it is used by process {} (bellwether apply)", apply.id());
    assert!(
        line.starts_with("Waiting for the state directory, 600 s at most") && line.contains(&expected),
        "{line}"
    );
    go_on.send(()).unwrap();
    assert!(apply.wait().unwrap().success());
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert!(second.wait().unwrap().success(), "{rest}");
    assert!(!rest.contains("Waiting"), "one line: {rest}");
    assert_eq!(server.monitors().len(), 1);
}

#[test]
fn a_wait_that_is_over_says_who_still_holds_it() {
    let Held { server: _server, project, mut apply, go_on } = held();
    let told = format!("is used by process {}", apply.id());
    project
        .run(&["plan", "--lock-timeout", "2"])
        .exits(1)
        .complains(&["Waiting for the state directory, 2 s", &told]);
    go_on.send(()).unwrap();
    assert!(apply.wait().unwrap().success());
}

#[test]
fn a_note_that_was_left_behind_does_not_matter() {
    let server = Server::new();
    let project = Project::of(SCHEMA, server.url());
    project.apply();
    for note in [r#"{"process": 1, "command": "bellwether apply"}"#, "{", ""] {
        project.write("state/snapshot/holder", note);
        project.is_settled();
    }
}

#[test]
fn a_note_holds_no_argument() {
    let server = Server::new();
    let project = Project::of(SCHEMA, server.url());
    project.run(&["apply", "--yes", "--only", "a.R/*"]).exits(0);
    let note = project.read("state/snapshot/holder");
    assert!(note.contains("\"command\":\"bellwether apply\""), "{note}");
}
