//! The metrics: which exist (some point was submitted), their metadata, their tag configuration, and the
//! distinct series seen, from which estimates and volumes are counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::clock::rfc3339;
use super::disk::{Batch, Disk};
use super::reply::Refusal;

const METRIC: &[u8] = b"metric/";

/// How many distinct series of a metric are remembered: more does not change what a test can ask.
const MAX_SERIES: usize = 20_000;
const MAX_NAME: usize = 200;

const TYPES: &[&str] = &["gauge", "count", "rate", "distribution"];

/// The metadata keys a client may write, and whether they are text.
const METADATA: &[(&str, bool)] = &[
    ("description", true),
    ("short_name", true),
    ("unit", true),
    ("per_unit", true),
    ("type", true),
    ("statsd_interval", false),
];

/// One metric.
#[derive(Default, Clone, Serialize, Deserialize)]
struct Metric {
    metadata: Map<String, Value>,
    series: BTreeSet<Vec<String>>,
    config: Option<Config>,
}

/// A tag configuration.
#[derive(Clone, Serialize, Deserialize)]
struct Config {
    metric_type: String,
    tags: Vec<String>,
    exclude_tags_mode: bool,
    include_percentiles: Option<bool>,
    created_at: String,
    modified_at: String,
}

/// What a submission says of one series.
pub(super) struct Sample {
    pub(super) metric: String,
    pub(super) kind: Option<&'static str>,
    pub(super) tags: Vec<String>,
}

/// All metrics.
#[derive(Default)]
pub(super) struct Metrics {
    by_name: BTreeMap<String, Metric>,
    /// Moves with every configuration shown, so that no two show their tags in one order.
    shown: AtomicUsize,
}

/// Other characters than letters, digits, `_` and `.` become `_`; at most 200 are kept.
fn clean(name: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '.' { c } else { '_' };
    name.chars().take(MAX_NAME).map(keep).collect()
}

fn not_found(metric: &str) -> Refusal {
    // Delete-a-tag-configuration-returns-No-Content-response.json.
    Refusal::new(StatusCode::NOT_FOUND, format!("{metric} not found"))
}

impl Metrics {
    pub(super) fn load(disk: &Disk) -> Result<Self, String> {
        let mut metrics = Self::default();
        for (key, value) in disk.scan(METRIC)? {
            let name = String::from_utf8(key).map_err(|_| "a metric has a damaged name")?;
            let metric = serde_json::from_slice(&value)
                .map_err(|error| format!("metric {name} is damaged: {error}"))?;
            metrics.by_name.insert(name, metric);
        }
        Ok(metrics)
    }

    pub(super) fn reset(&mut self) {
        self.by_name.clear();
    }

    fn store(&mut self, name: &str, metric: Metric, disk: &Disk) -> Result<(), Refusal> {
        let mut batch = Batch::default();
        let bytes = serde_json::to_vec(&metric).map_err(Refusal::internal)?;
        batch.insert([METRIC, name.as_bytes()].concat(), bytes);
        disk.apply(batch)?;
        self.by_name.insert(name.to_owned(), metric);
        Ok(())
    }

    fn find(&self, name: &str) -> Result<&Metric, Refusal> {
        self.by_name.get(name).ok_or_else(|| not_found(name))
    }

    /// Takes in submitted series. Only what is new is written.
    pub(super) fn submit(&mut self, samples: Vec<Sample>, disk: &Disk) -> Result<(), Refusal> {
        for sample in samples {
            let name = clean(&sample.metric);
            let mut tags: Vec<String> = sample.tags.iter().map(|tag| tag.to_lowercase()).collect();
            tags.sort_unstable();
            tags.dedup();
            let known = self.by_name.get(&name);
            if known.is_some_and(|metric| metric.series.contains(&tags) || metric.series.len() >= MAX_SERIES)
            {
                continue;
            }
            let mut metric = known.cloned().unwrap_or_default();
            metric.series.insert(tags);
            if let Some(kind) = sample.kind {
                metric.metadata.entry("type").or_insert_with(|| json!(kind));
            }
            self.store(&name, metric, disk)?;
        }
        Ok(())
    }

    /// The metadata, unset fields as null, without the metric's name.
    pub(super) fn metadata(&self, name: &str) -> Result<Value, Refusal> {
        let metric = self.by_name.get(name).ok_or_else(no_metadata)?;
        let mut shown = show_metadata(metric);
        // A GET says `distribution` where the reply to a PUT may not (Terraform provider issue 2222).
        if metric.config.as_ref().is_some_and(|config| config.metric_type == "distribution") {
            shown.insert("type".to_owned(), json!("distribution"));
        }
        Ok(Value::Object(shown))
    }

