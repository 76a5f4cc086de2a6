//! What stands above the table: guards that hold the plan back, and what a reviewer must not miss.

use super::super::changes::loses_route;
use super::escape::{code, prose};
use super::{Context, plural};
use crate::compile::ResourceKind;
use crate::plan::{Action, Blocked, Change, Plan};
use crate::text::shortened;

/// So many names stand in a sentence.
const MOST_NAMES: usize = 5;

/// Guards whose words hold nothing of what is live.
const WITHOUT_LIVE_TEXT: &[&str] =
    &["max_deletes", "operand", "custom_metrics", "max_per_event", "max_monitors"];

/// Whether the words of a guard may stand where everybody reads them.
pub fn is_told_to_everybody(guard: &str) -> bool {
    WITHOUT_LIVE_TEXT.contains(&guard)
}

/// The guards that keep this plan from being applied; `brief` leaves out their words.
pub fn blocked(plan: &Plan, context: &Context, brief: bool) -> String {
    if plan.blocked.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = plan.blocked.iter().map(|guard| blocked_line(guard, context, brief)).collect();
    format!("> [!CAUTION]\n> **Blocked: it cannot be applied as it is.**\n{}\n", lines.concat())
}

fn blocked_line(blocked: &Blocked, context: &Context, brief: bool) -> String {
    let guard = code(&blocked.guard);
    let is_silent = context.names_only && !is_told_to_everybody(&blocked.guard);
    let at =
        blocked.address.as_ref().map(|address| format!(" {}", code(address.as_str()))).unwrap_or_default();
    if brief || is_silent {
        return format!("> - {guard}{at}\n");
    }
    format!("> - {guard}: {}; {}\n", prose(&blocked.message), prose(&blocked.help))
}

/// Deletes, replaces and people who are no longer paged.
pub fn losses(plan: &Plan) -> String {
    let of = |test: &dyn Fn(&Change) -> bool| -> Vec<&Change> {
        plan.changes.iter().filter(|change| test(change)).collect()
    };
    let is_monitor = |change: &Change| change.kind == ResourceKind::Monitor;
    let deletes = of(&|change| change.action == Action::Delete && is_monitor(change));
    let metrics = of(&|change| change.action == Action::Delete && !is_monitor(change));
    let replaces = of(&|change| change.action == Action::Replace);
    let routes =
        of(&|change| loses_route(change) && !matches!(change.action, Action::Delete | Action::Replace));
    let alerting = of(&|change| change.effect.iter().any(|effect| effect.contains("ALERTING NOW")));
    let mut uncovered: Vec<&str> = deletes
        .iter()
        .filter(|change| change.effect.iter().any(|effect| effect.contains("COVERAGE LOST")))
        .map(|change| change.address.subject())
        .collect();
    uncovered.dedup();
    let mut lines = Vec::new();
    if !deletes.is_empty() {
        let left = match uncovered.as_slice() {
            [] => "every event keeps a monitor".to_owned(),
            names if names.len() <= MOST_NAMES => {
                let names: Vec<String> = names.iter().map(|name| code(name)).collect();
                format!("no monitor is left for {}", names.join(", "))
            }
            names => format!("{} are left without any", plural(names.len(), "event")),
        };
        lines.push(format!("Deletes {}: {left}.", plural(deletes.len(), "monitor")));
    }
    if !metrics.is_empty() {
        lines.push(format!("Deletes the configuration of {}.", plural(metrics.len(), "metric")));
    }
    if !replaces.is_empty() {
        let what = plural(replaces.len(), "monitor");
        lines.push(format!("Makes {what} anew: id, history and mutes are lost."));
    }
    if !routes.is_empty() {
        lines.push(format!("{} no longer page whom they paged.", plural(routes.len(), "monitor")));
    }
    if !alerting.is_empty() {
        let names: Vec<String> =
            alerting.iter().take(MOST_NAMES).map(|change| code(change.address.as_str())).collect();
        let more = match alerting.len().saturating_sub(MOST_NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        lines.push(format!("Alerting right now: {}{more}.", names.join(", ")));
    }
    if lines.is_empty() {
        return String::new();
    }
    let quoted: Vec<String> = lines.iter().map(|line| format!("> {line}")).collect();
    // Two blanks at the end break a line.
    format!("> [!WARNING]\n{}\n\n", quoted.join("  \n"))
}

/// `25 deletes of 212 = 11.8% (limit 10%)`, and what Datadog said.
pub fn budget_and_guards(plan: &Plan, context: &Context) -> String {
    let mut parts = Vec::new();
    let budget = &plan.budget;
    if budget.custom_metrics > 0 || budget.delta != 0 {
        let delta = if budget.delta == 0 { String::new() } else { format!(" ({:+})", budget.delta) };
        parts.push(format!(
            "**Budget** {} of {} custom metrics{delta}, at most ${:.2} a month",
            budget.custom_metrics, budget.limit, budget.monthly_cost
        ));
    }
    let deletes = plan.monitor_deletes();
    let mut guards = Vec::new();
    if let Some(managed) = context.managed.filter(|_| deletes > 0) {
        let percent = deletes as f64 * 100.0 / managed.max(1) as f64;
        let limit = context.delete_limit.as_ref().map(|limit| format!(" (limit {})", prose(limit)));
        guards.push(format!(
            "{} of {managed} = {percent:.1}%{}",
            plural(deletes as usize, "delete"),
            limit.unwrap_or_default()
        ));
    }
    if context.accepted > 0 {
        guards.push(format!("Datadog accepts {}", plural(context.accepted, "changed monitor")));
    }
    if !guards.is_empty() {
        parts.push(format!("**Guards** {}", guards.join(", ")));
    }
    if parts.is_empty() { String::new() } else { format!("\n{}\n", parts.join(" · ")) }
}

/// What Datadog and the schemas' own checks say of the plan, one line each.
pub fn diagnostics(plan: &Plan, context: &Context) -> Vec<String> {
    let told = plan.diagnostics.iter().map(|found| {
        let place = found.source.as_ref().map(|source| format!(" at {}", code(&source.to_string())));
        let message = if context.names_only {
            crate::diag::Code::parse(&found.code).map(|code| prose(code.title())).unwrap_or_default()
        } else {
            prose(&shortened(&found.message, 600))
        };
        format!(
            "- {} {}{}: {message}\n",
            prose(&found.severity),
            code(&found.code),
            place.unwrap_or_default()
        )
    });
    told.collect()
}
