//! Where a resource comes from: annotation, parameters and who set them, live state, what was last applied.

use serde_json::Value;

use super::{Compiled, Failure, Refreshed};
use crate::compile::{Node, SetBy};
use crate::model::{Address, Document, MonitorId};
use crate::plan::{How, SourceReference, match_monitors};
use crate::project::Project;
use crate::suggest::closest;

/// Everything that is known of one resource.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Explanation {
    /// Its identity.
    pub address: Address,
    /// Where it is asked for.
    pub source: SourceReference,
    /// One sentence about its kind.
    pub summary: String,
    /// Its parameters.
    pub parameters: Vec<ParameterRow>,
    /// What is to be in Datadog.
    pub document: Document,
    /// What it needs.
    pub needs: Vec<Address>,
    /// The live monitor, as of the snapshot.
    pub id: Option<MonitorId>,
    /// Its state, as Datadog said.
    pub state: Option<String>,
    /// When it was last modified, as Datadog said.
    pub modified: Option<String>,
    /// When the snapshot was taken.
    pub snapshot_taken_at: Option<jiff::Timestamp>,
    /// When it was last applied from here.
    pub applied_at: Option<jiff::Timestamp>,
}

/// One parameter and who set it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ParameterRow {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// The layer; absent when it is the catalog's default.
    pub set_by: Option<SetBy>,
    /// Where it is set.
    pub source: Option<SourceReference>,
    /// What it does.
    pub help: String,
}

/// Explains the resource of an address or a monitor id.
///
/// # Errors
///
/// When there is no such resource.
pub fn explain(
    wanted: &str,
    project: &Project,
    compiled: &Compiled,
    state: Option<&Refreshed>,
) -> Result<Explanation, Failure> {
    let matching = state
        .map(|state| match_monitors(&compiled.graph, &state.snapshot.monitors, &state.applied))
        .unwrap_or_default();
    let by_id = wanted.trim_start_matches('#').parse::<u64>().ok().map(MonitorId);
    let node = match by_id {
        Some(id) => {
            let found = matching.matched.iter().find(|(_, matched)| matched.live.id == id);
            let Some((address, _)) = found else {
                let why = if state.is_some() {
                    "no schema asks for it"
                } else {
                    "there is no snapshot yet: run `bellwether plan`"
                };
                return Err(Failure::Message(format!("monitor {id} is not managed here: {why}")));
            };
            compiled.graph.get(address)
        }
        None => find(wanted, compiled),
    };
    let Some(node) = node else {
        let meant = closest(wanted, compiled.graph.nodes().map(|node| node.address.as_str()));
        let hint = meant.map_or_else(
            || "`bellwether graph --format json` lists all addresses".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        return Err(Failure::Message(format!("there is no resource `{wanted}`; {hint}")));
    };
    let kind = project.catalog.kind(node.address.kind());
    let parameters = kind.into_iter().flat_map(|kind| kind.parameters.values()).map(|parameter| {
        let set = node.parameters.get(&parameter.name);
        ParameterRow {
            name: parameter.name.clone(),
            value: set.map_or_else(|| parameter.default.clone(), |set| set.value.clone()),
            set_by: set.map(|set| set.set_by),
            source: set.map(|set| SourceReference::new(&project.sources, set.span)),
            help: parameter.help.clone(),
        }
    });
    let matched = matching.matched.get(&node.address);
    let live = matched.map(|matched| matched.live.document());
    let text = |key: &str| live.as_ref()?.get(key)?.as_str().map(str::to_owned);
    let applied_address = match matched.map(|matched| &matched.how) {
        Some(How::Renamed(from)) => from,
        _ => &node.address,
    };
    Ok(Explanation {
        address: node.address.clone(),
        source: SourceReference::new(&project.sources, node.origin),
        summary: kind.map(|kind| kind.summary.clone()).unwrap_or_default(),
        parameters: parameters.collect(),
        document: node.document.clone(),
        needs: compiled.graph.needs(&node.address).into_iter().cloned().collect(),
        id: matched.map(|matched| matched.live.id),
        state: text("overall_state"),
        modified: text("modified"),
        snapshot_taken_at: state.map(|state| state.snapshot.taken_at),
        applied_at: state
            .and_then(|state| state.applied.get(applied_address))
            .map(|applied| applied.applied_at),
    })
}

/// The node of an address; the record's namespace may be left out where that is unambiguous.
fn find<'c>(wanted: &str, compiled: &'c Compiled) -> Option<&'c Node> {
    if let Some(node) = Address::parse(wanted).ok().and_then(|address| compiled.graph.get(&address)) {
        return Some(node);
    }
    let suffix = format!(".{wanted}");
    let mut found = compiled.graph.nodes().filter(|node| node.address.as_str().ends_with(&suffix));
    found.next().filter(|_| found.next().is_none())
}
