//! The same counts by other means, each used in its usual way: a counter that is looked up by a label for each event.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit, counter};
use metrics_util::registry::{AtomicStorage, Registry};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream, Temporality};
use prometheus::{IntCounterVec, Opts};

use crate::stream::{IDS, Streams};
use crate::subject::{Input, Subject, Who};

pub fn all(streams: &Streams) -> Vec<Subject> {
    let Streams { numbers, decimals, guids, .. } = *streams;
    vec![
        article((Input::Number, numbers), |id| format!("exposures.{id}")),
        article((Input::Decimal, decimals), |id| format!("exposures.{id}")),
        article((Input::Guid, guids), |id| format!("exposures.{id}")),
        metrics((Input::Number, numbers), |id| id.to_string()),
        metrics((Input::Decimal, decimals), str::to_owned),
        metrics((Input::Guid, guids), str::to_owned),
        prometheus((Input::Number, numbers), |counters, id| {
            counters.with_label_values(&[id.to_string()]).inc()
        }),
        prometheus((Input::Decimal, decimals), |counters, id| counters.with_label_values(&[id]).inc()),
        prometheus((Input::Guid, guids), |counters, id| counters.with_label_values(&[id]).inc()),
        opentelemetry((Input::Number, numbers), |id| KeyValue::new("id", id as i64)),
        opentelemetry((Input::Decimal, decimals), |id| KeyValue::new("id", id.to_owned())),
        opentelemetry((Input::Guid, guids), |id| KeyValue::new("id", id.to_owned())),
    ]
}

/// A map from labels to counters that all threads share. The label is made for each event.
fn article<T: Copy + Sync>(ids: (Input, &'static [T]), label: fn(T) -> String) -> Subject {
    let map: DashMap<String, AtomicU64> = DashMap::new();
    Subject::new("`DashMap<String, AtomicU64>`", Who::Article, ids, move |id| {
        let label = label(id);
        match map.get(&label) {
            Some(count) => count.fetch_add(1, Ordering::Relaxed),
            None => map.entry(label).or_default().fetch_add(1, Ordering::Relaxed),
        };
    })
}

fn metrics<T: Copy + Sync>((input, ids): (Input, &'static [T]), label: fn(T) -> String) -> Subject {
    let recorder = Recording(Registry::atomic());
    let run = Box::new(move |part: Range<usize>| {
        // One recorder for each subject; the look-up for each event is the same as that of a global one.
        metrics::with_local_recorder(&recorder, || {
            ids[part].iter().for_each(|id| counter!("exposures", "id" => label(*id)).increment(1));
        });
    });
    Subject { name: "`metrics`, `Registry`", who: Who::Library, input, run }
}

/// What exporters for `metrics` are made of.
struct Recording(Registry<Key, AtomicStorage>);

impl Recorder for Recording {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.0.get_or_create_counter(key, |counter| Counter::from_arc(counter.clone()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

fn prometheus<T: Copy + Sync>(ids: (Input, &'static [T]), mark: fn(&IntCounterVec, T)) -> Subject {
    let counters = IntCounterVec::new(Opts::new("exposures", "Exposures."), &["id"]).unwrap();
    Subject::new("`prometheus`, `IntCounterVec`", Who::Library, ids, move |id| mark(&counters, id))
}

fn opentelemetry<T: Copy + Sync>(ids: (Input, &'static [T]), attribute: fn(T) -> KeyValue) -> Subject {
    let reader = PeriodicReader::builder(Nowhere).with_interval(Duration::from_secs(86_400)).build();
    // By default, ids beyond 2,000 are one.
    let all_ids = |_: &Instrument| Stream::builder().with_cardinality_limit(IDS + 1).build().ok();
    let provider = SdkMeterProvider::builder().with_reader(reader).with_view(all_ids).build();
    let counter = provider.meter("bench").u64_counter("exposures").build();
    Subject::new("`opentelemetry_sdk`, counter", Who::Library, ids, move |id| {
        // The provider lives as long as its counter.
        let _ = &provider;
        counter.add(1, &[attribute(id)]);
    })
}

/// Where nothing is exported to.
struct Nowhere;

impl PushMetricExporter for Nowhere {
    async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Delta
    }
}
