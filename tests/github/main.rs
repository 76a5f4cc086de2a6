//! The client of GitHub and the commands that write there, against a double behind a real socket.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

mod comment;
mod double;
mod drift;
mod reading;
#[allow(dead_code, reason = "these tests use a part of it")]
#[path = "../cli/repository.rs"]
mod repository;
mod service;
#[allow(dead_code, reason = "these tests use a part of it")]
#[path = "../cli/support.rs"]
mod support;
mod trouble;
mod workflows;
mod writing;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bellwether::github::{ApiUrl, Client, Clock, Options, Retry};

use double::{Actor, GitHub, Repository};

const TOKEN: &str = "ghs_5ecre70123456789abcdef";
const NAME: &str = "octo/schemas";

/// A double with one repository, and a workflow's token.
fn start() -> (GitHub, Repository) {
    let github = GitHub::start();
    github.token(TOKEN, Actor::Workflow);
    let repository = github.repository(NAME);
    (github, repository)
}

/// What a client did besides calling.
#[derive(Clone, Default)]
struct Log {
    waits: Arc<Mutex<Vec<Duration>>>,
    notices: Arc<Mutex<Vec<String>>>,
}

impl Log {
    /// Options under which nothing really waits.
    fn options(&self) -> Options {
        let (waits, notices) = (Arc::clone(&self.waits), Arc::clone(&self.notices));
        let clock = Clock::skipping().0.observed(move |wait| waits.lock().unwrap().push(wait));
        Options {
            retry: Retry { clock, ceiling: Duration::from_secs(300), ..Retry::default() },
            notices: Arc::new(move |line| notices.lock().unwrap().push(line.to_owned())),
            timeout: Duration::from_secs(10),
            ..Options::default()
        }
    }

    fn waits(&self) -> Vec<u64> {
        self.waits.lock().unwrap().iter().map(Duration::as_secs).collect()
    }

    fn notices(&self) -> String {
        self.notices.lock().unwrap().join("\n")
    }
}

fn client(github: &GitHub) -> Client {
    client_with(github, &Log::default())
}

fn client_with(github: &GitHub, log: &Log) -> Client {
    let (api, token) =
        (ApiUrl::new(&github.url()).unwrap(), bellwether::secret::Secret::new(TOKEN).ok().unwrap());
    Client::new(api, token, NAME.parse().unwrap(), log.options()).unwrap()
}

fn sha(text: &str) -> bellwether::github::CommitSha {
    text.parse().unwrap()
}
