//! Rate limits: what the headers say, and which bucket is empty until when.
//!
//! A route's bucket is known by name only after its first answer, so the first call of a route never waits.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;

/// No bucket takes longer than a day to fill again; more is nonsense.
const LONGEST_RESET: f64 = 86_400.0;

/// What one answer says about its bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Bucket {
    pub(super) name: Option<String>,
    pub(super) remaining: Option<u64>,
    pub(super) reset: Option<Duration>,
}

impl Bucket {
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        // The reset is documented in whole seconds; a fraction or a sign is not worth failing for.
        let seconds = |name: &str| {
            let seconds = text(name)?.parse::<f64>().ok().filter(|seconds| !seconds.is_nan())?;
            Some(Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_RESET)))
        };
        Self {
            name: text("x-ratelimit-name").filter(|name| !name.is_empty()).map(str::to_owned),
            remaining: text("x-ratelimit-remaining").and_then(|text| text.parse().ok()),
            reset: seconds("x-ratelimit-reset").or_else(|| seconds("retry-after")),
        }
    }
}

/// The buckets that are known.
#[derive(Debug, Default)]
pub(super) struct Limits(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    names: HashMap<&'static str, String>,
    empty_until: HashMap<String, Instant>,
}

impl Limits {
    fn lock(&self) -> MutexGuard<'_, Known> {
        // A panic elsewhere cannot leave these maps half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what an answer of `route` said.
    pub(super) fn learn(&self, route: &'static str, bucket: &Bucket, now: Instant) {
        let Some(name) = &bucket.name else { return };
        let mut known = self.lock();
        if known.names.get(route) != Some(name) {
            known.names.insert(route, name.clone());
        }
        // Not removed when something remains: answers may overtake each other, and time does it anyway.
        if let (Some(0), Some(reset)) = (bucket.remaining, bucket.reset) {
            known.empty_until.insert(name.clone(), now + reset);
        }
    }

    /// How long a call of `route` should wait, and for which bucket.
    pub(super) fn wait(&self, route: &'static str, now: Instant) -> Option<(String, Duration)> {
        let known = self.lock();
        let name = known.names.get(route)?;
        let until = known.empty_until.get(name)?;
        let wait = until.saturating_duration_since(now);
        (!wait.is_zero()).then(|| (name.clone(), wait))
    }

    /// Takes a bucket as filled again, after it was waited for.
    pub(super) fn refill(&self, name: &str) {
        self.lock().empty_until.remove(name);
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
        let wanted =
            Bucket { name: Some("m".into()), remaining: Some(0), reset: Some(Duration::from_secs(7)) };
        assert_eq!(full, wanted);
        assert_eq!(bucket(&[("retry-after", "3")]).reset, Some(Duration::from_secs(3)));
        assert_eq!(bucket(&[("x-ratelimit-reset", "-1")]).reset, Some(Duration::ZERO));
        assert_eq!(bucket(&[("x-ratelimit-reset", "1e300")]).reset, Some(Duration::from_secs(86_400)));
        for text in ["NaN", "soon", ""] {
            assert_eq!(bucket(&[("x-ratelimit-reset", text)]).reset, None, "{text}");
        }
    }

    #[test]
    fn only_routes_of_an_empty_bucket_wait() {
        let limits = Limits::default();
        let now = Instant::now();
        let empty =
            Bucket { name: Some("m".into()), remaining: Some(0), reset: Some(Duration::from_secs(7)) };
        limits.learn("a", &empty, now);
        limits.learn("b", &Bucket { remaining: Some(9), ..empty.clone() }, now);
        limits.learn("c", &Bucket { name: Some("n".into()), remaining: Some(1), reset: empty.reset }, now);
        assert_eq!(limits.wait("a", now), Some(("m".into(), Duration::from_secs(7))));
        assert_eq!(limits.wait("b", now), Some(("m".into(), Duration::from_secs(7))));
        assert_eq!(limits.wait("c", now), None);
        assert_eq!(limits.wait("d", now), None);
        assert_eq!(limits.wait("a", now + Duration::from_secs(8)), None);
        limits.refill("m");
        assert_eq!(limits.wait("a", now), None);
    }
}
