//! When a call is repeated, how long is waited before, and who hears of it.

use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Is told of each wait, in one line. It must not block.
pub type Notices = Arc<dyn Fn(&str) + Send + Sync>;

/// How a client waits. Tests replace it, so that they never do.
#[derive(Clone)]
pub struct Sleeper(Arc<dyn Fn(Duration) -> Waiting + Send + Sync>);

type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Sleeper {
    /// Waits as `wait` does.
    pub fn new<F, W>(wait: F) -> Self
    where
        F: Fn(Duration) -> W + Send + Sync + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(move |duration| Box::pin(wait(duration))))
    }

    pub(super) async fn sleep(&self, duration: Duration) {
        (self.0)(duration).await;
    }
}

impl Default for Sleeper {
    fn default() -> Self {
        Self::new(tokio::time::sleep)
    }
}

/// The rules of repetition. A request that creates something is repeated only where it cannot have arrived.
#[derive(Clone)]
pub struct Retry {
    /// How often a call is sent at most, waits for the rate limit not counted.
    pub attempts: u32,
    /// The longest wait before the second try; it doubles with each further one.
    pub base: Duration,
    /// How long one call may wait for the rate limit, in all.
    pub ceiling: Duration,
    /// How to wait.
    pub sleeper: Sleeper,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 4,
            base: Duration::from_millis(250),
            ceiling: Duration::from_secs(60),
            sleeper: Sleeper::default(),
        }
    }
}

impl Retry {
    /// The wait after the `failures`th failure, counted from 1: anything between nothing and the full step
    /// ("full jitter"), so that clients that failed together do not come back together.
    pub(super) fn backoff(&self, failures: u32) -> Duration {
        let step = self.base.saturating_mul(1 << (failures - 1).min(16));
        // The keys of the standard library's hash maps are random, and that is all that is needed here.
        let random = std::hash::RandomState::new().build_hasher().finish();
        step.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// How a client behaves where the defaults do not fit.
#[derive(Clone)]
pub struct Options {
    /// The rules of repetition.
    pub retry: Retry,
    /// Who is told of waits.
    pub notices: Notices,
    /// How long one answer may take.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { retry: Retry::default(), notices: Arc::new(|_| {}), timeout: Duration::from_secs(60) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_are_random() {
        let retry = Retry::default();
        let longest = |failures| (0..200).map(|_| retry.backoff(failures)).max().unwrap();
        for (failures, step) in [(1, 250), (2, 500), (3, 1000)] {
            let step = Duration::from_millis(step);
            assert!(longest(failures) <= step);
            assert!(longest(failures) > step / 2);
        }
        assert_eq!(Retry { base: Duration::ZERO, ..retry }.backoff(9), Duration::ZERO);
    }
}
