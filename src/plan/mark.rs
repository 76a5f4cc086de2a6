//! Live metrics as documents, and the mark in a metric's description that stands for tags.

use serde_json::Value;

use crate::model::{Document, LiveMetric};
use crate::normalise::{ADDRESS_TAG, at};

/// What bellwether writes at the end of a metric's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark<'d> {
    /// The address that configures the metric.
    pub address: &'d str,
    /// The hash of what was applied.
    pub rev: &'d str,
    /// The tag of the environment that configures the metric.
    pub owner: &'d str,
    /// The most series in an hour.
    pub series: u64,
}

/// The mark of a metric's document, if bellwether wrote it:
/// `… At most 66 series an hour. bellwether:<address>@<rev> for <owner tag>`.
pub fn mark_of(document: &Document) -> Option<Mark<'_>> {
    let description = at(document, "metadata.description").and_then(Value::as_str)?;
    let (text, mark) = description.rsplit_once(ADDRESS_TAG)?;
    let (mark, owner) = mark.trim().split_once(" for ")?;
    let (address, rev) = mark.rsplit_once('@')?;
    let (before, _) = text.rsplit_once(" series an hour")?;
    // Anybody can write a description: no number of it may overflow a sum.
    let series: u32 = before.rsplit(' ').next()?.parse().ok()?;
    let series = u64::from(series);
    Some(Mark { address, rev, owner, series })
}

/// A live metric in the shape of a compiled one.
pub fn metric_document(name: &str, live: &LiveMetric) -> Document {
    let mut document = Document::new();
    document.insert("metric".to_owned(), name.into());
    if let Some(metadata) = &live.metadata {
        document.insert("metadata".to_owned(), Value::Object(metadata.clone()));
    }
    if let Some(configuration) = &live.tag_configuration {
        document.insert("tag_configuration".to_owned(), Value::Object(configuration.clone()));
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(description: &str) -> Document {
        json!({"metadata": {"description": description}}).as_object().unwrap().clone()
    }

    #[test]
    fn a_mark_is_found_and_anything_else_is_none() {
        let ours = document(
            "Highest rate. At most 66 series an hour. bellwether:com.x.E.id/aggregate_metric@0123456789ab for esm-prod",
        );
        let mark = Mark {
            address: "com.x.E.id/aggregate_metric",
            rev: "0123456789ab",
            owner: "esm-prod",
            series: 66,
        };
        assert_eq!(mark_of(&ours), Some(mark));
        for other in [
            "",
            "At most 66 series an hour.",
            "bellwether:",
            "bellwether:a/b@c for x",
            "At most x series an hour. bellwether:a/b@c for x",
        ] {
            assert_eq!(mark_of(&document(other)), None, "{other}");
        }
    }
}
