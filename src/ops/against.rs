//! A plan against other schemas instead of Datadog: what a change of the schemas does, without keys, network or state.
//!
//! The other schemas are compiled, and what they ask for is taken for what is live and was applied. Nothing else is known
//! of Datadog, so that there is no drift, and no monitor has an id.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use super::{Compiled, Failure, Planned, Refreshed, compile};
use crate::compile::{DesiredGraph, Node, ResourceKind, composite};
use crate::config::Environment;
use crate::diag::{Code, Diagnostic, Severity};
use crate::diff::write_body;
use crate::model::{Address, Applied, Document, Lazy, LiveMetric, LiveMonitor, MonitorId, Snapshot};
use crate::normalise::{REV_TAG, rev};
use crate::plan::{self, Change, Inputs, Options, Plan, PlanDiagnostic, match_monitors};
use crate::project::{CONFIG_FILE, Commit, Project, ProjectError};

/// Ids that no monitor has; none of them is ever shown.
const FIRST_ID: u64 = 1 << 62;

/// The schemas that a project is compared with.
pub struct Base {
    /// What people call it: `origin/main (b81e4d0)`.
    pub name: String,
    /// The project there; none where there is no bellwether.toml yet.
    pub project: Option<Project>,
}

/// What a plan against other schemas is made of.
pub struct AgainstRequest<'a> {
    /// The project.
    pub project: &'a Project,
    /// The environment's name.
    pub name: &'a str,
    /// What it is compared with.
    pub base: &'a Base,
    /// What the user asked for.
    pub options: Options<'a>,
    /// The time.
    pub now: Timestamp,
}

impl Base {
    /// What `wanted` names: an existing directory is the project in it; anything else is a Git ref, and stands for the
    /// last commit that the HEAD of the repository around `directory` has in common with it.
    ///
    /// # Errors
    ///
    /// When there is neither, or it cannot be read.
    pub fn find(directory: &Path, wanted: &str) -> Result<Self, Failure> {
        let (name, project) = if Path::new(wanted).is_dir() {
            (wanted.to_owned(), Project::open(Path::new(wanted)))
        } else {
            let commit = Commit::in_common(directory, wanted).map_err(ProjectError::from)?;
            let name = format!("{wanted} ({})", commit.short_id());
            let project = Project::at(commit).map_err(|error| match error.is_no_config() {
                true => ProjectError::NoConfig(directory.to_owned()),
                false => error.into(),
            });
            (name, project)
        };
        match project {
            Ok(project) => Ok(Self { name, project: Some(project) }),
            Err(ProjectError::NoConfig(_)) => Ok(Self { name, project: None }),
            Err(error) => Err(Failure::Message(format!("cannot read the project of {name}: {error}"))),
        }
    }

    /// The environment there, if there was one of this name.
    fn environment(&self, name: &str) -> Option<(&Project, &Environment)> {
        let project = self.project.as_ref()?;
        Some((project, project.config.environments.get(name)?))
    }

    /// Why nothing was asked for there, if that is so: then everything is new.
    pub fn is_empty(&self, environment: &str) -> Option<String> {
        let name = &self.name;
        match (&self.project, self.environment(environment)) {
            (None, _) => Some(format!("there is no {CONFIG_FILE} in {name}: everything is new")),
            (_, None) => Some(format!("{name} has no environment `{environment}`: everything is new")),
            _ => None,
        }
    }

    /// What the schemas there ask for.
    fn compile(&self, name: &str) -> Result<DesiredGraph, Failure> {
        let Some((project, environment)) = self.environment(name) else {
            return match &self.project {
                // A mistake in bellwether.toml may be why the environment is missing.
                Some(project) if has_errors(&project.diagnostics) => {
                    Err(self.broken(&project.diagnostics, project))
                }
                _ => Ok(DesiredGraph::default()),
            };
        };
        match compile(project, name, environment) {
            Ok(compiled) => Ok(compiled.graph),
            Err(Failure::Diagnostics(found)) if has_errors(&found) => Err(self.broken(&found, project)),
            Err(Failure::Diagnostics(_)) => Ok(DesiredGraph::default()),
            Err(other) => Err(other),
        }
    }

    /// Tells of errors there. As diagnostics they would point into the files that are here.
    fn broken(&self, diagnostics: &[Diagnostic], project: &Project) -> Failure {
        const SHOWN: usize = 5;
        let errors: Vec<&Diagnostic> = diagnostics.iter().filter(|d| is_error(d)).collect();
        let mut text =
            format!("the schemas of {} have errors, so nothing can be compared with them", self.name);
        for error in errors.iter().take(SHOWN) {
            let PlanDiagnostic { code, message, source, .. } = PlanDiagnostic::new(error, &project.sources);
            let place = source.map(|source| format!("{source}: ")).unwrap_or_default();
            text.push_str(&format!("\n  error[{code}]: {place}{message}"));
        }
        if errors.len() > SHOWN {
            text.push_str(&format!("\n  and {} more", errors.len() - SHOWN));
        }
        text.push_str("\nthose here have none: mend it there, or compare with another commit");
        Failure::Message(text)
    }
}

/// A project without a schema asks for nothing; on this side that is no mistake but a beginning.
fn is_error(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity() == Severity::Error && diagnostic.code != Code::NoSchemas
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(is_error)
}

