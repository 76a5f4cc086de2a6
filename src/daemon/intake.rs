//! From payloads to counts: lines that a rule counts are counted, all others go on to the Agent as they are.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use super::causes::{Cause, Causes};
use super::forward::Forwarder;
use super::publishing::Shared;
use super::receive::Intake;
use super::routes::{Field, Matched, Routes};
use super::sums::{Sums, summable};
use crate::dogstatsd::{Line, Metric, lines, parse};

/// The routes in force. Threads look them up once for each payload.
#[derive(Debug, Default)]
pub struct CurrentRoutes {
    routes: RwLock<Arc<Routes>>,
    version: AtomicU64,
}

impl CurrentRoutes {
    /// Replaces the routes.
    pub fn set(&self, routes: Routes) {
        *self.routes.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(routes);
        self.version.fetch_add(1, Ordering::Release);
    }

    /// The routes.
    pub fn get(&self) -> Arc<Routes> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What has come in since the start.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Lines received.
    pub received: AtomicU64,
    /// Lines that a rule has counted.
    pub counted: AtomicU64,
    /// Lines that went on to the Agent, as they were or in a sum.
    pub forwarded: AtomicU64,
    /// Events that came over HTTP.
    pub events: AtomicU64,
}

/// One receiving thread's way from payloads to counts.
#[derive(Debug)]
pub struct LineIntake {
    current: Arc<CurrentRoutes>,
    version: u64,
    routes: Arc<Routes>,
    causes: Arc<Causes>,
    traffic: Arc<Traffic>,
    forwarder: Forwarder,
    /// A line that is forwarded without some of its tags.
    stripped: Vec<u8>,
    /// Such lines that wait for more of the same.
    sums: Sums,
}

/// The most events that one line can stand for: beyond this a float does not count any more.
const MOST_EVENTS: f64 = 9_007_199_254_740_992.0;

/// How long the end waits for an Agent that is away.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

impl LineIntake {
    /// A thread's intake with its own way to the Agent.
    pub fn new(shared: &Shared, forwarder: Forwarder) -> Self {
        let current = shared.routes.clone();
        let version = current.version.load(Ordering::Acquire);
        Self {
            routes: current.get(),
            current,
            version,
            causes: shared.causes.clone(),
            traffic: shared.traffic.clone(),
            forwarder,
            stripped: Vec::new(),
            sums: Sums::default(),
        }
    }

    fn refresh(&mut self) {
        let version = self.current.version.load(Ordering::Acquire);
        if version != self.version {
            self.version = version;
            self.routes = self.current.get();
        }
    }

    /// Counts a line if a rule does. What is left of it then for the Agent is sent or summed.
    fn count(&mut self, line: &[u8]) -> Fate {
        let metric = match parse(line) {
            Ok(Line::Metric(metric)) => metric,
            Ok(_) => return Fate::Forwarded,
            Err(malformed) => {
                // The Agent may know more of the protocol than this does: what it is for it is not decided here.
                self.causes.add_text(malformed.into(), line);
                return Fate::Forwarded;
            }
        };
        match self.routes.of(&metric) {
            Matched::Nothing => Fate::Forwarded,
            Matched::Direct(handle) => {
                match (events(&metric, &self.causes), metric.tags.get("id")) {
                    (Some(n), Some(id)) => handle.add(id, n),
                    (Some(_), None) => self.causes.add_text(Cause::NoId, line),
                    (None, _) => {}
                }
                Fate::Taken
            }
            Matched::Event(fields) => {
                let mut has_id = false;
                let n = events(&metric, &self.causes);
                for field in fields {
                    if let Some(id) = metric.tags.get(&field.name).filter(|id| !id.is_empty()) {
                        field.handle.add(id, n.unwrap_or_default());
                        has_id = true;
                    }
                }
                if !has_id {
                    return Fate::Forwarded;
                }
                let (summed, value) = summable(line, &metric).unzip();
                strip(line, summed.clone(), &metric, fields, &mut self.stripped);
                match summed.zip(value) {
                    Some((at, value)) => self.sums.add(&self.stripped, at.start, value, &mut self.forwarder),
                    None => self.forwarder.line(&self.stripped),
                }
                Fate::Stripped
            }
        }
    }
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Forwarded,
    Stripped,
    Taken,
}

/// For how many events a count stands: its values, scaled by the sample rate, to the nearest whole number.
fn events(metric: &Metric<'_>, causes: &Causes) -> Option<u64> {
    let sum: f64 = metric.numbers().sum::<f64>() * metric.weight();
    if sum < 0.0 {
        causes.add(Cause::NegativeCount, 1);
        return None;
    }
    if !sum.is_finite() {
        causes.add(Cause::NotFinite, 1);
        return None;
    }
    Some(sum.min(MOST_EVENTS).round() as u64)
}

/// Writes a line without the tags that hold ids, which must not become tags in Datadog, and without its value if that is
/// summed.
fn strip(
    line: &[u8],
    summed: Option<Range<usize>>,
    metric: &Metric<'_>,
    fields: &[Field],
    out: &mut Vec<u8>,
) {
    out.clear();
    let tags = metric.tags.text();
    // The tags are a part of the line's own text.
    let start = tags.as_ptr() as usize - line.as_ptr() as usize;
    let left_out = summed.unwrap_or(0..0);
    let after = &line[start + tags.len()..];
    let is_id = |text: &str| {
        let key = text.split_once(':').map_or(text, |(key, _)| key);
        fields.iter().any(|field| field.name == key)
    };
    out.extend_from_slice(&line[..left_out.start]);
    out.extend_from_slice(&line[left_out.end..start]);
    for (at, text) in metric.tags.texts().filter(|text| !is_id(text)).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(after);
}

impl Intake for LineIntake {
    fn payload(&mut self, payload: &[u8]) {
        self.refresh();
        let (mut received, mut counted, mut forwarded) = (0, 0, 0);
        // Where the lines begin that go on as they are, one behind another.
        let mut start = 0;
        for line in lines(payload) {
            received += 1;
            let fate = self.count(line);
            if fate == Fate::Forwarded {
                forwarded += 1;
                continue;
            }
            counted += 1;
            let at = line.as_ptr() as usize - payload.as_ptr() as usize;
            if start < at {
                self.forwarder.payload(&payload[start..at]);
            }
            start = (at + line.len() + 1).min(payload.len());
            if fate == Fate::Stripped {
                forwarded += 1;
            }
        }
        if start < payload.len() {
            self.forwarder.payload(&payload[start..]);
        }
        for (counter, n) in [
            (&self.traffic.received, received),
            (&self.traffic.counted, counted),
            (&self.traffic.forwarded, forwarded),
        ] {
            counter.fetch_add(n, Ordering::Relaxed);
        }
    }

    fn idle(&mut self) {
        self.refresh();
        self.sums.send(&mut self.forwarder);
        self.forwarder.flush(Instant::now());
    }
}

impl Drop for LineIntake {
    fn drop(&mut self) {
        self.sums.send(&mut self.forwarder);
        self.forwarder.finish(PATIENCE);
    }
}
