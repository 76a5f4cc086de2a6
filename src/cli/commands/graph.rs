//! `graph`

use super::super::args::{Format, Global};
use super::super::output::Output;
use super::Outcome;
use super::session::Session;
use crate::ops::Exit;
use crate::render;

pub fn run(global: &Global, output: &mut Output) -> Outcome {
    let session = Session::open(global)?;
    let compiled = session.compile()?;
    match global.format {
        Format::Json => output.json(&render::graph_json(&compiled.graph, &session.project.sources)),
        Format::Mermaid => output.result(&render::mermaid(&compiled.graph)),
        Format::Dot => output.result(&render::dot(&compiled.graph)),
        _ => {
            let mut text = String::new();
            for node in compiled.graph.in_order() {
                text.push_str(&format!("{}\n", node.address));
                for needed in compiled.graph.needs(&node.address) {
                    text.push_str(&format!("    needs {needed}\n"));
                }
            }
            output.result(&text);
        }
    }
    Ok(Exit::Done)
}
