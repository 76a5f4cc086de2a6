//! The life of a sandbox: listening, being found by other processes, stopping.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::clock::{self, Clock};
use super::disk::Disk;
use super::error::SandboxError;
use super::faults::{Active, Faults, FaultsError, RuleCount};
use super::http::{App, RequestRecord, SharedApp, router};
use super::metrics::Metrics;
use super::monitors::Monitors;

/// How long open requests may take when the sandbox stops.
const DRAIN: Duration = Duration::from_secs(5);
/// How often, and how long, to look again at a locked directory: its owner may be starting or stopping.
const RETRY: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(10);
const OPEN_TRIES: u32 = 10;

/// Where a sandbox keeps its monitors.
#[derive(Debug, Clone)]
pub enum Storage {
    /// Nowhere: they are gone when it stops.
    Memory,
    /// In a database in this directory, which is created when missing.
    Directory(PathBuf),
}

/// What a sandbox does not do by default.
#[derive(Clone)]
pub struct Options {
    /// The time; the system's by default.
    pub clock: Clock,
    /// The faults; none by default.
    pub faults: Faults,
}

impl Default for Options {
    fn default() -> Self {
        Self { clock: clock::system(), faults: Faults::default() }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("faults", &self.faults).finish_non_exhaustive()
    }
}

/// Starts sandboxes.
#[derive(Debug)]
pub struct Sandbox;

impl Sandbox {
    /// Serves a sandbox; port 0 takes any free port.
    pub async fn start(listen: SocketAddr, storage: Storage) -> Result<Running, SandboxError> {
        Self::start_with(listen, storage, Options::default()).await
    }

    /// The same, with another clock.
    pub async fn start_with_clock(
        listen: SocketAddr,
        storage: Storage,
        clock: Clock,
    ) -> Result<Running, SandboxError> {
        Self::start_with(listen, storage, Options { clock, ..Options::default() }).await
    }

    /// The same, with another clock or with faults.
    pub async fn start_with(
        listen: SocketAddr,
        storage: Storage,
        options: Options,
    ) -> Result<Running, SandboxError> {
        let faults = Active::new(options.faults)?;
        // The address first: a sandbox that cannot listen must not lock the directory.
        let listener = bind(listen).await?;
        let mut tries = 0;
        let disk = loop {
            let opened = match &storage {
                Storage::Memory => Ok(Disk::memory()),
                Storage::Directory(directory) => open(directory.clone()).await,
            };
            match opened {
                Err(SandboxError::Locked(_)) if tries < OPEN_TRIES => {
                    tries += 1;
                    tokio::time::sleep(RETRY).await;
                }
                other => break other?,
            }
        };
        serve(listener, listen, disk, storage, faults, options.clock).await
    }

    /// For an environment with `sandbox = true`: serves the directory on a loopback port or, when another
    /// process serves it already, gives that server's URL.
    pub async fn attach(directory: &Path) -> Result<Attached, SandboxError> {
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            // The lock says whether anyone serves the directory. The address file alone does not: it may be
            // stale, and another program may have taken the port.
            match open(directory.to_owned()).await {
                Ok(disk) => {
                    let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
                    let storage = Storage::Directory(directory.to_owned());
                    let running =
                        serve(bind(any).await?, any, disk, storage, Active::default(), clock::system())
                            .await?;
                    return Ok(Attached(Attachment::Own(running)));
                }
                Err(SandboxError::Locked(_)) => {}
                Err(other) => return Err(other),
            }
            if let Some(url) = served_at(directory).await {
                return Ok(Attached(Attachment::Other(url)));
            }
            tokio::time::sleep(RETRY).await;
        }
        Err(SandboxError::Silent(directory.to_owned()))
    }
}

async fn bind(listen: SocketAddr) -> Result<TcpListener, SandboxError> {
    TcpListener::bind(listen).await.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => SandboxError::AddressInUse(listen),
        _ => SandboxError::Listen { address: listen, source },
    })
}

async fn open(directory: PathBuf) -> Result<Disk, SandboxError> {
    let path = directory.clone();
    let opened = tokio::task::spawn_blocking(move || Disk::open(&directory)).await;
    opened.unwrap_or_else(|error| Err(SandboxError::Open { directory: path, detail: error.to_string() }))
}

