//! What the server is given: what it shows, and who takes events.

use std::sync::Arc;
use std::time::Duration;

use crate::daemon::status::Status;

/// Everything that the server shows, and where it takes events to.
pub struct Site {
    /// What was last published.
    pub status: Arc<Status>,
    /// Takes the events that are posted.
    pub events: Arc<dyn EventSink>,
    /// Gives the counters as they are now.
    pub counters: Box<dyn Fn() -> Counters + Send + Sync>,
    /// Tells whether publishing goes on.
    pub health: Box<dyn HealthSource>,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("status", &self.status).finish_non_exhaustive()
    }
}

/// What has gone through the daemon since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Lines received.
    pub received: u64,
    /// Lines that a rule has counted.
    pub counted: u64,
    /// Lines that have gone on to the Agent.
    pub forwarded: u64,
    /// Events taken over HTTP.
    pub events: u64,
    /// What was dropped, by cause. The causes are a fixed list of words, those without a drop may be among them.
    pub drops: Vec<(String, u64)>,
}

/// How the body of a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Events as JSON: one, or one on each line.
    Json,
    /// One event in Avro's single-object encoding.
    SingleObject,
}

/// Takes events.
pub trait EventSink: Send + Sync {
    /// Counts the events of a body, and gives how many they were. It is called on the server's own threads, so it must
    /// not wait for anything.
    ///
    /// # Errors
    ///
    /// When they could not be counted.
    fn post(&self, record: &str, body: &[u8], encoding: Encoding) -> Result<u64, Refusal>;
}

/// Why a body was not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whether there is no such record, rather than a mistake in the body.
    pub unknown_record: bool,
    /// The cause in one word, of a fixed list.
    pub cause: &'static str,
    /// What is wrong, for people. It may have parts of the body in it.
    pub message: String,
}

/// Tells whether publishing goes on.
pub trait HealthSource: Send + Sync {
    /// The thread that publishes, as it is now.
    fn pulse(&self) -> Pulse;
}

impl<F: Fn() -> Pulse + Send + Sync> HealthSource for F {
    fn pulse(&self) -> Pulse {
        self()
    }
}

/// The last sign of life of the thread that publishes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pulse {
    /// How long ago it was.
    pub silent_for: Duration,
    /// How often one is due: the shortest pane of all rules.
    pub pane: Duration,
}

impl Pulse {
    /// How many panes may go by without a sign of life.
    const PANES: u32 = 3;
    /// And how much longer, since panes can be as short as a second and a machine can be busy.
    const GRACE: Duration = Duration::from_secs(5);

    /// Why publishing does not work; none if it does.
    pub fn illness(&self) -> Option<String> {
        let patience = self.pane.saturating_mul(Self::PANES).saturating_add(Self::GRACE);
        (self.silent_for > patience).then(|| {
            let (silent, pane) = (self.silent_for.as_secs(), self.pane.as_secs());
            format!("nothing was published for {silent} s, although a pane ends every {pane} s")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_panes_of_silence_are_an_illness() {
        let pulse =
            |silent, pane| Pulse { silent_for: Duration::from_secs(silent), pane: Duration::from_secs(pane) };
        assert_eq!(pulse(95, 30).illness(), None);
        assert_eq!(
            pulse(96, 30).illness().as_deref(),
            Some("nothing was published for 96 s, although a pane ends every 30 s")
        );
        assert_eq!(pulse(8, 1).illness(), None);
    }
}
