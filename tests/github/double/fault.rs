//! What goes wrong on purpose.

use axum::body::Body;
use axum::http::Response;
use futures_util::stream;

/// A rule: which calls, how often, and what happens to them.
#[derive(Debug, Clone)]
pub struct Fault {
    method: &'static str,
    path: String,
    skip: usize,
    times: usize,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Status { status: u16, headers: Vec<(&'static str, String)>, body: String },
    Drop,
    Lose,
    Hang,
}

/// What happens to a call.
pub enum Effect {
    /// This instead of an answer.
    Answer(Response<Body>),
    /// Nothing is done, and the connection breaks.
    Drop,
    /// It is done, and the connection breaks.
    Lose,
    /// It is done, and there is never an answer.
    Hang,
}

impl Fault {
    /// The next call with this method (empty: any) and this in its path is answered so, and not carried out.
    pub fn status(method: &'static str, path: &str, status: u16) -> Self {
        let body = format!("{{\"message\":\"fault {status}\"}}");
        Self::new(method, path, What::Status { status, headers: Vec::new(), body })
    }

    /// The next such call is not carried out, and its connection breaks.
    pub fn dropped(method: &'static str, path: &str) -> Self {
        Self::new(method, path, What::Drop)
    }

    /// The next such call is carried out, and its answer gets lost.
    pub fn lost(method: &'static str, path: &str) -> Self {
        Self::new(method, path, What::Lose)
    }

    /// The next such call is carried out, and its answer never comes.
    pub fn hung(method: &'static str, path: &str) -> Self {
        Self::new(method, path, What::Hang)
    }

    fn new(method: &'static str, path: &str, what: What) -> Self {
        Self { method, path: path.to_owned(), skip: 0, times: 1, what }
    }

    /// Not only the next one.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Not the first ones.
    pub fn after(mut self, calls: usize) -> Self {
        self.skip = calls;
        self
    }

    /// With this header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let What::Status { headers, .. } = &mut self.what {
            headers.push((name, value.to_owned()));
        }
        self
    }

    /// With this body instead.
    pub fn body(mut self, text: &str) -> Self {
        if let What::Status { body, .. } = &mut self.what {
            *body = text.to_owned();
        }
        self
    }

    pub(super) fn fits(&mut self, method: &str, path: &str) -> bool {
        let fits =
            self.times > 0 && (self.method.is_empty() || self.method == method) && path.contains(&self.path);
        if fits && self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        fits
    }

    pub(super) fn use_up(&mut self) -> Effect {
        self.times -= 1;
        match &self.what {
            What::Status { status, headers, body } => {
                let mut response = Response::builder().status(*status);
                for (name, value) in headers {
                    response = response.header(*name, value);
                }
                Effect::Answer(response.body(Body::from(body.clone())).unwrap())
            }
            What::Drop => Effect::Drop,
            What::Lose => Effect::Lose,
            What::Hang => Effect::Hang,
        }
    }
}

/// An answer whose connection breaks before it is whole.
pub fn broken() -> Response<Body> {
    let error = std::io::Error::other("dropped on purpose");
    let body = Body::from_stream(stream::iter([Err::<Vec<u8>, _>(error)]));
    Response::builder().header("content-length", "100").body(body).unwrap()
}
