//! Everything that can be known offline: schemas, annotations, catalog, graph and budget.

use super::Failure;
use crate::compile::{self, DesiredGraph, Input, ResourceKind};
use crate::config::Environment;
use crate::diag::{self, Code, Diagnostic, Span};
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
    let input = Input {
        catalog: &project.catalog,
        config: &project.config,
        environment_name: name,
        environment,
        sources: &project.sources,
    };
    let (graph, mut diagnostics) =
        compile::compile(&input, project.schemas.records(), project.schemas.misplaced());
    // What Avro loses is no news where it is an error already.
    let is_said = |lost: &Diagnostic| {
        let place = |d: &Diagnostic| d.primary.as_ref().map(|label| label.span);
        let covers = |error: Span, lost: Span| {
            error.file == lost.file && lost.start <= error.start && error.end <= lost.end
        };
        lost.code == Code::Lost
            && diagnostics
                .iter()
                .any(|d| matches!((place(d), place(lost)), (Some(e), Some(l)) if covers(e, l)))
    };
    let earlier: Vec<_> = project.diagnostics.iter().filter(|d| !is_said(d)).cloned().collect();
    diagnostics.extend(earlier);
    diag::sort(&mut diagnostics);
    if diag::has_errors(&diagnostics) {
        return Err(Failure::Diagnostics(diagnostics));
    }
    Ok(Compiled { graph, warnings: diagnostics })
}
