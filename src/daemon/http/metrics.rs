//! `GET /metrics`: the daemon's own figures in Prometheus' text format, 0.0.4. Never a label for an id.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::App;
use super::site::Counters;
use crate::daemon::status::{Shown, ShownRule};

const PREFIX: &str = "bellwether_aggregate_";
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn show(State(app): State<Arc<App>>) -> Response {
    let counters = (app.site.counters)();
    let is_healthy = app.site.health.pulse().illness().is_none();
    let shown = app.site.status.lock().clone();
    let text = exposition(&shown, &counters, &app.refused.counts(), is_healthy);
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

/// Everything as text.
fn exposition(
    shown: &Shown,
    counters: &Counters,
    refused: &BTreeMap<&'static str, u64>,
    is_healthy: bool,
) -> String {
    let mut page = Page::default();
    page.gauge("healthy", "Whether publishing works.", flag(is_healthy));
    page.gauge(
        "reload_failed",
        "Whether the rules could not be read anew.",
        flag(shown.reload_error.is_some()),
    );
    page.traffic(counters, refused);
    page.budget(shown);
    page.fleet(shown);
    page.rules(shown);
    page.0
}

/// Families of samples, each under its own head.
#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.0, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let _ = write!(self.0, "{PREFIX}{name}");
        for (at, (label, value)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", escaped(value));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {}", number(value));
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, help, "gauge");
        self.sample(name, &[], value);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        self.sample(name, &[], value as f64);
    }

    fn traffic(&mut self, counters: &Counters, refused: &BTreeMap<&'static str, u64>) {
        self.counter("lines_received_total", "Lines received.", counters.received);
        self.counter("lines_counted_total", "Lines that a rule has counted.", counters.counted);
        self.counter("lines_forwarded_total", "Lines that have gone on to the Agent.", counters.forwarded);
        self.counter("http_events_total", "Events taken over HTTP.", counters.events);
        let mut drops: BTreeMap<&str, u64> = BTreeMap::new();
        for (cause, count) in &counters.drops {
            // The same labels twice would spoil the whole page.
            *drops.entry(cause).or_default() += count;
        }
        self.head("drops_total", "What was dropped.", "counter");
        for (cause, count) in drops {
            self.sample("drops_total", &[("cause", cause)], count as f64);
        }
        self.head("http_refused_total", "Requests that were refused.", "counter");
        for (cause, count) in refused {
            self.sample("http_refused_total", &[("cause", cause)], *count as f64);
        }
    }

    fn budget(&mut self, shown: &Shown) {
        let budget = shown.budget;
        self.gauge("series_limit", "Series that may be published in a clock hour.", budget.limit as f64);
        self.gauge("series_used", "Series published or reserved in this clock hour.", budget.used as f64);
        self.gauge("series_published", "Series published in this clock hour.", budget.published as f64);
        self.counter("series_refused_total", "Series that found no room in the budget.", budget.refused);
    }

    fn fleet(&mut self, shown: &Shown) {
        let Some(fleet) = &shown.fleet else { return };
        self.gauge("fleet_instances_expected", "Instances that there should be.", f64::from(fleet.expected));
        self.gauge("fleet_instances_seen", "Instances that counted in the last pane.", f64::from(fleet.seen));
        self.gauge("fleet_connected", "Whether Redis answers.", flag(fleet.connected));
    }

    fn rules(&mut self, shown: &Shown) {
        for (name, help, value) in FAMILIES {
            self.head(name, help, "gauge");
            for (address, rule) in &shown.rules {
                if let Some(value) = value(rule) {
                    let labels = [("rule", address.as_str()), ("per", rule.rule.per.as_str())];
                    self.sample(name, &labels, value);
                }
            }
        }
    }
}

/// A figure of a rule; none if there is nothing to tell yet.
type Figure = fn(&ShownRule) -> Option<f64>;

const FAMILIES: [(&str, &str, Figure); 14] = [
    ("rule_top_rate", "The highest rate of an id, in the rule's unit.", |shown| {
        Some(shown.report.as_ref()?.top.first().map_or(0.0, |first| first.rate))
    }),
    ("rule_sustained_rate", "The rate that one id has held throughout the window.", |shown| {
        Some(shown.report.as_ref()?.sustained.as_ref()?.rate)
    }),
    ("rule_threshold", "The rate above which the id at the top is told as an event.", |shown| {
        shown.rule.threshold
    }),
    ("rule_distinct_ids", "Different ids in the window.", |shown| {
        Some(shown.report.as_ref()?.distinct as f64)
    }),
    ("rule_share", "The part of the events that the top ids have.", |shown| {
        Some(shown.report.as_ref()?.share)
    }),
    ("rule_window_events", "Events in the window.", |shown| Some(shown.report.as_ref()?.events as f64)),
    ("rule_offset_events", "The most events by which a count can be too low.", |shown| {
        Some(shown.report.as_ref()?.offset as f64)
    }),
    ("rule_bound_rate", "The same as a rate.", |shown| Some(shown.report.as_ref()?.bound)),
    ("rule_certain", "Whether the id at the top is the top for certain.", |shown| {
        Some(flag(shown.report.as_ref()?.certain))
    }),
    ("rule_instances", "Instances that counted in the last pane.", |shown| {
        Some(f64::from(shown.report.as_ref()?.instances))
    }),
    ("rule_pane_end_seconds", "When the last pane ended, in seconds since 1970.", |shown| {
        Some(shown.report.as_ref()?.ended_at as f64)
    }),
    ("rule_lag_seconds", "How long after its end the last pane was published.", |shown| {
        shown.report.as_ref().map(|_| shown.lag_seconds)
    }),
    ("rule_series", "Series that were published of it.", |shown| Some(shown.series as f64)),
    (
        "rule_unmerged",
        "Whether the figures are of this instance alone, although there are others.",
        |shown| Some(flag(shown.unmerged)),
    ),
];

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// A label's value: within quotation marks, these three would be read as something else.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn number(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        _ if value.is_infinite() => if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_numbers_are_plain() {
        let mut page = Page::default();
        page.sample("drops_total", &[("cause", "a\"b\\c\nd"), ("per", "hour")], 1e15);
        assert_eq!(
            page.0,
            "bellwether_aggregate_drops_total{cause=\"a\\\"b\\\\c\\nd\",per=\"hour\"} 1000000000000000\n"
        );
        assert_eq!(number(f64::NAN) + &number(f64::NEG_INFINITY) + &number(0.25), "NaN-Inf0.25");
    }
}
