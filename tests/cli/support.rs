//! A project in a directory of its own, the program run in it, and Datadog doubles for it to talk to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use bellwether::sandbox::{Faults, Options, RequestRecord, Running, Sandbox, Storage};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Keys that must never be seen anywhere.
pub const API_KEY: &str = "bw0api0key0that0nobody0may0see00";
pub const APP_KEY: &str = "bw0app0key0that0nobody0may0see00";

/// What the doubles run on: one runtime for all tests, because it is never torn down under one of them.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    })
}

/// A project in a temporary directory, its state inside.
pub struct Project {
    directory: TempDir,
}

impl Project {
    /// An empty directory.
    pub fn empty() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    /// The example, against the sandbox that is embedded in the program.
    pub fn storefront() -> Self {
        let project = Self::empty();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/storefront"), &project.path(""), "state");
        project.edit("bellwether.toml", "../../state", "state");
        project
    }

    /// The example, against an API at a URL.
    pub fn storefront_at(url: &str) -> Self {
        let project = Self::storefront();
        project.target(url);
        project
    }

    /// A project of one schema file, against an API at a URL.
    pub fn of(schema: &str, url: &str) -> Self {
        let project = Self::empty();
        project.write("bellwether.toml", "default_environment = \"sandbox\"\n[environments.sandbox]\nsandbox = true\ntag = \"esm-sandbox\"\n");
        project.write("schemas/events.avdl", schema);
        project.target(url);
        project
    }

    /// Points the environment `sandbox` at a URL.
    pub fn target(&self, url: &str) {
        let text = self.read("bellwether.toml");
        self.write("bellwether.toml", &text.replace("sandbox = true", &format!("api_url = \"{url}\"")));
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Replaces a text that occurs exactly once.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {path}");
        self.write(path, &text.replace(from, to));
    }

    /// The line, from 1, of a text that occurs exactly once.
    pub fn line_of(&self, path: &str, what: &str) -> usize {
        let text = self.read(path);
        assert_eq!(text.matches(what).count(), 1, "`{what}` in {path}");
        text.lines().position(|line| line.contains(what)).unwrap() + 1
    }

    /// Deletes what the program remembers; Datadog is left.
    pub fn lose_snapshot(&self) {
        fs::remove_dir_all(self.path("state/snapshot")).unwrap();
    }

    /// The program with an environment of nothing but the keys.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
        command.args(arguments);
        self.placed(command)
    }

    /// In the project's directory, with its keys and nothing else in the environment.
    fn placed(&self, mut command: Command) -> Command {
        command
            .current_dir(self.directory.path())
            .env_clear()
            .env("DD_API_KEY", API_KEY)
            .env("DD_APP_KEY", APP_KEY)
            .stdin(Stdio::null());
        command
    }

    /// The same; it cannot write files that are longer than so many blocks of 512 bytes.
    #[cfg(unix)]
    pub fn within_blocks(&self, blocks: u32, arguments: &[&str]) -> Command {
        let limit = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &limit, env!("CARGO_BIN_EXE_bellwether")]).args(arguments);
        self.placed(command)
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments), arguments, self.directory.path())
    }

    /// Runs and gives the JSON on stdout, whatever the exit code.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let run = self.run(&[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {run:?}"))
    }

    pub fn plan(&self) -> Value {
        self.json(&["plan"])
    }

    pub fn apply(&self) -> Run {
        self.run(&["apply", "--yes"]).exits(0)
    }

    /// Nothing is left to do, and nothing drifted.
    pub fn is_settled(&self) {
        let run = self.run(&["plan", "--detailed-exitcode"]).exits(0);
        assert!(run.out.starts_with("No changes."), "{run:?}");
    }
}

/// Copies a directory, without those of the name `left_out`.
pub fn copy(from: &Path, to: &Path, left_out: &str) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            if entry.file_name() != left_out {
                copy(&entry.path(), &target, left_out);
            }
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub arguments: String,
}

impl Run {
    /// Runs a command; `directory` is called `DIR` in its output.
    pub fn of(mut command: Command, arguments: &[&str], directory: &Path) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(&*directory.to_string_lossy(), "DIR")
        };
        let run = Self {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
            arguments: arguments.join(" "),
        };
        assert!(!run.err.contains("panicked"), "{run:?}");
        for key in [API_KEY, APP_KEY] {
            assert!(!run.out.contains(key) && !run.err.contains(key), "a key was shown: {run:?}");
        }
        run
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "bellwether {}\n{}\n{}", self.arguments, self.out, self.err);
        self
    }

    /// Each text is on stdout.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.out.contains(text), "`{text}` is not in\n{}\n{}", self.out, self.err);
        }
        self
    }

    /// Each text is on stderr.
    #[track_caller]
    pub fn complains(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.err.contains(text), "`{text}` is not in\n{}\n{}", self.err, self.out);
        }
        self
    }
}

/// One client for all: setting one up reads the certificates of the system, which no test needs.
pub fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap())
}

/// A sandbox in this process, with its log of requests.
pub struct Server {
    running: Running,
}

impl Server {
    pub fn new() -> Self {
        Self::with(Storage::Memory)
    }

    pub fn with(storage: Storage) -> Self {
        Self::with_options(storage, Options::default())
    }

