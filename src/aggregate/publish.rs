//! From a report to the gauges and events that Datadog gets.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ledger::{Admission, Series};
use super::rule::{Rule, event_name};
use super::window::{Report, Window};
use crate::dogstatsd::write::{self, AlertType};

/// One point of a time series.
#[derive(Debug, Clone, PartialEq)]
pub struct Gauge {
    /// The metric's name.
    pub name: String,
    /// Its tags; there is no host among them.
    pub tags: Vec<String>,
    /// The value.
    pub value: f64,
}

/// An event for Datadog's event stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// One line.
    pub title: String,
    /// What happened.
    pub text: String,
    /// How it is shown.
    pub shown_as: AlertType,
    /// Events with the same key are shown as one.
    pub key: String,
    /// Its tags.
    pub tags: Vec<String>,
}

/// Everything that is published of a rule at the end of a pane.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// The rule.
    pub rule: Arc<Rule>,
    /// What is known.
    pub report: Report,
    /// What Datadog gets of it.
    pub gauges: Vec<Gauge>,
    /// What is worth an event.
    pub events: Vec<Event>,
}

impl Publication {
    /// What is to be published of a window; none without panes. `extra` tags say whose it is, where others publish too.
    /// Events are told where it is known what was told last.
    pub fn of(
        rule: &Arc<Rule>,
        window: &Window,
        extra: &[String],
        announcements: Option<&mut Announcements>,
        admission: &mut impl Admission,
    ) -> Option<Self> {
        let report = window.report(rule)?;
        let gauges = gauges(rule, &report, extra, admission);
        let events = announcements.map(|told| told.events(rule, &report)).unwrap_or_default();
        Some(Self { rule: rule.clone(), report, gauges, events })
    }
}

/// The value of the `id` tag that stands for all ids that have no series of their own.
pub const OTHER: &str = "__other__";

/// An id as the value of a tag. Datadog would take an empty one for no value at all.
fn tag_value(id: &str) -> String {
    if id.is_empty() { "__empty__".to_owned() } else { write::tag_value(id).into_owned() }
}

/// What Datadog keeps of a tag's value: small letters, and `_` for what it does not know.
fn kept(value: &str) -> String {
    let known = |c: &char| c.is_alphanumeric() || "_-:./".contains(*c);
    value.chars().flat_map(|c| Some(c).filter(known).unwrap_or('_').to_lowercase()).collect()
}

/// The names and tags of everything that a rule publishes but for its ids, the most important first.
pub fn reserved<'r>(rule: &'r Rule, extra: &'r [String]) -> impl Iterator<Item = Series> + 'r {
    fixed(rule).map(move |(name, tag)| Series::new(&name, &tags(rule, extra, tag)))
}

/// The same of several rules: the most important of each come before the others of any, where not all find room.
pub fn reserved_of<'r>(rules: impl IntoIterator<Item = &'r Rule>, extra: &[String]) -> Vec<Series> {
    let of_rule = |rule: &'r Rule| reserved(rule, extra).enumerate().collect::<Vec<_>>();
    let mut all: Vec<(usize, Series)> = rules.into_iter().flat_map(of_rule).collect();
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, series)| series).collect()
}

fn fixed(rule: &Rule) -> impl Iterator<Item = (String, Option<String>)> + '_ {
    let metric = &rule.metric;
    let plain = ["", ".sustained", ".bound", ".distinct", ".share"];
    let plain = plain.into_iter().map(move |ending| (format!("{metric}{ending}"), None));
    let other = std::iter::once((format!("{metric}.by_id"), Some(format!("id:{OTHER}"))));
    let ranks = (1..=rule.top).map(move |rank| (format!("{metric}.rank"), Some(format!("rank:{rank}"))));
    plain.chain(other).chain(ranks)
}

fn tags(rule: &Rule, extra: &[String], own: Option<String>) -> Vec<String> {
    rule.tags.iter().chain(extra).cloned().chain(own).collect()
}

