//! What most commands start with: the project, its environment, its state.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::super::args::Global;
use super::super::connect::{credentials, options};
use super::super::output::Output;
use super::CommandError;
use crate::config::{Environment, Target};
use crate::ops::{Compiled, Connection, Failure, PlanRequest, Planned, compile, plan};
use crate::plan::Options;
use crate::project::Project;
use crate::render::markdown::{self, Context};
use crate::render::{Header, count};
use crate::store::{Holder, Journal, Opening, Store};

/// A project and one of its environments.
pub struct Session {
    /// The project.
    pub project: Project,
    /// The environment's name.
    pub name: String,
    lock_timeout: Duration,
}

impl Session {
    /// Reads the project.
    pub fn open(global: &Global) -> Result<Self, CommandError> {
        let project = Project::open(&global.directory)?;
        let name = match project.config.environment(global.environment.as_deref()) {
            Ok((name, _)) => name,
            // A mistake in bellwether.toml may be why the environment is missing; that is the better message.
            Err(_) if crate::diag::has_errors(&project.diagnostics) => {
                let failure = Failure::Diagnostics(project.diagnostics.clone());
                return Err(CommandError { failure, sources: Some(project.sources) });
            }
            Err(message) => return Err(Failure::Message(message).into()),
        };
        Ok(Self { project, name, lock_timeout: Duration::from_secs(global.lock_timeout) })
    }

    /// The environment.
    pub fn environment(&self) -> Result<&Environment, Failure> {
        self.project
            .config
            .environment(Some(&self.name))
            .map(|(_, environment)| environment)
            .map_err(Failure::Message)
    }

    /// Compiles the project.
    pub fn compile(&self) -> Result<Compiled, CommandError> {
        self.with_sources(compile(&self.project, &self.name, self.environment()?))
    }

    /// Gives an error the files that it points into.
    pub fn with_sources<T>(&self, result: Result<T, Failure>) -> Result<T, CommandError> {
        result.map_err(|failure| CommandError { failure, sources: Some(self.project.sources.clone()) })
    }

    /// Where the snapshot is.
    pub fn snapshot_directory(&self) -> PathBuf {
        self.project.state_directory().join("snapshot")
    }

    /// Connects to Datadog.
    pub async fn connect(&self, output: &Output) -> Result<Connection, Failure> {
        let directory = sandbox_directory(&self.project.state_directory());
        Connection::open(self.environment()?, &directory, credentials, options(output)).await
    }

    /// Opens the snapshot store for `command`, and creates it where there is none.
    pub fn store(&self, command: &str, output: &Output) -> Result<Store, Failure> {
        self.opening(command, output, |opening| Ok(Store::open_as(&self.snapshot_directory(), opening)?))
    }

    /// Opens the snapshot store for `command`; `None` where there is none.
    pub fn existing_store(&self, command: &str, output: &Output) -> Result<Option<Store>, Failure> {
        self.opening(command, output, |opening| {
            Ok(Store::open_existing(&self.snapshot_directory(), opening)?)
        })
    }

    fn opening<T>(&self, command: &str, output: &Output, open: impl FnOnce(&Opening<'_>) -> T) -> T {
        let waits = |holder: Option<&Holder>| {
            let who = holder.map_or_else(|| "another process".to_owned(), Holder::to_string);
            let most = self.lock_timeout.as_secs();
            output.notice(&format!("Waiting for the state directory, {most} s at most: it is used by {who}"));
        };
        open(&Opening { command, timeout: self.lock_timeout, waits: &waits })
    }

    /// What Markdown says around a result.
    pub fn context(&self, header: &Header) -> Context {
        let site = self.environment().ok().and_then(|environment| match &environment.target {
            Target::Site(site) => Some(site),
            Target::Sandbox | Target::ApiUrl(_) => None,
        });
        Context { monitor_pages: site.map(|site| markdown::monitor_pages(site)), ..Context::from(header) }
    }

    /// Makes a plan against Datadog, and the heading that belongs to it.
    pub async fn plan(
        &self,
        connection: &Connection,
        state: &crate::store::Environment,
        options: Options<'_>,
        output: &Output,
    ) -> Result<(Planned, Header), CommandError> {
        let reader = connection.writer.reader();
        let compiled = self.compile()?;
        let request = PlanRequest {
            project: &self.project,
            name: &self.name,
            environment: self.environment()?,
            reader: Some(&reader),
            state,
            options,
            now: Timestamp::now(),
        };
        let started = Instant::now();
        let planned = self.with_sources(plan(&request, compiled).await)?;
        let header = header(&self.project, &planned, &connection.target);
        let elapsed = started.elapsed().as_secs_f64();
        output.notice(&format!("{} read from {} in {elapsed:.1} s", header.read, header.target));
        if let Some(journal) = planned.refreshed.journal.as_ref().filter(|journal| !journal.is_complete()) {
            output.notice(&cut_off(journal));
        }
        Ok((planned, header))
    }
}

/// What is known of an apply that did not end in order.
fn cut_off(journal: &Journal) -> String {
    let (done, unknown) = (journal.done(), journal.unknown().count());
    let unknown = if unknown > 0 { format!(", {unknown} without an answer") } else { String::new() };
    format!(
        "The last apply ({}, begun {:.0}) was cut off: {done} of {} done{unknown}. \
         Datadog was read afresh; what follows is what is left to do.",
        journal.run.digest.get(..8).unwrap_or(&journal.run.digest),
        journal.run.started_at,
        count(journal.run.changes, "change"),
    )
}

/// Where the embedded sandbox keeps its monitors.
pub fn sandbox_directory(state: &std::path::Path) -> PathBuf {
    state.join("sandbox")
}

/// What stands above and below a plan.
pub fn header(project: &Project, planned: &Planned, target: &str) -> Header {
    let snapshot = &planned.refreshed.snapshot;
    Header::new(&project.config, snapshot, planned.accepted, target, project.schema_files)
}
