//! A plan for people: what changes, why, what it does to alerting, and what to do next.

use serde_json::Value;

use super::changes::{alerts, groups, is_strong, recipients};
use super::fields::{causes, field, field_with_author, labelled, shown, wrapped};
use super::{Page, Style};
use crate::compile::ResourceKind;
use crate::config::Config;
use crate::diff::ChangedBy;
use crate::model::{Address, Document, Snapshot};
use crate::normalise::at;
use crate::plan::{Action, Change, Drift, OWNER_FIELD, Plan, REV_FIELD};
use crate::text::clean_line;

/// What a plan cannot say of itself.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// Where Datadog is: `datadoghq.com`, `embedded sandbox`.
    pub target: String,
    /// What was read: `212 monitors and 6 metrics`.
    pub read: String,
    /// How many schema files were compiled.
    pub schema_files: usize,
    /// The file that the plan was saved in.
    pub saved: Option<String>,
    /// The limit on deletes, and how many monitors are managed.
    pub delete_limit: String,
    /// Live monitors that are ours.
    pub managed: u64,
    /// How many changed bodies Datadog has accepted.
    pub accepted: usize,
}

impl Header {
    /// What a plan of a snapshot cannot say of itself; `accepted` counts the changed bodies that Datadog has accepted.
    pub fn new(
        config: &Config,
        snapshot: &Snapshot,
        accepted: usize,
        target: &str,
        schema_files: usize,
    ) -> Self {
        let metrics = snapshot.metrics.values().filter(|metric| metric.metadata.is_some()).count();
        let monitors = count(snapshot.monitors.len(), "monitor");
        Self {
            target: target.to_owned(),
            read: match metrics {
                0 => monitors,
                metrics => format!("{monitors} and {}", count(metrics, "metric")),
            },
            schema_files,
            saved: None,
            delete_limit: config.guard.max_deletes.to_string(),
            managed: snapshot.monitors.len() as u64,
            accepted,
        }
    }
}

/// The whole plan.
pub fn plan(plan: &Plan, header: &Header, page: &Page) -> String {
    if plan.changes.is_empty() && plan.blocked.is_empty() && plan.only.is_none() {
        return nothing(plan, header, page);
    }
    let mut text = heading(plan, header, page);
    let groups =
        if page.verbose { plan.changes.iter().map(|change| vec![change]).collect() } else { groups(plan) };
    for group in groups {
        if group.len() > 1 {
            text.push_str(&grouped(page, &group));
            text.push('\n');
            continue;
        }
        for change in group {
            text.push_str(&one(page, change));
            text.push('\n');
        }
    }
    for drift in &plan.drift {
        text.push_str(&held(page, drift));
        text.push('\n');
    }
    for change in &plan.deferred {
        text.push_str(&deferred(page, change));
        text.push('\n');
    }
    text.push_str(&summary(plan, header, page));
    text
}

/// One line a change, then the summary.
pub fn plan_summary(plan: &Plan, header: &Header, page: &Page) -> String {
    if plan.changes.is_empty() && plan.blocked.is_empty() {
        return nothing(plan, header, page);
    }
    let mut text = String::new();
    for change in &plan.changes {
        let left = format!("{} {}", page.symbol(change.action), clean_line(change.address.as_str()));
        let effect = change.effect.join(" · ");
        text.push_str(&format!(
            "{}  {}\n",
            page.paint(page.style(change.action), &left),
            page.symbols(&clean_line(&effect))
        ));
    }
    text.push_str(&counts(plan));
    text.push('\n');
    text
}

fn nothing(plan: &Plan, header: &Header, page: &Page) -> String {
    let files = count(header.schema_files, "schema file");
    let verb = if header.read == "1 monitor" { "matches" } else { "match" };
    let mut text = match &plan.against {
        Some(base) => format!("No changes against {}. {} in {files}.", clean_line(base), header.read),
        None => format!("No changes. {} {verb} {files}.", header.read),
    };
    if !plan.drift.is_empty() {
        text.push_str(&format!(" {} drifted (bellwether drift).", plan.drift.len()));
    }
    text.push('\n');
    for change in &plan.deferred {
        text.push_str(&deferred(page, change));
    }
    text
}

fn heading(plan: &Plan, header: &Header, page: &Page) -> String {
    let base = plan.against.as_ref().map(|base| format!(" · against {}", clean_line(base)));
    let left = page.symbols(&format!("bellwether plan · {}{}", plan.environment, base.unwrap_or_default()));
    let right = page.symbols(&format!("{} · {}", header.target, header.read));
    let mut text = page.spread(&left, &page.paint(Style::Strong, &left), &right);
    text.push('\n');
    if let Some(pattern) = &plan.only {
        text.push_str(&format!("Partial: only {pattern}; nothing else is changed, deleted or adopted.\n"));
    }
    text.push('\n');
    text
}

