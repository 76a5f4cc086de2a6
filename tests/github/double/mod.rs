//! A small GitHub in memory behind a real socket, for tests of whatever talks to it.
//!
//! ```ignore
//! let github = GitHub::start();                                  // stops when it is dropped
//! github.token("t0ken", Actor::Workflow);                        // or Actor::User("jane"); an App needs no token
//! let repository = github.repository("octo/schemas");            // made when it is first named
//! let base = repository.commit(&[("schemas/cart.avdl", "…")]);   // → the commit's id
//! repository.branch("main", &base);
//! let number = repository.open(&Pull { head: &head, author: "jane", ..Pull::default() });
//! github.fault(Fault::status("POST", "/comments", 502));         // once; `.times(3)`, `.headers(…)`; or Fault::lost,
//!                                                                // Fault::dropped, Fault::hung
//! run(&github.url());
//! assert_eq!(repository.comments(number)[0].body, "…");
//! assert_eq!(github.writes(), ["POST /repos/octo/schemas/issues/1/comments"]);
//! ```
//!
//! It answers with the fields that GitHub has and bellwether reads, and a few more. Lists have pages and `Link` headers;
//! `pages_of(2)` makes them short. A call without a known token is answered with 401, as is one with a revoked token. An
//! App's calls carry a JWT, whose signature is not looked at (`private_key` makes a key for it); its installations' tokens are
//! `installation-<n>`. Archives are made of a commit's files, or given with `archive`; they are fetched after a redirect, where a
//! token is an error.
//!
//! Another test binary takes it with `#[path = "../github/double/mod.rs"] mod double;`.

#![allow(dead_code, reason = "each test binary uses a part of it")]

mod archive;
mod fault;
mod key;
mod repository;
mod routes;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, Uri};
use tokio::sync::oneshot;

use self::fault::{Effect, broken};
use self::repository::Data;
#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub use self::{
    archive::{archive_of, archive_with_links, packed},
    fault::Fault,
    key::private_key,
    repository::{CheckRun, Comment, Issue, Pull, Repository, time},
};

