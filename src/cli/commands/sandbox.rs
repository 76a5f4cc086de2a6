//! `sandbox`

use std::net::SocketAddr;
use std::path::Path;

use super::super::args::Global;
use super::super::output::Output;
use super::Outcome;
use super::session::sandbox_directory;
use crate::ops::{Exit, Failure};
use crate::project::{Project, ProjectError};
use crate::sandbox::{Faults, Options, Sandbox, Storage};

pub async fn run(
    listen: SocketAddr,
    memory: bool,
    faults: Option<&Path>,
    global: &Global,
    output: &mut Output,
) -> Outcome {
    let faults = faults.map(read_faults).transpose()?;
    let storage = if memory {
        Storage::Memory
    } else {
        match Project::open(&global.directory) {
            Ok(project) => Storage::Directory(sandbox_directory(&project.state_directory())),
            Err(ProjectError::NoConfig(_)) => Storage::Memory,
            Err(error) => return Err(error.into()),
        }
    };
    let kept = match &storage {
        Storage::Memory => "kept in memory".to_owned(),
        Storage::Directory(directory) => format!("kept in {}", directory.display()),
    };
    // Before the address is known to anyone: no signal may find it unprepared.
    let signal = super::apply::next_signal();
    let failed = |error: crate::sandbox::SandboxError| Failure::Message(error.to_string());
    let options = Options { faults: faults.clone().unwrap_or_default(), ..Options::default() };
    let running = Sandbox::start_with(listen, storage, options).await.map_err(failed)?;
    output.result(&format!("{}\n", running.url()));
    output.notice(&format!("A Datadog double, {kept}; any keys will do. Ctrl-C ends it."));
    if let Some(Faults { rules, limits, .. }) = faults {
        output.notice(&format!("Faults in force: rules {}, rate limits {}.", rules.len(), limits.len()));
    }
    let signal = signal.await;
    running.stop().await.map_err(failed)?;
    // Ctrl-C is how one ends it: that is no failure.
    Ok(if signal == 15 { Exit::Terminated } else { Exit::Done })
}

fn read_faults(file: &Path) -> Result<Faults, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Message(format!("cannot read {}: {error}", file.display())))?;
    Faults::parse(&text).map_err(|error| Failure::Message(format!("{}: {error}", file.display())))
}
