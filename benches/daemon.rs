//! The aggregating daemon under load, beside `statsdproxy`: processor time of each line, and how many lines a second it
//! takes before the kernel drops any.
//!
//! `cargo bench --bench daemon [ROUNDS]`; docs/benchmarks.md has the figures, and says how to install `statsdproxy`.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has to stop")]
#![allow(clippy::print_stdout, reason = "its results")]

#[cfg(target_os = "linux")]
#[path = "support/load.rs"]
mod load;

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: it pins processes and reads /proc, as on Linux");
}

#[cfg(target_os = "linux")]
fn main() {
    bench::run();
}

#[cfg(target_os = "linux")]
mod bench {
    use std::fs;
    use std::net::{SocketAddr, UdpSocket};
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Stdio};

    use tempfile::TempDir;

    use super::load::{Load, RECEIVER, SENDER, Taken, pin, until_it_listens};

    const BELLWETHER: &str = env!("CARGO_BIN_EXE_bellwether");
    /// The rate at which all are compared, which all can take.
    const COMMON: f64 = 0.2e6;
    /// The rates that are tried, in lines a second, until some are dropped.
    const STEPS: [f64; 13] = [0.1e6, 0.3e6, 0.5e6, 0.75e6, 1e6, 1.5e6, 2e6, 3e6, 4e6, 5e6, 6e6, 7e6, 8e6];

    /// Who is measured, at what.
    #[derive(Clone, Copy)]
    struct Subject {
        name: &'static str,
        start: fn(&Path, SocketAddr) -> Option<Running>,
        lines: fn(&str) -> String,
    }

    const SUBJECTS: [Subject; 5] = [
        Subject { name: "bellwether, all lines counted", start: bellwether, lines: counted },
        Subject { name: "bellwether, pass-through", start: bellwether, lines: passed_on },
        Subject { name: "statsdproxy, limit of 100", start: limiting, lines: counted },
        Subject { name: "statsdproxy, limit not reached", start: limiting_high, lines: counted },
        Subject { name: "statsdproxy, pass-through", start: passing, lines: passed_on },
    ];

    /// Lines of 77 bytes.
    fn counted(id: &str) -> String {
        format!("events.received:1|c|#event:addtocartevent,cartId:{id},env:prod")
    }

    fn passed_on(id: &str) -> String {
        format!("requests.handled:1|c|#event:addtocart,session:{id},shop:one,env:prod")
    }

    /// A process on the receiver's core. It ends with its value.
    pub struct Running {
        process: Child,
        address: SocketAddr,
    }

    impl Drop for Running {
        fn drop(&mut self) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }

    fn start(mut command: Command, port: u16) -> Running {
        // A process inherits where it may run.
        pin(RECEIVER);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        pin(SENDER);
        let running = Running { process, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        until_it_listens(port);
        running
    }

    fn free_port() -> u16 {
        UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    fn bellwether(directory: &Path, sink: SocketAddr) -> Option<Running> {
        let settings = "default_environment = \"prod\"\n[environments.prod]\nsandbox = true\ntag = \"esm-prod\"\n\
                        scope = \"env:prod\"\n[defaults.aggregate_metric]\ncapacity = 131072\n";
        let schema = "@namespace(\"com.example\") protocol Carts {\n  record AddToCartEvent {\n    \
                      string @aggregate_metric({}) cartId;\n  }\n}\n";
        fs::create_dir_all(directory.join("schemas")).unwrap();
        fs::write(directory.join("bellwether.toml"), settings).unwrap();
        fs::write(directory.join("schemas/cart.avdl"), schema).unwrap();
        let port = free_port();
        let mut command = Command::new(BELLWETHER);
        command.arg("-C").arg(directory).args(["aggregate", "--threads", "1", "--http", "127.0.0.1:0"]);
        command.args(["--listen", &format!("udp://127.0.0.1:{port}"), "--agent", &format!("udp://{sink}")]);
        Some(start(command, port))
    }

    /// Where `cargo install --root` has put it, beside this program.
    fn peer() -> Option<PathBuf> {
        let program = std::env::current_exe().unwrap();
        let target = program.ancestors().nth(3).unwrap();
        Some(target.join("peers/bin/statsdproxy")).filter(|path| path.exists())
    }

    fn statsdproxy(directory: &Path, sink: SocketAddr, config: &str) -> Option<Running> {
        let file = directory.join("statsdproxy.yaml");
        fs::write(&file, config).unwrap();
        let port = free_port();
        let mut command = Command::new(peer()?);
        command.args(["--listen", &format!("127.0.0.1:{port}"), "--upstream", &sink.to_string()]);
        command.arg("--config-path").arg(file);
        Some(start(command, port))
    }

    /// An hour is its fastest window: with one of up to five minutes a line takes a hundred times as long.
    fn limited(directory: &Path, sink: SocketAddr, limit: u32) -> Option<Running> {
        let config = format!(
            "middlewares:\n  - type: cardinality-limit\n    limits:\n      - window: 3600\n        limit: {limit}\n"
        );
        statsdproxy(directory, sink, &config)
    }

    /// All but a hundred ids are dropped, which costs less than to forward them.
    fn limiting(directory: &Path, sink: SocketAddr) -> Option<Running> {
        limited(directory, sink, 100)
    }

    fn limiting_high(directory: &Path, sink: SocketAddr) -> Option<Running> {
        limited(directory, sink, 1_000_000)
    }

    fn passing(directory: &Path, sink: SocketAddr) -> Option<Running> {
        statsdproxy(directory, sink, "middlewares: []\n")
    }

    /// What was found of one subject: the best of all rounds.
    #[derive(Clone, Copy, Default)]
    struct Best {
        /// Lines by second of processor time, at the common rate.
        common: f64,
        /// Likewise, at the highest rate without a drop; and that rate.
        highest: f64,
        rate: f64,
    }

    pub fn run() {
        let rounds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(3);
        if peer().is_none() {
            println!("statsdproxy is not here and left out; docs/benchmarks.md says how to install it");
        }
        let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut best = [Best::default(); SUBJECTS.len()];
        for _ in 0..rounds {
            for (subject, best) in SUBJECTS.iter().zip(&mut best) {
                measure(subject, sink.local_addr().unwrap(), best);
            }
        }
        println!(
            "\n{:<32} {:>20} {:>24} {:>22}",
            "", "ns a line, 0.2 M/s", "highest without a drop", "lines/s and core"
        );
        for (subject, best) in SUBJECTS.iter().zip(&best).filter(|(_, best)| best.common > 0.0) {
            println!(
                "{:<32} {:>20.0} {:>22.2} M {:>20.2} M",
                subject.name,
                1e9 / best.common,
                best.rate / 1e6,
                best.highest / 1e6
            );
        }
    }

    fn measure(subject: &Subject, sink: SocketAddr, best: &mut Best) {
        let directory = TempDir::new().unwrap();
        let Some(running) = (subject.start)(directory.path(), sink) else { return };
        let mut load = Load::new(running.address, running.process.id(), subject.lines);
        // So that tables have grown, and every id has been there.
        load.send(COMMON);
        let common = load.send(COMMON);
        best.common = best.common.max(common.by_processor_second());
        report(subject, COMMON, &common);
        for rate in STEPS {
            let taken = load.send(rate);
            report(subject, rate, &taken);
            if taken.dropped > 0 {
                break;
            }
            if taken.by_second() > best.rate {
                (best.rate, best.highest) = (taken.by_second(), taken.by_processor_second());
            }
        }
    }

    fn report(subject: &Subject, wanted: f64, taken: &Taken) {
        println!(
            "{:<32} wanted {:.2} M/s, sent {:.2} M/s, dropped {:.2} %, {:.0} ns a line, {:.0} % of the core",
            subject.name,
            wanted / 1e6,
            taken.by_second() / 1e6,
            100.0 * taken.dropped as f64 / taken.sent as f64,
            1e9 / taken.by_processor_second(),
            100.0 * taken.processor.as_secs_f64() / taken.took.as_secs_f64(),
        );
    }
}
