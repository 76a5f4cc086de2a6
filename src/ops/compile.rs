//! Everything that can be known offline: schemas, annotations, catalog, graph and budget.

use super::Failure;
use crate::compile::{self, DesiredGraph, Input, ResourceKind};
use crate::config::Environment;
use crate::diag::{self, Diagnostic};
use crate::project::Project;

/// A project compiled for one environment.
pub struct Compiled {
    /// What is to be in Datadog.
    pub graph: DesiredGraph,
    /// What there is to say; no error among it.
    pub warnings: Vec<Diagnostic>,
}

impl Compiled {
    /// How many resources of a kind there are.
    pub fn count(&self, kind: ResourceKind) -> usize {
        self.graph.nodes().filter(|node| node.kind == kind).count()
    }
}

/// Compiles `project` for an environment.
///
/// # Errors
///
/// All diagnostics, when one of them is an error.
pub fn compile(project: &Project, name: &str, environment: &Environment) -> Result<Compiled, Failure> {
    let input =
        Input { catalog: &project.catalog, config: &project.config, environment_name: name, environment };
    let (graph, mut diagnostics) =
        compile::compile(&input, project.schemas.records(), project.schemas.misplaced());
    diagnostics.extend(project.diagnostics.iter().cloned());
    diag::sort(&mut diagnostics);
    if diag::has_errors(&diagnostics) {
        return Err(Failure::Diagnostics(diagnostics));
    }
    Ok(Compiled { graph, warnings: diagnostics })
}