    /// Writes metadata; what is left out is kept (not recorded either way).
    pub(super) fn set_metadata(
        &mut self,
        name: &str,
        body: &Map<String, Value>,
        disk: &Disk,
    ) -> Result<Value, Refusal> {
        let mut metric = self.by_name.get(name).ok_or_else(no_metadata)?.clone();
        for (key, is_text) in METADATA {
            let Some(value) = body.get(*key) else { continue };
            let fits = value.is_null() || if *is_text { value.is_string() } else { value.is_u64() };
            if !fits {
                return Err(Refusal::parameter(key, "not of the right type"));
            }
            if *key == "type" && !value.as_str().is_none_or(|kind| matches!(kind, "gauge" | "count" | "rate"))
            {
                return Err(Refusal::parameter("type", "not one of count, gauge and rate"));
            }
            metric.metadata.insert((*key).to_owned(), value.clone());
        }
        let shown = show_metadata(&metric);
        self.store(name, metric, disk)?;
        Ok(Value::Object(shown))
    }

    /// `POST /api/v2/metrics/{name}/tags`.
    pub(super) fn configure(
        &mut self,
        name: &str,
        body: &Map<String, Value>,
        disk: &Disk,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let attributes = attributes(name, body)?;
        let kind = attributes.get("metric_type").and_then(Value::as_str).unwrap_or_default();
        if !TYPES.contains(&kind) {
            return Err(Refusal::bad("metric_type must be one of gauge, count, rate and distribution"));
        }
        let Some(metric) = self.by_name.get(name) else {
            // Terraform provider issue 4016.
            return Err(Refusal::bad("Cannot configure tags on a metric that does not exist."));
        };
        if metric.config.is_some() {
            // Terraform provider issues 1294 and 2549; the words for a distribution are not recorded.
            let what = if kind == "distribution" { "distribution" } else { "gauge/count/rate" };
            let message =
                format!("New {what} conflicts with existing tag configuration, use PATCH to update");
            return Err(Refusal::new(StatusCode::CONFLICT, message));
        }
        let stamp = rfc3339(now);
        let mut config = Config {
            metric_type: kind.to_owned(),
            tags: Vec::new(),
            exclude_tags_mode: false,
            include_percentiles: (kind == "distribution").then_some(false),
            created_at: stamp.clone(),
            modified_at: stamp,
        };
        if !attributes.contains_key("tags") {
            return Err(Refusal::bad("tags are required"));
        }
        amend(&mut config, attributes)?;
        let mut metric = metric.clone();
        metric.config = Some(config.clone());
        self.store(name, metric, disk)?;
        Ok(json!({ "data": self.show_config(name, &config) }))
    }

    /// `PATCH`: what is sent replaces, and the type cannot be sent.
    pub(super) fn reconfigure(
        &mut self,
        name: &str,
        body: &Map<String, Value>,
        disk: &Disk,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let attributes = attributes(name, body)?;
        if attributes.contains_key("metric_type") {
            return Err(Refusal::bad(
                "metric_type cannot be changed: delete the configuration and create it",
            ));
        }
        let mut metric = self.find(name)?.clone();
        let mut config = metric.config.take().ok_or_else(|| not_found(name))?;
        amend(&mut config, attributes)?;
        config.modified_at = rfc3339(now);
        metric.config = Some(config.clone());
        self.store(name, metric, disk)?;
        Ok(json!({ "data": self.show_config(name, &config) }))
    }

    /// `GET`: 404 without a configuration, whether the metric exists or not.
    pub(super) fn configuration(&self, name: &str) -> Result<Value, Refusal> {
        let config = self.find(name)?.config.as_ref().ok_or_else(|| not_found(name))?;
        Ok(json!({ "data": self.show_config(name, config) }))
    }

    /// `DELETE`: a second one is a 404 (recorded).
    pub(super) fn unconfigure(&mut self, name: &str, disk: &Disk) -> Result<(), Refusal> {
        let mut metric = self.find(name)?.clone();
        metric.config.take().ok_or_else(|| not_found(name))?;
        self.store(name, metric, disk)
    }

    fn show_config(&self, name: &str, config: &Config) -> Value {
        let mut tags = config.tags.clone();
        if !tags.is_empty() {
            // Recorded in another order than sent, and than read before: a client must see a set.
            let turn = self.shown.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            let by = turn % tags.len();
            tags.rotate_left(by);
            if turn.is_multiple_of(2) {
                tags.reverse();
            }
        }
        let mut attributes = json!({
            "tags": tags, "created_at": config.created_at, "modified_at": config.modified_at,
            "metric_type": config.metric_type, "exclude_tags_mode": config.exclude_tags_mode,
        });
        match config.include_percentiles {
            Some(percentiles) => attributes["include_percentiles"] = json!(percentiles),
            // Deprecated and ignored; sum over sum since 2026, absent for distributions.
            None => attributes["aggregations"] = json!([{ "time": "sum", "space": "sum" }]),
        }
        json!({ "type": "manage_tags", "id": name, "attributes": attributes })
    }

    /// The items of `GET /api/v2/metrics` in name order.
    pub(super) fn items(&self, configured: Option<bool>, tag: Option<&str>) -> Vec<(&str, Value)> {
        let tagged = |metric: &Metric| {
            tag.is_none_or(|tag| metric.series.iter().flatten().any(|seen| seen == &tag.to_lowercase()))
        };
        let wanted = |metric: &Metric| configured.is_none_or(|wanted| metric.config.is_some() == wanted);
        let found = self.by_name.iter().filter(|(_, metric)| wanted(metric) && tagged(metric));
        found
            .map(|(name, metric)| match &metric.config {
                Some(config) => (name.as_str(), self.show_config(name, config)),
                None => (name.as_str(), json!({ "type": "metrics", "id": name })),
            })
            .collect()
    }

