//! Ctrl-C and SIGTERM: what is under way is finished, nothing new is begun, and the next run goes on.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::double::{Answer, Asked, Double};
use super::support::{Project, Server};

const MONITORS: usize = 30;

/// A project of thirty monitors, a double in front of its sandbox, and the apply that runs against it.
struct Stage {
    server: Server,
    double: Double,
    project: Project,
    child: Child,
}

impl Stage {
    /// Starts an apply; `answer` is asked at each create, with its number, and may signal the program.
    fn new(mut answer: impl FnMut(usize, &dyn Fn(Signal)) -> Answer + Send + 'static) -> Self {
        let server = Server::new();
        let (creates, pid) = (AtomicUsize::new(0), Arc::new(OnceLock::<i32>::new()));
        let known = Arc::clone(&pid);
        let double = Double::before(&server, move |asked: &Asked| {
            if !asked.is("POST", "/api/v1/monitor") {
                return Answer::Pass;
            }
            let signal = |signal: Signal| kill(Pid::from_raw(*known.wait()), signal).unwrap();
            answer(creates.fetch_add(1, Ordering::SeqCst), &signal)
        });
        let project = Project::of("", double.url());
        let records: String = (0..MONITORS)
            .map(|n| format!("@traffic_threshold_monitor({{\"below\": 9}}) record R{n} {{ int a; }}\n"))
            .collect();
        project.write("schemas/events.avdl", &format!("@alert_channel(\"a\") protocol P {{ {records} }}"));
        let mut command = project.command(&["apply", "--yes"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        pid.set(child.id() as i32).unwrap();
        Self { server, double, project, child }
    }

    /// Waits for the line on stderr that has this text.
    fn hears(&mut self, text: &str) -> BufReader<std::process::ChildStderr> {
        let mut lines = BufReader::new(self.child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "`{text}` was never said");
        }
        lines
    }

    /// The exit code and the last words.
    fn ends(&mut self) -> (Option<i32>, String) {
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        let status = self.child.wait().unwrap();
        (status.code(), out.lines().rev().take(2).collect::<Vec<_>>().join("\n"))
    }

    /// In the end all are there, once.
    fn finished_by_the_next_run(self) {
        self.double.recovers();
        self.project.run(&["apply", "--yes"]).exits(0);
        self.project.is_settled();
        assert_eq!(self.server.monitors().len(), MONITORS);
    }
}

#[test]
fn the_first_signal_lets_calls_end_and_begins_no_others() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let mut stage = Stage::new(move |create, send| {
            if create == 10 {
                send(signal);
            }
            Answer::Pass
        });
        let mut lines = stage.hears("Stopping: no new changes");
        let (found, said) = stage.ends();
        assert_eq!(found, Some(code), "{said}");
        let made = stage.server.monitors().len();
        assert!((10..MONITORS).contains(&made), "{made}");
        assert!(said.contains(&format!("Interrupted after {made} of {MONITORS}")), "{said}");
        assert!(
            said.contains(&format!("{} not tried.", MONITORS - made)) && !said.contains("unknown"),
            "{said}"
        );
        assert!(said.contains("run the same command again"), "{said}");
        lines.read_to_end(&mut Vec::new()).unwrap();
        stage.finished_by_the_next_run();
    }
}

#[test]
fn a_wait_for_the_rate_limit_ends_with_the_signal() {
    let limited = || {
        Answer::SayWith(
            429,
            vec![("X-RateLimit-Reset", "200".to_owned())],
            r#"{"errors":["Rate limit"]}"#.to_owned(),
        )
    };
    let mut stage = Stage::new(move |_, _| limited());
    let lines = stage.hears("waiting 200 s, until ");
    kill(Pid::from_raw(stage.child.id() as i32), Signal::SIGINT).unwrap();
    let (code, said) = stage.ends();
    drop(lines);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("Interrupted after 0 of 30") && said.contains("30 not tried"), "{said}");
    stage.finished_by_the_next_run();
}

#[test]
fn the_second_signal_waits_for_no_answer_and_says_what_is_unknown() {
    let mut stage = Stage::new(|create, _| if create == 5 { Answer::Hang } else { Answer::Pass });
    // The others are done by then, since a hanging create holds up nobody.
    let mut lines = stage.hears("[29/30]");
    kill(Pid::from_raw(stage.child.id() as i32), Signal::SIGINT).unwrap();
    let mut line = String::new();
    while !line.contains("Stopping") {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0);
    }
    kill(Pid::from_raw(stage.child.id() as i32), Signal::SIGINT).unwrap();
    let (code, said) = stage.ends();
    assert_eq!(code, Some(130), "{said}");
    assert!(
        said.contains("Interrupted after 29 of 30") && said.contains("1 unknown, no answer came"),
        "{said}"
    );
    stage.finished_by_the_next_run();
}

#[test]
fn a_signal_during_the_last_write_is_told_though_all_is_done() {
    let (go_on, may_go_on) = channel::<()>();
    let mut may_go_on = Some(may_go_on);
    let mut stage = Stage::new(move |create, send| match may_go_on.take_if(|_| create + 1 == MONITORS) {
        Some(may_go_on) => {
            send(Signal::SIGTERM);
            Answer::meanwhile(move || may_go_on.recv().unwrap())
        }
        None => Answer::Pass,
    });
    let mut lines = stage.hears("Stopping: no new changes");
    go_on.send(()).unwrap();
    lines.read_to_end(&mut Vec::new()).unwrap();
    let (code, said) = stage.ends();
    assert_eq!(code, Some(143), "{said}");
    assert!(said.contains("Applied 30 of 30") && said.contains("Stopped before it was verified"), "{said}");
    stage.finished_by_the_next_run();
}
