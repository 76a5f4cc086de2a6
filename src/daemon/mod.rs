//! `bellwether aggregate`: DogStatsD and events in, counts inside, gauges out.
//!
//! `receive` takes payloads, `intake` counts their lines by the `routes` of the rules and hands the others to `forward`;
//! `events` does the same for events over HTTP. `publishing` is the one thread that ends panes. `http` shows `status`.

pub mod address;
pub mod causes;
mod events;
pub mod forward;
pub mod http;
mod intake;
mod ledger_file;
mod own;
mod publishing;
pub mod receive;
pub mod routes;
pub mod status;
mod sums;
mod together;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use self::address::Address;
use self::causes::Causes;
pub use self::events::wanted;
use self::events::{Collector, Schemas};
use self::forward::Agent;
use self::http::Site;
use self::intake::{CurrentRoutes, LineIntake, Traffic};
use self::ledger_file::LedgerFile;
use self::own::Own;
use self::publishing::{Order, Publishing, Shared};
pub use self::publishing::{Rules, Say};
use self::receive::{ReceiveError, Receivers};
use self::status::Status;
use self::together::Together;
pub use self::together::{Place, host_name};
use crate::aggregate::{Aggregator, Ledger, LedgerError};
use crate::event::EventReader;
use crate::fleet::{Fleet, FleetError, FleetOptions};
use crate::publisher::Clock;

/// How the daemon runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens for DogStatsD.
    pub listen: Vec<Address>,
    /// Where the Agent is.
    pub agent: Address,
    /// Threads of each UDP address.
    pub threads: usize,
    /// The directory of the hour's ledger.
    pub ledger: PathBuf,
    /// How long to wait for another process that has it open.
    pub lock_timeout: Duration,
    /// The other instances, and this one's place among them.
    pub fleet: Option<(FleetOptions, Place)>,
}

/// What the schemas say, read anew on each reload.
#[derive(Debug)]
pub struct Setup {
    /// The environment's name.
    pub environment: String,
    /// The environment's tags, which every series carries.
    pub tags: Vec<String>,
    /// What is counted.
    pub rules: Rules,
    /// The pipeline's count of events that were no events.
    pub errors: String,
    /// Reads events that come over HTTP, and their id fields.
    pub reader: EventReader,
}

/// Why the daemon cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another process has the ledger.
    #[error("{} is in use: another `bellwether aggregate` has the same state directory", .0.display())]
    InUse(PathBuf),
    /// The ledger cannot be opened.
    #[error("cannot use {}: {error}", directory.display())]
    Ledger {
        /// Its directory.
        directory: PathBuf,
        /// What the system says.
        error: LedgerError,
    },
    /// It cannot listen.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// The options for Redis cannot be used.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// A daemon that runs until it is stopped.
pub struct Daemon {
    shared: Shared,
    collector: Arc<Collector>,
    receivers: Receivers,
    orders: Sender<Order>,
    publishing: JoinHandle<()>,
}

/// How often the Agent's name is looked up: names move.
const RESOLVE: Duration = Duration::from_secs(30);