/// Who a token belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A workflow's own: nobody's, so that `/user` is forbidden; its comments are `github-actions[bot]`'s.
    Workflow,
    /// A user's.
    User(&'static str),
    /// That of another App's installation, `slug[bot]`.
    Bot(&'static str),
}

/// A call that came in.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// With the query.
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// Everything that is known.
#[derive(Default)]
struct World {
    url: String,
    tokens: BTreeMap<String, String>,
    slug: String,
    repositories: BTreeMap<String, Data>,
    requests: Vec<Request>,
    faults: Vec<Fault>,
    /// What changes when a path is asked for: the path, the repository, the pull request, its field, the new value.
    edits: Vec<(String, String, u64, &'static str, String)>,
    page: Option<usize>,
    /// The last number that was given to anything.
    last: u64,
    deliveries: Vec<serde_json::Value>,
    hook: Option<Hook>,
}

/// Where deliveries go: takes the guid, the event and the payload, and gives the status that was answered.
type Hook = Box<dyn Fn(&str, &str, &serde_json::Value) -> u16 + Send>;

impl World {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

type Shared = Arc<Mutex<World>>;

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap()
}

/// The double.
pub struct GitHub {
    world: Shared,
    url: String,
    _stop: oneshot::Sender<()>,
}

impl GitHub {
    /// Starts on a free port, on a thread of its own.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = World { url: url.clone(), slug: "bellwether".to_owned(), last: 1000, ..World::default() };
        let world = Shared::new(Mutex::new(world));
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&world);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let handler = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                    let world = Arc::clone(&served);
                    async move {
                        match answer(&world, &method, &uri, &headers, &body) {
                            Some(answer) => answer,
                            None => std::future::pending().await,
                        }
                    }
                };
                let serving = axum::serve(listener, Router::new().fallback(handler));
                tokio::select! {
                    _ = stopped => {}
                    result = async { serving.await } => result.unwrap(),
                }
            });
        });
        Self { world, url, _stop: stop }
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Lets a token in.
    pub fn token(&self, token: &str, actor: Actor) {
        let login = match actor {
            Actor::Workflow => "github-actions[bot]",
            Actor::User(login) | Actor::Bot(login) => login,
        };
        lock(&self.world).tokens.insert(token.to_owned(), login.to_owned());
    }

    /// From now on 401 for it; an App gets a new one for its installation.
    pub fn revoke(&self, token: &str) {
        lock(&self.world).tokens.remove(token);
    }

    /// All tokens of installations are void, and no new ones are given: the App was removed.
    pub fn remove_app(&self) {
        let mut world = lock(&self.world);
        world.tokens.retain(|_, login| !login.ends_with("[bot]"));
        world.slug.clear();
    }

    /// A repository; the first name of one makes it.
    pub fn repository(&self, name: &str) -> Repository {
        lock(&self.world).repositories.entry(name.to_owned()).or_default();
        Repository::new(Arc::clone(&self.world), name)
    }

    /// From now on no page of a list is longer.
    pub fn pages_of(&self, entries: usize) {
        lock(&self.world).page = Some(entries);
    }

    /// Something that goes wrong; the first rule that fits and is not used up counts.
    pub fn fault(&self, fault: Fault) {
        lock(&self.world).faults.push(fault);
    }

    /// What `GET /app/hook/deliveries` answers, the newest first. To be delivered again, one needs a `payload`.
    pub fn deliveries(&self, deliveries: Vec<serde_json::Value>) {
        lock(&self.world).deliveries = deliveries;
    }

    /// Where it delivers again what it is asked for: `hook` takes the guid, the event and the payload, and gives the status that was
    /// answered. GitHub does so soon, the double before it answers whoever asked.
    pub fn hook(&self, hook: impl Fn(&str, &str, &serde_json::Value) -> u16 + Send + 'static) {
        lock(&self.world).hook = Some(Box::new(hook));
    }

    /// All calls so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.world).requests.clone()
    }

    /// All calls so far, as `METHOD /path`, without the query.
    pub fn calls(&self) -> Vec<String> {
        let name = |request: Request| {
            format!("{} {}", request.method, request.path.split('?').next().unwrap_or_default())
        };
        self.requests().into_iter().map(name).collect()
    }

    /// The calls so far that write, without those for tokens and queries.
    pub fn writes(&self) -> Vec<String> {
        let writes = |call: &String| {
            !call.starts_with("GET ") && !call.contains("/access_tokens") && !call.contains("/graphql")
        };
        self.calls().into_iter().filter(writes).collect()
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        lock(&self.world).requests.clear();
    }
}

/// The answer to a call; none where there is never one.
fn answer(
    world: &Shared,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Option<Response<Body>> {
    let mut world = lock(world);
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    world.requests.push(Request {
        method: method.to_string(),
        path: path.clone(),
        headers: headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: String::from_utf8_lossy(body).into_owned(),
    });
    if let Some(edit) = world.edits.iter().position(|(part, ..)| path.contains(part)) {
        let (_, name, number, field, value) = world.edits.remove(edit);
        let pull = world.repositories.get_mut(&name).unwrap().pulls.get_mut(&number).unwrap();
        *pull.pointer_mut(field).unwrap() = value.into();
    }
    let fault = world.faults.iter_mut().position(|fault| fault.fits(method.as_str(), &path));
    let effect = match fault.map(|fault| world.faults[fault].use_up()) {
        Some(Effect::Answer(answer)) => return Some(answer),
        Some(Effect::Drop) => return Some(broken()),
        other => other,
    };
    let answered = routes::answer(&mut world, method.as_str(), uri, headers, body);
    match effect {
        Some(Effect::Lose) => Some(broken()),
        Some(Effect::Hang) => None,
        _ => Some(answered),
    }
}
