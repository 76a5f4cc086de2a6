//! `sandbox`

use std::net::SocketAddr;

use super::super::args::Global;
use super::super::output::Output;
use super::Outcome;
use super::session::sandbox_directory;
use crate::ops::{Exit, Failure};
use crate::project::{Project, ProjectError};
use crate::sandbox::{Sandbox, Storage};

pub async fn run(listen: SocketAddr, memory: bool, global: &Global, output: &mut Output) -> Outcome {
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
    let failed = |error: crate::sandbox::SandboxError| Failure::Message(error.to_string());
    let running = Sandbox::start(listen, storage).await.map_err(failed)?;
    output.result(&format!("{}\n", running.url()));
    output.notice(&format!("A Datadog double, {kept}; any keys will do. Ctrl-C ends it."));
    let signal = super::apply::next_signal().await;
    running.stop().await.map_err(failed)?;
    // Ctrl-C is how one ends it: that is no failure.
    Ok(if signal == 15 { Exit::Terminated } else { Exit::Done })
}
