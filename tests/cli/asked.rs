//! `apply` on a terminal: it asks, and what changed while the question stood there counts.
#![cfg(unix)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};

use nix::pty::openpty;
use serde_json::json;

use super::support::{Project, Server};

const ADDRESS: &str = "a.R/traffic_threshold_monitor";
const SCHEMA: &str = "@namespace(\"a\") @alert_channel(\"a\") protocol P { @traffic_threshold_monitor({\"below\": 1}) record R {} }";

/// An apply at a terminal that has asked its question.
struct Asking {
    child: Child,
    terminal: File,
}

impl Asking {
    fn new(project: &Project) -> Self {
        let pty = openpty(None, None).unwrap();
        let side = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        let mut command = project.command(&["apply"]);
        command.stdin(side(&pty.slave)).stderr(side(&pty.slave)).stdout(Stdio::null());
        let child = command.spawn().unwrap();
        let mut asking = Self { child, terminal: File::from(pty.master) };
        asking.hears("[y/N] ");
        asking
    }

    /// Reads until this text has come, or the program has ended.
    fn hears(&mut self, text: &str) -> String {
        let (mut heard, mut buffer) = (String::new(), [0; 4096]);
        while !heard.contains(text) {
            // Linux reports the end of the program at the other side as an error.
            let Ok(count @ 1..) = self.terminal.read(&mut buffer) else { break };
            heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        heard
    }

    /// Answers; gives the exit code and what was said until then.
    fn answers(mut self, answer: &str) -> (Option<i32>, String) {
        writeln!(self.terminal, "{answer}").unwrap();
        let said = self.hears("\0");
        (self.child.wait().unwrap().code(), said)
    }
}

fn asking() -> (Server, Project, Asking) {
    let server = Server::new();
    let project = Project::of(SCHEMA, server.url());
    let asking = Asking::new(&project);
    (server, project, asking)
}

#[test]
fn only_a_yes_is_a_yes() {
    for (answer, made) in [("y", 1), ("n", 0), ("", 0)] {
        let (server, _project, asking) = asking();
        let (code, said) = asking.answers(answer);
        assert_eq!((code, server.monitors().len()), (Some(0), made), "{answer}: {said}");
    }
}

#[test]
fn a_guard_that_comes_while_the_question_stands_there_holds() {
    let (server, _project, asking) = asking();
    server.create(&json!({
        "type": "query alert", "name": "theirs", "query": "avg(last_5m):avg:c.d{*} > 1",
        "tags": [format!("bellwether:{ADDRESS}")],
    }));
    let (code, said) = asking.answers("y");
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("carries the address") && said.contains("Nothing was written"), "{said}");
    assert_eq!(server.monitors().len(), 1);
}
