//! When a call is repeated, how long is waited before, and who hears of it.

use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::stop::Stop;

/// Is told of each wait, in one line. It must not block.
pub type Notices = Arc<dyn Fn(&str) + Send + Sync>;

/// What time it is to a client, and how it waits. Tests let it pass faster.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Instant + Send + Sync>,
    wait: Arc<dyn Fn(Duration) -> Waiting + Send + Sync>,
}

type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Clock {
    /// A clock that never waits: to wait moves it on, for everybody who has it. The second value tells how far it is.
    pub fn skipping() -> (Self, Arc<dyn Fn() -> Duration + Send + Sync>) {
        let (start, passed) = (Instant::now(), Arc::new(Mutex::new(Duration::ZERO)));
        // A panic elsewhere cannot leave a number half-written.
        let read = |passed: &Mutex<Duration>| *passed.lock().unwrap_or_else(PoisonError::into_inner);
        let (for_now, for_wait) = (Arc::clone(&passed), Arc::clone(&passed));
        let now = Arc::new(move || start + read(&for_now));
        let wait = Arc::new(move |duration: Duration| -> Waiting {
            let (passed, until) = (Arc::clone(&for_wait), read(&for_wait) + duration);
            Box::pin(async move {
                // Whatever else can go on goes on first.
                tokio::task::yield_now().await;
                let mut passed = passed.lock().unwrap_or_else(PoisonError::into_inner);
                *passed = until.max(*passed);
            })
        });
        (Self { now, wait }, Arc::new(move || read(&passed)))
    }

    /// The same clock; `observe` is told of each wait before it begins.
    #[must_use]
    pub fn observed(self, observe: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        let wait = Arc::clone(&self.wait);
        let wait = Arc::new(move |duration| {
            observe(duration);
            wait(duration)
        });
        Self { wait, ..self }
    }

    /// The same clock; each wait begins when what `gate` gives for it has ended.
    #[must_use]
    pub fn gated<F>(self, gate: impl Fn(Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let clock = self.clone();
        let wait = Arc::new(move |duration: Duration| -> Waiting {
            let (gate, clock) = (gate(duration), clock.clone());
            Box::pin(async move {
                gate.await;
                clock.wait(duration).await;
            })
        });
        Self { wait, ..self }
    }

    /// What time it is.
    pub fn now(&self) -> Instant {
        (self.now)()
    }

    /// The time of the day.
    pub fn timestamp(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    /// Waits.
    pub async fn wait(&self, duration: Duration) {
        (self.wait)(duration).await;
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            now: Arc::new(Instant::now),
            wait: Arc::new(|duration| Box::pin(tokio::time::sleep(duration))),
        }
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
    /// The time.
    pub clock: Clock,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 4,
            base: Duration::from_millis(250),
            ceiling: Duration::from_secs(300),
            clock: Clock::default(),
        }
    }
}

impl Retry {
    /// The wait after the `failures`th failure, counted from 1: anything between nothing and the full step
    /// ("full jitter"), so that clients that failed together do not come back together.
    pub fn backoff(&self, failures: u32) -> Duration {
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
    /// Ends all waits when it is raised.
    pub stop: Stop,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            retry: Retry::default(),
            notices: Arc::new(|_| {}),
            timeout: Duration::from_secs(60),
            stop: Stop::default(),
        }
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
