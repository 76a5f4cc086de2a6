//! `bellwether serve` as a process: its settings, and how it ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use crate::TOKEN;
use crate::double::GitHub;

use super::support::SECRET;

fn command(directory: &std::path::Path, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
    command.arg("serve").args(arguments).current_dir(directory).env_clear().envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    let Output { status, stderr, .. } = command(directory.path(), arguments, variables).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn settings_that_cannot_be_are_refused_without_repeating_a_secret() {
    let repository = ["--repository", "octo/schemas"];
    let secret = ("BELLWETHER_WEBHOOK_SECRET", SECRET);
    for (arguments, variables, code, says) in [
        (&[][..], &[][..], 64, "--repository"),
        (&["--repository", "octo"], &[], 64, "it looks like `octo-org/schemas`"),
        (&["--repository", "octo/schemas=../x"], &[], 64, "not one of the repository"),
        (&["--repository", "a/b", "--repository", "A/b=x"], &[secret], 64, "given twice"),
        (&["--repository", "a/b", "--word", "e s"], &[secret], 64, "not a word"),
        (&repository, &[], 1, "BELLWETHER_WEBHOOK_SECRET is not set"),
        (&repository, &[("BELLWETHER_WEBHOOK_SECRET", "sh0rt")], 1, "at least 16 characters"),
        (&repository, &[secret], 1, "GITHUB_TOKEN"),
        (&repository, &[secret, ("BELLWETHER_GITHUB_APP_ID", "7")], 1, "belong together"),
        (
            &repository,
            &[secret, ("BELLWETHER_GITHUB_APP_ID", "7"), ("BELLWETHER_GITHUB_PRIVATE_KEY", "n0key")],
            1,
            "BELLWETHER_GITHUB_PRIVATE_KEY",
        ),
        (&repository, &[secret, ("GITHUB_TOKEN", TOKEN), ("DD_API_KEY", "k")], 1, "DD_APP_KEY is not set"),
    ] {
        let (found, told) = run(arguments, variables);
        assert_eq!(found, Some(code), "{arguments:?}: {told}");
        assert!(told.contains(says), "{arguments:?}: {told}");
        for hidden in [SECRET, TOKEN, "sh0rt", "n0key"] {
            assert!(!told.contains(hidden), "{told}");
        }
    }
}

#[cfg(unix)]
#[test]
fn it_says_where_it_listens_and_ends_when_it_is_told_to() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    let github = GitHub::start();
    let directory = tempfile::tempdir().unwrap();
    let url = github.url();
    let variables = [
        ("BELLWETHER_WEBHOOK_SECRET", SECRET),
        ("GITHUB_TOKEN", TOKEN),
        ("GITHUB_API_URL", url.as_str()),
        ("DD_API_KEY", "k"),
        ("DD_READ_APP_KEY", "r"),
    ];
    let arguments = ["--repository", "octo/schemas=shop", "--listen", "127.0.0.1:0", "--state", "kept"];
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130)] {
        let mut child: Child = command(directory.path(), &arguments, &variables).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("http://127.0.0.1:") && line.ends_with("/webhook\n"), "{line}");
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{told}");
    }
    assert!(directory.path().join("kept/serve").is_dir());
}
