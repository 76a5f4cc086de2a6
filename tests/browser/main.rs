//! The daemon's page in a browser: headless Chromium, where it is on the PATH.
//!
//! `BELLWETHER_SCREENSHOT=docs/aggregator.png cargo test --test browser screenshot` makes the picture of the manual. A
//! name that ends in `/` is a directory, for pictures by night, of a telephone, of hostile ids and of a lost daemon.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

#[path = "../aggregate_http/client.rs"]
#[allow(dead_code, reason = "only a part of it is used here")]
mod client;
mod png;
#[path = "../aggregate_http/site.rs"]
mod site;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bellwether::aggregate::Per;
use bellwether::daemon::http::Limits;
use bellwether::daemon::status::{Shown, ShownBudget, ShownFleet};
use site::{Daemon, GUID, NUMBER, QUOTES, SCRIPT, report, rule, shown_rule};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// By night, as Chromium counts its colour schemes.
const DARK: &str = "--blink-settings=preferredColorScheme=0";
const LIGHT: &str = "--blink-settings=preferredColorScheme=1";

fn is_here() -> bool {
    let is_here =
        Command::new("chromium").arg("--version").output().is_ok_and(|probe| probe.status.success());
    if !is_here {
        println!("skipped: chromium is not on the PATH");
    }
    is_here
}

