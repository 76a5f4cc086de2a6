//! A Redis of one test, in a temporary directory.

#![allow(dead_code, reason = "two test binaries share it, and none needs all of it")]

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something holds, and gives up after a while.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The program to start: `redis-server`, or what `REDIS_SERVER` names, such as a Valkey.
fn program() -> OsString {
    std::env::var_os("REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

/// Whether there is a Redis to start; says so if there is none. One that is named has to be there.
pub fn is_installed() -> bool {
    let version = Command::new(program()).arg("--version").stdout(Stdio::null()).status();
    let found = version.is_ok();
    if !found {
        assert!(std::env::var_os("REDIS_SERVER").is_none(), "{version:?}");
        println!("skipped: there is no redis-server here");
    }
    found
}

/// A Redis of one test, which ends with it.
pub struct Server {
    directory: TempDir,
    child: Child,
    options: Vec<String>,
    pub port: u16,
}

impl Server {
    /// One that listens on a socket in its directory.
    pub fn start(options: &[&str]) -> Self {
        Self::start_on(0, options)
    }

    /// One that listens on a TCP port too.
    pub fn start_on(port: u16, options: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let child = spawn(&directory, port, &options);
        let server = Self { directory, child, options, port };
        server.wait();
        server
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("redis.sock")
    }

    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    fn wait(&self) {
        wait_until("redis-server answers", || self.ask(redis::cmd("PING")).is_ok());
    }

    /// Asks Redis itself.
    pub fn ask(&self, command: redis::Cmd) -> redis::RedisResult<redis::Value> {
        let answer = command.query(&mut redis::Client::open(self.url())?.get_connection()?);
        match answer {
            // A server with a password is there too.
            Err(error) if error.code() == Some("NOAUTH") => Ok(redis::Value::Okay),
            answer => answer,
        }
    }

    pub fn flush(&self) {
        self.ask(redis::cmd("FLUSHALL")).unwrap();
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it anew, empty.
    pub fn restart(&mut self) {
        self.kill();
        self.child = spawn(&self.directory, self.port, &self.options);
        self.wait();
    }

    /// Keeps it from doing anything while `body` runs.
    pub fn while_stopped<T>(&self, body: impl FnOnce() -> T) -> T {
        let pid = Pid::from_raw(self.child.id() as i32);
        kill(pid, Signal::SIGSTOP).unwrap();
        let result = body();
        kill(pid, Signal::SIGCONT).unwrap();
        result
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(directory: &TempDir, port: u16, options: &[String]) -> Child {
    let mut command = Command::new(program());
    command.current_dir(directory.path()).arg("--port").arg(port.to_string());
    command.args(["--unixsocket", "redis.sock", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
    command.args(options).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}