async fn serve(
    listener: TcpListener,
    listen: SocketAddr,
    disk: Disk,
    storage: Storage,
    faults: Active,
    clock: Clock,
) -> Result<Running, SandboxError> {
    let address = listener.local_addr().map_err(|source| SandboxError::Listen { address: listen, source })?;
    let url = format!("http://{}", reachable(address));
    let now = clock();
    let directory = match storage {
        Storage::Memory => None,
        Storage::Directory(directory) => Some(directory),
    };
    let damaged =
        |detail: String| SandboxError::Open { directory: directory.clone().unwrap_or_default(), detail };
    let monitors = Monitors::load(&disk, now).map_err(damaged)?;
    let metrics = Metrics::load(&disk).map_err(damaged)?;
    let instance = new_instance(now);
    let app = Arc::new(App::new(disk, monitors, metrics, faults, clock, url.clone(), instance.clone()));
    let file = directory.as_deref().map(address_file);
    if let Some(file) = &file {
        std::fs::write(file, format!("{url}\n{instance}\n"))
            .map_err(|source| SandboxError::Address { file: file.clone(), source })?;
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let service = router(Arc::clone(&app));
    let server = tokio::spawn(async move {
        let until = async move {
            // Dropping the sender stops the server too.
            drop(stopped.await);
        };
        // The only errors are those of accepting, which axum retries by itself.
        drop(axum::serve(listener, service).with_graceful_shutdown(until).await);
    });
    Ok(Running { url, address, app, stop: Some(stop), server: Some(server), file })
}

/// An unspecified address (`0.0.0.0`) is one to listen on, not one to connect to.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::from(([127, 0, 0, 1], address.port())),
        IpAddr::V6(ip) if ip.is_unspecified() => {
            SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), address.port())
        }
        _ => address,
    }
}

fn new_instance(now: jiff::Timestamp) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}-{}", std::process::id(), now.as_nanosecond(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn address_file(directory: &Path) -> PathBuf {
    directory.join("address")
}

/// The URL in the address file, if the server that wrote it answers there.
async fn served_at(directory: &Path) -> Option<String> {
    let text = std::fs::read_to_string(address_file(directory)).ok()?;
    let mut lines = text.lines();
    let (url, instance) = (lines.next()?.to_owned(), lines.next()?);
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build().ok()?;
    let reply = client.get(format!("{url}/_sandbox/instance")).send().await.ok()?;
    let body: serde_json::Value = serde_json::from_slice(&reply.bytes().await.ok()?).ok()?;
    (body.get("instance")?.as_str()? == instance).then_some(url)
}

/// A sandbox that is being served. Dropping it stops it without waiting; [`Running::stop`] waits.
pub struct Running {
    url: String,
    address: SocketAddr,
    app: SharedApp,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    file: Option<PathBuf>,
}

impl Running {
    /// The base URL, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests answered so far, oldest first. The sandbox's own `/_sandbox/` routes are not in it.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.app.requests()
    }

    /// Puts these faults in force in place of those before; all counts begin anew.
    ///
    /// # Errors
    ///
    /// A mistake in them. Those before stay in force then.
    pub fn set_faults(&self, faults: Faults) -> Result<(), FaultsError> {
        self.app.set_faults(faults)
    }

    /// How often each rule's requests came and how often it fired, in the order of the rules.
    pub fn fault_counts(&self) -> Vec<RuleCount> {
        self.app.faults().counts().to_vec()
    }

    /// Answers the open requests, flushes and closes the database, and removes the address file.
    pub async fn stop(mut self) -> Result<(), SandboxError> {
        drop(self.stop.take());
        if let Some(mut server) = self.server.take()
            && tokio::time::timeout(DRAIN, &mut server).await.is_err()
        {
            server.abort();
        }
        let app = Arc::clone(&self.app);
        self.forget_address();
        tokio::task::spawn_blocking(move || app.disk.close())
            .await
            .unwrap_or_else(|error| Err(SandboxError::Flush(error.to_string())))
    }

    fn forget_address(&mut self) {
        let Some(file) = self.file.take() else { return };
        // Left behind, it would be stale, which does no harm.
        let ours = std::fs::read_to_string(&file).is_ok_and(|text| text.contains(&self.app.instance));
        if ours {
            drop(std::fs::remove_file(&file));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.forget_address();
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("url", &self.url).finish_non_exhaustive()
    }
}

/// A sandbox for an environment: this process's own, or another's.
#[derive(Debug)]
pub struct Attached(Attachment);

#[derive(Debug)]
enum Attachment {
    Own(Running),
    Other(String),
}

impl Attached {
    /// The base URL, without a slash at its end.
    pub fn url(&self) -> &str {
        match &self.0 {
            Attachment::Own(running) => running.url(),
            Attachment::Other(url) => url,
        }
    }

    /// Whether this process serves it.
    pub fn is_own(&self) -> bool {
        matches!(self.0, Attachment::Own(_))
    }

    /// Stops it if it is this process's own; another process's goes on.
    pub async fn stop(self) -> Result<(), SandboxError> {
        match self.0 {
            Attachment::Own(running) => running.stop().await,
            Attachment::Other(_) => Ok(()),
        }
    }
}
