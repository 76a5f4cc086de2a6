//! What keeps it from starting is said, in words that tell what to do.

use std::fs;
use std::net::UdpSocket;
use std::process::Command;

use crate::agent::Agent;
use crate::process::Project;

/// Runs to the end, and gives what it says.
fn fails(mut command: Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty() && !said.contains("panicked"), "{said}");
    said
}

const ANY: &[&str] = &["udp://127.0.0.1:0"];
const NOBODY: &str = "udp://127.0.0.1:9";

#[test]
fn a_second_daemon_with_the_same_state_directory_says_so() {
    let project = Project::new();
    let agent = Agent::udp();
    let mut first = project.start(&agent.url);
    let said = fails(project.command(ANY, &agent.url));
    assert!(said.contains("another `bellwether aggregate`") && said.contains("state directory"), "{said}");
    assert!(first.is_alive());
    // It has not done anything to the first one, which keeps its ledger.
    first.stop();
    project.start(&agent.url).stop();
}

#[test]
fn a_port_in_use_is_named() {
    let project = Project::new();
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = format!("udp://{}", other.local_addr().unwrap());
    let said = fails(project.command(&[&address], NOBODY));
    assert!(said.contains(&format!("cannot listen on {address}")) && said.contains("in use"), "{said}");
}

#[test]
fn a_port_of_another_daemon_is_in_use_too() {
    let (project, other) = (Project::new(), Project::new());
    let first = project.start(NOBODY);
    let address = first.addresses[0].clone();
    let said = fails(other.command(&[&address], NOBODY));
    assert!(said.contains(&format!("cannot listen on {address}")), "{said}");
}

#[test]
fn a_socket_in_use_and_a_file_in_its_place_are_told_apart() {
    let (project, other) = (Project::new(), Project::new());
    let address = project.socket("unixgram", "daemon.socket");
    let _first = project.listen(&[&address], NOBODY);
    let said = fails(other.command(&[&address], NOBODY));
    assert!(said.contains("another process does"), "{said}");
    project.write("file", "precious");
    let said = fails(other.command(&[&project.socket("unixgram", "file")], NOBODY));
    assert!(said.contains("not a socket"), "{said}");
    assert_eq!(fs::read_to_string(project.path("file")).unwrap(), "precious");
}

#[test]
fn a_state_directory_that_cannot_be_made_is_named() {
    let project = Project::new();
    project.write("state", "a file");
    let said = fails(project.command(ANY, NOBODY));
    assert!(said.contains("state") && !said.contains("another `bellwether aggregate`"), "{said}");
}

#[test]
fn a_disk_that_takes_nothing_is_an_error_at_the_start() {
    let project = Project::new();
    let whole = project.command(ANY, NOBODY);
    let mut limited = Command::new("/bin/sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""]);
    limited.arg(whole.get_program()).args(whole.get_args()).env_clear();
    let said = fails(limited);
    assert!(said.contains("state") && !said.contains("another `bellwether aggregate`"), "{said}");
}

#[test]
fn a_grace_time_longer_than_panes_are_kept_is_a_mistake() {
    let mut command = Project::new().command(ANY, NOBODY);
    let output = command.args(["--redis", "redis://localhost", "--grace", "61"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(64) && said.contains("--grace"), "{said}");
}
