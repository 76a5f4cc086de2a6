//! What GitHub could not deliver. By itself it never delivers again, so that it is asked to, for as long as it can.
//!
//! Only an App can ask. A delivery keeps its guid when it is delivered again: the ledger takes it once, however often it comes, and
//! its job finds out what is so by then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::counters::REDELIVERIES;
use super::log::Level;
use super::trouble::Trouble;
use super::{Access, Service, event};
use crate::github::{App, Delivery, Error};
use crate::stop;

/// The time between two sweeps.
const PAUSE: Duration = Duration::from_secs(10 * 60);
/// How far back GitHub delivers again.
const REACH: SignedDuration = SignedDuration::from_hours(3 * 24);
/// What is younger may still be under way, and is left to the next sweep.
const UNDER_WAY: SignedDuration = SignedDuration::from_mins(1);
/// How often a delivery is sent at most, the first time included.
const ATTEMPTS: usize = 5;
/// How many pages of a hundred deliveries a sweep reads.
const PAGES: usize = 30;

/// What earlier sweeps have found out.
#[derive(Default)]
struct Past {
    /// Whatever was delivered before is settled, and need not be read again.
    settled_before: Timestamp,
    /// The guids of later ones that are not asked for any more.
    given_up: BTreeSet<String>,
}

/// A delivery that was never answered as it should be.
struct Missed<'d> {
    /// The last attempt.
    last: &'d Delivery,
    /// When the first one was.
    first_at: Timestamp,
    /// How many there were.
    attempts: usize,
}

/// Sweeps now and then until the service stops. With a token instead of an App there is nothing to ask.
pub async fn run(service: Arc<Service>) {
    let settings = &service.settings;
    let Access::App { api, id, key } = &settings.access else { return };
    let failed = |reason: String| settings.log.line(Level::Warn, "sweep failed", &[("detail", &reason)]);
    let app = match App::new(api.clone(), *id, key, settings.github.clone()) {
        Ok(app) => app,
        Err(error) => return failed(error.to_string()),
    };
    let sweeps = async {
        let mut past = Past::default();
        loop {
            if let Err(trouble) = sweep(&service, &app, &mut past).await {
                failed(trouble.to_string());
            }
            settings.retry.clock.wait(PAUSE).await;
        }
    };
    tokio::select! {
        biased;
        () = service.stop.reached(stop::Level::Drain) => {}
        () = sweeps => {}
    }
}

/// Asks for what was missed and is not settled yet. The error is the first one.
async fn sweep(service: &Service, app: &App, past: &mut Past) -> Result<(), Trouble> {
    let now = (service.settings.now)();
    let deliveries = read(service, app, past.settled_before.max(moved(now, -REACH))).await?;
    let Some(newest) = deliveries.iter().map(|delivery| delivery.delivered_at).max() else { return Ok(()) };
    // GitHub's clock may be behind ours: what is newer than all that it told of was not looked at.
    let until = moved(now, -UNDER_WAY).min(moved(newest, SignedDuration::from_secs(1)));
    let (mut settled_before, mut failed) = (until, Ok(()));
    for missed in missed(&deliveries) {
        let guid = &missed.last.guid;
        if past.given_up.contains(guid) || service.ledger.knows(guid)? {
            continue;
        }
        let is_open = missed.last.delivered_at >= until
            || match ask(service, app, &missed).await {
                Err(error) if is_about_all(&error) => return failed.and(Err(error.into())),
                // The next sweep asks again. Until then it does not keep the newer ones from being asked for.
                Err(error) => {
                    failed = failed.and(Err(error.into()));
                    true
                }
                Ok(will_be) => will_be,
            };
        if is_open {
            // Only with all of its attempts in sight they can be counted.
            settled_before = settled_before.min(missed.first_at);
        } else {
            past.given_up.insert(guid.clone());
        }
    }
    past.settled_before = settled_before;
    past.given_up.retain(|guid| deliveries.iter().any(|delivery| delivery.guid == *guid));
    failed
}

/// Whether the next delivery would fare no better.
fn is_about_all(error: &Error) -> bool {
    matches!(
        error,
        Error::RevokedToken { .. }
            | Error::Stopped { .. }
            | Error::RateLimited { .. }
            | Error::Unavailable { sent: false, .. }
    )
}

/// The deliveries `since` then, the newest first.
async fn read(service: &Service, app: &App, since: Timestamp) -> Result<Vec<Delivery>, Error> {
    let (mut found, mut cursor) = (Vec::new(), None);
    for _ in 0..PAGES {
        let (page, next) = app.deliveries(cursor.as_deref()).await?;
        let goes_on = page.last().is_some_and(|oldest| oldest.delivered_at >= since);
        found.extend(page.into_iter().filter(|delivery| delivery.delivered_at >= since));
        cursor = next.filter(|_| goes_on);
        if cursor.is_none() {
            return Ok(found);
        }
    }
    let detail = format!("only the last {} deliveries were looked at", found.len());
    service.settings.log.line(Level::Warn, "sweep incomplete", &[("detail", &detail)]);
    Ok(found)
}

/// What was never answered with a 2xx and is of interest, the oldest first.
fn missed(deliveries: &[Delivery]) -> Vec<Missed<'_>> {
    let mut found: BTreeMap<&str, Missed<'_>> = BTreeMap::new();
    let mut answered = BTreeSet::new();
    for delivery in deliveries.iter().filter(|delivery| event::is_handled(&delivery.event)) {
        let first_at = delivery.delivered_at;
        let missed = found.entry(&delivery.guid).or_insert(Missed { last: delivery, first_at, attempts: 0 });
        missed.first_at = missed.first_at.min(first_at);
        missed.attempts += 1;
        if (200..300).contains(&delivery.status_code) {
            answered.insert(&*delivery.guid);
        }
    }
    found.retain(|guid, _| !answered.contains(guid));
    let mut missed: Vec<Missed<'_>> = found.into_values().collect();
    missed.sort_by_key(|missed| missed.first_at);
    missed
}

/// Asks GitHub to deliver once more; whether it will.
async fn ask(service: &Service, app: &App, missed: &Missed<'_>) -> Result<bool, Error> {
    let Delivery { id, guid, event, .. } = missed.last;
    let attempts = missed.attempts.to_string();
    let tell = |level: Level, result: &'static str, what: &str, detail: &str| {
        service.counters.add(REDELIVERIES, result);
        let fields = [("delivery", &**guid), ("kind", event), ("attempts", &attempts), ("detail", detail)];
        let told: Vec<(&str, &str)> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        service.settings.log.line(level, what, &told);
    };
    if missed.attempts >= ATTEMPTS {
        tell(Level::Warn, "given up", "given up", "");
        return Ok(false);
    }
    match app.redeliver(*id).await {
        Ok(()) => tell(Level::Info, "accepted", "asked for again", ""),
        // That is about this delivery alone.
        Err(error @ (Error::NotFound { .. } | Error::Rejected { .. })) => {
            tell(Level::Warn, "refused", "not delivered again", &error.to_string());
            return Ok(false);
        }
        Err(error) => return Err(error),
    }
    Ok(true)
}

/// Another time, as far as there is one.
fn moved(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(time)
}
