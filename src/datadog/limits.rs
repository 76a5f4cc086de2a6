//! Rate limits: what the headers say, and which bucket is empty until when.
//!
//! A route's bucket is known by name only after its first answer, so the first call of a route never waits.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;

/// No bucket takes longer than a day to fill again; more is nonsense.
const LONGEST_RESET: f64 = 86_400.0;
/// Two ends that are closer than this are one: the reset comes in whole seconds.
const SAME_WINDOW: Duration = Duration::from_millis(1_500);

/// What one answer says about its bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Bucket {
    pub(super) name: Option<String>,
    pub(super) limit: Option<u64>,
    pub(super) period: Option<Duration>,
    pub(super) remaining: Option<u64>,
    pub(super) reset: Option<Duration>,
}

impl Bucket {
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let number = |name: &str| text(name).and_then(|text| text.parse().ok());
        // The reset is documented in whole seconds; a fraction or a sign is not worth failing for.
        let seconds = |name: &str| {
            let seconds = text(name)?.parse::<f64>().ok().filter(|seconds| !seconds.is_nan())?;
            Some(Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_RESET)))
        };
        Self {
            name: text("x-ratelimit-name").filter(|name| !name.is_empty()).map(str::to_owned),
            limit: number("x-ratelimit-limit"),
            period: seconds("x-ratelimit-period"),
            remaining: number("x-ratelimit-remaining"),
            reset: seconds("x-ratelimit-reset").or_else(|| seconds("retry-after")),
        }
    }
}

/// Counts the windows of a bucket, as far as they are known here.
pub(super) type Generation = u64;

/// Whether a call may go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Permit {
    /// Yes; [`Limits::learn`] must be told of its answer, and in which window it was granted.
    Granted(Generation),
    /// The bucket is used up.
    Wait {
        /// Its name.
        bucket: String,
        /// For how long.
        duration: Duration,
        /// Whether this is the first call that waits for this window: one line is enough for all of them.
        first: bool,
    },
}

/// The buckets that are known.
#[derive(Debug, Default)]
pub(super) struct Limits(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    names: HashMap<&'static str, String>,
    windows: HashMap<String, Window>,
    /// Calls that went out and have no answer yet, by route.
    under_way: HashMap<&'static str, u64>,
}

/// What is left of a bucket until it is filled again.
#[derive(Debug)]
struct Window {
    /// How many calls fit into a window, and how long one is.
    limit: Option<u64>,
    period: Option<Duration>,
    /// Calls that may still go out; those that have no answer yet are taken off.
    remaining: u64,
    generation: Generation,
    /// When it was first asked for.
    opened: Instant,
    /// When it is filled again; not known of a new window before its first answer.
    ends: Option<Instant>,
    waited_for: bool,
}

impl Known {
    fn permit(&mut self, route: &'static str, now: Instant) -> Permit {
        let Self { names, windows, .. } = self;
        let Some(name) = names.get(route) else { return Permit::Granted(0) };
        let Some(window) = windows.get_mut(name) else { return Permit::Granted(0) };
        if window.ends.is_some_and(|ends| now >= ends) {
            window.remaining = window.limit.unwrap_or(u64::MAX);
            (window.opened, window.ends, window.waited_for) = (now, None, false);
            window.generation += 1;
        }
        let ends = window.ends.or_else(|| Some(window.opened + window.period?));
        match ends.filter(|ends| window.remaining == 0 && now < *ends) {
            Some(ends) => {
                let first = !std::mem::replace(&mut window.waited_for, true);
                Permit::Wait { bucket: name.clone(), duration: ends - now, first }
            }
            None => {
                window.remaining = window.remaining.saturating_sub(1);
                Permit::Granted(window.generation)
            }
        }
    }
}

impl Limits {
    fn lock(&self) -> MutexGuard<'_, Known> {
        // A panic elsewhere cannot leave these maps half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a call of `route`, and counts it if it is granted.
    pub(super) fn ask(&self, route: &'static str, now: Instant) -> Permit {
        let mut known = self.lock();
        let permit = known.permit(route, now);
        if matches!(permit, Permit::Granted(_)) {
            *known.under_way.entry(route).or_default() += 1;
        }
        permit
    }

    /// A call of `route` ended, with or without an answer.
    pub(super) fn ended(&self, route: &'static str) {
        if let Some(calls) = self.lock().under_way.get_mut(route) {
            *calls = calls.saturating_sub(1);
        }
    }

