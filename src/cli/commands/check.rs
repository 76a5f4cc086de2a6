//! `check`

use serde_json::json;

use super::super::args::{Format, Global};
use super::super::output::Output;
use super::Outcome;
use super::session::Session;
use crate::aggregate::series_per_hour;
use crate::compile::ResourceKind;
use crate::diag::{Code, Diagnostic};
use crate::ops::Exit;
use crate::plan::judge_budget;
use crate::project::CONFIG_FILE;
use crate::render::{self, annotations, count};

pub fn run(global: &Global, output: &mut Output) -> Outcome {
    let session = Session::open(global)?;
    let compiled = session.compile()?;
    let config = &session.project.config;
    let blocked = judge_budget(&compiled.graph, &config.budget);
    let series = series_per_hour(compiled.graph.rules());
    let (monitors, metrics) = (compiled.count(ResourceKind::Monitor), compiled.count(ResourceKind::Metric));
    if output.json {
        output.json(&json!({
            "format_version": 1,
            "environment": session.name,
            "schema_files": session.project.schema_files,
            "events": session.project.schemas.records().len(),
            "monitors": monitors,
            "metrics": metrics,
            "custom_metrics": series,
            "blocked": blocked,
            "diagnostics": render::diagnostics_json(&compiled.warnings, &session.project.sources),
        }));
    } else if output.format == Format::Sarif {
        let over = blocked.iter().map(|guard| {
            Diagnostic::new(Code::Budget, guard.message.as_str()).with_help(guard.help.as_str())
        });
        let found: Vec<Diagnostic> = compiled.warnings.iter().cloned().chain(over).collect();
        output.json(&render::sarif(&found, &session.project.sources, output.prefix(), CONFIG_FILE));
    } else {
        if output.format == Format::Github {
            let mut told =
                annotations::of_diagnostics(&compiled.warnings, &session.project.sources, output.prefix());
            told.extend(blocked.iter().map(|guard| annotations::blocked(guard, None)));
            output.annotate(&told);
        }
        output.diagnostics(&compiled.warnings, &session.project.sources);
        for guard in &blocked {
            output.error(&format!("{}; {}", guard.message, guard.help));
        }
        if blocked.is_empty() {
            let mut text = format!(
                "ok: {} in {}, {}, {}",
                count(session.project.schemas.records().len(), "record"),
                count(session.project.schema_files, "file"),
                count(monitors, "monitor"),
                count(metrics, "metric"),
            );
            if metrics > 0 {
                text.push_str(&format!(" ({series} of {} custom metrics)", config.budget.custom_metrics));
            }
            output.result(&format!("{text}\n"));
        }
    }
    Ok(if blocked.is_empty() { Exit::Done } else { Exit::Blocked })
}
