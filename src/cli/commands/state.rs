//! `state`

use serde_json::{Value, json};

use super::super::args::{Global, StateCommand};
use super::super::output::Output;
use super::Outcome;
use super::apply::confirm;
use super::session::Session;
use crate::ops::{self, Exit, Failure};
use crate::render::count;
use crate::store::{Journal, Store};
use crate::text::clean_line;

/// How many deletes `show` lists.
const SHOWN: usize = 20;

pub async fn run(command: &StateCommand, global: &Global, output: &mut Output) -> Outcome {
    let session = Session::open(global)?;
    let words = match command {
        StateCommand::Show => "bellwether state show",
        StateCommand::Export => "bellwether state export",
        StateCommand::Restore { .. } => "bellwether state restore",
    };
    let Some(store) = session.existing_store(words, output)? else {
        let directory = session.snapshot_directory();
        let message = format!("there is no snapshot in {} yet: run `bellwether plan`", directory.display());
        return Err(Failure::Message(message).into());
    };
    match command {
        StateCommand::Restore { address, yes } => {
            return restore(address, *yes, &session, &store, output).await;
        }
        StateCommand::Export => {
            let environments = store
                .environments()
                .into_iter()
                .map(|name| Ok((name.clone(), store.environment(&name).export()?)))
                .collect::<Result<serde_json::Map<String, Value>, Failure>>()?;
            output.json(&json!({"format_version": 1, "environments": environments}));
        }
        StateCommand::Show => {
            let state = store.environment(&session.name);
            let (snapshot, applied) = (state.snapshot()?, state.applied()?);
            if output.json {
                output.json(&json!({
                    "format_version": 1,
                    "environment": session.name,
                    "taken_at": snapshot.as_ref().map(|snapshot| snapshot.taken_at),
                    "monitors": snapshot.as_ref().map(|snapshot| snapshot.monitors.len()),
                    "metrics": snapshot.as_ref().map(|snapshot| snapshot.metrics.len()),
                    "applied": applied.iter().map(|(address, applied)| json!({
                        "address": address, "id": applied.id, "rev": applied.rev, "applied_at": applied.applied_at,
                    })).collect::<Vec<_>>(),
                    "last_apply": state.journal()?.map(|journal| json!({
                        "digest": journal.run.digest,
                        "started_at": journal.run.started_at,
                        "ended_at": journal.run.ended_at,
                        "changes": journal.run.changes,
                        "done": journal.done(),
                        "unknown": journal.unknown().map(|step| &step.address).collect::<Vec<_>>(),
                    })),
                }));
                return Ok(Exit::Done);
            }
            let mut text = match snapshot {
                Some(snapshot) => format!(
                    "{}: {} and {}, read {:.0}\n",
                    session.name,
                    count(snapshot.monitors.len(), "monitor"),
                    count(snapshot.metrics.len(), "metric"),
                    snapshot.taken_at
                ),
                None => format!("{}: never read\n", session.name),
            };
            text.push_str(&format!("last applied from here: {}\n", applied.len()));
            for (address, applied) in &applied {
                let id = applied.id.map(|id| id.to_string()).unwrap_or_default();
                text.push_str(&format!("  {:.0}  {id:<10} {address}\n", applied.applied_at));
            }
            let removed = state.removed()?;
            if !removed.is_empty() {
                text.push_str(&format!(
                    "deleted from here, for `bellwether state restore`: {}\n",
                    removed.len()
                ));
            }
            for removed in removed.iter().rev().take(SHOWN) {
                text.push_str(&format!("  {:.0}  {}\n", removed.removed_at, removed.address));
            }
            if let Some(journal) = state.journal()? {
                text.push_str(&last_apply(&journal));
            }
            output.result(&text);
        }
    }
    Ok(Exit::Done)
}

fn last_apply(journal: &Journal) -> String {
    let run = &journal.run;
    let end = match run.ended_at {
        Some(ended) => format!("ended {ended:.0}"),
        None => "was cut off".to_owned(),
    };
    let digest = run.digest.get(..8).unwrap_or(&run.digest);
    let mut text = format!(
        "the last apply, {digest}, began {:.0} and {end}: {} of {} done\n",
        run.started_at,
        journal.done(),
        count(run.changes, "change")
    );
    for step in journal.unknown() {
        text.push_str(&format!("  no answer: {} {}\n", step.action, step.address));
    }
    text
}

async fn restore(address: &str, yes: bool, session: &Session, store: &Store, output: &mut Output) -> Outcome {
    let compiled = session.compile()?;
    let state = store.environment(&session.name);
    let removed = ops::removed(address, &compiled.graph, &state)?;
    let name = removed.document.get("name").and_then(Value::as_str).unwrap_or_default();
    let what = format!("{} (\"{}\", deleted {:.0})", address, clean_line(name), removed.removed_at);
    if !yes
        && !confirm(
            &format!("Make {what} again in {}? [y/N] ", session.name),
            "bellwether state restore --yes",
        )?
    {
        output.notice("Nothing was written.");
        return Ok(Exit::Done);
    }
    let connection = session.connect(output).await?;
    let made = ops::restore(&removed, session.environment()?, &state, &connection.writer).await;
    connection.close().await?;
    let id = made?;
    if output.json {
        output.json(&json!({"format_version": 1, "address": address, "id": id}));
    } else {
        let made = id.map(|id| format!(" as {id}")).unwrap_or_default();
        output.result(&format!(
            "{address}: restored{made}\nNo apply touches it. If the annotation comes back, it is taken over with its history.\n"
        ));
    }
    Ok(Exit::Done)
}