    /// Distinct values of the groups, or distinct series without groups.
    pub(super) fn estimate(&self, name: &str, groups: &[&str], exclude: bool) -> Result<usize, Refusal> {
        Ok(project(&self.find(name)?.series, groups, exclude))
    }

    pub(super) fn kind(&self, name: &str) -> Result<&str, Refusal> {
        let metric = self.find(name)?;
        let configured = metric.config.as_ref().map(|config| config.metric_type.as_str());
        let reported = metric.metadata.get("type").and_then(Value::as_str);
        Ok(configured.or(reported).unwrap_or("gauge"))
    }

    /// Ingested and indexed series.
    pub(super) fn volumes(&self, name: &str) -> Result<(usize, usize), Refusal> {
        let metric = self.find(name)?;
        let indexed = match &metric.config {
            Some(config) => {
                let tags: Vec<&str> = config.tags.iter().map(String::as_str).collect();
                project(&metric.series, &tags, config.exclude_tags_mode)
            }
            None => metric.series.len(),
        };
        Ok((metric.series.len(), indexed))
    }

    /// Every tag seen on a metric.
    pub(super) fn tags(&self, name: &str) -> Result<BTreeSet<&str>, Refusal> {
        Ok(self.find(name)?.series.iter().flatten().map(String::as_str).collect())
    }
}

fn no_metadata() -> Refusal {
    // Terraform provider issue 918.
    Refusal::new(StatusCode::NOT_FOUND, "metric_name not found")
}

fn show_metadata(metric: &Metric) -> Map<String, Value> {
    let value = |key: &str| metric.metadata.get(key).cloned().unwrap_or(Value::Null);
    let mut shown: Map<_, _> = METADATA.iter().map(|(key, _)| ((*key).to_owned(), value(key))).collect();
    shown.insert("integration".to_owned(), Value::Null);
    shown
}

/// Distinct projections of series onto tag keys, or onto all others.
fn project(series: &BTreeSet<Vec<String>>, keys: &[&str], exclude: bool) -> usize {
    let key = |tag: &str| tag.split_once(':').map_or(tag.to_owned(), |(key, _)| key.to_owned());
    let kept = |tag: &&String| keys.contains(&key(tag).as_str()) != exclude;
    series.iter().map(|tags| tags.iter().filter(kept).collect::<Vec<_>>()).collect::<BTreeSet<_>>().len()
}

fn attributes<'a>(name: &str, body: &'a Map<String, Value>) -> Result<&'a Map<String, Value>, Refusal> {
    let data = body.get("data").and_then(Value::as_object);
    let text = |key: &str| data.and_then(|data| data.get(key)).and_then(Value::as_str);
    if text("type") != Some("manage_tags") {
        return Err(Refusal::bad("data.type must be manage_tags"));
    }
    if text("id") != Some(name) {
        return Err(Refusal::bad("data.id must be the metric's name"));
    }
    data.and_then(|data| data.get("attributes"))
        .and_then(Value::as_object)
        .ok_or_else(|| Refusal::bad("data.attributes are required"))
}

/// Puts the attributes that were sent into a configuration.
fn amend(config: &mut Config, attributes: &Map<String, Value>) -> Result<(), Refusal> {
    if let Some(tags) = attributes.get("tags") {
        let tags = tags.as_array().ok_or_else(|| Refusal::bad("tags must be a list"))?;
        config.tags = tags
            .iter()
            .map(|tag| tag.as_str().filter(|tag| is_key(tag)).map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| Refusal::bad("a tag key has 1 to 200 letters, digits and .-_:/"))?;
        let distinct: BTreeSet<_> = config.tags.iter().collect();
        if distinct.len() < config.tags.len() {
            let mut seen = BTreeSet::new();
            config.tags.retain(|tag| seen.insert(tag.clone()));
        }
    }
    if let Some(mode) = attributes.get("exclude_tags_mode") {
        config.exclude_tags_mode =
            mode.as_bool().ok_or_else(|| Refusal::bad("exclude_tags_mode must be a boolean"))?;
    }
    if let Some(percentiles) = attributes.get("include_percentiles") {
        let percentiles = percentiles.as_bool();
        if config.metric_type != "distribution" || percentiles.is_none() {
            return Err(Refusal::bad("include_percentiles is a boolean for distributions only"));
        }
        config.include_percentiles = percentiles;
    }
    if config.exclude_tags_mode && config.tags.is_empty() {
        return Err(Refusal::bad("exclude_tags_mode needs at least one tag"));
    }
    Ok(())
}

fn is_key(tag: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || ".-_:/".contains(c);
    let starts = tag.chars().next().is_some_and(char::is_alphabetic);
    starts && tag.chars().count() <= MAX_NAME && tag.chars().all(allowed)
}
