//! One queue for each repository and environment, its jobs one after the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::counters::JOBS;
use super::dispatch::Context;
use super::job::{Answer, Job, Task};
use super::log::Level;
use super::trouble::{Failures, ROUNDS_OF_GITHUB, Trouble, guarded};
use super::{Service, dispatch, planning, speech};
use crate::github::Repository;
use crate::stop;

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long a job is set aside.
const ASIDE: Duration = Duration::from_secs(5 * 60);

/// A repository, and an environment once it is known.
type Lane = (Repository, Option<String>);

/// A job, and what kept it from its end so far.
type Entry = (u64, Failures);

/// The end where jobs are put in, and what works them off.
type Worker = (UnboundedSender<Entry>, JoinHandle<()>);

/// The queues, and what works them off.
#[derive(Default)]
pub struct Lanes(Mutex<HashMap<Lane, Worker>>);

/// Puts a job, which is on the disk, at the end of its queue.
pub fn enqueue(service: &Arc<Service>, id: u64, job: &Job) {
    put(service, (id, Failures::default()), job);
}

fn put(service: &Arc<Service>, entry: Entry, job: &Job) {
    let mut lanes = service.lanes.0.lock().unwrap_or_else(PoisonError::into_inner);
    if service.stop.is_raised() {
        // The next start takes it up.
        return;
    }
    let lane = (job.repository.clone(), job.environment.clone());
    let (sender, _) = lanes.entry(lane).or_insert_with(|| {
        let (sender, receiver) = unbounded_channel();
        (sender, tokio::spawn(work_off(Arc::clone(service), receiver)))
    });
    // The other end lives until the service stops.
    let _ = sender.send(entry);
}

/// What works the queues off; each ends with the job that is under way, since the service stops.
pub fn close(service: &Service) -> Vec<JoinHandle<()>> {
    let mut lanes = service.lanes.0.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut *lanes).into_values().map(|(_, worker)| worker).collect()
}

async fn work_off(service: Arc<Service>, mut jobs: UnboundedReceiver<Entry>) {
    loop {
        let entry = tokio::select! {
            biased;
            () = service.stop.reached(stop::Level::Drain) => return,
            entry = jobs.recv() => entry,
        };
        let Some((id, failures)) = entry else { return };
        // On a thread of its own: to compile takes its time, and a panic in telling ends the job, not the queue.
        let (runtime, shared) = (Handle::current(), Arc::clone(&service));
        let job = tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = work(&shared, id, failures) => {}
                    // The next start takes it up.
                    () = shared.stop.reached(stop::Level::Abort) => {}
                }
            });
        });
        // One that was cancelled is taken up by the next start.
        if let Err(error) = job.await
            && error.is_panic()
        {
            service.counters.add(JOBS, "failed");
            let fields = [("job", &*id.to_string()), ("detail", &*error.to_string())];
            service.settings.log.line(Level::Error, "job failed", &fields);
            let _ = service.ledger.divide(id, &[]);
        }
    }
}

/// Works a job off: does it, keeps what came of it, tells it.
async fn work(service: &Arc<Service>, id: u64, mut failures: Failures) {
    let mut job = match service.ledger.job(id) {
        Ok(Some(job)) => job,
        Ok(None) => return,
        Err(error) => {
            let fields = [("job", &*id.to_string()), ("detail", &*error.to_string())];
            return service.settings.log.line(Level::Error, "job failed", &fields);
        }
    };
    let result = match act(service, id, &mut job, failures).await {
        Ok(result) => result,
        Err(trouble @ (Trouble::Later(_) | Trouble::Away(_))) => {
            service.log_job(Level::Warn, "set aside", &job, id, &trouble.to_string());
            failures.set_aside(&trouble);
            return set_aside(service, (id, failures), job);
        }
        Err(Trouble::Kept(reason)) => {
            service.log_job(Level::Error, "job kept for the next start", &job, id, &reason);
            return service.counters.add(JOBS, "kept");
        }
        Err(trouble) => {
            service.log_job(Level::Error, "job failed", &job, id, &trouble.to_string());
            "failed"
        }
    };
    service.counters.add(JOBS, result);
    if result == "done" {
        service.log_job(Level::Info, "job done", &job, id, "");
    }
}

/// Gives the other jobs of the queue their turn, and comes back to this one.
fn set_aside(service: &Arc<Service>, entry: Entry, job: Job) {
    let service = Arc::clone(service);
    tokio::spawn(async move {
        tokio::select! {
            () = service.settings.retry.clock.wait(ASIDE) => put(&service, entry, &job),
            // The next start takes it up.
            () = service.stop.reached(stop::Level::Drain) => {}
        }
    });
}

