//! A service that runs in this process, with a GitHub and a Datadog of its own, and deliveries for it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bellwether::datadog::{self, Credentials};
use bellwether::github::{ApiUrl, Clock, Options, PrivateKey, Retry};
use bellwether::sandbox::{self, Faults, Sandbox, Storage};
use bellwether::secret::Secret;
use bellwether::serve::{Access, Keys, Log, Running, Settings, Watched, WebhookSecrets};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::double::{Actor, GitHub, Pull, Repository, private_key, time};
use crate::{NAME, TOKEN};

pub const SECRET: &str = "It's a Secret to Everybody";
pub const KEY: &str = "bw0app0key0that0nobody0may0see00";

/// The repository of GitHub's own examples.
pub const EXAMPLE: &str = "Codertocat/Hello-World";

/// One runtime for all services: it is never torn down under one of them.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    })
}

fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap())
}

/// The header that GitHub would send with a body.
pub fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    let mut text = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Waits until something is so; it is looked at often, and not for ever.
#[track_caller]
pub fn until(what: &str, test: impl Fn() -> bool) {
    let started = Instant::now();
    while !test() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what} did not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What GitHub sends, and the status and the text that are answered.
async fn send(url: String, headers: Vec<(String, String)>, body: Vec<u8>) -> (u16, String) {
    let mut request = client().post(url).body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let reply = request.send().await.unwrap();
    (reply.status().as_u16(), reply.text().await.unwrap().trim().to_owned())
}

