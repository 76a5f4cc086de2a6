//! The program as a process, in a project of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// Long enough for any machine; nothing waits for so long unless it fails.
pub const LONG: Duration = Duration::from_secs(60);

/// Waits until something is so, by looking again and again.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + LONG;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// What is counted in all tests: carts, by their ids.
pub const METRIC: &str = "add_to_cart_event.cart_id.top_rate";

/// A line of the pipeline's count, with an id.
pub fn event(id: &str) -> String {
    format!("events.received:1|c|#event:addtocartevent,cartId:{id},env:test")
}

/// A project in a directory of its own. Its panes are short, and its window is longer than any test.
pub struct Project(TempDir);

impl Project {
    pub fn new() -> Self {
        Self::with_budget(500, 50)
    }

    /// So many series an hour, so many of them of ids by name.
    pub fn with_budget(custom_metrics: u64, ids_per_hour: u64) -> Self {
        let project = Self(TempDir::new().unwrap());
        let settings = format!(
            "default_environment = \"test\"\n\
             [budget]\ncustom_metrics = {custom_metrics}\n\
             [environments.test]\nsandbox = true\ntag = \"esm-test\"\nscope = \"env:test\"\n\
             [defaults.aggregate_metric]\nwindow = \"1m\"\npane = \"1s\"\nper = \"second\"\n\
             ids_per_hour = {ids_per_hour}\n"
        );
        project.write("bellwether.toml", &settings);
        project.write("schemas/cart.avdl", &schema("AddToCartEvent", "cartId"));
        project
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The daemon on one UDP port that the system chooses.
    pub fn start(&self, agent: &str) -> Daemon {
        self.listen(&["udp://127.0.0.1:0"], agent)
    }

    /// The daemon on one UDP port, with the address of its page behind that.
    pub fn serve(&self, agent: &str) -> Daemon {
        Daemon::new(self.command(&["udp://127.0.0.1:0"], agent), 2)
    }

    /// The daemon on these addresses.
    pub fn listen(&self, addresses: &[&str], agent: &str) -> Daemon {
        Daemon::new(self.command(addresses, agent), addresses.len())
    }

    /// A Unix socket's address in the project's directory.
    pub fn socket(&self, scheme: &str, name: &str) -> String {
        format!("{scheme}://{}", self.path(name).display())
    }

    /// The daemon on a Unix socket, on a disk that may be full without that it ends.
    pub fn on_a_disk(&self, socket: &str, agent: &str) -> Daemon {
        let whole = self.command(&[&self.socket("unixgram", socket)], agent);
        let mut trapped = Command::new("/bin/sh");
        trapped
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(whole.get_program())
            .args(whole.get_args());
        trapped.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Daemon::new(trapped, 1)
    }

    /// One of several daemons that merge through a Redis.
    pub fn join(&self, agent: &str, redis: &str, instance: &str, instances: u32) -> Daemon {
        let mut command = self.command(&["udp://127.0.0.1:0"], agent);
        command.env("BELLWETHER_REDIS_URL", redis);
        command.args(["--instance", instance, "--instances", &instances.to_string(), "--grace", "1"]);
        Daemon::new(command, 1)
    }

    pub fn command(&self, addresses: &[&str], agent: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
        command.arg("-C").arg(self.0.path()).args(["aggregate", "--http", "127.0.0.1:0", "--agent", agent]);
        addresses.iter().for_each(|address| {
            command.args(["--listen", address]);
        });
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// A record with an id that is counted.
pub fn schema(record: &str, field: &str) -> String {
    format!(
        "@namespace(\"com.example\")\nprotocol {record}s {{\n  record {record} {{\n    \
         string @aggregate_metric({{}}) {field};\n  }}\n}}\n"
    )
}

/// The daemon. It is killed with the test.
pub struct Daemon {
    process: Child,
    /// Where it listens.
    pub addresses: Vec<String>,
    said: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Daemon {
    fn new(mut command: Command, addresses: usize) -> Self {
        let mut process = command.spawn().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let errors = BufReader::new(process.stderr.take().unwrap());
        let heard = Arc::clone(&said);
        let reader = std::thread::spawn(move || {
            errors.lines().for_each(|line| heard.lock().unwrap().push(line.unwrap()))
        });
        let out = BufReader::new(process.stdout.take().unwrap());
        let addresses: Vec<String> = out.lines().take(addresses).map(Result::unwrap).collect();
        Self { process, addresses, said, reader: Some(reader) }
    }

    /// Its address for UDP.
    pub fn udp(&self) -> SocketAddr {
        let found = self.addresses.iter().find_map(|address| address.strip_prefix("udp://"));
        found.unwrap_or_else(|| panic!("no UDP address: {:?}", self.said())).parse().unwrap()
    }

    /// Sends lines over UDP, one a datagram.
    pub fn send(&self, lines: &[impl AsRef<[u8]>]) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for line in lines {
            socket.send_to(line.as_ref(), self.udp()).unwrap();
        }
    }

    /// What it has said on stderr.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said a line with this text.
    #[track_caller]
    pub fn says(&self, text: &str) -> String {
        until(&format!("it says `{text}`"), || self.said().into_iter().find(|line| line.contains(text)))
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.process.id()).unwrap())
    }

    pub fn is_alive(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Waits for its end, and gives the exit code and all that it has said.
    #[track_caller]
    pub fn end(mut self) -> (Option<i32>, Vec<String>) {
        let status = until("it ends", || self.process.try_wait().unwrap());
        self.reader.take().unwrap().join().unwrap();
        let said = self.said();
        assert!(!said.iter().any(|line| line.contains("panicked")), "{said:?}");
        (status.code(), said)
    }

    /// Kills it, as a machine that fails.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to end, and waits until it has.
    #[track_caller]
    pub fn stop(self) -> Vec<String> {
        self.signal(Signal::SIGTERM);
        let (code, said) = self.end();
        assert_eq!(code, Some(143), "{said:?}");
        said
    }

    /// Its memory now, in bytes, if the system tells.
    pub fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A Unix datagram socket that sends to a path. It waits while the other side is full, so that nothing is lost.
pub fn datagrams_to(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::unbound().unwrap();
    socket.connect(path).unwrap();
    socket
}
