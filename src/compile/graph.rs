//! The desired-state graph: what is to be in Datadog, and what needs what.
//!
//! The only home of `petgraph`.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use petgraph::{Direction, algo};

use super::node::{Node, ResourceKind};
use crate::aggregate::Rule;
use crate::diag::{Code, Diagnostic};
use crate::model::Address;
use crate::suggest::closest;

/// Whoever mistypes more addresses than this has another problem.
const MAX_SUGGESTIONS: usize = 50;

/// All resources that the schemas ask for. An edge leads from a resource to one that needs it.
#[derive(Debug, Default)]
pub struct DesiredGraph {
    graph: DiGraph<Node, ()>,
    index: BTreeMap<Address, NodeIndex>,
    order: Vec<NodeIndex>,
}

impl DesiredGraph {
    /// Joins nodes to a graph; reports duplicate and unknown addresses, wrong operands and cycles.
    pub fn build(nodes: Vec<Node>, out: &mut Vec<Diagnostic>) -> Self {
        let mut desired = Self::default();
        for node in nodes {
            if let Some(first) = desired.index.get(&node.address) {
                let message = format!("two monitors claim the address `{}`", node.address);
                out.push(
                    Diagnostic::at(Code::DuplicateAddress, node.origin, message, "the second")
                        .with_secondary(desired.graph[*first].origin, "the first")
                        .with_help("give each its own `id`"),
                );
                continue;
            }
            let address = node.address.clone();
            let index = desired.graph.add_node(node);
            desired.index.insert(address, index);
        }
        desired.connect(out);
        desired.find_cycles(out);
        desired.set_thresholds();
        desired.sort();
        desired
    }

    /// Tells each rule from which rate on its monitors alert.
    fn set_thresholds(&mut self) {
        for index in self.index.values().copied() {
            if self.graph[index].rule.is_none() {
                continue;
            }
            let monitors = self.graph.neighbors_directed(index, Direction::Outgoing);
            let lowest = monitors.filter_map(|monitor| critical(&self.graph[monitor])).min_by(f64::total_cmp);
            if let Some(rule) = &mut self.graph[index].rule {
                rule.threshold = lowest;
            }
        }
    }

    fn connect(&mut self, out: &mut Vec<Diagnostic>) {
        let mut edges = Vec::new();
        let mut unknown = 0;
        for (address, &to) in &self.index {
            let node = &self.graph[to];
            for (needed, span) in &node.needs {
                let Some(&from) = self.index.get(needed) else {
                    let message = format!("there is no monitor `{needed}`");
                    // Each search goes through all addresses.
                    unknown += 1;
                    let candidates = self.index.keys().filter(|_| unknown <= MAX_SUGGESTIONS);
                    let meant = closest(needed.as_str(), candidates.map(Address::as_str));
                    let help = meant.map_or_else(
                        || "`<record>/<annotation>[:<id>]`; `bellwether graph` lists all, once this is mended".to_owned(),
                        |meant| format!("did you mean `{meant}`?"),
                    );
                    out.push(Diagnostic::at(Code::UnknownAddress, *span, message, "").with_help(help));
                    continue;
                };
                if self.is_composite(to) {
                    let operand = &self.graph[from];
                    if operand.kind != ResourceKind::Monitor {
                        let message = format!("`{needed}` is a metric, not a monitor");
                        out.push(Diagnostic::at(Code::Composite, *span, message, ""));
                    } else if self.is_composite(from) && needed != address {
                        let message = format!("`{needed}` is itself a composite");
                        out.push(
                            Diagnostic::at(Code::Composite, *span, message, "")
                                .with_secondary(operand.origin, "declared here")
                                .with_help("Datadog does not nest composites: name its operands instead"),
                        );
                    }
                }
                edges.push((from, to));
            }
        }
        for (from, to) in edges {
            self.graph.update_edge(from, to, ());
        }
    }