    pub fn with_options(storage: Storage, options: Options) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        Self { running: runtime().block_on(Sandbox::start_with(any, storage, options)).unwrap() }
    }

    /// From now on these faults, whose counts start anew.
    pub fn faults(&self, faults: Faults) {
        self.running.set_faults(faults).unwrap();
    }

    /// How many requests were answered so.
    pub fn answered(&self, status: u16) -> usize {
        self.running.requests().iter().filter(|request| request.status == status).count()
    }

    pub fn stop(self) {
        runtime().block_on(self.running.stop()).unwrap();
    }

    pub fn url(&self) -> &str {
        self.running.url()
    }

    /// How many requests there were so far; for [`Server::since`].
    pub fn mark(&self) -> usize {
        self.running.requests().len()
    }

    /// The requests since then, as `METHOD path`, without the query.
    pub fn since(&self, mark: usize) -> Vec<String> {
        self.running.requests()[mark..].iter().map(name).collect()
    }

    /// The requests since then that change something.
    pub fn writes_since(&self, mark: usize) -> Vec<String> {
        let is_write = |call: &String| !call.starts_with("GET ") && !call.ends_with("/validate");
        self.since(mark).into_iter().filter(is_write).collect()
    }

    /// All writes that were carried out and answered as such, as `METHOD path`.
    pub fn succeeded_writes(&self) -> Vec<String> {
        let requests = self.running.requests();
        let done = requests.iter().filter(|request| (200..300).contains(&request.status));
        let is_write = |call: &String| !call.starts_with("GET ") && !call.ends_with("/validate");
        done.map(name).filter(is_write).collect()
    }

    pub fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, reply) = self.try_call(method, path, body);
        assert!((200..300).contains(&status), "{method} {path} {body}: {status} {reply}");
        reply
    }

    pub fn try_call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", self.url());
        runtime().block_on(async {
            let request = client().request(method.parse().unwrap(), url);
            let request = request.header("DD-API-KEY", "k").header("DD-APPLICATION-KEY", "k");
            let request = if body.is_null() { request } else { request.body(body.to_string()) };
            let reply = request.send().await.unwrap();
            let status = reply.status().as_u16();
            (status, serde_json::from_str(&reply.text().await.unwrap()).unwrap_or(Value::Null))
        })
    }

    pub fn monitors(&self) -> Vec<Value> {
        match self.call("GET", "/api/v1/monitor", &Value::Null) {
            Value::Array(monitors) => monitors,
            other => panic!("{other}"),
        }
    }

    pub fn monitor(&self, id: u64) -> Value {
        self.call("GET", &format!("/api/v1/monitor/{id}"), &Value::Null)
    }

    /// The monitor that carries an address.
    pub fn at(&self, address: &str) -> Value {
        let tag = json!(format!("bellwether:{address}"));
        let of_address = |monitor: &Value| monitor["tags"].as_array().unwrap().contains(&tag);
        let mut found: Vec<Value> = self.monitors().into_iter().filter(of_address).collect();
        assert_eq!(found.len(), 1, "monitors of {address}");
        found.remove(0)
    }

    pub fn id_at(&self, address: &str) -> u64 {
        self.at(address)["id"].as_u64().unwrap()
    }

    /// Edits a monitor as a person does in Datadog: reads it, changes it, sends it back.
    pub fn edit(&self, id: u64, change: impl FnOnce(&mut Value)) {
        let live = self.monitor(id);
        let mut body = json!({});
        for key in ["name", "query", "message", "tags", "options", "priority"] {
            body[key] = live[key].clone();
        }
        change(&mut body);
        self.call("PUT", &format!("/api/v1/monitor/{id}"), &body);
    }

    pub fn create(&self, body: &Value) -> u64 {
        self.call("POST", "/api/v1/monitor", body)["id"].as_u64().unwrap()
    }

    pub fn delete(&self, id: u64) {
        self.call("DELETE", &format!("/api/v1/monitor/{id}?force=true"), &Value::Null);
    }

    /// Reports a metric, so that it is known from then on.
    pub fn report(&self, metric: &str) {
        let point = json!({"timestamp": 1_786_460_473, "value": 1.0});
        let series =
            json!({"series": [{"metric": metric, "type": 3, "points": [point], "tags": ["env:sandbox"]}]});
        self.call("POST", "/api/v2/series", &series);
    }
}

fn name(request: &RequestRecord) -> String {
    let path = request.path.split('?').next().unwrap_or_default();
    format!("{} {path}", request.method)
}

/// What a plan does, without ids and values: address, action, field paths.
pub fn changes(plan: &Value) -> Vec<(String, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = plan["changes"].as_array().unwrap_or_else(|| panic!("no plan: {plan}"));
    list.iter()
        .map(|change| {
            let fields = change["fields"].as_array().unwrap();
            (
                text(&change["address"]),
                text(&change["action"]),
                fields.iter().map(|f| text(&f["path"])).collect(),
            )
        })
        .collect()
}

/// `action address` of each change.
pub fn actions(plan: &Value) -> Vec<String> {
    changes(plan).into_iter().map(|(address, action, _)| format!("{action} {address}")).collect()
}

/// The held fields of a plan or a drift report, as `address path`.
pub fn drifted(plan: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for drift in plan["drift"].as_array().unwrap_or_else(|| panic!("no plan: {plan}")) {
        for field in drift["fields"].as_array().unwrap() {
            found.push(format!("{} {}", drift["address"].as_str().unwrap(), field["path"].as_str().unwrap()));
        }
    }
    found
}

/// Snapshot settings under which ids, times and digests look the same in every run.
pub fn stable() -> impl Drop {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "TIME");
    // The sandbox counts from 10000001.
    settings.add_filter(r"\b100000([0-9][1-9]|[1-9]0)\b", "ID");
    settings.add_filter(r"\b\d+\.\d s\b", "N s");
    settings.add_filter(r"http://127\.0\.0\.1:\d+", "URL");
    settings.add_filter(r"\b[0-9a-f]{64}\b", "DIGEST");
    settings.add_filter(r"the last apply, [0-9a-f]{8},", "the last apply, DIGEST,");
    settings.bind_to_scope()
}