impl Daemon {
    /// Opens the ledger, listens, and counts from now on. `say` gets lines for the log.
    ///
    /// # Errors
    ///
    /// When the ledger is in use, or an address is.
    pub fn start(options: &Options, setup: Setup, say: Say) -> Result<Self, DaemonError> {
        let causes = Arc::new(Causes::default());
        let agent = Agent::new(options.agent.clone(), forward::Settings::of(&options.agent), causes.clone());
        resolve(&agent, &say).map_err(DaemonError::Thread)?;
        let shared = Shared {
            aggregator: Arc::new(Aggregator::default()),
            routes: Arc::new(CurrentRoutes::default()),
            causes: causes.clone(),
            traffic: Arc::new(Traffic::default()),
            status: Arc::new(Status::default()),
            clock: Clock::default(),
            alive: Arc::default(),
            say,
        };
        let mut shown = shared.status.lock();
        (shown.environment, shown.agent) = (setup.environment, options.agent.to_string());
        drop(shown);
        let ledger = Ledger::with_store(
            setup.rules.limit,
            Box::new(LedgerFile::open(&options.ledger, options.lock_timeout)?),
        );
        let mut own_tags = setup.tags.clone();
        let together = match &options.fleet {
            Some((fleet, place)) => {
                own_tags.push(format!("instance:{}", place.instance));
                Some(Together::new(Fleet::new(fleet.clone())?, place.clone(), causes.clone()))
            }
            None => None,
        };
        let own = Own::new(own_tags);
        let collector = Collector::new(
            Schemas::new(setup.reader, &setup.rules, setup.errors, setup.tags),
            &shared,
            agent.forwarder(),
        );
        let mut publishing = Publishing::new(shared.clone(), ledger, own, agent.forwarder(), together);
        publishing.take_rules(setup.rules);
        let make = {
            let (shared, agent) = (shared.clone(), agent.clone());
            move || LineIntake::new(&shared, agent.forwarder())
        };
        let settings = receive::Settings { udp_threads: options.threads.max(1), ..Default::default() };
        let receivers = Receivers::start(&options.listen, &settings, &causes, make)?;
        let (orders, taken) = channel();
        let publishing = std::thread::Builder::new()
            .name("publishing".to_owned())
            .spawn(move || publishing.run(&taken))
            .map_err(DaemonError::Thread)?;
        Ok(Self { shared, collector: Arc::new(collector), receivers, orders, publishing })
    }

    /// Where it listens for DogStatsD, with the ports that were chosen.
    pub fn addresses(&self) -> &[Address] {
        self.receivers.addresses()
    }

    /// What its HTTP side shows, and where that takes events to.
    pub fn site(&self) -> Arc<Site> {
        let (counted, lived) = (self.shared.clone(), self.shared.clone());
        Arc::new(Site {
            status: self.shared.status.clone(),
            events: self.collector.clone(),
            counters: Box::new(move || counted.counters()),
            health: Box::new(move || lived.pulse()),
        })
    }

    /// Counts by these schemas from now on. No pane is lost.
    pub fn reload(&self, setup: Setup) {
        let schemas = Schemas::new(setup.reader, &setup.rules, setup.errors, setup.tags);
        // The publishing thread takes the rules when it has time. Until then events are counted by those fields that
        // both know.
        self.order(Order::Rules(Box::new(setup.rules)));
        self.collector.set(schemas);
    }

    /// Shows that the schemas could not be read again.
    pub fn reload_failed(&self, reason: String) {
        self.order(Order::ReloadFailed(reason));
    }

    fn order(&self, order: Order) {
        // The thread ends with the daemon only.
        let _ = self.orders.send(order);
    }

    /// Counts what the kernel has dropped, and sends what waits for the Agent since the last event over HTTP. To be
    /// called every second or so.
    pub fn look_around(&mut self) {
        self.receivers.count_kernel_drops();
        self.collector.flush();
    }

    /// Ends: what was received is counted, the last pane is published.
    ///
    /// # Errors
    ///
    /// When a thread broke down, which is a bug.
    pub fn stop(self) -> Result<(), DaemonError> {
        let received = self.receivers.stop();
        self.collector.finish();
        // The thread ends with the daemon only.
        let _ = self.orders.send(Order::Stop);
        let published = self.publishing.join();
        received?;
        published.map_err(|_| ReceiveError::Panicked(1))?;
        Ok(())
    }
}

/// Looks the Agent's name up, now and then again, on a thread of its own that ends with the process.
fn resolve(agent: &Arc<Agent>, say: &Say) -> std::io::Result<()> {
    let (agent, say) = (Arc::downgrade(agent), say.clone());
    if let Some(agent) = agent.upgrade()
        && let Err(error) = agent.resolve()
    {
        say(&format!("the Agent's address cannot be looked up yet: {error}"));
    }
    let look = move || {
        loop {
            std::thread::park_timeout(RESOLVE);
            let Some(agent) = agent.upgrade() else { return };
            // Forwarders count what they lose meanwhile.
            let _ = agent.resolve();
        }
    };
    std::thread::Builder::new().name("agent's name".to_owned()).spawn(look).map(drop)
}