    /// Remembers what an answer of `route` said to a call that was granted in window `granted`.
    pub(super) fn learn(&self, route: &'static str, granted: Generation, bucket: &Bucket, now: Instant) {
        let (Some(name), Some(remaining), Some(reset)) = (&bucket.name, bucket.remaining, bucket.reset)
        else {
            return;
        };
        let mut known = self.lock();
        if known.names.get(route) != Some(name) {
            known.names.insert(route, name.clone());
        }
        let ends = now + reset;
        let (limit, period) = (bucket.limit, bucket.period);
        // The others that are under way may not be in its count. Too careful a guess ends with the window.
        let under_way = known.under_way.get(route).copied().unwrap_or(0);
        let fresh = |generation| Window {
            limit,
            period,
            remaining: remaining.saturating_sub(under_way),
            generation,
            opened: now,
            ends: Some(ends),
            waited_for: false,
        };
        let Some(window) = known.windows.get_mut(name) else {
            known.windows.insert(name.clone(), fresh(0));
            return;
        };
        match window.ends {
            // An answer from a window that is over.
            _ if granted < window.generation => {}
            Some(known_end) if ends + SAME_WINDOW <= known_end => {}
            Some(known_end) if ends >= known_end + SAME_WINDOW => *window = fresh(window.generation + 1),
            // Answers overtake each other, and calls under way are not in their count: the lower number is right.
            _ => {
                window.remaining = window.remaining.min(remaining);
                window.ends = window.ends.max(Some(ends));
                (window.limit, window.period) = (limit.or(window.limit), period.or(window.period));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(pairs: &[(&'static str, &'static str)]) -> Bucket {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        Bucket::read(&headers)
    }

    #[test]
    fn headers_are_read_leniently() {
        let full =
            bucket(&[("x-ratelimit-name", "m"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "7")]);
        assert_eq!(full, Bucket { limit: None, period: None, ..window("m", 0, 7) });
        assert_eq!(bucket(&[("retry-after", "3")]).reset, Some(Duration::from_secs(3)));
        assert_eq!(bucket(&[("x-ratelimit-reset", "-1")]).reset, Some(Duration::ZERO));
        assert_eq!(bucket(&[("x-ratelimit-reset", "1e300")]).reset, Some(Duration::from_secs(86_400)));
        for text in ["NaN", "soon", ""] {
            assert_eq!(bucket(&[("x-ratelimit-reset", text)]).reset, None, "{text}");
        }
    }

    fn window(name: &str, remaining: u64, reset: u64) -> Bucket {
        Bucket {
            name: Some(name.into()),
            limit: Some(10),
            period: Some(Duration::from_secs(10)),
            remaining: Some(remaining),
            reset: Some(Duration::from_secs(reset)),
        }
    }

    fn waits(limits: &Limits, route: &'static str, now: Instant) -> Option<u64> {
        match limits.ask(route, now) {
            Permit::Granted(_) => None,
            Permit::Wait { duration, .. } => Some(duration.as_secs()),
        }
    }

    #[test]
    fn only_routes_of_an_empty_bucket_wait() {
        let limits = Limits::default();
        let now = Instant::now();
        limits.learn("a", 0, &window("m", 0, 7), now);
        limits.learn("b", 0, &window("m", 9, 7), now);
        limits.learn("c", 0, &window("n", 1, 7), now);
        assert_eq!(waits(&limits, "a", now), Some(7));
        assert_eq!(waits(&limits, "b", now), Some(7), "the lower number of one window is right");
        assert_eq!(waits(&limits, "c", now), None);
        assert_eq!(waits(&limits, "d", now), None);
        assert_eq!(waits(&limits, "a", now + Duration::from_secs(8)), None);
    }

    #[test]
    fn calls_without_an_answer_yet_are_counted() {
        let limits = Limits::default();
        let now = Instant::now();
        limits.learn("a", 0, &window("m", 2, 7), now);
        assert_eq!([(); 3].map(|()| waits(&limits, "a", now)), [None, None, Some(7)]);
        // Their answers come in any order.
        limits.learn("a", 0, &window("m", 0, 7), now);
        limits.learn("a", 0, &window("m", 1, 7), now);
        assert_eq!(waits(&limits, "a", now), Some(7));
        let later = now + Duration::from_secs(7);
        assert_eq!([(); 10].map(|()| waits(&limits, "a", later)), [None; 10], "the next window is as large");
        assert_eq!(waits(&limits, "a", later), Some(10), "and as long, until its first answer");
        limits.learn("a", 0, &window("m", 0, 5), later);
        limits.learn("a", 1, &window("m", 9, 5), later);
        assert_eq!(waits(&limits, "a", later), Some(5), "ten have gone out, whatever that answer counted");
    }

    #[test]
    fn calls_that_went_out_before_the_first_answer_are_counted_by_it() {
        let limits = Limits::default();
        let now = Instant::now();
        assert_eq!([(); 8].map(|()| waits(&limits, "a", now)), [None; 8], "nothing is known yet");
        limits.ended("a");
        limits.learn("a", 0, &window("m", 9, 7), now);
        assert_eq!([(); 3].map(|()| waits(&limits, "a", now)), [None, None, Some(7)], "ten in all");
    }

    #[test]
    fn one_of_all_that_wait_for_a_window_is_told_to_say_so() {
        let limits = Limits::default();
        let now = Instant::now();
        limits.learn("a", 0, &window("m", 0, 7), now);
        let first = |now| matches!(limits.ask("a", now), Permit::Wait { first: true, .. });
        assert_eq!([(); 3].map(|()| first(now)), [true, false, false]);
    }
}