/// `+ address  #id      file:line`
fn row(
    page: &Page,
    symbol: &str,
    style: Style,
    address: &Address,
    id: Option<String>,
    right: &str,
) -> String {
    let id = id.map(|id| format!("  {id}")).unwrap_or_default();
    let left = format!("{symbol} {}{id}", clean_line(address.as_str()));
    let mut text = page.spread(&left, &page.paint(style, &left), &clean_line(right));
    text.push('\n');
    text
}

fn place(change: &Change) -> String {
    match (&change.source, change.action) {
        (Some(source), Action::Delete) => format!("no longer in {}", source.file),
        (None, Action::Delete) => "in no schema any more".to_owned(),
        (Some(source), _) => source.to_string(),
        (None, _) => String::new(),
    }
}

fn one(page: &Page, change: &Change) -> String {
    let style = page.style(change.action);
    let id = change.id.map(|id| id.to_string());
    let mut text = row(page, page.symbol(change.action), style, &change.address, id, &place(change));
    if let Some(from) = &change.from {
        text.push_str(&labelled(page, "was", &[clean_line(from.as_str())]));
    }
    match (change.action, change.kind) {
        (Action::Create | Action::Replace, ResourceKind::Monitor) => {
            text.push_str(&monitor(page, &change.after))
        }
        (Action::Delete, ResourceKind::Monitor) => {
            text.push_str(&body(page, "query", &change.before, "query"))
        }
        (Action::Create | Action::Replace, ResourceKind::Metric) => {
            text.push_str(&metric(page, &change.after))
        }
        (Action::Delete, ResourceKind::Metric) => {
            text.push_str(&body(page, "metric", &change.before, "metric"))
        }
        (Action::Update | Action::Rename | Action::Adopt, _) => {
            for changed in &change.fields {
                text.push_str(&field_with_author(page, changed));
                if changed.changed_by == ChangedBy::Both {
                    text.push_str(&labelled(
                        page,
                        "",
                        &["CONFLICT: changed in the schemas and in Datadog".to_owned()],
                    ));
                }
            }
            text.push_str(&causes(page, &change.fields));
        }
    }
    text + &effect(page, &change.effect)
}

fn effect(page: &Page, effects: &[String]) -> String {
    let text = clean_line(&effects.join(" · "));
    let strong = is_strong(&text);
    let lines = page.wrap(&text, page.width.saturating_sub(14));
    let painted: Vec<String> = lines
        .iter()
        .map(|line| if strong { page.paint(Style::Strong, line) } else { line.clone() })
        .collect();
    labelled(page, "effect", &painted)
}

fn body(page: &Page, label: &str, document: &Document, key: &str) -> String {
    match document.get(key).and_then(Value::as_str) {
        Some(text) => wrapped(page, label, text),
        None => String::new(),
    }
}

fn monitor(page: &Page, after: &Document) -> String {
    let mut text = body(page, "name", after, "name");
    text.push_str(&body(page, "query", after, "query"));
    let mut alerts = alerts(after);
    let handles = recipients(after);
    alerts.push(if handles.is_empty() {
        "to NOBODY".to_owned()
    } else {
        format!("to {}", handles.join(" "))
    });
    text + &wrapped(page, "alerts", &alerts.join(" · "))
}

fn metric(page: &Page, after: &Document) -> String {
    let mut text = body(page, "metric", after, "metric");
    if let Some(description) = at(after, "metadata.description").and_then(Value::as_str) {
        text.push_str(&wrapped(page, "says", description));
    }
    if let Some(tags) = at(after, "tag_configuration.tags") {
        text.push_str(&labelled(page, "tags kept", &[clean_line(&shown(tags))]));
    }
    text
}

fn held(page: &Page, drift: &Drift) -> String {
    let source = drift.source.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut text = row(page, "!", Style::Drift, &drift.address, drift.id.map(|id| id.to_string()), &source);
    let rows: Vec<String> = drift
        .fields
        .iter()
        .map(|field| {
            let long =
                |value: &Value| value.as_str().is_some_and(|text| text.len() > 40 || text.contains('\n'));
            if long(&field.before) || long(&field.after) {
                return format!("{} was edited", field.path);
            }
            format!(
                "{} {} in the schemas, {} live",
                field.path,
                clean_line(&shown(&field.after)),
                clean_line(&shown(&field.before))
            )
        })
        .collect();
    text.push_str(&labelled(page, "drifted", &rows));
    let mut effects = drift.effect.clone();
    if drift.fields.iter().all(|field| field.path != OWNER_FIELD) {
        effects.push("held; put back: apply --reset-drift".to_owned());
    }
    text + &effect(page, &effects)
}

fn deferred(page: &Page, change: &Change) -> String {
    let name = change.after.get("metric").and_then(Value::as_str).unwrap_or_default();
    let mut text = row(page, "·", Style::Faint, &change.address, None, &place(change));
    let reason = format!("Datadog has not seen {} yet; a later apply configures it", clean_line(name));
    text.push_str(&wrapped(page, "deferred", &reason));
    page.symbols(&text)
}