    fn is_composite(&self, index: NodeIndex) -> bool {
        self.graph[index].document.get("type").and_then(|value| value.as_str()) == Some("composite")
    }

    fn find_cycles(&self, out: &mut Vec<Diagnostic>) {
        for component in tarjan_scc(&self.graph) {
            let Some(&start) = component.iter().min_by_key(|index| &self.graph[**index].address) else {
                continue;
            };
            if component.len() == 1 && self.graph.find_edge(start, start).is_none() {
                continue;
            }
            // Walk against the edges inside the component until a monitor comes again.
            let mut path = vec![start];
            let mut at = start;
            loop {
                let mut needed = self.graph.neighbors_directed(at, Direction::Incoming);
                match needed.find(|next| component.contains(next)) {
                    Some(next) if path.contains(&next) => {
                        path.push(next);
                        break;
                    }
                    Some(next) => path.push(next),
                    None => break,
                }
                at = path[path.len() - 1];
            }
            let names: Vec<String> =
                path.iter().map(|index| format!("`{}`", self.graph[*index].address)).collect();
            let node = &self.graph[start];
            let message = format!("a circle: {}", names.join(" needs "));
            let mut diagnostic = Diagnostic::at(Code::Cycle, node.origin, message, "");
            for index in path.iter().skip(1).filter(|index| **index != start) {
                diagnostic = diagnostic.with_secondary(self.graph[*index].origin, "part of the circle");
            }
            out.push(diagnostic);
        }
    }

    /// Dependencies first, otherwise by address, so that the order never depends on file order.
    fn sort(&mut self) {
        if algo::is_cyclic_directed(&self.graph) {
            self.order = self.index.values().copied().collect();
            return;
        }
        let mut waiting: BTreeMap<NodeIndex, usize> = BTreeMap::new();
        let mut ready: BTreeSet<(&Address, NodeIndex)> = BTreeSet::new();
        for (address, &index) in &self.index {
            match self.graph.edges_directed(index, Direction::Incoming).count() {
                0 => {
                    ready.insert((address, index));
                }
                count => {
                    waiting.insert(index, count);
                }
            }
        }
        let mut order = Vec::with_capacity(self.index.len());
        while let Some((_, index)) = ready.pop_first() {
            order.push(index);
            for edge in self.graph.edges(index) {
                let target = edge.target();
                let Some(count) = waiting.get_mut(&target) else { continue };
                *count -= 1;
                if *count == 0 {
                    ready.insert((&self.graph[target].address, target));
                }
            }
        }
        self.order = order;
    }

    /// All nodes by address.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.index.values().map(|index| &self.graph[*index])
    }

    /// What the aggregator has to run.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.nodes().filter_map(|node| node.rule.as_ref())
    }

    /// All nodes, each after those it needs.
    pub fn in_order(&self) -> impl Iterator<Item = &Node> {
        self.order.iter().map(|index| &self.graph[*index])
    }

    /// The node at an address.
    pub fn get(&self, address: &Address) -> Option<&Node> {
        self.index.get(address).map(|index| &self.graph[*index])
    }

    /// The addresses that a resource needs, in order.
    pub fn needs(&self, address: &Address) -> Vec<&Address> {
        let Some(&index) = self.index.get(address) else { return Vec::new() };
        let mut needed: Vec<&Address> = self
            .graph
            .neighbors_directed(index, Direction::Incoming)
            .map(|index| &self.graph[index].address)
            .collect();
        needed.sort();
        needed
    }

    /// How many resources there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
}

/// The top rate above which a monitor is critical; none if it watches the sustained rate.
fn critical(monitor: &Node) -> Option<f64> {
    let is_sustained = monitor.parameters.get("sustained").is_some_and(|set| set.value == true);
    let thresholds = monitor.document.get("options").filter(|_| !is_sustained)?.get("thresholds")?;
    thresholds.get("critical")?.as_f64()
}