/// Runs Chromium with a new profile, without holding up the server, and gives what it prints.
async fn chromium(arguments: Vec<String>) -> String {
    let run = move || {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("chromium");
        command.args("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run".split(' '));
        command.args("--disable-background-networking --disable-component-update --disable-sync".split(' '));
        command.args("--hide-scrollbars --force-device-scale-factor=1 --virtual-time-budget=7000".split(' '));
        command.arg(format!("--user-data-dir={}", profile.path().display())).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

async fn dom(url: &str) -> String {
    let dom = chromium(vec!["--dump-dom".to_owned(), url.to_owned()]).await;
    assert!(dom.contains("id=\"notices\""), "that is not the page: {}", &dom[..dom.len().min(500)]);
    dom
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_exact_ids_and_runs_none() {
    if !is_here() {
        return;
    }
    let daemon = Daemon::start(site::hostile()).await;
    let dom = dom(&daemon.url("/")).await;
    let id = |shown: &str| format!("<bdi class=\"id\" data-slot=\"id\">{shown}</bdi>");
    for exact in [GUID, NUMBER, SCRIPT, QUOTES, &site::long()] {
        assert!(dom.contains(&id(&escaped(exact))), "{exact} is not in\n{dom}");
    }
    let unseen = |text: &str| format!("<span class=\"unseen\">{text}</span>");
    let [turn, escape, line, nothing, mark, blank] =
        ["\\u{202e}", "\\u{1b}", "\\n", "\\u{200b}", "\\u{200f}", "\\u{20}"].map(unseen);
    for shown in [
        format!("user{turn}gnp.exe{escape}[31m{line}second{nothing}line"),
        format!("עגלה-42-{mark}סל"),
        format!("{blank}edge{blank}"),
        "<span class=\"empty\">(empty)</span>".to_owned(),
    ] {
        assert!(dom.contains(&id(&shown)), "{shown} is not in\n{dom}");
    }
    assert!(dom.contains("<title>▲ 1 · bellwether prod</title>"), "has a script of an id run?\n{dom}");
    let body = dom.split("<body").nth(1).unwrap().split("<template").next().unwrap();
    assert!(!body.contains("<img") && !body.contains("<script"), "{body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_says_what_is_wrong() {
    if !is_here() {
        return;
    }
    let daemon = Daemon::start(site::hostile()).await;
    let dom = dom(&daemon.url("/")).await;
    // Ten ids with a bar for each of ten panes, half of the ids above the threshold.
    let bars = |kind: &str| dom.matches(&format!("<rect class=\"{kind}\"")).count();
    assert_eq!((bars("pane above"), bars("pane")), (50, 50));
    assert_eq!(dom.matches("<line class=\"threshold\"").count(), 10);
    assert_eq!(dom.matches("title=\"above the threshold\">▲</span>").count(), 5);
    for text in [
        ">live</span>",
        "5 ids are above the threshold of",
        "The rules could not be read again, those before are in force: line 3: &lt;b&gt;no&lt;/b&gt; such\\u{202e} key",
        "3 of 4 instances counted in the last pane",
        "▲ 5 above the threshold",
        "± up to 12 events or 2.40 per minute more",
        "✓ top is certain",
        "△ not merged: this instance alone",
        "32 published and 42 reserved of 140",
        "No pane has ended yet",
        "≈ 18,204",
        "threshold 120",
        "bad_line",
        "a\"b\\c\\nd",
    ] {
        assert!(dom.contains(text), "{text} is not in\n{dom}");
    }
    assert!(!dom.contains(">late<"), "what was not dropped is not shown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_says_when_the_daemon_is_gone() {
    if !is_here() {
        return;
    }
    let url = goes_away(Daemon::start(site::hostile()).await).await;
    let dom = dom(&url).await;
    assert!(
        dom.contains("data-state=\"lost\"") && dom.contains(">the daemon does not answer</span>"),
        "{dom}"
    );
    assert!(dom.contains("<title>✕ no answer · bellwether</title>"), "{dom}");
    assert!(
        dom.contains("figures of ") && dom.contains(GUID),
        "what was known stays, and says how old it is\n{dom}"
    );
}

/// A way to a daemon that ends after the first figures.
async fn goes_away(daemon: Daemon) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answers = Arc::new(AtomicU32::new(0));
    tokio::spawn(async move {
        // All of it, or the server would end here.
        let daemon = daemon;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A browser opens connections that it may use later.
            tokio::spawn(pass_on(stream, daemon.address, Arc::clone(&answers)));
        }
    });
    url
}

async fn pass_on(mut stream: TcpStream, daemon: SocketAddr, answers: Arc<AtomicU32>) -> Option<()> {
    let mut head = vec![0; 8192];
    let length = stream.read(&mut head).await.ok()?;
    let head = String::from_utf8_lossy(&head[..length]);
    let path = head.split(' ').nth(1)?;
    if path == "/api/top" && answers.fetch_add(1, Ordering::Relaxed) > 0 {
        return None;
    }
    let request = client::request(daemon, &format!("GET {path}"), &[], b"");
    let mut onward = TcpStream::connect(daemon).await.unwrap();
    onward.write_all(&request).await.unwrap();
    stream.write_all(&client::rest(onward).await).await.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_light_by_day_and_dark_by_night() {
    if !is_here() {
        return;
    }
    let daemon = Daemon::start(example()).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("page.png");
    for (scheme, ground) in [(LIGHT, [0xff, 0xff, 0xff]), (DARK, [0x1a, 0x1e, 0x22])] {
        shoot(&daemon.url("/"), &file, "800,600", scheme).await;
        let picture = png::Picture::read(&std::fs::read(&file).unwrap());
        assert_eq!((picture.width, picture.pixels[0]), (800, ground), "{scheme}");
    }
}

async fn shoot(url: &str, file: &Path, size: &str, scheme: &str) {
    let file = format!("--screenshot={}", file.display());
    chromium(vec![file, format!("--window-size={size}"), scheme.to_owned(), url.to_owned()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn screenshot() {
    let Ok(target) = std::env::var("BELLWETHER_SCREENSHOT") else { return };
    assert!(is_here(), "a picture needs chromium");
    let (target, is_directory) = (PathBuf::from(&target), target.ends_with('/'));
    let nice = Daemon::dropping(example(), &[("bad_line", 12), ("late", 0)], Limits::default()).await;
    let bad = Daemon::start(site::hostile()).await;
    let lost = goes_away(Daemon::start(example()).await).await;
    let (nice, bad) = (nice.url("/"), bad.url("/"));
    let all = [
        ("light", &nice, "1200,1160", LIGHT),
        ("dark", &nice, "1200,1160", DARK),
        ("wide", &nice, "1920,1115", LIGHT),
        ("narrow", &nice, "400,1800", DARK),
        ("hostile", &bad, "1200,1500", DARK),
        ("hostile-narrow", &bad, "400,2200", LIGHT),
        ("lost", &lost, "1200,700", LIGHT),
    ];
    for (name, url, size, scheme) in if is_directory { &all[..] } else { &all[..1] } {
        let file = if is_directory { target.join(format!("{name}.png")) } else { target.clone() };
        shoot(url, &file, size, scheme).await;
        let picture = png::Picture::read(&std::fs::read(&file).unwrap());
        std::fs::write(&file, picture.with_palette()).unwrap();
    }
}

/// Two rules of a shop: one cart is filled too fast.
fn example() -> Shown {
    let cart = rule(
        "com.example.AddToCartEvent",
        "cartId",
        "add_to_cart_event.cart_id.top_rate",
        Per::Minute,
        Some(120.0),
    );
    let carts = [
        (NUMBER, vec![11, 14, 9, 31, 66, 92, 118, 121, 116, 124]),
        ("41877", vec![22, 25, 21, 24, 26, 23, 25, 22, 24, 21]),
        ("20931", vec![14, 9, 17, 12, 10, 16, 13, 11, 9, 12]),
        ("77160", vec![0, 0, 0, 42, 38, 0, 0, 0, 0, 0]),
        ("9", vec![6, 7, 5, 8, 6, 7, 6, 5, 7, 6]),
    ];
    let experiment = rule(
        "com.example.ExperimentExposureEvent",
        "experimentId",
        "experiment_exposure_event.experiment_id.top_rate",
        Per::Second,
        None,
    );
    let experiments = [
        (GUID, vec![1520, 1544, 1493, 1580, 1611, 1602, 1577, 1590, 1624, 1608]),
        (
            "c56a4180-65aa-42ec-a945-5fd21dec0538",
            vec![840, 861, 910, 1002, 1120, 1240, 1302, 1377, 1410, 1466],
        ),
        ("018f2f9e-7c1a-7b44-9d3e-2a6f0b5c8e71", vec![990, 940, 902, 871, 820, 777, 730, 695, 660, 622]),
        ("checkout-button-colour", vec![410, 422, 405, 398, 415, 420, 409, 411, 418, 406]),
    ];
    let rules = [
        shown_rule(cart, Some(report(&carts, 31_402, 9_377, 0, Per::Minute))),
        shown_rule(experiment, Some(report(&experiments, 18_790, 20_114, 35, Per::Second))),
    ];
    Shown {
        environment: "prod".to_owned(),
        agent: "udp://127.0.0.1:8125".to_owned(),
        rules: rules.into(),
        budget: ShownBudget { limit: 140, used: 61, published: 43, refused: 0 },
        fleet: Some(ShownFleet { instance: "aggregate-0".to_owned(), expected: 3, seen: 3, connected: true }),
        reload_error: None,
    }
}
