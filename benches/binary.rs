//! The program as its users run it: wall time and peak memory of whole processes.
//!
//! An offline plan of 10,000 monitors, and a plan of 2,500 monitors without changes against a Datadog double on
//! this machine. `cargo bench --bench binary [RUNS]`; docs/benchmarks.md has the figures.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has to stop")]
#![allow(clippy::print_stdout, reason = "its results")]

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use bellwether::project::Project;
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::Value;
use support::datadog::{apply, compile};

const BELLWETHER: &str = env!("CARGO_BIN_EXE_bellwether");
const OFFLINE_MONITORS: usize = 10_000;
const ONLINE_MONITORS: usize = 2_500;
/// The argument under which this program runs a command and measures it.
const MEASURE: &str = "--measure";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, command)) = arguments.split_first()
        && first == MEASURE
    {
        measure(command);
        return;
    }
    let runs = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(15);
    offline(runs);
    online(runs);
}

fn offline(runs: usize) {
    let root = support::directory("binary-offline");
    support::write(&root, OFFLINE_MONITORS, "sandbox = true");
    {
        let project = Project::open(&root).unwrap();
        apply(&project, &compile(&project));
    }
    report(&format!("plan --offline, {OFFLINE_MONITORS} monitors"), runs, &root, &["plan", "--offline"]);
}

fn online(runs: usize) {
    let root = support::directory("binary-online");
    let server = Server::start();
    support::write(&root, ONLINE_MONITORS, &format!("api_url = \"{}\"", server.url));
    let applied = bellwether(&root, &["apply", "--yes", "--quiet"]).output().unwrap();
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    // What is measured is the usual run: there is a snapshot already.
    let planned = bellwether(&root, &["plan", "--format", "json"]).output().unwrap();
    let plan: Value = serde_json::from_slice(&planned.stdout).unwrap();
    assert_eq!(plan["summary"]["unchanged"], ONLINE_MONITORS);
    assert_eq!(plan["api_calls"]["read"], ONLINE_MONITORS.div_ceil(1_000), "one call a page of 1,000");
    report(&format!("plan, {ONLINE_MONITORS} monitors, local API"), runs, &root, &["plan"]);
}

/// A Datadog double in a process of its own.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start() -> Self {
        let mut command = Command::new(BELLWETHER);
        command.args(["sandbox", "--memory", "--listen", "127.0.0.1:0"]);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { process, url: url.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn bellwether(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BELLWETHER);
    command.arg("-C").arg(root).args(arguments);
    // The double takes any keys.
    command.env("DD_API_KEY", "0123456789abcdef").env("DD_APP_KEY", "0123456789abcdef");
    command
}

/// Runs a command so many times, and prints what it takes.
fn report(what: &str, runs: usize, root: &Path, arguments: &[&str]) {
    let command = bellwether(root, arguments);
    let mut seconds = Vec::new();
    let mut peaks = Vec::new();
    for _ in 0..runs {
        // A process in between, as the system counts the memory of the process that starts another as the
        // other's, and this one has become large.
        let mut between = Command::new(std::env::current_exe().unwrap());
        between.arg(MEASURE).arg(command.get_program()).args(command.get_args());
        between.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        let output = between.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (time, peak) = text.trim().split_once(' ').unwrap();
        seconds.push(time.parse::<f64>().unwrap());
        peaks.push(peak.parse::<f64>().unwrap());
    }
    seconds.sort_by(f64::total_cmp);
    peaks.sort_by(f64::total_cmp);
    println!(
        "{what}: best {:.3} s, median {:.3} s, peak memory {:.1} MiB at most ({runs} runs)",
        seconds[0],
        seconds[runs / 2],
        peaks[runs - 1] / 1024.0,
    );
}

/// Runs a command to its end; prints its seconds and the kibibytes of memory that it had at most.
fn measure(command: &[String]) {
    let (program, arguments) = command.split_first().unwrap();
    let started = Instant::now();
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).status().unwrap();
    let elapsed = started.elapsed().as_secs_f64();
    assert!(status.success(), "{status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    // Linux counts in kibibytes, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1024 } else { 1 };
    println!("{elapsed} {}", usage.max_rss() / unit);
}
