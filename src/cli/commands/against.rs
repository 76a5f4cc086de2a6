//! `plan --against`

use jiff::Timestamp;

use super::super::output::Output;
use super::CommandError;
use super::session::Session;
use crate::compile::ResourceKind;
use crate::ops::{self, AgainstRequest, Base, Planned};
use crate::plan::Options;
use crate::render::{Header, count};

/// Compares the project with the schemas of a directory or a Git ref. Neither keys nor the state directory are looked for.
pub fn against(
    session: &Session,
    wanted: &str,
    options: Options<'_>,
    output: &Output,
) -> Result<(Planned, Header), CommandError> {
    let project = &session.project;
    // First of all: mistakes here are what a pull request is about.
    let compiled = session.compile()?;
    let base = Base::find(&project.root, wanted)?;
    if let Some(reason) = base.is_empty(&session.name) {
        output.notice(&reason);
    }
    let request =
        AgainstRequest { project, name: &session.name, base: &base, options, now: Timestamp::now() };
    let planned = ops::against(&request, compiled)?;
    let here = planned.compiled.count(ResourceKind::Monitor);
    let read = match planned.compiled.count(ResourceKind::Metric) {
        0 => count(here, "monitor"),
        metrics => format!("{} and {}", count(here, "monitor"), count(metrics, "metric")),
    };
    let header = Header {
        target: "from schemas alone".to_owned(),
        read,
        schema_files: project.schema_files,
        saved: None,
        delete_limit: project.config.guard.max_deletes.to_string(),
        managed: planned.refreshed.snapshot.monitors.len() as u64,
        accepted: 0,
    };
    Ok((planned, header))
}
