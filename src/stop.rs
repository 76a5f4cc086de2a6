//! A request to stop, shared by everything that makes calls or waits.

use tokio::sync::watch;

/// How far a run is to be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It goes on.
    None,
    /// No new calls and no waits; answers to calls that are under way are still taken.
    Drain,
    /// Nothing is waited for any more.
    Abort,
}

/// A request to stop. Clones are the same request.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<Level>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(Level::None))
    }
}

impl Stop {
    /// Asks to stop, or to stop sooner; it is never taken back.
    pub fn raise(&self, level: Level) {
        self.0.send_if_modified(|current| {
            let raised = level > *current;
            if raised {
                *current = level;
            }
            raised
        });
    }

    /// What is asked for now.
    pub fn level(&self) -> Level {
        *self.0.borrow()
    }

    /// Whether no new call is to be made.
    pub fn is_raised(&self) -> bool {
        self.level() > Level::None
    }

    /// Ends when at least `level` is asked for.
    pub async fn reached(&self, level: Level) {
        // The sender lives as long as `self`, so that this cannot fail.
        let _ = self.0.subscribe().wait_for(|current| *current >= level).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_level_is_reached_by_itself_and_by_higher_ones_and_never_taken_back() {
        let stop = Stop::default();
        let copy = stop.clone();
        assert!(!stop.is_raised());
        copy.raise(Level::Abort);
        copy.raise(Level::Drain);
        stop.reached(Level::Drain).await;
        stop.reached(Level::Abort).await;
        assert_eq!(stop.level(), Level::Abort);
    }
}
