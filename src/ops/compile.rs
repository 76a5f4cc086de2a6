//! Everything that can be known offline: schemas, annotations, catalog, graph and budget.

use std::collections::BTreeSet;

use super::Failure;
use crate::compile::{self, DesiredGraph, Input, ResourceKind};
use crate::config::Environment;
use crate::diag::{self, Code, Diagnostic, Severity, Span};
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
    let (graph, mut diagnostics) = compile::compile(&input, &project.schemas);
    // What Avro loses is no news where it is an error already.
    let place = |d: &Diagnostic| d.primary.as_ref().map(|label| label.span);
    let errors: BTreeSet<Span> =
        diagnostics.iter().filter(|d| d.severity() == Severity::Error).filter_map(place).collect();
    let is_said = |lost: &Diagnostic| {
        lost.code == Code::Lost
            && place(lost).is_some_and(|lost| {
                let end = Span { start: lost.end, end: u32::MAX, ..lost };
                let start = Span { end: lost.start, ..lost };
                errors.range(start..end).any(|error| error.end <= lost.end)
            })
    };
    let earlier: Vec<_> = project.diagnostics.iter().filter(|d| !is_said(d)).cloned().collect();
    diagnostics.extend(earlier);
    diag::sort(&mut diagnostics);
    if diag::has_errors(&diagnostics) {
        return Err(Failure::Diagnostics(diagnostics));
    }
    Ok(Compiled { graph, warnings: diagnostics })
}