/// Does a job and tells what came of it. How it ended, for the counters: a failure that could be told is one, too.
async fn act(
    service: &Arc<Service>,
    id: u64,
    job: &mut Job,
    failures: Failures,
) -> Result<&'static str, Trouble> {
    let mut parts = Vec::new();
    let mut result = "done";
    if job.answer.is_none() {
        match run(service, id, job, failures).await {
            Ok(dispatch::Outcome::Answer(answer)) => job.answer = Some(answer),
            Ok(dispatch::Outcome::Parts(found)) => {
                parts = found;
                job.answer = Some(Answer::default());
            }
            Err(trouble @ (Trouble::Kept(_) | Trouble::Later(_) | Trouble::Away(_))) => return Err(trouble),
            Err(trouble) => {
                // What failed may have been an apply.
                job.begun = service.ledger.job(id)?.is_some_and(|kept| kept.begun);
                let Some(answer) = answer_of(service, job, &trouble) else {
                    service.ledger.divide(id, &[])?;
                    return Err(trouble);
                };
                service.log_job(Level::Warn, "job failed", job, id, &trouble.to_string());
                job.answer = Some(answer);
                result = "failed";
            }
        }
        // Before it is told: whatever happens to GitHub now, it is not done again.
        if parts.is_empty() {
            service.ledger.keep(id, job)?;
        }
    }
    let told = tell(service, id, job, failures).await;
    if let Err(trouble @ (Trouble::Kept(_) | Trouble::Later(_))) = told {
        return Err(trouble);
    }
    for (id, part) in service.ledger.divide(id, &parts)?.into_iter().zip(&parts) {
        enqueue(service, id, part);
    }
    told.map(|()| result)
}

/// Waits before a job is tried again that failed for a passing reason. When that was too often in a row, gives the reason back;
/// when it was also set aside for so many rounds, fails for good.
async fn wait(
    service: &Service,
    id: u64,
    job: &Job,
    failures: &mut Failures,
    (trouble, rounds): (Trouble, u32),
) -> Result<(), Trouble> {
    if failures.is_very_last(&trouble, rounds) {
        return Err(Trouble::Failed(trouble.to_string()));
    }
    if failures.is_last(&trouble) {
        return Err(trouble);
    }
    let count = failures.add(&trouble);
    service.log_job(Level::Warn, "tried again later", job, id, &trouble.to_string());
    let retry = &service.settings.retry;
    let wait = retry.backoff(count).min(LONGEST_WAIT);
    service.wait(wait).await
}

/// Does a job, again and again while it fails for a passing reason.
async fn run(
    service: &Service,
    id: u64,
    job: &Job,
    mut failures: Failures,
) -> Result<dispatch::Outcome, Trouble> {
    loop {
        match guarded(dispatch::run(service, id, job, failures)).await {
            Err(trouble @ (Trouble::Later(_) | Trouble::Away(_))) => {
                let rounds = trouble.rounds(&job.task);
                wait(service, id, job, &mut failures, (trouble, rounds)).await?;
            }
            result => return result,
        }
    }
}

/// Tells what came of a job, again and again until GitHub has taken it.
async fn tell(service: &Service, id: u64, job: &Job, mut failures: Failures) -> Result<(), Trouble> {
    loop {
        match tell_once(service, id, job).await {
            Err(trouble @ Trouble::Later(_)) => {
                wait(service, id, job, &mut failures, (trouble, ROUNDS_OF_GITHUB)).await?;
            }
            result => return result,
        }
    }
}

/// What is said of a failure, where somebody waits for an answer.
fn answer_of(service: &Service, job: &Job, trouble: &Trouble) -> Option<Answer> {
    match &job.task {
        Task::Said { .. } => Some(Answer::refused(speech::failed(job, trouble))),
        Task::Merged { .. } => {
            let comment = Some(speech::not_applied(job, trouble, service.settings.word()));
            Some(Answer { comment, ..Answer::default() })
        }
        // Without an environment there is no check that could tell it.
        Task::Pushed { sha, .. } if job.environment.is_some() => {
            Some(Answer::push_refused(sha, speech::push_failed(job, trouble)))
        }
        Task::Pushed { .. }
        | Task::Look { .. }
        | Task::Closed { .. }
        | Task::Untouched { .. }
        | Task::Queued { .. } => None,
    }
}

/// Tells what came of a job. Each part can be repeated, and none keeps those behind it from being told.
async fn tell_once(service: &Service, id: u64, job: &Job) -> Result<(), Trouble> {
    let Some(answer) = job.answer.as_ref().filter(|answer| **answer != Answer::default()) else {
        return Ok(());
    };
    let site = service.site(&job.repository).await?;
    let mut failed = Ok(());
    let mut keep = |part: Result<(), Trouble>| match part {
        Err(trouble @ Trouble::Failed(_)) => {
            failed = Err(trouble);
            Ok(())
        }
        other => other,
    };
    if let (Some(number), Some(text)) = (job.task.number(), &answer.comment) {
        // The same for every try, and for none that a lost ledger knew.
        let key = format!("{} {}", job.delivery, job.environment.as_deref().unwrap_or_default());
        keep(site.client.comment_once(number, &key, text).await.map(drop).map_err(Trouble::from))?;
    }
    if let (Some(receipt), Some(comment)) = (answer.receipt, job.task.comment()) {
        keep(site.client.react(comment.id, receipt.reaction()).await.map_err(Trouble::from))?;
    }
    if let (Some(ended), Some(environment)) = (&answer.ended, &job.environment) {
        let number = job.task.number().unwrap_or_default();
        let context =
            Context { service, site: &site, job, id, number, environment, failures: Failures::default() };
        let text = match job.task {
            Task::Pushed { .. } => answer.comment.clone(),
            _ => {
                keep(planning::ended(&context, ended).await)?;
                None
            }
        };
        // Last: a check is another one each time that it is told.
        keep(planning::told(&context, ended, text).await)?;
    }
    failed
}
