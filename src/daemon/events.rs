//! Events over HTTP: checked against their schema, counted by their ids, and told to the Agent without them.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::causes::{Cause, Causes};
use super::forward::Forwarder;
use super::http::{Encoding, EventSink, Refusal};
use super::intake::{CurrentRoutes, Traffic};
use super::publishing::{Rules, Shared};
use crate::aggregate::{Id, event_tag};
use crate::dogstatsd::write::Sample;
use crate::event::{self, EventError, EventReader, Wanted};

/// What is read by which schemas, replaced on each reload.
#[derive(Debug)]
pub(super) struct Schemas {
    reader: EventReader,
    /// Record and field of each wanted field, as the reader numbers them.
    wanted: Vec<(String, String)>,
    received: String,
    errors: String,
    tags: Vec<String>,
}

/// Takes events over HTTP.
#[derive(Debug)]
pub(super) struct Collector {
    schemas: RwLock<Arc<Schemas>>,
    routes: Arc<CurrentRoutes>,
    causes: Arc<Causes>,
    traffic: Arc<Traffic>,
    forwarder: Mutex<Forwarder>,
}

/// How long the end waits for an Agent that is away.
const PATIENCE: Duration = Duration::from_secs(1);

impl Schemas {
    pub fn new(reader: EventReader, rules: &Rules, errors: String, tags: Vec<String>) -> Arc<Self> {
        let wanted = wanted(rules);
        Arc::new(Self { reader, wanted, received: rules.received.clone(), errors, tags })
    }
}

/// The fields whose values are counted, each once, in the order in which an [`EventReader`] of these rules has to be
/// asked.
pub fn wanted(rules: &Rules) -> Vec<(String, String)> {
    let fields = rules.rules.iter().map(|rule| (rule.record.clone(), rule.field.clone()));
    fields.collect::<BTreeSet<_>>().into_iter().collect()
}

impl Collector {
    pub fn new(schemas: Arc<Schemas>, shared: &Shared, forwarder: Forwarder) -> Self {
        Self {
            schemas: RwLock::new(schemas),
            routes: shared.routes.clone(),
            causes: shared.causes.clone(),
            traffic: shared.traffic.clone(),
            forwarder: Mutex::new(forwarder),
        }
    }

    /// Reads events by other schemas from now on.
    pub fn set(&self, schemas: Arc<Schemas>) {
        *self.schemas.write().unwrap_or_else(PoisonError::into_inner) = schemas;
    }

    fn forwarder(&self) -> MutexGuard<'_, Forwarder> {
        self.forwarder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what the Agent did not take before.
    pub fn flush(&self) {
        self.forwarder().flush(Instant::now());
    }

    /// Sends what is left, at the end.
    pub fn finish(&self) {
        self.forwarder().finish(PATIENCE);
    }

    /// Tells the Agent of `n` events of a record, by the metrics that the monitors watch.
    fn tell(&self, schemas: &Schemas, metric: &str, record: &str, n: u64) {
        let Ok(sample) = Sample::count(metric, n as f64) else { return };
        let line = sample.tag("event", &event_tag(record)).tags(&schemas.tags).line();
        let mut forwarder = self.forwarder();
        forwarder.line(line.as_bytes());
        forwarder.flush(Instant::now());
    }
}

impl EventSink for Collector {
    fn post(&self, record: &str, body: &[u8], encoding: Encoding) -> Result<u64, Refusal> {
        let schemas = self.schemas.read().unwrap_or_else(PoisonError::into_inner).clone();
        let routes = self.routes.get();
        let count = |found: Wanted<'_>| {
            let Some((record, field)) = schemas.wanted.get(found.field) else { return };
            let id = match &found.id {
                event::Id::Integer(number) => Id::from(*number),
                event::Id::Text(text) if text.is_empty() => return,
                event::Id::Text(text) => Id::from(text.as_ref()),
            };
            // Several rules may count one field.
            let fields = routes.record(record).iter().filter(|known| known.name == *field);
            fields.for_each(|field| field.handle.mark(id));
        };
        let read = match encoding {
            Encoding::Json => schemas.reader.json(record, body, count),
            Encoding::SingleObject => schemas.reader.single_object(record, body, count).map(|()| 1),
        };
        let known = schemas.reader.full_name(record);
        match (read, known) {
            (Ok(0), _) => Ok(0),
            (Ok(events), Ok(name)) => {
                self.traffic.events.fetch_add(events, Ordering::Relaxed);
                self.tell(&schemas, &schemas.received, name, events);
                Ok(events)
            }
            (Err(error), known) => {
                self.causes.add_text(Cause::BadEventBody, error.to_string().as_bytes());
                // What is no event of a record that exists is what the error rate's monitor watches.
                if let Ok(name) = known {
                    self.tell(&schemas, &schemas.errors, name, 1);
                }
                Err(refusal(&error))
            }
            (Ok(_), Err(error)) => Err(refusal(&error)),
        }
    }
}

fn refusal(error: &EventError) -> Refusal {
    let unknown_record =
        matches!(error, EventError::UnknownRecord { .. } | EventError::AmbiguousRecord { .. });
    Refusal { unknown_record, cause: error.cause(), message: error.to_string() }
}
