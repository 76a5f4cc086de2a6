//! A Redis in a temporary directory, rules, panes and instances.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bellwether::aggregate::{Counts, Id, Pane, Per, Rule};
use bellwether::fleet::{Fleet, FleetOptions};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// The end of a pane long ago, at a full hour.
pub const END: u64 = 1_700_000_000 / 3600 * 3600;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn rule() -> Rule {
    Rule {
        address: "com.example.ExposureEvent.experimentId/aggregate_metric".parse().unwrap(),
        record: "com.example.ExposureEvent".into(),
        field: "experimentId".into(),
        metric: "exposure.experiment_id.top_rate".into(),
        per: Per::Second,
        window_seconds: 150,
        pane_seconds: 30,
        top: 10,
        ids_per_hour: 50,
        capacity: 65_536,
        tags: vec!["env:test".into()],
        threshold: None,
        series_per_hour: Rule::series(10, 50),
    }
}

/// A pane of these events, exact.
pub fn pane<'i>(end: u64, events: impl IntoIterator<Item = (Id<'i>, u64)>) -> Pane {
    let mut counts = Counts::new(200_000);
    events.into_iter().for_each(|(id, n)| counts.add(id, n));
    Pane { ended_at: end, shared_end: end, seconds: 30.0, counts, instances: 1 }
}

/// All ids and their counts, by rank.
pub fn all(counts: &Counts) -> Vec<(String, u64)> {
    counts.top(1_000_000).into_iter().map(|(id, n)| (id.to_string(), n)).collect()
}

/// Waits until something holds, and gives up after a while.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Whether there is a Redis to start; says so if there is none.
pub fn is_installed() -> bool {
    let version = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    let found = version.is_ok();
    if !found {
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

    pub fn options(&self, instance: &str) -> FleetOptions {
        FleetOptions {
            timeout: Duration::from_secs(5),
            settle: Duration::ZERO,
            ..FleetOptions::new(&self.url(), "test", instance, 2)
        }
    }

    pub fn fleet(&self, instance: &str) -> Fleet {
        Fleet::new(self.options(instance)).unwrap()
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
    let mut command = Command::new("redis-server");
    command.current_dir(directory.path()).arg("--port").arg(port.to_string());
    command.args(["--unixsocket", "redis.sock", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
    command.args(options).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// A TCP port that nobody used a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A sequence of random numbers that is the same for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let number = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (number ^ number >> 31) % limit
    }
}