/// The gauges of a report. Ids that find no room in the hour's budget are part of `id:__other__`.
///
/// `extra` are tags of this aggregator's own, such as the instance that publishes for itself.
pub fn gauges(rule: &Rule, report: &Report, extra: &[String], admission: &mut impl Admission) -> Vec<Gauge> {
    let per_event = if report.seconds > 0.0 { rule.per.seconds() / report.seconds } else { 0.0 };
    let by_id = format!("{}.by_id", rule.metric);
    let ranked = &report.top[..report.top.len().min(rule.top as usize)];
    let mut seen = BTreeSet::from([OTHER.to_owned()]);
    // Ids that differ only in what Datadog does not keep of a tag would overwrite each other.
    let named: Vec<_> = ranked.iter().filter(|ranked| seen.insert(kept(&tag_value(&ranked.id)))).collect();
    let id_tags = |id: &str| tags(rule, extra, Some(format!("id:{}", tag_value(id))));
    let wanted: Vec<Series> = named.iter().map(|ranked| Series::new(&by_id, &id_tags(&ranked.id))).collect();
    let admitted = admission.admit(report.ended_at, rule.ids_per_hour, &wanted);
    let mut gauges = Vec::with_capacity(wanted.len() + rule.top as usize + 6);
    let mut rest = report.events;
    for (ranked, _) in named.iter().zip(admitted).filter(|(_, admitted)| *admitted) {
        rest = rest.saturating_sub(ranked.events);
        gauges.push(Gauge { name: by_id.clone(), tags: id_tags(&ranked.id), value: ranked.rate });
    }
    let value = |name: &str, tag: Option<&str>| match (name.strip_prefix(rule.metric.as_str()), tag) {
        (Some(""), _) => Some(report.top.first().map_or(0.0, |first| first.rate)),
        (Some(".sustained"), _) => report.sustained.as_ref().map(|sustained| sustained.rate),
        (Some(".bound"), _) => Some(report.bound),
        (Some(".distinct"), _) => Some(report.distinct as f64),
        (Some(".share"), _) => Some(report.share),
        (Some(".by_id"), _) => Some(rest as f64 * per_event),
        // A rank that nobody has is zero, so that the last one who had it does not stand there any longer.
        (Some(".rank"), Some(tag)) => {
            let rank: usize = tag.strip_prefix("rank:")?.parse().ok()?;
            Some(report.top.get(rank - 1).map_or(0.0, |ranked| ranked.rate))
        }
        _ => None,
    };
    let fixed: Vec<Gauge> = fixed(rule)
        .filter_map(|(name, tag)| {
            let value = value(&name, tag.as_deref())?;
            Some(Gauge { name, tags: tags(rule, extra, tag), value })
        })
        .collect();
    // All at once: at the beginning of an hour each call waits for a disk, or for Redis.
    let wanted: Vec<Series> = fixed.iter().map(|gauge| Series::new(&gauge.name, &gauge.tags)).collect();
    let admitted = admission.admit(report.ended_at, u64::MAX, &wanted);
    gauges.extend(fixed.into_iter().zip(admitted).filter(|(_, admitted)| *admitted).map(|(gauge, _)| gauge));
    gauges
}

/// What was last told about a rule's top, so that only changes are.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Announcements {
    top: Option<String>,
    changed_at: u64,
    above: bool,
}

impl Announcements {
    /// The events that a report gives reason for: the top rate crosses the threshold, or another id is at the top.
    /// A change of the id is told once in a window at most.
    pub fn events(&mut self, rule: &Rule, report: &Report) -> Vec<Event> {
        let first = report.top.first();
        let mut events = Vec::new();
        let (field, record, unit) = (&rule.field, event_name(&rule.record), rule.per.as_str());
        let named = first.map(|first| format!("{field} {} of {record}", first.id)).unwrap_or_default();
        let rate = first.map_or(0.0, |first| first.rate);
        let above = rule.threshold.is_some_and(|threshold| rate > threshold);
        if above != self.above {
            self.above = above;
            let threshold = number(rule.threshold.unwrap_or_default());
            let (title, shown_as) = match above {
                true => (format!("{named} is above {threshold} per {unit}"), AlertType::Error),
                false => (
                    format!("No {field} of {record} is above {threshold} per {unit} any longer"),
                    AlertType::Success,
                ),
            };
            events.push(event(rule, title, shown_as, report));
        } else if first.is_some_and(|first| self.top.as_deref() != Some(&first.id))
            && (self.top.is_none() || report.ended_at >= self.changed_at + rule.window_seconds)
        {
            let title = format!("{named} has the highest rate");
            events.push(event(rule, title, AlertType::Info, report));
        }
        if !events.is_empty() {
            self.top = first.map(|first| first.id.clone());
            self.changed_at = report.ended_at;
        }
        events
    }
}

fn event(rule: &Rule, title: String, shown_as: AlertType, report: &Report) -> Event {
    let seconds = number(report.seconds.round());
    let mut text = format!("No event in {seconds} s.");
    if let Some(first) = report.top.first() {
        let rate = number(first.rate);
        let (unit, of_first, events) = (rule.per.as_str(), first.events, report.events);
        text = format!("{}: {rate} per {unit}, {of_first} of {events} events in {seconds} s.", first.id);
    }
    if report.offset > 0 {
        text.push_str(&format!(" Counts may be up to {} too low.", report.offset));
    }
    if !report.certain {
        text.push_str(" Another id may be as high.");
    }
    let tags = rule.tags.iter().cloned().chain([format!("bellwether:{}", rule.address)]).collect();
    Event { title, text, shown_as, key: rule.address.to_string(), tags }
}

/// A number for people: whole from 100 on.
fn number(value: f64) -> String {
    if value.fract() == 0.0 || value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
