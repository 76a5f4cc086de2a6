//! `plan`

use std::path::Path;

use jiff::Timestamp;

use super::super::args::{Format, Global, PlanArguments};
use super::super::output::{Output, json_text};
use super::against::against;
use super::session::{Session, header};
use super::{CommandError, Outcome};
use crate::ops::{Addresses, Exit, Failure, PlanRequest, Planned, matches_something, plan};
use crate::plan::{Options, Plan};
use crate::render::markdown::{self, Context};
use crate::render::{self, Header, annotations};

pub async fn run(arguments: &PlanArguments, global: &Global, output: &mut Output) -> Outcome {
    let session = Session::open(global)?;
    let only = Addresses::matching(arguments.only.as_deref())?;
    let test = |address: &str| only.contain(address);
    let options = Options {
        reset_drift: arguments.reset_drift,
        allow_deletes: arguments.allow_deletes,
        only: only.name().map(|name| (name, &test as &(dyn Fn(&str) -> bool + Sync))),
        ..Options::default()
    };
    let (planned, mut header) = if let Some(wanted) = &arguments.against {
        against(&session, wanted, options, output)?
    } else if arguments.offline {
        offline(&session, options, output).await?
    } else {
        let store = session.store("bellwether plan", output)?;
        let connection = session.connect(output).await?;
        let result = session.plan(&connection, &store.environment(&session.name), options, output).await;
        connection.close().await?;
        result?
    };
    matches_something(&planned, &options)?;
    if let Some(path) = &arguments.out {
        save(&planned.plan, path)?;
        header.saved = Some(path.display().to_string());
    }
    output.diagnostics(&planned.compiled.warnings, &session.project.sources);
    show(&planned.plan, &header, &session.context(&header), arguments.summary, output);
    let exit = exit(&planned.plan, arguments.detailed_exitcode);
    // The process ends here: to give back hundreds of thousands of small allocations one by one would take time.
    std::mem::forget((session, planned));
    Ok(exit)
}

/// Writes the plan, and to stderr what Datadog says of it.
pub fn show(plan: &Plan, header: &Header, context: &Context, summary: bool, output: &mut Output) {
    match output.format {
        Format::Json => return output.json(plan),
        Format::Markdown => return output.result(&markdown::plan(plan, context).body),
        Format::Github => {
            output.annotate(&annotations::of_plan(plan, output.prefix(), false));
            output.summarise(context, |context| markdown::plan(plan, context));
        }
        _ => {}
    }
    let text = if summary {
        render::plan_summary(plan, header, &output.page)
    } else {
        render::plan(plan, header, &output.page)
    };
    output.result(&text);
    for diagnostic in plan.diagnostics.iter().filter(|d| d.code == "BW0409" || d.code.starts_with("BW05")) {
        let place = diagnostic.source.as_ref().map(|source| format!("{source}: ")).unwrap_or_default();
        output.told(&diagnostic.severity, &diagnostic.code, &format!("{place}{}", diagnostic.message));
    }
}

/// The exit code of a plan.
pub fn exit(plan: &Plan, detailed: bool) -> Exit {
    if plan.has_errors() {
        Exit::Error
    } else if !plan.blocked.is_empty() {
        Exit::Blocked
    } else if detailed && (!plan.changes.is_empty() || !plan.drift.is_empty()) {
        Exit::Differences
    } else {
        Exit::Done
    }
}

async fn offline(
    session: &Session,
    options: Options<'_>,
    output: &Output,
) -> Result<(Planned, Header), CommandError> {
    let store = session.store("bellwether plan", output)?;
    let state = store.environment(&session.name);
    let request = PlanRequest {
        project: &session.project,
        name: &session.name,
        environment: session.environment()?,
        reader: None,
        state: &state,
        options,
        now: Timestamp::now(),
    };
    let planned = session.with_sources(plan(&request, session.compile()?).await)?;
    let taken_at = planned.refreshed.snapshot.taken_at;
    let header = header(&session.project, &planned, &format!("snapshot of {taken_at:.0}"));
    output.notice(&format!("offline: compared with the snapshot of {taken_at:.0}, which may be out of date"));
    Ok((planned, header))
}

fn save(plan: &Plan, path: &Path) -> Result<(), Failure> {
    std::fs::write(path, json_text(plan))
        .map_err(|error| Failure::Message(format!("cannot write {}: {error}", path.display())))
}
