//! `bellwether serve`: what happens on GitHub becomes plans, checks and, when everything that it takes is there, an apply.
//!
//! A delivery is verified, read and kept on disk before it is answered (`http`, `signature`, `event`, `ledger`). From there one
//! queue for each repository and environment does one job after the other (`queue`), each from its beginning, with what GitHub
//! and Datadog say at that moment (`dispatch`, `comparing`, `planning`, `registering`, `merging`, `merge_queue`). What came of a job is kept before
//! it is told, so that an outage of GitHub never makes an apply happen twice. What GitHub could not deliver is asked
//! for again (`sweep`).

mod apply;
mod comparing;
mod counters;
mod dispatch;
mod event;
mod http;
mod job;
mod ledger;
mod log;
mod merge_queue;
mod merging;
mod planning;
mod queue;
mod registering;
mod signature;
mod site;
mod speech;
mod sweep;
mod trouble;
mod words;
mod workspace;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use crate::datadog::{self, Credentials};
use crate::github::{self, ApiUrl, PrivateKey, Repository};
use crate::retry::Retry;
use crate::secret::Secret;
use crate::stop::{Level, Stop};

use counters::Counters;
use ledger::Ledger;
pub use ledger::LedgerError;
pub use log::{Log, Now, Sink};
pub use signature::{WeakSecret, WebhookSecrets};
use site::Site;
use trouble::Trouble;

/// How long what was abandoned may take to notice.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// A repository that is served. Deliveries of others are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The repository.
    pub repository: Repository,
    /// Where the project is in it; empty for its root.
    pub directory: String,
}

/// As whom the service speaks to GitHub.
#[derive(Clone)]
pub enum Access {
    /// With a token.
    Token {
        /// Where GitHub is.
        api: ApiUrl,
        /// The token.
        token: Secret,
    },
    /// As a GitHub App.
    App {
        /// Where GitHub is.
        api: ApiUrl,
        /// The App's number.
        id: u64,
        /// Its private key.
        key: PrivateKey,
    },
}

/// Datadog's keys.
#[derive(Clone, Default)]
pub struct Keys {
    /// Those that may write; used to apply, and to plan where there are no others.
    pub write: Option<Credentials>,
    /// Those that may only read; used to plan.
    pub read: Option<Credentials>,
}

/// How the service is set up.
#[derive(Clone)]
pub struct Settings {
    /// The repositories.
    pub repositories: Vec<Watched>,
    /// The words that address it in a comment.
    pub words: Vec<String>,
    /// Where it keeps what must survive a restart.
    pub state: PathBuf,
    /// The webhook's secrets.
    pub secrets: WebhookSecrets,
    /// As whom it speaks to GitHub.
    pub access: Access,
    /// Datadog's keys.
    pub datadog: Keys,
    /// How the client of GitHub behaves.
    pub github: github::Options,
    /// How the client of Datadog behaves.
    pub datadog_options: datadog::Options,
    /// How jobs are tried again that failed for a passing reason.
    pub retry: Retry,
    /// Where it tells what happens.
    pub log: Log,
    /// The time.
    pub now: Now,
}

impl Settings {
    /// The word that commands are shown with.
    fn word(&self) -> &str {
        self.words.first().map_or("bellwether", String::as_str)
    }
}

/// The service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It has no address.
    #[error("cannot listen: {0}")]
    Listen(#[from] std::io::Error),
}

/// What all parts of the service share.
struct Service {
    settings: Settings,
    ledger: Ledger,
    counters: Counters,
    /// Raised when no new job is to be begun; at its second level nothing is waited for any more.
    stop: Stop,
    /// One for each of the repositories, in their order. Only who needs it waits until it is open.
    sites: Vec<OnceCell<Arc<Site>>>,
    lanes: queue::Lanes,
}

/// A service that runs.
pub struct Running {
    service: Arc<Service>,
    server: JoinHandle<()>,
    sweeper: JoinHandle<()>,
    address: std::net::SocketAddr,
}

