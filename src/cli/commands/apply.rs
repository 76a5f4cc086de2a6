//! `apply`

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use jiff::Timestamp;

use super::super::args::{ApplyArguments, Format, Global};
use super::super::output::Output;
use super::super::progress::Progress;
use super::plan::show;
use super::session::Session;
use super::{CommandError, Outcome};
use crate::ops::{
    self, Addresses, Applied, Connection, Exit, Failure, PlanRequest, Planned, Verified, check_saved,
    is_for_datadog, matches_something, recover,
};
use crate::plan::{Options, Plan};
use crate::render::markdown::{self, Context};
use crate::render::{self, annotations};
use crate::stop::{Level, Stop};
use crate::store::Store;

pub async fn run(arguments: &ApplyArguments, global: &Global, output: &mut Output) -> Outcome {
    let saved = arguments.plan.as_deref().map(read_plan).transpose()?;
    // Before keys are asked for.
    saved.as_ref().map(is_for_datadog).transpose()?;
    let asks = saved.is_none() && !arguments.yes;
    if asks && !can_ask() {
        let message =
            "nobody can be asked here; review with `bellwether plan`, then run `bellwether apply --yes`";
        return Err(Failure::Usage(message.to_owned()).into());
    }
    let session = Session::open(global)?;
    if let Some(saved) = saved.as_ref().filter(|saved| saved.environment != session.name) {
        let message = format!("the plan was made for `{}`, not for `{}`", saved.environment, session.name);
        return Err(Failure::Message(message).into());
    }
    // First of all: while another process is waited for, nothing that it changes may be known already.
    let store = session.store("bellwether apply", output)?;
    let connection = session.connect(output).await?;
    let result = run_on(arguments, saved, &session, &store, &connection, output).await;
    connection.close().await?;
    result
}

