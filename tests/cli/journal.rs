//! What is told of an apply that was killed.
#![cfg(unix)]

use std::process::Stdio;
use std::sync::{Arc, OnceLock};

use bellwether::store::Store;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::double::{Answer, Asked, Double};
use super::support::{Project, Server, runtime};

const SCHEMA: &str = "@namespace(\"a\") @alert_channel(\"a\") protocol P { @traffic_threshold_monitor({\"below\": 1}) @traffic_absence_monitor({}) @composite_monitor({\"when\": \"traffic_threshold_monitor && traffic_absence_monitor\"}) record R {} }";

/// Runs an apply of three creates that is killed when such a call arrives for the `number`th time.
fn killed_at(number: usize, is_meant: impl Fn(&Asked) -> bool + Send + 'static) -> (Server, Double, Project) {
    let server = Server::new();
    let pid = Arc::new(OnceLock::<i32>::new());
    let (victim, mut seen) = (Arc::clone(&pid), 0);
    let double = Double::before(&server, move |asked| {
        seen += usize::from(is_meant(asked));
        if seen != number || !is_meant(asked) {
            return Answer::Pass;
        }
        while victim.get().is_none() {
            std::thread::yield_now();
        }
        kill(Pid::from_raw(*victim.get().unwrap()), Signal::SIGKILL).unwrap();
        Answer::Say(503, "text/plain", String::new())
    });
    let project = Project::of(SCHEMA, double.url());
    let mut command = project.command(&["apply", "--yes"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    pid.set(child.id() as i32).unwrap();
    assert!(!child.wait().unwrap().success());
    double.recovers();
    (server, double, project)
}

fn is_create(asked: &Asked) -> bool {
    asked.is("POST", "/api/v1/monitor")
}

#[test]
fn an_apply_that_was_killed_is_told_until_the_next_one_is_complete() {
    // The composite comes third, when its operands are done.
    let (server, _double, project) = killed_at(3, is_create);
    let told = "was cut off: 2 of 3 changes done, 1 without an answer";
    let run = project.run(&["plan"]).exits(0).complains(&["The last apply (", told]);
    assert_eq!(run.err.lines().filter(|line| line.contains("cut off")).count(), 1, "one line");
    project
        .run(&["state", "show"])
        .exits(0)
        .says(&["was cut off: 2 of 3 changes done", "no answer: create a.R/composite_monitor"]);
    let last = &project.json(&["state", "show"])["last_apply"];
    assert_eq!((&last["changes"], &last["done"], &last["ended_at"]), (&json!(3), &json!(2), &json!(null)));
    assert_eq!(last["unknown"], json!(["a.R/composite_monitor"]));
    project.run(&["apply", "--yes"]).exits(0).complains(&[told]).says(&["Applied 1 of 1"]);
    assert_eq!(server.monitors().len(), 3);
    assert!(!project.run(&["plan"]).exits(0).err.contains("cut off"));
    assert!(!project.run(&["state", "show"]).exits(0).out.contains("cut off"));
}

#[test]
fn an_apply_that_was_killed_after_its_last_write_is_told_until_the_next_one_finds_nothing_to_do() {
    let server = Server::new();
    let project = Project::of(SCHEMA, server.url());
    project.apply();
    // All that a kill right after the last change leaves out is the note of the end.
    let store = Store::open(&project.path("state/snapshot")).unwrap();
    let state = store.environment("sandbox");
    let mut run = state.journal().unwrap().unwrap().run;
    run.ended_at = None;
    runtime().block_on(state.end_run(&run)).unwrap();
    drop((state, store));
    let told = "was cut off: 3 of 3 changes done.";
    project.run(&["plan"]).exits(0).complains(&[told]);
    project.run(&["apply", "--yes"]).exits(0).complains(&[told]);
    assert!(!project.run(&["plan"]).exits(0).err.contains("cut off"));
    assert!(!project.run(&["state", "show"]).exits(0).out.contains("cut off"));
}
