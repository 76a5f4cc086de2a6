//! The page as it is sent: nothing from elsewhere, and no way for text to become anything else.

use crate::client::get;
use crate::site::{Daemon, hostile};

async fn files(daemon: &Daemon) -> Vec<(String, String)> {
    let mut found = vec![("/".to_owned(), get(daemon.address, "/").await.body)];
    // All that the page and its scripts name is asked for, and what that names, until there is no more.
    let mut at = 0;
    while let Some((_, text)) = found.get(at) {
        for name in named(text) {
            let path = format!("/{name}");
            if !found.iter().any(|(known, _)| *known == path) {
                let reply = get(daemon.address, &path).await;
                assert_eq!(reply.status, 200, "{path}");
                found.push((path, reply.body));
            }
        }
        at += 1;
    }
    found
}

/// The files that a text loads.
fn named(text: &str) -> Vec<String> {
    let starts = ["src=\"", "href=\"", "from \"./"];
    let values = starts.iter().flat_map(|start| text.split(start).skip(1));
    let values = values.filter_map(|rest| rest.split('"').next());
    values.filter(|value| value.contains('.')).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_page_asks_this_server_alone() {
    let daemon = Daemon::start(hostile()).await;
    let files = files(&daemon).await;
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        ["/", "/page.js", "/icon.svg", "/page.css", "/tiles.js", "/rule.js", "/text.js", "/dom.js"]
    );
    for (path, text) in &files {
        // The one URL is the name of a namespace, which nobody asks for.
        let text = text.replace("http://www.w3.org/2000/svg", "");
        for word in
            ["://", "\"//", "'//", "url(", "@import", "@font-face", "import(", "WebSocket", "EventSource"]
        {
            assert!(!text.contains(word), "{path}: {word}");
        }
        let fetches = text.matches("fetch(").count();
        assert_eq!(fetches, text.matches("fetch(\"api/top\"").count(), "{path}");
    }
}

#[tokio::test]
async fn text_never_becomes_html_or_code() {
    let daemon = Daemon::start(hostile()).await;
    for (path, text) in files(&daemon).await {
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "createContextualFragment",
            "eval(",
            "new Function",
            "srcdoc",
            "javascript:",
            "setHTMLUnsafe",
            "style=",
            "<style",
            "onclick=",
            "onerror=",
        ] {
            assert!(!text.contains(word), "{path}: {word}");
        }
        let inline = text.split("<script").skip(1).any(|rest| !rest.starts_with(" src="));
        assert!(!inline, "{path}: a script within the page");
    }
}

#[tokio::test]
async fn files_have_their_types() {
    let daemon = Daemon::start(hostile()).await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        assert_eq!(get(daemon.address, path).await.header("content-type"), Some(kind), "{path}");
    }
    let reply = get(daemon.address, "/page.html").await;
    assert_eq!((reply.status, reply.cause().as_str()), (404, "no_such_path"));
}
