//! A daemon that shows figures made up for the tests.

#![allow(dead_code, reason = "two test binaries share it, and each uses a part")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bellwether::aggregate::{Per, Ranked, Report, Rule, Sustained};
use bellwether::daemon::http::{Counters, Encoding, EventSink, Http, Limits, Pulse, Refusal, Site};
use bellwether::daemon::status::{Shown, ShownBudget, ShownFleet, ShownRule, Status};
use bellwether::model::Address;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub const GUID: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
pub const NUMBER: &str = "11092";
/// It would run if it were read as HTML, and change the title.
pub const SCRIPT: &str =
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
/// An override that turns the text after it around, a colour for terminals, a line break, a zero-width space.
pub const UNSEEN: &str = "user\u{202e}gnp.exe\u{1b}[31m\nsecond\u{200b}line";
pub const HEBREW: &str = "עגלה-42-\u{200f}סל";
pub const QUOTES: &str = "a\"b\\c'd&amp;<b>&lt;";

/// As long as a tag may be, without a place to break.
pub fn long() -> String {
    "x".repeat(180)
}

/// An id under so many accents that they would be written over the rows around it.
pub fn accents() -> String {
    format!("e{}", "\u{301}".repeat(40))
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub fn rule(record: &str, field: &str, metric: &str, per: Per, threshold: Option<f64>) -> Rule {
    Rule {
        address: Address::new(&format!("{record}.{field}"), "aggregate_metric", None),
        record: record.to_owned(),
        field: field.to_owned(),
        metric: metric.to_owned(),
        per,
        window_seconds: 300,
        pane_seconds: 30,
        top: 10,
        ids_per_hour: 50,
        capacity: 100_000,
        tags: vec!["env:prod".to_owned()],
        threshold,
        series_per_hour: 66,
    }
}

/// A report of ten panes of 30 s, from the events of each id in each pane.
pub fn report(ids: &[(&str, Vec<u64>)], others: u64, distinct: u64, offset: u64, per: Per) -> Report {
    let panes = ids.first().map_or(10, |(_, events)| events.len());
    let seconds = 30.0 * panes as f64;
    let rate = |events: u64, seconds: f64| events as f64 / seconds * per.seconds();
    let mut top: Vec<Ranked> = ids
        .iter()
        .map(|(id, events)| Ranked {
            id: (*id).to_owned(),
            events: events.iter().sum(),
            rate: rate(events.iter().sum(), seconds),
            panes: events.iter().map(|events| rate(*events, 30.0)).collect(),
        })
        .collect();
    top.sort_by_key(|ranked| std::cmp::Reverse(ranked.events));
    let lowest = |ranked: &Ranked| ranked.panes.iter().copied().fold(f64::INFINITY, f64::min);
    let held = top.iter().max_by(|a, b| lowest(a).total_cmp(&lowest(b)));
    let of_top: u64 = top.iter().map(|ranked| ranked.events).sum();
    let second = top.get(1).map_or(0, |ranked| ranked.events);
    Report {
        ended_at: now() - 7,
        seconds,
        panes: vec![30.0; panes],
        pane_events: (of_top + others) / 10,
        events: of_top + others,
        sustained: (panes == 10)
            .then(|| Sustained { id: held.map(|ranked| ranked.id.clone()), rate: held.map_or(0.0, lowest) }),
        distinct,
        share: of_top as f64 / (of_top + others).max(1) as f64,
        offset,
        bound: rate(offset, seconds),
        certain: top.first().is_none_or(|first| first.events >= second + offset),
        instances: 3,
        top,
    }
}

pub fn shown_rule(rule: Rule, report: Option<Report>) -> (String, ShownRule) {
    let address = rule.address.to_string();
    (address, ShownRule { rule, report, unmerged: false, series: 26, lag_seconds: 0.4 })
}

/// One rule whose ids are as bad as they can be, above its threshold; another without a report.
pub fn hostile() -> Shown {
    let cart = rule(
        "com.example.AddToCartEvent",
        "cartId",
        "add_to_cart_event.cart_id.top_rate",
        Per::Minute,
        Some(120.0),
    );
    let (long, accents) = (long(), accents());
    let ids = [GUID, NUMBER, SCRIPT, UNSEEN, HEBREW, QUOTES, &long, &accents, "", " edge "];
    let ids: Vec<(&str, Vec<u64>)> =
        ids.iter().enumerate().map(|(at, id)| (*id, vec![99 - 9 * at as u64; 10])).collect();
    let view =
        rule("com.example.PageViewEvent", "pageId", "page_view_event.page_id.top_rate", Per::Second, None);
    let (address, mut shown) = shown_rule(cart, Some(report(&ids, 4000, 18_204, 12, Per::Minute)));
    shown.unmerged = true;
    Shown {
        environment: "prod".to_owned(),
        agent: "udp://127.0.0.1:8125".to_owned(),
        rules: [(address, shown), shown_rule(view, None)].into(),
        budget: ShownBudget { limit: 140, used: 74, published: 32, refused: 5 },
        fleet: Some(ShownFleet { instance: "a-1".to_owned(), expected: 4, seen: 3, connected: true }),
        reload_error: Some("line 3: <b>no</b> such\u{202e} key".to_owned()),
    }
}

/// Takes all that does not begin with `bad`, an event on each line, and keeps what was posted.
#[derive(Default)]
pub struct Sink(Mutex<Vec<(String, Vec<u8>, Encoding)>>);

impl Sink {
    pub fn posted(&self) -> Vec<(String, Vec<u8>, Encoding)> {
        self.0.lock().unwrap().clone()
    }
}

impl EventSink for Sink {
    fn post(&self, record: &str, body: &[u8], encoding: Encoding) -> Result<u64, Refusal> {
        if !matches!(record, "com.example.AddToCartEvent" | "com.example.Größe/1") {
            let message = "no record is named so".to_owned();
            return Err(Refusal { unknown_record: true, cause: "unknown_record", message });
        }
        if body.starts_with(b"bad") {
            let message = format!("no JSON: {}", String::from_utf8_lossy(body));
            return Err(Refusal { unknown_record: false, cause: "malformed_json", message });
        }
        self.0.lock().unwrap().push((record.to_owned(), body.to_vec(), encoding));
        Ok(body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64)
    }
}

/// A server at work, and what it shows.
pub struct Daemon {
    pub address: std::net::SocketAddr,
    pub status: Arc<Status>,
    pub sink: Arc<Sink>,
    pub pulse: Arc<Mutex<Pulse>>,
    pub stop: Option<oneshot::Sender<()>>,
    pub server: JoinHandle<std::io::Result<()>>,
}

impl Daemon {
    pub async fn start(shown: Shown) -> Self {
        Self::with_limits(shown, Limits::default()).await
    }

    pub async fn with_limits(shown: Shown, limits: Limits) -> Self {
        let drops = [("bad_line", 12), ("a\"b\\c\nd", 3), ("late", 0)];
        Self::dropping(shown, &drops, limits).await
    }

    pub async fn dropping(shown: Shown, drops: &[(&str, u64)], limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let status = Arc::new(Status::default());
        *status.lock() = shown;
        let sink = Arc::new(Sink::default());
        let alive = Pulse { pane: Duration::from_secs(30), ..Pulse::default() };
        let pulse = Arc::new(Mutex::new(alive));
        let asked = AtomicU64::new(0);
        let drops: Vec<_> = drops.iter().map(|(cause, count)| ((*cause).to_owned(), *count)).collect();
        let health = Arc::clone(&pulse);
        let site = Site {
            status: Arc::clone(&status),
            events: Arc::clone(&sink) as Arc<dyn EventSink>,
            counters: Box::new(move || counters(asked.fetch_add(1, Ordering::Relaxed), &drops)),
            health: Box::new(move || health.lock().unwrap().clone()),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let http = Http::new(listener, Arc::new(site)).with_limits(limits);
        let server = tokio::spawn(http.serve(async move { drop(stopped.await) }));
        Self { address, status, sink, pulse, stop: Some(stop), server }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// They grow from one asking to the next, as the page shows rates.
fn counters(asked: u64, drops: &[(String, u64)]) -> Counters {
    Counters {
        received: 48_210_331 + 24_600 * asked,
        counted: 3_118_204 + 1_590 * asked,
        forwarded: 45_092_115 + 23_010 * asked,
        events: 812,
        drops: drops.to_vec(),
    }
}
