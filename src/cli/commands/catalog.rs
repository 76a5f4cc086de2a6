//! `catalog`

use serde_json::{Value, json};

use super::super::args::Global;
use super::super::output::Output;
use super::Outcome;
use crate::catalog::{Builds, Catalog, Kind, MODIFIERS};
use crate::ops::{Exit, Failure};
use crate::project::{Project, ProjectError};
use crate::suggest::closest;
use crate::units::plain;

pub fn run(kind: Option<&str>, global: &Global, output: &mut Output) -> Outcome {
    // The embedded kinds can be looked up anywhere; a project adds its own.
    let catalog = match Project::open(&global.directory) {
        Ok(project) => project.catalog,
        Err(ProjectError::NoConfig(_)) => Catalog::builtin(),
        Err(error) => return Err(error.into()),
    };
    let Some(name) = kind.map(|name| name.trim_start_matches('@')) else {
        if output.json {
            let kinds: Vec<Value> = catalog.kinds.values().map(kind_json).collect();
            let modifiers: Vec<Value> = MODIFIERS
                .iter()
                .map(
                    |m| json!({"name": m.name, "takes": m.takes, "summary": m.summary, "example": m.example}),
                )
                .collect();
            output.json(&json!({"format_version": 1, "kinds": kinds, "modifiers": modifiers}));
        } else {
            output.result(&listing(&catalog));
        }
        return Ok(Exit::Done);
    };
    if let Some(kind) = catalog.kind(name) {
        if output.json {
            output.json(&kind_json(kind));
        } else {
            output.result(&page(kind));
        }
        return Ok(Exit::Done);
    }
    if let Some(modifier) = MODIFIERS.iter().find(|modifier| modifier.name == name) {
        output.result(&format!(
            "@{}\n  {}\n  takes {}; stands on a record or a protocol\n\n  {}\n",
            modifier.name, modifier.summary, modifier.takes, modifier.example
        ));
        return Ok(Exit::Done);
    }
    let meant = catalog.closest(name).or_else(|| closest(name, catalog.kinds.keys().map(String::as_str)));
    let hint = meant.map_or_else(
        || "`bellwether catalog` lists all".to_owned(),
        |meant| format!("did you mean `{meant}`?"),
    );
    Err(Failure::Message(format!("there is no annotation kind `{name}`; {hint}")).into())
}

fn listing(catalog: &Catalog) -> String {
    let width = catalog.kinds.keys().map(String::len).max().unwrap_or(0) + 1;
    let mut text = String::new();
    for (on, title) in [("record", "before a record"), ("field", "before a field's name")] {
        text.push_str(&format!("{title}\n"));
        for kind in catalog.kinds.values().filter(|kind| kind.on.as_str() == on) {
            let own = if kind.builtin { "" } else { " (this repository's)" };
            text.push_str(&format!("  {:<width$}  {}{own}\n", format!("@{}", kind.name), kind.summary));
        }
        text.push('\n');
    }
    text.push_str("modifiers, before a record or a protocol\n");
    for modifier in MODIFIERS {
        let summary = modifier.summary.split_once(". ").map_or(modifier.summary, |(first, _)| first);
        text.push_str(&format!(
            "  {:<width$}  {}\n",
            format!("@{}", modifier.name),
            summary.trim_end_matches('.')
        ));
    }
    text
}

fn page(kind: &Kind) -> String {
    let mut text =
        format!("@{}, before a {}\n  {}\n\n  {}\n", kind.name, kind.on.as_str(), kind.summary, kind.example);
    if kind.parameters.is_empty() {
        return text;
    }
    let width = kind.parameters.keys().map(String::len).max().unwrap_or(0);
    text.push_str("\nparameters\n");
    for parameter in kind.parameters.values() {
        let default = match (&parameter.default, parameter.required) {
            (_, true) => "required".to_owned(),
            (Value::Null, _) => String::new(),
            (value, _) => format!("default {}", plain(value)),
        };
        let facts: Vec<String> = [default, parameter.kind.as_str().replace('_', " "), parameter.range_text()]
            .into_iter()
            .filter(|fact| !fact.is_empty())
            .collect();
        text.push_str(&format!("  {:<width$}  {}\n", parameter.name, parameter.help));
        text.push_str(&format!("  {:<width$}  ({})\n", "", facts.join("; ")));
    }
    text
}

fn kind_json(kind: &Kind) -> Value {
    let builds = match &kind.builds {
        Builds::Monitor(template) => template.monitor_type.as_str(),
        Builds::RawMonitor => "raw monitor",
        Builds::Metric => "metric",
    };
    let parameters: Vec<Value> = kind
        .parameters
        .values()
        .map(|p| {
            json!({
                "name": p.name, "type": p.kind.as_str(), "default": p.default, "required": p.required,
                "min": p.min, "above": p.above, "max": p.max, "values": p.values, "help": p.help,
            })
        })
        .collect();
    json!({
        "name": kind.name, "on": kind.on.as_str(), "builds": builds, "summary": kind.summary,
        "example": kind.example, "parameters": parameters,
    })
}
