//! One thin file per command: wiring, and nothing that decides.

mod against;
#[cfg(unix)]
mod aggregate;
mod apply;
mod catalog;
mod check;
mod comment;
mod drift;
mod drift_issue;
mod explain;
mod graph;
mod init;
mod plan;
mod rules;
mod sandbox;
mod schema;
mod serve;
mod session;
mod state;

use super::args::{Arguments, Command, Format};
use super::output::Output;
use crate::diag::Sources;
use crate::ops::{Exit, Failure};

/// A failure, with the files that its diagnostics point into.
pub struct CommandError {
    /// What went wrong.
    pub failure: Failure,
    /// The files, when a project was read.
    pub sources: Option<Sources>,
}

impl<E: Into<Failure>> From<E> for CommandError {
    fn from(error: E) -> Self {
        Self { failure: error.into(), sources: None }
    }
}

/// What a command gives.
pub type Outcome = Result<Exit, CommandError>;

/// Whether the command can write its result so.
fn has_format(command: &Command, format: Format) -> Result<(), Failure> {
    let (name, others) = command.formats();
    if format == Format::Human || others.contains(&format) {
        return Ok(());
    }
    let words: Vec<&str> =
        std::iter::once(Format::Human).chain(others.iter().copied()).map(Format::word).collect();
    Err(Failure::Usage(format!("`{name}` has no --format {}; it has {}", format.word(), words.join(", "))))
}

/// Runs a command.
pub async fn run(arguments: &Arguments, output: &mut Output) -> Outcome {
    let global = &arguments.global;
    has_format(&arguments.command, global.format)?;
    match &arguments.command {
        Command::Init { target } => init::run(target.as_deref().unwrap_or(&global.directory), output),
        Command::Check => check::run(global, output),
        Command::Schema { file, imports } => schema::run(file, imports, output),
        Command::Catalog { kind } => catalog::run(kind.as_deref(), global, output),
        Command::Plan(options) => plan::run(options, global, output).await,
        Command::Apply(options) => apply::run(options, global, output).await,
        Command::Drift(options) => drift::run(options, global, output).await,
        Command::Comment(options) => comment::run(options, global, output).await,
        Command::Explain { what } => explain::run(what, global, output),
        Command::Graph => graph::run(global, output),
        Command::Rules => rules::run(global, output),
        #[cfg(unix)]
        Command::Aggregate(options) => aggregate::run(options, global, output).await,
        Command::State { command } => state::run(command, global, output).await,
        Command::Serve(options) => serve::run(options, output).await,
        Command::Sandbox { listen, memory, faults } => {
            sandbox::run(*listen, *memory, faults.as_deref(), global, output).await
        }
    }
}