/// The headers of an event that GitHub delivers.
fn headers(guid: &str, event: &str, body: &[u8]) -> Vec<(String, String)> {
    let signature = signature(SECRET, body);
    let all =
        [("x-github-event", event), ("x-github-delivery", guid), ("x-hub-signature-256", signature.as_str())];
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// The service's pauses between two sweeps: each lasts until the test ends it.
#[derive(Clone)]
struct Pauses {
    begun: Arc<AtomicUsize>,
    end: Arc<Semaphore>,
}

impl Pauses {
    const LENGTH: Duration = Duration::from_secs(600);

    /// A clock that waits for nothing else.
    fn clock(&self) -> Clock {
        let pauses = self.clone();
        Clock::skipping().0.gated(move |wait| {
            let pauses = pauses.clone();
            async move {
                if wait == Self::LENGTH {
                    pauses.begun.fetch_add(1, Ordering::SeqCst);
                    pauses.end.acquire().await.unwrap().forget();
                }
            }
        })
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

/// GitHub, Datadog and the service in between.
pub struct World {
    pub github: GitHub,
    pub repository: Repository,
    pub datadog: sandbox::Running,
    state: TempDir,
    is_app: bool,
    lines: Arc<Mutex<Vec<String>>>,
    service: Option<Running>,
    url: String,
    guid: Mutex<u64>,
    /// At which call for the time the service panics, counted down; 0 for never.
    panic_in: Arc<AtomicU32>,
    pauses: Pauses,
    now: Arc<Mutex<Timestamp>>,
}

pub const CART: &str = r#"@namespace("com.example")
protocol Shop {
  @traffic_threshold_monitor({"below": 500, "window": "5m"})
  record AddToCartEvent { string id; }
}
"#;

/// Two monitors, and one of both.
pub const COMPOSITE: &str = r#"@namespace("com.example")
protocol Shop {
  @traffic_threshold_monitor({"below": 500, "window": "5m"})
  @error_rate_monitor({"above": 0.01})
  @composite_monitor({"when": "traffic_threshold_monitor && error_rate_monitor"})
  record AddToCartEvent { string id; }
}
"#;

impl World {
    /// A repository with one environment, `prod`, whose default branch has the schema [`CART`].
    pub fn new() -> Self {
        Self::with("")
    }

    /// The same, with more in `bellwether.toml`.
    pub fn with(config: &str) -> Self {
        let listen = "127.0.0.1:0".parse().unwrap();
        let datadog = runtime().block_on(Sandbox::start(listen, Storage::Memory)).unwrap();
        let github = GitHub::start();
        github.token(TOKEN, Actor::User("bellwether-bot"));
        let repository = github.repository(NAME);
        let mut world = Self {
            github,
            repository,
            datadog,
            state: TempDir::new().unwrap(),
            is_app: false,
            lines: Arc::default(),
            service: None,
            url: String::new(),
            guid: Mutex::new(0),
            panic_in: Arc::default(),
            pauses: Pauses { begun: Arc::default(), end: Arc::new(Semaphore::new(0)) },
            now: Arc::new(Mutex::new("2026-01-01T12:00:00Z".parse().unwrap())),
        };
        let config = format!("{}{config}", world.config());
        let base = world.repository.commit(&[("bellwether.toml", &config), ("schemas/cart.avdl", CART)]);
        world.repository.branch("main", &base);
        world.repository.permission("jane", "write");
        world.repository.permission("rita", "write");
        world.repository.permission("rolf", "read");
        world.start();
        world
    }

    /// The text of bellwether.toml.
    pub fn config(&self) -> String {
        format!("[environments.prod]\napi_url = \"{}\"\ntag = \"esm-prod\"\n", self.datadog.url())
    }

    /// The same, served as a GitHub App.
    pub fn as_app() -> Self {
        let mut world = Self::new();
        world.stop();
        world.repository.install(7);
        world.is_app = true;
        world.start();
        world
    }

    fn settings(&self) -> Settings {
        let lines = Arc::clone(&self.lines);
        let now = Arc::clone(&self.now);
        let now: Arc<dyn Fn() -> Timestamp + Send + Sync> = Arc::new(move || *now.lock().unwrap());
        let panic_in = Arc::clone(&self.panic_in);
        let retry = || Retry { clock: Clock::skipping().0, ..Retry::default() };
        let secret = || Secret::new(KEY).unwrap();
        let api = ApiUrl::new(&self.github.url()).unwrap();
        Settings {
            repositories: [NAME, EXAMPLE]
                .map(|name| Watched { repository: name.parse().unwrap(), directory: String::new() })
                .to_vec(),
            words: vec!["esm".to_owned(), "bellwether".to_owned()],
            state: self.state.path().to_owned(),
            secrets: WebhookSecrets::new(SECRET, Some("the secret of yesterday")).unwrap(),
            access: match self.is_app {
                true => Access::App { api, id: 1, key: PrivateKey::from_pem(private_key()).ok().unwrap() },
                false => Access::Token { api, token: Secret::new(TOKEN).ok().unwrap() },
            },
            datadog: Keys { write: Some(Credentials { api_key: secret(), app_key: secret() }), read: None },
            github: Options { retry: retry(), timeout: Duration::from_secs(10), ..Options::default() },
            datadog_options: datadog::Options { retry: retry(), ..datadog::Options::default() },
            retry: Retry { attempts: 1, clock: self.pauses.clock(), ..Retry::default() },
            log: Log::new(
                Arc::new(move |line: &str| lines.lock().unwrap().push(line.to_owned())),
                Arc::clone(&now),
            ),
            now: Arc::new(move || {
                let is_due = panic_in.try_update(Relaxed, Relaxed, |left| left.checked_sub(1)) == Ok(1);
                assert!(!is_due, "a mistake in bellwether");
                now()
            }),
        }
    }

    /// The service panics when it asks for the time once more, after so many times.
    pub fn panic_after(&self, calls: u32) {
        self.panic_in.store(calls + 1, Relaxed);
    }

    /// From now on these faults of Datadog, in TOML.
    pub fn datadog_faults(&self, toml: &str) {
        self.datadog.set_faults(Faults::parse(toml).unwrap()).unwrap();
    }

    /// The service ends at once, whatever it is about.
    pub fn kill(&mut self) {
        let service = self.service.take().unwrap();
        runtime().block_on(service.stop(Duration::ZERO));
    }

    /// Starts the service, anew. That of an App has swept then.
    pub fn start(&mut self) {
        let (settings, before) = (self.settings(), self.pauses.begun());
        let listener = runtime().block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        self.url = format!("http://{}", listener.local_addr().unwrap());
        let url = format!("{}/webhook", self.url);
        self.github.hook(move |guid, event, payload| {
            let body = payload.to_string().into_bytes();
            let sending = send(url.clone(), headers(guid, event, &body), body);
            let (sender, answer) = std::sync::mpsc::channel();
            runtime().spawn(async move { sender.send(sending.await.0) });
            answer.recv().unwrap()
        });
        self.service = Some(runtime().block_on(Running::start(listener, settings)).unwrap());
        if self.is_app {
            until("the first sweep", || self.pauses.begun() > before);
        }
    }

    /// The pause is over, and the next sweep.
    pub fn sweep(&self) {
        let before = self.pauses.begun();
        self.begin_sweep();
        until("the end of a sweep", || self.pauses.begun() > before);
    }

    /// The pause is over.
    pub fn begin_sweep(&self) {
        *self.now.lock().unwrap() += Pauses::LENGTH;
        self.pauses.end.add_permits(1);
    }

    /// The service forgets all that it kept.
    pub fn forget(&mut self) {
        self.stop();
        std::fs::remove_dir_all(self.state.path()).unwrap();
        self.start();
    }

    /// Stops the service in order.
    pub fn stop(&mut self) {
        let service = self.service.take().unwrap();
        runtime().block_on(service.stop(Duration::from_secs(60)));
    }

    /// Stops the service, which may take as long as it likes; whether it took no longer than a moment.
    pub fn stop_at_once(&mut self) -> bool {
        let stopping = self.service.take().unwrap().stop(Duration::from_secs(3600));
        runtime().block_on(async { tokio::time::timeout(Duration::from_secs(30), stopping).await }).is_ok()
    }

    /// Posts to the webhook, with these headers.
    pub fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        runtime().block_on(send(format!("{}/webhook", self.url), headers, body.to_vec()))
    }

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.service.as_ref().unwrap().address()
    }

    pub fn get(&self, path: &str) -> String {
        runtime().block_on(async {
            let reply = client().get(format!("{}{path}", self.url)).send().await.unwrap();
            assert_eq!(reply.status().as_u16(), 200);
            reply.text().await.unwrap()
        })
    }

    /// Delivers an event under a guid.
    pub fn deliver_as(&self, guid: &str, event: &str, payload: &Value) -> (u16, String) {
        let body = payload.to_string().into_bytes();
        let url = format!("{}/webhook", self.url);
        runtime().block_on(send(url, headers(guid, event, &body), body))
    }

    fn new_guid(&self) -> String {
        let mut guid = self.guid.lock().unwrap();
        *guid += 1;
        format!("72d3162e-cc78-11e3-81ab-{:012}", *guid)
    }

    /// Delivers an event that is taken, and waits until all is done.
    #[track_caller]
    pub fn deliver(&self, event: &str, payload: &Value) {
        let answer = self.deliver_as(&self.new_guid(), event, payload);
        assert_eq!(answer, (202, "accepted".to_owned()));
        self.settle();
    }

    /// Waits until all is done.
    #[track_caller]
    pub fn settle(&self) {
        until("the end of all jobs", || self.get("/health").contains("\"queue\":0"));
    }

    /// Somebody pushes to the default branch.
    #[track_caller]
    pub fn push(&self, commit: &str) {
        let before = self.repository.head("main");
        self.repository.branch("main", commit);
        self.deliver("push", &push_payload("refs/heads/main", &before, commit));
    }

    /// The default branch is pushed for the first time: all that it asks for is applied.
    #[track_caller]
    pub fn first_push(&self) {
        let head = self.repository.head("main");
        self.deliver("push", &push_payload("refs/heads/main", &"0".repeat(40), &head));
    }

    /// Opens a pull request that changes these files, and tells nobody.
    pub fn pull(&self, files: &[(&str, &str)]) -> u64 {
        let head = self.commit(files);
        let number = self.repository.open(&Pull { head: &head, author: "jane", ..Pull::default() });
        let paths: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
        self.repository.changes(number, &paths);
        number
    }

    /// A pull request that changes these files, and that the service was told of; and its head.
    #[track_caller]
    pub fn open(&self, files: &[(&str, &str)]) -> (u64, String) {
        self.open_onto(files, "main")
    }

    /// The same, for this branch.
    #[track_caller]
    pub fn open_onto(&self, files: &[(&str, &str)], base_ref: &str) -> (u64, String) {
        let head = self.commit(files);
        let number = self.repository.open(&Pull { head: &head, base_ref, ..Pull::default() });
        let paths: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
        self.repository.changes(number, &paths);
        self.pull_event("opened", number, false);
        (number, head)
    }

    /// A commit of the base's configuration and these files.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        let config = self.config();
        let mut all = vec![("bellwether.toml", config.as_str()), ("schemas/cart.avdl", CART)];
        all.retain(|(path, _)| files.iter().all(|(other, _)| other != path));
        all.extend(files);
        self.repository.commit(&all)
    }

    /// A pull request's event.
    pub fn pull_event(&self, action: &str, number: u64, merged: bool) {
        self.deliver("pull_request", &pull_payload(action, number, merged));
    }

    /// Somebody comments; the comment's number.
    pub fn say(&self, who: &str, number: u64, text: &str) -> u64 {
        let (id, payload) = self.said(who, number, text);
        self.deliver("issue_comment", &payload);
        id
    }

    /// Somebody comments, and nobody is told yet.
    pub fn said(&self, who: &str, number: u64, text: &str) -> (u64, Value) {
        let id = self.repository.comment_as(who, number, text);
        (id, comment_payload("created", id, who, number, text))
    }

    /// The bodies of the service's comments on a pull request.
    pub fn answers(&self, number: u64) -> Vec<String> {
        let comments = self.repository.comments(number).into_iter();
        comments.filter(|comment| comment.author == "bellwether-bot").map(|comment| comment.body).collect()
    }

    /// The writes that Datadog has taken.
    pub fn writes(&self) -> Vec<String> {
        let requests = self.datadog.requests();
        let done = requests.iter().filter(|request| (200..300).contains(&request.status));
        let name = |request: &sandbox::RequestRecord| {
            let path = request.path.split('?').next().unwrap_or_default();
            format!("{} {}", request.method, path.trim_end_matches(|c: char| c.is_ascii_digit() || c == '/'))
        };
        let is_write = |call: &String| !call.starts_with("GET ") && !call.ends_with("/validate");
        done.map(name).filter(is_write).collect()
    }

    /// Edits the only monitor, as a person does in Datadog.
    pub fn edit_in_datadog(&self, change: impl FnOnce(&mut Value)) {
        let url = format!("{}/api/v1/monitor", self.datadog.url());
        let call = async |request: reqwest::RequestBuilder| -> Value {
            let request = request.header("DD-API-KEY", "k").header("DD-APPLICATION-KEY", "k");
            serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
        };
        runtime().block_on(async {
            let live = call(client().get(&url)).await.as_array().unwrap()[0].clone();
            let mut body = json!({});
            for key in ["name", "query", "message", "tags", "options", "priority"] {
                body[key] = live[key].clone();
            }
            change(&mut body);
            let edited = call(client().put(format!("{url}/{}", live["id"])).body(body.to_string())).await;
            assert!(edited["id"].is_u64(), "{edited}");
        });
    }

    /// The lines of the log so far.
    pub fn log(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// Everything of the service that people see of a pull request: its comments, and the checks of a commit.
    pub fn seen(&self, number: u64, commit: &str) -> String {
        let mut text = String::new();
        for comment in self.repository.comments(number) {
            let reactions = self.repository.reactions(comment.id);
            let _ = writeln!(text, "=== {} {}\n{}", comment.author, reactions.join(", "), comment.body);
        }
        let mut runs = self.repository.check_runs(commit);
        // Those of several environments are written at the same time.
        runs.sort_by(|one, other| one.name.cmp(&other.name));
        for run in runs {
            let conclusion = run.conclusion.unwrap_or_default();
            let _ = writeln!(text, "=== check {} {conclusion}: {}", run.name, run.output["title"]);
            if number == 0 {
                let _ = writeln!(text, "{}", run.output["summary"].as_str().unwrap_or_default());
            }
            for remark in run.output["annotations"].as_array().unwrap() {
                let _ = writeln!(
                    text,
                    "{}:{} {} {}",
                    remark["path"], remark["start_line"], remark["annotation_level"], remark["message"]
                );
            }
        }
        text
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.service.is_some() {
            self.stop();
        }
        let log = self.log();
        assert!(!log.contains(KEY) && !log.contains(TOKEN) && !log.contains(SECRET), "a secret was logged");
    }
}

fn repository() -> Value {
    json!({"full_name": NAME, "default_branch": "main"})
}

pub fn pull_payload(action: &str, number: u64, merged: bool) -> Value {
    json!({"action": action, "number": number, "repository": repository(),
        "pull_request": {"number": number, "merged": merged}, "sender": {"login": "jane", "type": "User"}})
}

pub fn comment_payload(action: &str, id: u64, who: &str, number: u64, text: &str) -> Value {
    let kind = if who.ends_with("[bot]") { "Bot" } else { "User" };
    json!({"action": action, "repository": repository(),
        "issue": {"number": number, "state": "open", "pull_request": {"url": "x"}},
        "comment": {"id": id, "body": text, "created_at": time(id), "user": {"login": who, "type": kind}}})
}

pub fn push_payload(reference: &str, before: &str, after: &str) -> Value {
    json!({"ref": reference, "before": before, "after": after, "deleted": false, "repository": repository()})
}

pub fn group_payload(action: &str, head: &str, base_ref: &str) -> Value {
    json!({"action": action, "repository": repository(), "merge_group": {
        "head_sha": head, "head_ref": format!("refs/heads/gh-readonly-queue/main/pr-1-{head}"),
        // A commit that nobody knows: it is not what the group is compared with.
        "base_sha": "b".repeat(40), "base_ref": base_ref, "head_commit": {"id": head}}})
}

/// A snapshot of what people see, without what differs from run to run.
macro_rules! seen {
    ($name:expr, $text:expr) => {
        insta::with_settings!({
            filters => vec![
                (r"http://127\.0\.0\.1:\d+", "[datadog]"),
                (r"\b[0-9a-f]{40}\b", "[commit]"),
                (r"`[0-9a-f]{7}`", "`[commit]`"),
                (r"<code>[0-9a-f]{7}</code>", "<code>[commit]</code>"),
                (r"<code>[0-9a-f]{8}</code>", "<code>[digest]</code>"),
                (r#""(head|base)":"[0-9a-f]{7}""#, r#""$1":"[commit]""#),
                (r#""plan":"[0-9a-f]+""#, r#""plan":"[digest]""#),
                (r"\b(plan|Plan|saved) (\**`?)[0-9a-f]{8}\b", "$1 $2[digest]"),
                (r"#\d{4,}", "#[id]"),
                (r#""key":"[^"]+""#, r#""key":"[delivery]""#),
                (r#""run":\d+"#, r#""run":[n]"#),
                (r"(?m)^\d+\.\d s$", "[t] s"),
            ],
            prepend_module_to_snapshot => false,
            snapshot_path => "snapshots",
        }, { insta::assert_snapshot!($name, $text); });
    };
}
pub(crate) use seen;