/// Reads a saved plan.
pub fn read_plan(path: &Path) -> Result<Plan, Failure> {
    let failed = |reason: String| Failure::Message(format!("cannot use {}: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    Plan::from_json(&text).map_err(|error| failed(error.to_string()))
}

async fn run_on(
    arguments: &ApplyArguments,
    saved: Option<Plan>,
    session: &Session,
    store: &Store,
    connection: &Connection,
    output: &mut Output,
) -> Outcome {
    let state = store.environment(&session.name);
    let pattern = saved.as_ref().and_then(|saved| saved.only.clone()).or_else(|| arguments.only.clone());
    let only = Addresses::matching(pattern.as_deref())?;
    let test = |address: &str| only.contain(address);
    let options = Options {
        reset_drift: arguments.reset_drift,
        allow_deletes: arguments.allow_deletes,
        only: pattern.as_deref().map(|pattern| (pattern, &test as &(dyn Fn(&str) -> bool + Sync))),
        ..Options::default()
    };
    let (planned, header) = session.plan(connection, &state, options, output).await?;
    matches_something(&planned, &options)?;
    let context = session.context(&header);
    let is_saved = saved.is_some();
    let deletes = saved.as_ref().unwrap_or(&planned.plan).monitor_deletes();
    let plan = match saved {
        None => {
            // A program is given one document: the outcome.
            if !matches!(output.format, Format::Json | Format::Markdown) {
                show(&planned.plan, &header, &context, false, output);
            }
            planned.plan.clone()
        }
        Some(saved) => {
            let fresh = check_saved(saved, &planned)?;
            if fresh.already_applied > 0 {
                output.notice(&format!("{} already applied", render::count(fresh.already_applied, "change")));
            }
            fresh.plan
        }
    };
    recover(&session.project, &planned.compiled, &planned.refreshed, &state, Timestamp::now())?;
    if let Some(exit) = refused(&plan, deletes, arguments.allow_deletes, output) {
        if is_saved && output.format == Format::Github {
            let errors = annotations::of_plan(&plan, output.prefix(), false);
            output.annotate(&errors);
        }
        not_applied(&plan, &context, output);
        return Ok(exit);
    }
    if plan.changes.is_empty() {
        not_applied(&plan, &context, output);
        let cut_off = planned.refreshed.journal.as_ref().is_some_and(|journal| !journal.is_complete());
        if cut_off && planned.plan.changes.is_empty() && pattern.is_none() {
            // What the last apply left open has turned out to be done.
            state.forget_run().await?;
        }
        return Ok(Exit::Done);
    }
    let asks = arguments.plan.is_none() && !arguments.yes;
    if asks && !agreed(&plan, &session.name)? {
        output.notice("Nothing was written.");
        return Ok(Exit::Done);
    }
    if !asks {
        return write(session, connection, &state, options, planned, &plan, &context, output).await;
    }
    // While the question stood there, somebody may have edited a monitor, or made what a guard is about.
    let (planned, _) = session.plan(connection, &state, options, output).await?;
    let plan = check_saved(plan, &planned)?.plan;
    if let Some(exit) = refused(&plan, deletes, arguments.allow_deletes, output) {
        return Ok(exit);
    }
    write(session, connection, &state, options, planned, &plan, &context, output).await
}

/// The one document of a run that wrote nothing: the plan, with what is in its way.
fn not_applied(plan: &Plan, context: &Context, output: &mut Output) {
    if output.format == Format::Markdown {
        output.result(&markdown::plan(plan, context).body);
    }
}

/// The exit code of a plan that must not be applied.
fn refused(plan: &Plan, deletes: u64, allow_deletes: Option<u64>, output: &Output) -> Option<Exit> {
    if plan.has_errors() {
        output.error("Datadog rejects a part of this plan; nothing was written");
        return Some(Exit::Error);
    }
    if let Some(allowed) = allow_deletes.filter(|allowed| *allowed != deletes && deletes > 0) {
        output.error(&format!(
            "--allow-deletes says {allowed}, but the plan deletes {deletes}. Nothing was written. \
             If that is right: --allow-deletes {deletes}"
        ));
        return Some(Exit::Blocked);
    }
    let open = plan.blocked.iter().filter(|b| !(b.guard == "max_deletes" && allow_deletes == Some(deletes)));
    let mut blocked = false;
    for guard in open {
        output.error(&format!("{}. Nothing was written; {}", guard.message, guard.help));
        blocked = true;
    }
    blocked.then_some(Exit::Blocked)
}

fn agreed(plan: &Plan, environment: &str) -> Result<bool, Failure> {
    let deletes = plan.monitor_deletes();
    if deletes == 0 {
        let changes = render::count(plan.changes.len(), "change");
        return Ok(is_yes(&ask(&format!("Apply {changes} to {environment}? [y/N] "))?));
    }
    let question = format!(
        "Apply {} to {environment}, {deletes} of them deletes? Type the environment's name: ",
        plan.changes.len()
    );
    Ok(ask(&question)? == environment)
}

fn is_yes(answer: &str) -> bool {
    matches!(answer, "y" | "Y" | "yes")
}

/// Whether somebody can be asked.
fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a yes; where nobody can be asked, `instead` is the command to use.
pub fn confirm(question: &str, instead: &str) -> Result<bool, Failure> {
    if !can_ask() {
        return Err(Failure::Usage(format!("nobody can be asked here; use `{instead}`")));
    }
    Ok(is_yes(&ask(question)?))
}

fn ask(question: &str) -> Result<String, Failure> {
    let io = |error: std::io::Error| Failure::Message(format!("cannot ask: {error}"));
    let mut stderr = std::io::stderr();
    stderr.write_all(question.as_bytes()).and_then(|()| stderr.flush()).map_err(io)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(io)?;
    Ok(answer.trim().to_owned())
}

#[allow(clippy::too_many_arguments, reason = "one caller's values, each used once")]
async fn write(
    session: &Session,
    connection: &Connection,
    state: &crate::store::Environment,
    options: Options<'_>,
    planned: Planned,
    plan: &Plan,
    context: &Context,
    output: &mut Output,
) -> Result<Exit, CommandError> {
    let signal = watch_signals(&connection.stop);
    let progress = Progress::new(output, plan.changes.len());
    let request = PlanRequest {
        project: &session.project,
        name: &session.name,
        environment: session.environment()?,
        reader: None,
        state,
        options,
        now: Timestamp::now(),
    };
    output.notice(&format!(
        "applying {} to {}: {}",
        plan.short_digest(),
        session.name,
        render::count(plan.changes.len(), "change")
    ));
    let started = Instant::now();
    let step = |change: &crate::plan::Change, outcome: &crate::plan::Outcome, elapsed, done, total| {
        progress.step(change, outcome, elapsed, done, total);
    };
    let applied =
        ops::apply(&request, plan, planned, &connection.writer, &connection.stop, &step, &Timestamp::now)
            .await;
    progress.finish();
    let left = match &applied.verified {
        Verified::Left(plan) => Some(Ok(plan.as_ref())),
        Verified::Unknown(reason) => Some(Err(reason.as_str())),
        Verified::NotTried => None,
    };
    for found in applied.warnings() {
        output.told(&found.severity, &found.code, &found.message);
    }
    let elapsed = started.elapsed();
    let text = render::apply_summary(&applied.report, left, elapsed);
    let comment =
        |context: &Context| markdown::applied(&session.name, &applied.report, left, elapsed, context);
    match output.format {
        Format::Json => {
            output.notice(text.trim_end());
            output.json(&render::apply_json(&applied.report, left));
        }
        Format::Markdown => {
            output.notice(text.trim_end());
            output.result(&comment(context).body);
        }
        Format::Github => {
            output.annotate(&annotations::of_report(&applied.report, plan, output.prefix()));
            output.summarise(context, comment);
            output.result(&text);
        }
        _ => output.result(&text),
    }
    Ok(exit(&applied, signal.load(Ordering::Relaxed)))
}

fn exit(applied: &Applied, signal: u8) -> Exit {
    let report = &applied.report;
    // A signal that came after the last change leaves it unverified.
    let is_unverified = !matches!(applied.verified, Verified::Left(_));
    if report.interrupted || (signal != 0 && is_unverified) {
        return if signal == 15 { Exit::Terminated } else { Exit::Interrupted };
    }
    if report.stale() > 0 && report.written() == 0 {
        return Exit::Stale;
    }
    let clean = matches!(&applied.verified, Verified::Left(left) if left.changes.is_empty() && left.diagnostics.is_empty());
    if report.is_complete() && clean { Exit::Done } else { Exit::Partial }
}

/// The first SIGINT or SIGTERM stops new calls and waits, the second the waiting for answers, the third the process.
fn watch_signals(stop: &Stop) -> Arc<AtomicU8> {
    let signal = Arc::new(AtomicU8::new(0));
    let (stop, caught) = (stop.clone(), Arc::clone(&signal));
    tokio::spawn(async move {
        loop {
            let number = next_signal().await;
            caught.store(number, Ordering::Relaxed);
            let text = match stop.level() {
                Level::None => {
                    stop.raise(Level::Drain);
                    "Stopping: no new changes; answers are waited for, 7 s at most (once more: not at all)\n"
                }
                Level::Drain => {
                    stop.raise(Level::Abort);
                    continue;
                }
                Level::Abort => std::process::exit(128 + i32::from(number)),
            };
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
    });
    signal
}

#[cfg(unix)]
pub fn next_signal() -> impl Future<Output = u8> {
    use tokio::signal::unix::{SignalKind, signal};
    // At once, and not when it is first waited for: a signal in between would end the process there and then.
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => 2,
            _ = terminate.recv() => 15,
        }
    }
}

#[cfg(not(unix))]
pub async fn next_signal() -> u8 {
    match tokio::signal::ctrl_c().await {
        Ok(()) => 2,
        Err(_) => std::future::pending().await,
    }
}
