//! The desired-state graph as DOT, Mermaid and JSON.

use serde_json::{Value, json};

use crate::compile::{DesiredGraph, ResourceKind};
use crate::diag::Sources;
use crate::plan::SourceReference;

/// Graphviz.
pub fn dot(graph: &DesiredGraph) -> String {
    let mut text = String::from("digraph bellwether {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
    for node in graph.nodes() {
        let shape = match node.kind {
            ResourceKind::Monitor => "box",
            ResourceKind::Metric => "ellipse",
        };
        text.push_str(&format!("  {:?} [shape={shape}];\n", node.address.as_str()));
    }
    for node in graph.nodes() {
        for needed in graph.needs(&node.address) {
            text.push_str(&format!("  {:?} -> {:?};\n", needed.as_str(), node.address.as_str()));
        }
    }
    text + "}\n"
}

/// Mermaid, as GitHub draws it.
pub fn mermaid(graph: &DesiredGraph) -> String {
    let nodes: Vec<_> = graph.nodes().collect();
    let number =
        |address: &crate::model::Address| nodes.iter().position(|node| node.address == *address).unwrap_or(0);
    let mut text = String::from("flowchart LR\n");
    for (index, node) in nodes.iter().enumerate() {
        let (open, close) = match node.kind {
            ResourceKind::Monitor => ("[", "]"),
            ResourceKind::Metric => ("([", "])"),
        };
        text.push_str(&format!("  n{index}{open}\"{}\"{close}\n", node.address));
    }
    for (index, node) in nodes.iter().enumerate() {
        for needed in graph.needs(&node.address) {
            text.push_str(&format!("  n{} --> n{index}\n", number(needed)));
        }
    }
    text
}

/// Nodes with their documents, and edges from what is needed to what needs it.
pub fn graph_json(graph: &DesiredGraph, sources: &Sources) -> Value {
    let nodes: Vec<Value> = graph
        .nodes()
        .map(|node| {
            json!({
                "address": node.address,
                "kind": node.kind,
                "source": SourceReference::new(sources, node.origin),
                "document": node.document,
                "former": node.former,
            })
        })
        .collect();
    let edges: Vec<Value> = graph
        .nodes()
        .flat_map(|node| {
            graph
                .needs(&node.address)
                .into_iter()
                .map(|needed| json!({"from": needed, "to": node.address}))
                .collect::<Vec<_>>()
        })
        .collect();
    json!({"format_version": 1, "nodes": nodes, "edges": edges})
}