fn grouped(page: &Page, group: &[&Change]) -> String {
    let Some(first) = group.first() else { return String::new() };
    let title = format!("{} {} {}s", page.symbol(Action::Update), group.len(), kind_name(first.kind));
    let mut text = page.paint(Style::Update, &title) + "\n";
    for changed in &first.fields {
        match changed.path.as_str() {
            REV_FIELD => text.push_str(&labelled(
                page,
                "records",
                &["what is applied, in the bellwether_rev tag".to_owned()],
            )),
            _ => text.push_str(&field(page, changed)),
        }
    }
    text.push_str(&causes(page, &first.fields));
    let mut names: Vec<String> =
        group.iter().take(3).map(|change| clean_line(change.address.as_str())).collect();
    if group.len() > 3 {
        names.push(format!("and {} more, listed with -v", group.len() - 3));
    }
    text.push_str(&labelled(page, "on", &names));
    text + &effect(page, &first.effect)
}

fn kind_name(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Monitor => "monitor",
        ResourceKind::Metric => "metric",
    }
}

/// `1 monitor`, `2 monitors`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// `Plan: 1 to create, 2 to change.  1 drifted (held), 213 unchanged.`
fn counts(plan: &Plan) -> String {
    let summary = &plan.summary;
    let parts: Vec<String> = summary.changes().map(|(number, verb)| format!("{number} to {verb}")).collect();
    let changes = if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") };
    let mut rest = Vec::new();
    if summary.drifted > 0 {
        rest.push(format!("{} drifted (held)", summary.drifted));
    }
    if !plan.deferred.is_empty() {
        rest.push(format!("{} deferred", plan.deferred.len()));
    }
    rest.push(format!("{} unchanged", summary.unchanged));
    format!("Plan: {changes}.  {}.", rest.join(", "))
}

fn summary(plan: &Plan, header: &Header, page: &Page) -> String {
    let mut text = page.rule() + "\n" + &page.paint(Style::Strong, &counts(plan)) + "\n";
    let mut line = |label: &str, value: String| {
        text.push_str(&page.symbols(&format!("  {label:<9}{value}\n")));
    };
    let budget = &plan.budget;
    if budget.custom_metrics > 0 || budget.delta != 0 {
        let was = budget.custom_metrics as i64 - budget.delta;
        let change = if budget.delta == 0 { String::new() } else { format!("{was} → ") };
        line(
            "budget",
            format!(
                "custom metrics {change}{} of {} · at most ${:.2} a month",
                budget.custom_metrics, budget.limit, budget.monthly_cost
            ),
        );
    }
    for (address, effect) in paging(plan) {
        line("paging", clean_line(&format!("{address} {effect}")));
    }
    let deletes = plan.monitor_deletes();
    let mut guards = Vec::new();
    if deletes > 0 {
        let percent = deletes as f64 * 100.0 / header.managed.max(1) as f64;
        guards.push(format!(
            "{} of {} = {percent:.1}% (limit {})",
            count(deletes as usize, "delete"),
            header.managed,
            header.delete_limit
        ));
    }
    if header.accepted > 0 {
        guards.push(format!("Datadog accepts {}", count(header.accepted, "changed monitor")));
    }
    if !guards.is_empty() {
        line("guards", guards.join(" · "));
    }
    if plan.against.is_none() {
        line("calls", format!("{} made to read, {} to write", plan.api_calls.read, plan.api_calls.write));
    }
    for blocked in &plan.blocked {
        line("BLOCKED", clean_line(&blocked.message));
        line("", clean_line(&blocked.help));
    }
    if plan.blocked.is_empty() && !plan.changes.is_empty() {
        match &header.saved {
            saved if plan.against.is_some() => {
                if let Some(file) = saved {
                    line("saved", format!("{} → {file}", plan.short_digest()));
                }
                line(
                    "next",
                    "bellwether plan compares with Datadog, and shows what an apply does".to_owned(),
                );
            }
            Some(file) => {
                line("saved", format!("{} → {file}", plan.short_digest()));
                line("", format!("apply exactly this:  bellwether apply {file}"));
            }
            None => line(
                "next",
                "bellwether apply plans again, shows it and asks; keep this plan with --out".to_owned(),
            ),
        }
    }
    text
}

/// Changes of who is paged, which are never left out of a summary.
fn paging(plan: &Plan) -> Vec<(&Address, &str)> {
    let changes = plan.changes.iter().filter(|change| change.action != Action::Create);
    changes
        .flat_map(|change| {
            change
                .effect
                .iter()
                .filter(|e| e.contains("pages"))
                .map(|effect| (&change.address, effect.as_str()))
        })
        .collect()
}
