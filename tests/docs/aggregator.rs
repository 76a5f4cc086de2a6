//! docs/aggregator.md names what there is.

use bellwether::aggregate::publish::reserved;
use bellwether::aggregate::{Per, Rule};
use bellwether::daemon::causes::Cause;

use super::{page, rows, section};

#[test]
fn every_cause_is_listed_and_no_other() {
    let text = page("aggregator.md");
    let listed: Vec<Vec<String>> = rows(section(&text, "## When something is wrong")).into_iter().collect();
    let expected: Vec<Vec<String>> =
        Cause::ALL.iter().map(|cause| vec![format!("`{}`", cause.word()), cause.text().to_owned()]).collect();
    assert_eq!(listed, expected);
}

#[test]
fn every_series_of_a_rule_is_explained() {
    let rule = Rule {
        address: "com.example.E.id/aggregate_metric".parse().unwrap(),
        record: "com.example.E".into(),
        field: "id".into(),
        metric: "m".into(),
        per: Per::Hour,
        window_seconds: 300,
        pane_seconds: 30,
        top: 1,
        ids_per_hour: 1,
        capacity: 1024,
        tags: Vec::new(),
        threshold: None,
        series_per_hour: Rule::series(1, 1),
    };
    let text = page("aggregator.md");
    for series in reserved(&rule, &[]) {
        let name = format!("`<metric>{}", series.name().trim_start_matches('m'));
        assert!(text.contains(&name), "{name}");
    }
}