impl Running {
    /// Starts a service: what an earlier one left undone is taken up, and deliveries are taken at `listener`.
    ///
    /// # Errors
    ///
    /// When its ledger cannot be opened.
    pub async fn start(listener: TcpListener, settings: Settings) -> Result<Self, ServeError> {
        let address = listener.local_addr()?;
        let ledger = Ledger::open_patiently(&settings.state.join("serve")).await?;
        let sites = settings.repositories.iter().map(|_| OnceCell::new()).collect();
        let service = Arc::new(Service {
            settings,
            ledger,
            counters: Counters::default(),
            stop: Stop::default(),
            sites,
            lanes: queue::Lanes::default(),
        });
        for (id, job) in service.ledger.unfinished()? {
            service.log_job(log::Level::Info, "taken up again", &job, id, "");
            queue::enqueue(&service, id, &job);
        }
        let server = tokio::spawn(http::serve(listener, Arc::clone(&service)));
        let sweeper = tokio::spawn(sweep::run(Arc::clone(&service)));
        Ok(Self { service, server, sweeper, address })
    }

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// Takes no more deliveries, begins no more jobs, and waits for those under way: their calls to Datadog that are being
    /// made are still made, and no new ones. What is not done is taken up by the next start.
    pub async fn stop(self, patience: Duration) {
        self.service.stop.raise(Level::Drain);
        let workers = queue::close(&self.service);
        let finish = async {
            let _ = self.server.await;
            let _ = self.sweeper.await;
            for worker in workers {
                let _ = worker.await;
            }
        };
        tokio::pin!(finish);
        if tokio::time::timeout(patience, &mut finish).await.is_err() {
            self.service.stop.raise(Level::Abort);
            let _ = tokio::time::timeout(LAST_PATIENCE, finish).await;
        }
    }
}

impl Service {
    /// The repository's site; it is opened when it is first needed, and tried again by the next one if that fails.
    async fn site(&self, repository: &Repository) -> Result<Arc<Site>, Trouble> {
        let name = repository.to_string();
        let mut served = self.settings.repositories.iter().zip(&self.sites);
        let (watched, site) = served
            .find(|(watched, _)| watched.repository.is(&name))
            .ok_or_else(|| Trouble::Failed(format!("{repository} is not served any more")))?;
        let open = async || Site::open(watched, &self.settings).await.map(Arc::new);
        site.get_or_try_init(open).await.map(Arc::clone)
    }

    /// Waits; when the service is stopped meanwhile, what waits is kept for the next start.
    async fn wait(&self, time: Duration) -> Result<(), Trouble> {
        tokio::select! {
            () = self.settings.retry.clock.wait(time) => Ok(()),
            () = self.stop.reached(Level::Drain) => Err(Trouble::Kept("the service was stopped".to_owned())),
        }
    }

    /// The repository as it is set up.
    fn watched(&self, repository: &Repository) -> Option<&Watched> {
        let name = repository.to_string();
        self.settings.repositories.iter().find(|watched| watched.repository.is(&name))
    }

    /// How many calls GitHub still takes, of the client that has the fewest.
    fn calls_left(&self) -> Option<u64> {
        self.sites.iter().filter_map(|site| site.get()?.client.calls_left()).min()
    }

    fn log_job(&self, level: log::Level, event: &str, job: &job::Job, id: u64, detail: &str) {
        let (repository, id) = (job.repository.to_string(), id.to_string());
        let number = job.task.number().map(|number| number.to_string()).unwrap_or_default();
        let fields = [
            ("delivery", job.delivery.as_str()),
            ("repository", &repository),
            ("pull", &number),
            ("environment", job.environment.as_deref().unwrap_or_default()),
            ("task", job.task.name()),
            ("job", &id),
            ("detail", detail),
        ];
        let told: Vec<(&str, &str)> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        self.settings.log.line(level, event, &told);
    }
}
