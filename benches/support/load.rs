//! Datagrams sent at a rate, and what became of them.

use std::fs;
use std::io::IoSlice;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::socket::{MsgFlags, MultiHeaders, sendmmsg};
use nix::unistd::Pid;

/// The cores.
pub const RECEIVER: usize = 0;
pub const SENDER: usize = 1;

const IDS: usize = 100_000;
const DATAGRAM: usize = 1_432;
/// Datagrams of one call.
const BATCH: usize = 16;
const DURATION: Duration = Duration::from_millis(1_500);

/// Keeps this thread, and what it starts, on one core.
pub fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core).unwrap();
    sched_setaffinity(Pid::from_raw(0), &cores).unwrap();
}

/// The row of a port in the kernel's table of sockets: bytes that wait, and datagrams dropped.
fn socket(port: u16) -> Option<(u64, u64)> {
    let table = fs::read_to_string("/proc/net/udp").unwrap();
    let suffix = format!(":{port:04X}");
    let row = table.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let row = row.into_iter().find(|row| row[1].ends_with(&suffix))?;
    let waiting = u64::from_str_radix(row[4].split_once(':')?.1, 16).ok()?;
    Some((waiting, row[12].parse().ok()?))
}

pub fn until_it_listens(port: u16) {
    let until = Instant::now() + Duration::from_secs(20);
    while socket(port).is_none() {
        assert!(Instant::now() < until, "nobody listens on port {port}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What became of the lines that were sent.
pub struct Taken {
    pub sent: u64,
    pub dropped: u64,
    pub took: Duration,
    /// Of the process, user and system.
    pub processor: Duration,
}

impl Taken {
    pub fn by_second(&self) -> f64 {
        self.sent as f64 / self.took.as_secs_f64()
    }

    pub fn by_processor_second(&self) -> f64 {
        (self.sent - self.dropped) as f64 / self.processor.as_secs_f64()
    }
}

/// A sender to one process.
pub struct Load {
    socket: UdpSocket,
    port: u16,
    process: u32,
    payloads: Vec<Vec<u8>>,
    lines_each: u64,
    next: usize,
}

impl Load {
    /// Datagrams of lines with so many different ids, one after another.
    pub fn new(address: SocketAddr, process: u32, line: fn(&str) -> String) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(address).unwrap();
        let lines: Vec<String> = (0..IDS)
            .map(|id| line(&format!("{:019x}", (id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))))
            .collect();
        let lines_each = DATAGRAM / (lines[0].len() + 1);
        let payloads = lines.chunks_exact(lines_each).map(|lines| lines.join("\n").into_bytes()).collect();
        Self { socket, port: address.port(), process, payloads, lines_each: lines_each as u64, next: 0 }
    }

    /// Sends for a while at a rate, in lines a second, and waits until all of it is taken or dropped.
    pub fn send(&mut self, rate: f64) -> Taken {
        let (dropped_before, processor_before) = (self.dropped(), self.processor());
        let batches_a_second = rate / self.lines_each as f64 / BATCH as f64;
        let (started, mut batches) = (Instant::now(), 0_u64);
        let took = loop {
            let elapsed = started.elapsed();
            if elapsed >= DURATION {
                break elapsed;
            }
            if (batches as f64) < elapsed.as_secs_f64() * batches_a_second {
                self.send_batch();
                batches += 1;
            } else {
                std::hint::spin_loop();
            }
        };
        self.until_all_is_taken();
        Taken {
            sent: batches * BATCH as u64 * self.lines_each,
            dropped: (self.dropped() - dropped_before) * self.lines_each,
            took,
            processor: self.processor().saturating_sub(processor_before),
        }
    }

    fn send_batch(&mut self) {
        let payloads = self.payloads.iter().cycle().skip(self.next).take(BATCH);
        let slices: Vec<[IoSlice<'_>; 1]> = payloads.map(|payload| [IoSlice::new(payload)]).collect();
        self.next = (self.next + BATCH) % self.payloads.len();
        let mut headers = MultiHeaders::<()>::preallocate(BATCH, None);
        let addresses = [None; BATCH];
        let flags = MsgFlags::empty();
        let sent = sendmmsg(self.socket.as_raw_fd(), &mut headers, &slices, addresses, [], flags).unwrap();
        assert_eq!(sent.count(), BATCH);
    }

    fn until_all_is_taken(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while socket(self.port).is_some_and(|(waiting, _)| waiting > 0) {
            assert!(Instant::now() < until, "it does not take what was sent");
            std::thread::sleep(Duration::from_millis(1));
        }
        // What was taken last has to be worked off.
        std::thread::sleep(Duration::from_millis(60));
    }

    fn dropped(&self) -> u64 {
        socket(self.port).unwrap().1
    }

    /// The processor time of all threads that the process has now.
    fn processor(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.process)).unwrap();
        let nanoseconds = threads.filter_map(|thread| {
            let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split_ascii_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanoseconds.sum())
    }
}
