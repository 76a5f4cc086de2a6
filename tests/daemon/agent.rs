//! An Agent that takes everything and keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bellwether::dogstatsd::{Kind, Line, Metric, lines, parse};

use crate::process::{METRIC, until};

/// A socket on which payloads come in.
trait Payloads: Send + 'static {
    fn payload(&self, room: &mut [u8]) -> std::io::Result<usize>;
}

impl Payloads for UdpSocket {
    fn payload(&self, room: &mut [u8]) -> std::io::Result<usize> {
        self.recv(room)
    }
}

impl Payloads for UnixDatagram {
    fn payload(&self, room: &mut [u8]) -> std::io::Result<usize> {
        self.recv(room)
    }
}

/// The Agent.
pub struct Agent {
    /// Where it listens, as for `--agent`.
    pub url: String,
    lines: Arc<Mutex<Vec<Vec<u8>>>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Agent {
    pub fn udp() -> Self {
        Self::udp_at("127.0.0.1:0")
    }

    pub fn udp_at(address: &str) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(PULSE)).unwrap();
        let url = format!("udp://{}", socket.local_addr().unwrap());
        Self::run(url, socket)
    }

    /// One whose senders have to wait when it is slow: nothing is lost.
    pub fn unix(path: &Path) -> Self {
        let _ = std::fs::remove_file(path);
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(PULSE)).unwrap();
        Self::run(format!("unixgram://{}", path.display()), socket)
    }

    fn run(url: String, socket: impl Payloads) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let stopping = Arc::new(AtomicBool::new(false));
        let (into, is_stopping) = (Arc::clone(&kept), Arc::clone(&stopping));
        let thread = std::thread::spawn(move || {
            let mut room = vec![0; 1 << 16];
            loop {
                // Asked first, so that what was sent before is taken.
                let is_last = is_stopping.load(Ordering::Acquire);
                match socket.payload(&mut room) {
                    Ok(length) => into.lock().unwrap().extend(lines(&room[..length]).map(<[u8]>::to_vec)),
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        if is_last {
                            return;
                        }
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        Self { url, lines: kept, stopping, thread: Some(thread) }
    }

    /// All lines so far.
    pub fn got(&self) -> Got {
        Got(self.lines.lock().unwrap().clone())
    }

    /// Waits until what it has got is enough.
    #[track_caller]
    pub fn until<T>(&self, what: &str, mut look: impl FnMut(&Got) -> Option<T>) -> T {
        until(what, || look(&self.got()))
    }

    /// Ends, once it has taken all that was sent, and gives all lines.
    pub fn end(mut self) -> Got {
        self.finish();
        self.got()
    }

    fn finish(&mut self) {
        self.stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
    }
}

const PULSE: Duration = Duration::from_millis(100);

/// The lines that an Agent has got, in order.
pub struct Got(pub Vec<Vec<u8>>);

/// One published point.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub name: String,
    pub tags: BTreeSet<String>,
    pub value: f64,
    pub at: Option<u64>,
}

fn metric(line: &[u8]) -> Option<Metric<'_>> {
    match parse(line) {
        Ok(Line::Metric(metric)) => Some(metric),
        _ => None,
    }
}

/// Whether the daemon itself says it, of the rule or of itself.
fn is_published(line: &[u8]) -> bool {
    let of = |name: &str| name.starts_with(METRIC) || name.starts_with("bellwether.aggregate.");
    match parse(line) {
        Ok(Line::Metric(metric)) => of(metric.name),
        Ok(Line::Event(event)) => event.title.contains("cartId"),
        _ => false,
    }
}

impl Got {
    /// What the daemon passed on.
    pub fn forwarded(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice).filter(|line| !is_published(line))
    }

    /// How many lines of exactly these bytes there are.
    pub fn count(&self, line: &[u8]) -> usize {
        self.0.iter().filter(|got| *got == line).count()
    }

    /// The points that the daemon published, in order.
    pub fn points(&self) -> Vec<Point> {
        let metrics = self.0.iter().filter(|line| is_published(line)).filter_map(|line| metric(line));
        metrics
            .map(|metric| Point {
                name: metric.name.to_owned(),
                tags: metric.tags.texts().map(str::to_owned).collect(),
                value: metric.numbers().sum(),
                at: metric.timestamp,
            })
            .collect()
    }

    /// The last value of each id by name, and of `__other__`.
    pub fn by_id(&self) -> BTreeMap<String, f64> {
        let name = format!("{METRIC}.by_id");
        let points: Vec<Point> = self.points().into_iter().filter(|point| point.name == name).collect();
        let last = points.iter().filter_map(|point| point.at).max();
        let of_last = points.iter().filter(|point| point.at == last);
        let id = |point: &Point| point.tags.iter().find_map(|tag| Some(tag.strip_prefix("id:")?.to_owned()));
        of_last.filter_map(|point| Some((id(point)?, point.value))).collect()
    }

    /// The events of each id in the last window, by those of one id that are known.
    ///
    /// The length of the window, which is measured, is in all rates alike and so not needed.
    pub fn events_by(&self, known: &str, events: u64) -> BTreeMap<String, u64> {
        let rates = self.by_id();
        let of_known = rates.get(known).copied().unwrap_or(f64::NAN);
        let scaled = |rate: f64| (rate / of_known * events as f64).round() as u64;
        rates.into_iter().map(|(id, rate)| (id, scaled(rate))).collect()
    }

    /// The sum of one of the daemon's own counts, such as `counted`.
    pub fn own(&self, name: &str) -> u64 {
        let name = format!("bellwether.aggregate.{name}");
        let points = self.points().into_iter().filter(|point| point.name == name);
        points.map(|point| point.value).sum::<f64>() as u64
    }

    /// The sum of the pipeline's counts that were passed on, which have no id any more.
    pub fn events(&self) -> u64 {
        let metrics = self.forwarded().filter_map(metric);
        let is_event = |metric: &Metric<'_>| {
            let event = metric.tags.get("event");
            metric.name == "events.received" && metric.kind == Kind::Count && event == Some("addtocartevent")
        };
        let counts = metrics.filter(is_event);
        let of = |metric: Metric<'_>| {
            assert_eq!(metric.tags.get("cartId"), None, "an id is no tag");
            (metric.numbers().sum::<f64>() * metric.weight()).round() as u64
        };
        counts.map(of).sum()
    }
}
