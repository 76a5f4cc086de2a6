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
use crate::aggregate::Handle;
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

/// So many marks of a payload, and most have fewer, need no more memory.
const MARKS: usize = 128;

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

    /// Finds what a line counts. What is left of it then for the Agent is sent or summed.
    fn count<'p>(&mut self, line: &'p [u8], routes: &'p Routes, marks: &mut Vec<Mark<'p>>) -> Fate {
        let metric = match parse(line) {
            Ok(Line::Metric(metric)) => metric,
            Ok(_) => return Fate::Forwarded,
            Err(malformed) => {
                // The Agent may know more of the protocol than this does: what it is for it is not decided here.
                self.causes.add_text(malformed.into(), line);
                return Fate::Forwarded;
            }
        };
        match routes.of(&metric) {
            Matched::Nothing => Fate::Forwarded,
            Matched::Direct(handle) => {
                match (events(&metric, &self.causes), metric.tags.get("id").filter(|id| !id.is_empty())) {
                    (Some(n), Some(id)) => marks.push(Mark { handle, id, n }),
                    (Some(_), None) => self.causes.add_text(Cause::NoId, line),
                    (None, _) => {}
                }
                Fate::Taken
            }
            Matched::Event(fields) => {
                let summed = summable(line, &metric);
                let n = summed.as_ref().map(|(_, value)| *value).or_else(|| events(&metric, &self.causes));
                let mut has_id = false;
                for field in fields {
                    if let Some(id) = metric.tags.get(&field.name).filter(|id| !id.is_empty()) {
                        has_id = true;
                        marks.extend(n.map(|n| Mark { handle: &field.handle, id, n }));
                    }
                }
                if !has_id {
                    return Fate::Forwarded;
                }
                let (value, n) = summed.unzip();
                strip(line, value.clone(), &metric, fields, &mut self.stripped);
                match value.zip(n) {
                    Some((at, n)) => self.sums.add(&self.stripped, at.start, n, &mut self.forwarder),
                    None => self.forwarder.line(&self.stripped),
                }
                Fate::Stripped
            }
        }
    }
}

/// Events of an id, to be counted.
#[derive(Debug, Clone, Copy)]
struct Mark<'p> {
    handle: &'p Handle,
    id: &'p str,
    n: u64,
}

/// Counts the marks of a payload together, those of each rule under one lock.
fn add(marks: &mut [Mark<'_>]) {
    marks.sort_by_key(|mark| std::ptr::from_ref(mark.handle));
    for of_rule in marks.chunk_by(|one, other| std::ptr::eq(one.handle, other.handle)) {
        of_rule[0].handle.batch().add_all(of_rule.iter().map(|mark| (mark.id.into(), mark.n)));
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
    if metric.not_finite() > 0 {
        causes.add(Cause::NotFinite, metric.not_finite() as u64);
    }
    if sum < 0.0 {
        causes.add(Cause::NegativeCount, 1);
        return None;
    }
    // The values were finite, and their sum is too large.
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
    let has_key = |text: &str, key: &str| {
        matches!(text.as_bytes().get(key.len()), None | Some(b':')) && text.starts_with(key)
    };
    let is_id = |text: &str| fields.iter().any(|field| has_key(text, &field.name));
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
        let routes = self.routes.clone();
        let mut marks = Vec::with_capacity(MARKS);
        let (mut received, mut counted, mut forwarded) = (0, 0, 0);
        // Where the lines begin that go on as they are, one behind another.
        let mut start = 0;
        for line in lines(payload) {
            received += 1;
            let fate = self.count(line, &routes, &mut marks);
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
        add(&mut marks);
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
