//! `state`

use serde_json::{Value, json};

use super::super::args::{Global, StateCommand};
use super::super::output::Output;
use super::Outcome;
use super::session::Session;
use crate::ops::{Exit, Failure};
use crate::render::count;
use crate::store::Store;

pub fn run(command: &StateCommand, global: &Global, output: &mut Output) -> Outcome {
    let session = Session::open(global)?;
    let directory = session.snapshot_directory();
    let Some(store) = Store::open_existing(&directory)? else {
        let message = format!("there is no snapshot in {} yet: run `bellwether plan`", directory.display());
        return Err(Failure::Message(message).into());
    };
    match command {
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
            output.result(&text);
        }
    }
    Ok(Exit::Done)
}