/// Plans what the schemas of a project change, compared with others.
///
/// # Errors
///
/// When the others do not compile.
pub fn against(request: &AgainstRequest<'_>, compiled: Compiled) -> Result<Planned, Failure> {
    let AgainstRequest { project, name, base, options, now } = request;
    let before = base.compile(name)?;
    let refreshed = as_if_applied(&before, &compiled.graph, base, *now);
    let mut plan = plan::build(&Inputs {
        environment: name,
        graph: &compiled.graph,
        sources: &project.sources,
        catalog: &project.catalog,
        snapshot: &refreshed.snapshot,
        applied: &refreshed.applied,
        disowned: &refreshed.disowned,
        deleted: &refreshed.deleted,
        budget: &project.config.budget,
        guard: &project.config.guard,
        options: *options,
        diagnostics: &compiled.warnings,
        read_calls: 0,
        now: *now,
    });
    forget_ids(&mut plan, &compiled.graph, &refreshed);
    plan.against = Some(base.name.clone());
    plan.count();
    Ok(Planned { plan, compiled, refreshed, accepted: 0 })
}

/// What Datadog would hold if `before` had been applied there, and nobody had touched it since.
fn as_if_applied(before: &DesiredGraph, after: &DesiredGraph, base: &Base, now: Timestamp) -> Refreshed {
    let ids: HashMap<&str, u64> = before.nodes().map(|node| node.address.as_str()).zip(FIRST_ID..).collect();
    let mut snapshot = Snapshot { taken_at: now, monitors: Vec::new(), metrics: BTreeMap::new() };
    let mut applied = BTreeMap::new();
    for node in before.nodes() {
        let id = match node.kind {
            ResourceKind::Monitor => {
                let live = live_monitor(node, &ids);
                let id = live.as_ref().map(|live| live.id);
                snapshot.monitors.extend(live);
                id
            }
            ResourceKind::Metric => {
                snapshot.metrics.insert(metric_name(node).to_owned(), live_metric(node));
                None
            }
        };
        applied.insert(node.address.clone(), as_applied(node, id, base, now));
    }
    // Whether Datadog has seen a new metric is not known; that it has is what is more to look at.
    for node in after.nodes().filter(|node| node.kind == ResourceKind::Metric) {
        let seen = LiveMetric { metadata: Some(Document::new()), tag_configuration: None };
        snapshot.metrics.entry(metric_name(node).to_owned()).or_insert(seen);
    }
    Refreshed {
        snapshot,
        applied,
        read_calls: 0,
        disowned: BTreeMap::new(),
        deleted: BTreeMap::new(),
        journal: None,
    }
}

fn as_applied(node: &Node, id: Option<MonitorId>, base: &Base, now: Timestamp) -> Applied {
    let parameters = node.parameters.iter().map(|(name, set)| (name.clone(), set.value.clone())).collect();
    Applied {
        id,
        rev: rev(&node.document),
        document: Lazy::new(&node.document),
        parameters: Lazy::new(&parameters),
        applied_at: now,
        source: base.project.as_ref().map(|project| project.sources.file_line(node.origin)),
    }
}

/// The monitor that an apply would have made.
fn live_monitor(node: &Node, ids: &HashMap<&str, u64>) -> Option<LiveMonitor> {
    let mut body = write_body(&node.document, None, &[]);
    body.insert("id".to_owned(), ids.get(node.address.as_str()).copied()?.into());
    if let Some(Value::String(query)) = body.get_mut("query").filter(|_| is_composite(&node.document)) {
        *query = composite::resolve(query, |address| ids.get(address).copied());
    }
    if let Some(Value::Array(tags)) = body.get_mut("tags") {
        tags.push(format!("{REV_TAG}{}", rev(&node.document)).into());
    }
    // It is an object with an id, which is all that is asked of it.
    LiveMonitor::from_json(Value::Object(body).to_string()).ok()
}

fn live_metric(node: &Node) -> LiveMetric {
    let part = |key: &str| node.document.get(key).and_then(Value::as_object).cloned();
    LiveMetric { metadata: part("metadata"), tag_configuration: part("tag_configuration") }
}

fn metric_name(node: &Node) -> &str {
    node.document.get("metric").and_then(Value::as_str).unwrap_or_default()
}

fn is_composite(document: &Document) -> bool {
    document.get("type").and_then(Value::as_str) == Some("composite")
}

/// Takes the ids out, which mean nothing.
fn forget_ids(plan: &mut Plan, after: &DesiredGraph, refreshed: &Refreshed) {
    for Change { id, effect, .. } in &mut plan.changes {
        if let Some(id) = id.take() {
            for words in effect.iter_mut() {
                *words = words.replace(&id.to_string(), "the monitor");
            }
        }
    }
    name_operands(plan, after, refreshed);
}

/// Has composites name their operands by address, before and after, as far as it is known which monitor has an id. So plans that
/// were made before and after an operand was, or without Datadog, can be compared.
pub fn name_operands(plan: &mut Plan, after: &DesiredGraph, refreshed: &Refreshed) {
    let monitors = &refreshed.snapshot.monitors;
    let matching = match_monitors(after, monitors, &refreshed.applied);
    let addressed = refreshed.applied.iter();
    let then: HashMap<u64, &Address> =
        addressed.filter_map(|(address, applied)| Some((applied.id?.0, address))).collect();
    let mut now = then.clone();
    now.extend(matching.matched.iter().map(|(address, matched)| (matched.live.id.0, *address)));
    let named = |value: &mut Value, names: &HashMap<u64, &Address>| {
        if let Value::String(query) = value {
            *query = composite::unresolve(query, |id| names.get(&id).map(ToString::to_string));
        }
    };
    for change in &mut plan.changes {
        let Change { fields, before, after, .. } = change;
        for (document, names) in [(before, &then), (after, &now)] {
            if is_composite(document)
                && let Some(query) = document.get_mut("query")
            {
                named(query, names);
            }
        }
        for field in fields.iter_mut().filter(|field| field.path == "query") {
            named(&mut field.before, &then);
            named(&mut field.after, &now);
            field.base.iter_mut().for_each(|base| named(base, &then));
        }
    }
}
