//! `/api/top`, `/health` and `/metrics`.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::client::get;
use crate::site::{Daemon, GUID, HEBREW, NUMBER, QUOTES, SCRIPT, UNSEEN, accents, hostile, long};

const CART: &str = "com.example.AddToCartEvent.cartId/aggregate_metric";

#[tokio::test]
async fn the_json_has_every_id_as_it_was_received() {
    let daemon = Daemon::start(hostile()).await;
    let reply = get(daemon.address, "/api/top").await;
    assert_eq!(reply.status, 200);
    let top = reply.json();
    assert_eq!(top["format_version"], 1);
    let ids: Vec<&str> = top["rules"][CART]["report"]["top"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ranked| ranked["id"].as_str().unwrap())
        .collect();
    let (long, accents) = (long(), accents());
    assert_eq!(ids, [GUID, NUMBER, SCRIPT, UNSEEN, HEBREW, QUOTES, &long, &accents, "", " edge "]);
    assert_eq!(top["rules"][CART]["rule"]["threshold"], 120.0);
    assert_eq!(
        top["rules"]["com.example.PageViewEvent.pageId/aggregate_metric"]["report"],
        serde_json::Value::Null
    );
    assert_eq!(top["drops"]["a\"b\\c\nd"], 3);
    assert_eq!(top["traffic"]["received"], 48_210_331);
    assert_eq!(top["budget"]["used"], 74);
    assert_eq!(top["fleet"]["seen"], 3);
    assert_eq!(top["health"]["status"], "ok");
    assert!(top["now"].as_u64().unwrap() > 1_700_000_000);
    let keys: Vec<&str> = top.as_object().unwrap().keys().map(String::as_str).collect();
    let mut documented = [
        "format_version",
        "version",
        "now",
        "health",
        "traffic",
        "drops",
        "refused_requests",
        "environment",
        "agent",
        "budget",
        "fleet",
        "reload_error",
        "rules",
    ];
    documented.sort_unstable();
    assert_eq!(keys, documented, "a new key is documented, a changed one is a new format_version");
}

#[tokio::test]
async fn health_fails_when_publishing_does() {
    let daemon = Daemon::start(hostile()).await;
    let reply = get(daemon.address, "/health").await;
    assert_eq!((reply.status, reply.json()["status"].as_str()), (200, Some("ok")));

    daemon.pulse.lock().unwrap().silent_for = Duration::from_secs(200);
    let reply = get(daemon.address, "/health").await;
    assert_eq!((reply.status, reply.json()["status"].as_str()), (503, Some("failing")));
    let reason = "nothing was published for 200 s, although a pane ends every 30 s";
    assert_eq!(reply.json()["reason"], reason);
    assert_eq!(get(daemon.address, "/api/top").await.json()["health"]["reason"], reason);
    assert!(get(daemon.address, "/metrics").await.body.contains("\nbellwether_aggregate_healthy 0\n"));
}

/// A sample of the text format: its name, its labels, its value.
fn sample(line: &str) -> (String, String, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
    let (name, labels) = series.split_once('{').map_or((series, ""), |(name, labels)| (name, labels));
    assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
    assert!(labels.is_empty() || labels.ends_with("\"}"), "{line}");
    (
        name.to_owned(),
        labels.trim_end_matches('}').to_owned(),
        value.parse().unwrap_or_else(|_| panic!("{line}")),
    )
}

#[tokio::test]
async fn metrics_are_bounded_and_well_formed() {
    let daemon = Daemon::start(hostile()).await;
    let reply = get(daemon.address, "/metrics").await;
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let (mut seen, mut heads) = (BTreeSet::new(), BTreeSet::new());
    for line in reply.body.lines() {
        if let Some(head) = line.strip_prefix("# ") {
            let name = head.split(' ').nth(1).unwrap().to_owned();
            assert!(!head.starts_with("TYPE ") || heads.insert(name), "a family has one head: {line}");
            continue;
        }
        let (name, labels, _) = sample(line);
        assert!(heads.contains(&name), "a sample stands below its head: {line}");
        assert_eq!(
            name.ends_with("_total"),
            reply.body.contains(&format!("# TYPE {name} counter\n")),
            "{line}"
        );
        assert!(seen.insert((name, labels)), "twice: {line}");
    }
    for id in [GUID, NUMBER, HEBREW, "onerror", "edge"] {
        assert!(!reply.body.contains(&format!("\"{id}")), "an id is a label");
    }
    let rule = format!("{{rule=\"{CART}\",per=\"minute\"}}");
    for line in [
        "lines_received_total 48210331",
        "lines_counted_total 3118204",
        "lines_forwarded_total 45092115",
        "http_events_total 812",
        r#"drops_total{cause="a\"b\\c\nd"} 3"#,
        r#"drops_total{cause="bad_line"} 12"#,
        "series_published 32",
        "series_limit 140",
        "series_refused_total 5",
        "fleet_instances_expected 4",
        "fleet_instances_seen 3",
        "fleet_connected 1",
        "reload_failed 1",
        "healthy 1",
        &format!("rule_top_rate{rule} 198"),
        &format!("rule_sustained_rate{rule} 198"),
        &format!("rule_distinct_ids{rule} 18204"),
        &format!("rule_offset_events{rule} 12"),
        &format!("rule_lag_seconds{rule} 0.4"),
        &format!("rule_unmerged{rule} 1"),
    ] {
        assert!(
            reply.body.contains(&format!("\nbellwether_aggregate_{line}\n")),
            "{line} in\n{}",
            reply.body
        );
    }
    let text_of_other = "rule_top_rate{rule=\"com.example.PageViewEvent";
    assert!(!reply.body.contains(text_of_other), "a rule without a report has no rate");
}
