//! A scripted HTTP/1.1 server on a real socket: it answers as a closure says and remembers what it was asked.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What came in.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What goes out.
pub(super) enum Answer {
    /// Status, further headers, body.
    Full(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// A body that announces more than it holds; then the connection ends.
    CutOff(String),
    /// The connection ends without an answer.
    HangUp,
}

impl Answer {
    pub(super) fn json(status: u16, body: impl Into<String>) -> Self {
        Self::Full(status, vec![("content-type", "application/json".into())], body.into().into_bytes())
    }

    pub(super) fn html(status: u16) -> Self {
        let body = b"<html><body><h1>Bad gateway</h1></body></html>".to_vec();
        Self::Full(status, vec![("content-type", "text/html".into())], body)
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Full(_, headers, _) = &mut self {
            headers.push((name, value.into()));
        }
        self
    }
}

type Script = dyn Fn(&Request, usize) -> Answer + Send + Sync;

/// The server. It ends with the test's runtime.
pub(super) struct Server {
    pub(super) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers the `n`th request, from 0, with `script(request, n)`.
    pub(super) async fn start(script: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Script> = Arc::new(script);
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&seen)));
            }
        });
        Self { url, requests }
    }

    /// What was asked so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Method and path of what was asked so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.requests().iter().map(Request::line).collect()
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, seen: Arc<Mutex<Vec<Request>>>) {
    let mut input = Vec::new();
    while let Some(request) = read(&mut stream, &mut input).await {
        let answer = {
            let mut seen = seen.lock().unwrap();
            let answer = script(&request, seen.len());
            seen.push(request);
            answer
        };
        let (head, body, end) = match answer {
            Answer::Full(status, headers, body) => {
                let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                (head, body, false)
            }
            Answer::CutOff(body) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len() + 10);
                (head, body.into_bytes(), true)
            }
            Answer::HangUp => return,
        };
        let head = if matches!(head.as_bytes().get(9..12), Some(b"204")) {
            "HTTP/1.1 204 X\r\n".to_owned()
        } else {
            head
        };
        // In one piece: the second of two small ones would wait for the first to be acknowledged.
        let answer = [format!("{head}\r\n").into_bytes(), body].concat();
        stream.write_all(&answer).await.unwrap();
        if end {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream, input: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some(end) = input.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(input[..end].to_vec()).unwrap();
            let mut lines = head.split("\r\n");
            let mut first = lines.next()?.split(' ');
            let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect();
            let length = headers.iter().find(|(name, _)| name == "content-length");
            let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
            let start = end + 4;
            if input.len() >= start + length {
                let body = String::from_utf8(input[start..start + length].to_vec()).unwrap();
                input.drain(..start + length);
                return Some(Request { method, path, headers, body });
            }
        }
        if stream.read_buf(input).await.ok()? == 0 {
            return None;
        }
    }
}
