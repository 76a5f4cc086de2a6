//! The page's files. They are part of the program and ask for nothing else.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// A file of the page.
pub(super) struct File {
    pub(super) path: &'static str,
    content_type: &'static str,
    text: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(super) const FILES: &[File] = &[
    File { path: "/", content_type: "text/html; charset=utf-8", text: include_str!("page/page.html") },
    File { path: "/page.css", content_type: "text/css; charset=utf-8", text: include_str!("page/page.css") },
    File { path: "/page.js", content_type: SCRIPT, text: include_str!("page/page.js") },
    File { path: "/rule.js", content_type: SCRIPT, text: include_str!("page/rule.js") },
    File { path: "/tiles.js", content_type: SCRIPT, text: include_str!("page/tiles.js") },
    File { path: "/dom.js", content_type: SCRIPT, text: include_str!("page/dom.js") },
    File { path: "/text.js", content_type: SCRIPT, text: include_str!("page/text.js") },
    File { path: "/icon.svg", content_type: "image/svg+xml", text: include_str!("page/icon.svg") },
];

impl File {
    pub(super) fn response(&self) -> Response {
        let mut reply = self.text.into_response();
        reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        // The next version of the daemon has another page.
        reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        reply
    }
}
