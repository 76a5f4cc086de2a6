//! `explain`

use super::super::args::Global;
use super::super::output::Output;
use super::Outcome;
use super::session::Session;
use crate::diag::Code;
use crate::ops::{Exit, Explanation, Failure, explain, stored};
use crate::text::clean_line;
use crate::units::plain;

pub fn run(what: &str, global: &Global, output: &mut Output) -> Outcome {
    if let Some(code) = Code::parse(what) {
        if output.json {
            output.json(&serde_json::json!({
                "code": code.as_str(), "severity": code.severity(), "title": code.title(), "explanation": code.explanation(),
            }));
        } else {
            let lines = output.page.wrap(code.explanation(), output.page.width.min(80)).join("\n");
            output.result(&format!("{code}: {}\n\n{lines}\n", code.title()));
        }
        return Ok(Exit::Done);
    }
    let digits = what.strip_prefix("BW").filter(|digits| digits.len() == 4);
    if digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) {
        let (first, last) = (Code::ALL.first(), Code::ALL.last());
        let range = first.zip(last).map(|(first, last)| format!("; they go from {first} to {last}"));
        return Err(Failure::Message(format!("there is no code {what}{}", range.unwrap_or_default())).into());
    }
    let session = Session::open(global)?;
    let compiled = session.compile()?;
    let state = match session.existing_store("bellwether explain", output)? {
        Some(store) => stored(&store.environment(&session.name)).ok(),
        None => None,
    };
    let explanation = explain(what, &session.project, &compiled, state.as_ref())?;
    if output.json {
        output.json(&explanation);
    } else {
        let verbose = output.page.verbose;
        output.result(&text(&explanation, verbose));
    }
    Ok(Exit::Done)
}

fn text(explanation: &Explanation, verbose: bool) -> String {
    let mut text = format!("{}\n  {}\n\n", explanation.address, explanation.summary);
    text.push_str(&format!("  declared   {}\n", explanation.source));
    for needed in &explanation.needs {
        text.push_str(&format!("  needs      {needed}\n"));
    }
    let live = match (&explanation.id, &explanation.state, explanation.snapshot_taken_at) {
        (Some(id), state, Some(at)) => {
            let state =
                state.as_deref().map(|state| format!(", state {}", clean_line(state))).unwrap_or_default();
            format!("{id}{state}, as of {at:.0}")
        }
        (_, _, Some(at)) => format!("not in Datadog, as of {at:.0}"),
        _ => "unknown: there is no snapshot yet, run `bellwether plan`".to_owned(),
    };
    text.push_str(&format!("  live       {live}\n"));
    if let Some(modified) = &explanation.modified {
        text.push_str(&format!("  modified   {} in Datadog\n", clean_line(modified)));
    }
    if let Some(at) = explanation.applied_at {
        text.push_str(&format!("  applied    {at:.0} from here\n"));
    }
    if !explanation.parameters.is_empty() {
        let width = explanation.parameters.iter().map(|row| row.name.len()).max().unwrap_or(0);
        text.push_str("\n  parameters\n");
        let shown = |row: &&crate::ops::ParameterRow| verbose || !row.value.is_null();
        for row in explanation.parameters.iter().filter(shown) {
            let by = match (row.set_by, &row.source) {
                (Some(layer), Some(source)) => format!("{}, {source}", layer.as_str()),
                _ => "the catalog's default".to_owned(),
            };
            let value =
                if row.value.is_null() { "not set".to_owned() } else { clean_line(&plain(&row.value)) };
            text.push_str(&format!("    {:<width$}  {value:<12}  {by}\n", row.name));
        }
    }
    text.push_str("\n  document\n");
    let document = serde_json::to_string_pretty(&explanation.document).unwrap_or_default();
    for line in document.lines() {
        text.push_str(&format!("    {}\n", clean_line(line)));
    }
    text
}
