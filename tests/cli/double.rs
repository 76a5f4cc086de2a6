//! An API double that answers some calls by a script and passes all others on to a sandbox.

use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use futures_util::stream;
use serde_json::Value;
use tokio::net::TcpListener;

use super::support::{Project, Server, client, runtime};

/// A call as the script sees it.
pub struct Asked {
    pub method: String,
    /// Path and query.
    pub path: String,
    pub body: String,
    /// The headers, as text.
    pub headers: String,
}

impl Asked {
    pub fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path.split('?').next() == Some(path)
    }
}

/// What a script answers.
pub enum Answer {
    /// Passed on to the sandbox.
    Pass,
    /// A status, a content type and a body.
    Say(u16, &'static str, String),
    /// A status, headers and a body.
    SayWith(u16, Vec<(&'static str, String)>, String),
    /// No answer, ever.
    Hang,
    /// Passed on to the sandbox, whose answer is lost: this comes in its place.
    PassButSay(u16, String),
    /// Passed on to the sandbox; this happens before its answer is given.
    PassThen(Box<dyn FnOnce() + Send>),
    /// Passed on to the sandbox, whose JSON answer is changed on its way back.
    Change(Box<dyn FnOnce(&mut Value) + Send>),
    /// The beginning of a body, and then the connection breaks.
    Break(String),
}

impl Answer {
    /// Passed on; meanwhile somebody does something in Datadog.
    pub fn meanwhile(happens: impl FnOnce() + Send + 'static) -> Self {
        Self::PassThen(Box::new(|| tokio::task::block_in_place(happens)))
    }

    /// Passed on, and the answer is changed.
    pub fn changed(change: impl FnOnce(&mut Value) + Send + 'static) -> Self {
        Self::Change(Box::new(change))
    }
}

type Script = Box<dyn FnMut(&Asked) -> Answer + Send>;

/// The double. It answers as long as the test runs.
pub struct Double {
    url: String,
    script: Arc<Mutex<Script>>,
}

impl Double {
    /// In front of a sandbox.
    pub fn before(server: &Server, script: impl FnMut(&Asked) -> Answer + Send + 'static) -> Self {
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(script)));
        let listener = runtime().block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (shared, behind) = (Arc::clone(&script), server.url().to_owned());
        let answer = move |request: Request| {
            let (script, behind) = (Arc::clone(&shared), behind.clone());
            async move { respond(request, &script, &behind).await }
        };
        let service = axum::Router::new().fallback(answer);
        runtime().spawn(async move { axum::serve(listener, service).await });
        Self { url, script }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers by another script from now on.
    pub fn instead(&self, script: impl FnMut(&Asked) -> Answer + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// Passes everything on from now on.
    pub fn recovers(&self) {
        self.instead(|_| Answer::Pass);
    }
}

/// The example, applied through a double.
pub fn applied() -> (Arc<Server>, Double, Project) {
    let server = Arc::new(Server::new());
    let double = Double::before(&server, |_| Answer::Pass);
    let project = Project::storefront_at(double.url());
    project.apply();
    (server, double, project)
}

async fn respond(request: Request, script: &Mutex<Script>, behind: &str) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = to_bytes(body, usize::MAX).await.unwrap();
    let asked = Asked {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().unwrap().to_string(),
        body: String::from_utf8_lossy(&body).into_owned(),
        headers: format!(
            "{:?}",
            parts.headers.iter().map(|(k, v)| (k, String::from_utf8_lossy(v.as_bytes()))).collect::<Vec<_>>()
        ),
    };
    let answer = (script.lock().unwrap())(&asked);
    match answer {
        Answer::Say(status, kind, text) => {
            Response::builder().status(status).header("content-type", kind).body(Body::from(text)).unwrap()
        }
        Answer::SayWith(status, headers, text) => {
            let reply = Response::builder().status(status);
            let reply = headers.into_iter().fold(reply, |reply, (name, value)| reply.header(name, value));
            reply.body(Body::from(text)).unwrap()
        }
        Answer::Hang => std::future::pending().await,
        Answer::Break(text) => {
            let parts = [Ok(text), Err(std::io::Error::other("broken on purpose"))];
            Response::builder().body(Body::from_stream(stream::iter(parts))).unwrap()
        }
        Answer::Pass | Answer::PassButSay(..) | Answer::PassThen(_) | Answer::Change(_) => {
            let mut request = client().request(parts.method, format!("{behind}{}", asked.path)).body(body);
            for name in ["dd-api-key", "dd-application-key", "content-type"] {
                if let Some(value) = parts.headers.get(name) {
                    request = request.header(name, value);
                }
            }
            // Carried out to its end, even if nobody waits for the answer any more.
            let (status, reply) = tokio::spawn(async move {
                let reply = request.send().await.unwrap();
                (reply.status(), reply.bytes().await.unwrap())
            })
            .await
            .unwrap();
            if let Answer::PassButSay(said, text) = answer {
                assert!(status.is_success());
                return Response::builder().status(said).body(Body::from(text)).unwrap();
            }
            let reply = match answer {
                Answer::Change(change) if status.is_success() => {
                    let mut value = serde_json::from_slice(&reply).unwrap();
                    change(&mut value);
                    Bytes::from(value.to_string())
                }
                Answer::PassThen(then) => {
                    then();
                    reply
                }
                _ => reply,
            };
            Response::builder().status(status).body(Body::from(reply)).unwrap()
        }
    }
}
