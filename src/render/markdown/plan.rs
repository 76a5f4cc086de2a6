//! A plan as one comment.

use super::super::changes::groups;
use super::escape::{code, fence, html_code};
use super::ladder::{Fitted, Row, fit};
use super::row::{Danger, HEAD, row};
use super::{Comment, Context, difference, held, plural, warnings};
use crate::plan::{Change, Plan};

/// So many bytes are kept for each list of what is left alone, and so many where space is short.
const LIST: usize = 6_000;
const SHORT_LIST: usize = 1_000;

/// So many dangerous differences are unfolded.
const MOST_OPEN: usize = 5;

/// The plan as one body. Deletes, replaces, lost paging routes and guards are never left out; where they alone are too
/// many, the body says so and nothing else.
pub fn plan(plan: &Plan, context: &Context) -> Comment {
    let rows = rows(plan, context);
    for (list, brief) in [(LIST, false), (SHORT_LIST, false), (0, true)] {
        let parts = Parts::of(plan, context, list, brief);
        // What tells how much was cut.
        let space = context.limit().saturating_sub(parts.len() + 400 + HEAD.len());
        match fit(&rows, space) {
            Some(fitted) if list == LIST && fitted.without_row > 0 => {}
            Some(fitted) => return parts.assembled(&fitted, plan, context),
            None => {}
        }
    }
    let parts = Parts::of(plan, context, 0, true);
    let cut = rows.iter().filter(|row| row.difference.is_some()).count();
    let names = names_only(plan);
    let without_row = plan.changes.iter().filter(|change| !Danger::of(change).is_protected()).count();
    let fitted = Fitted { table: names, differences: String::new(), cut, without_row };
    let comment = parts.assembled(&fitted, plan, context);
    if comment.body.len() <= context.limit() { comment } else { refused(plan, context, cut) }
}

/// The rows, the most dangerous first; within that in the plan's order.
fn rows<'p>(plan: &'p Plan, context: &Context) -> Vec<Row<'p>> {
    let danger = |group: &Vec<&Change>| group.first().map_or(Danger::Create, |change| Danger::of(change));
    let mut groups = groups(plan);
    groups.sort_by_key(danger);
    let dangerous = groups.iter().filter(|group| danger(group).is_protected()).count();
    let told = groups.into_iter().map(|changes| {
        let danger = danger(&changes);
        let is_shown =
            !context.names_only && changes.first().is_some_and(|change| difference::exists(change));
        let text = row(&changes, context);
        let open = danger.is_protected() && dangerous <= MOST_OPEN;
        Row { changes, danger, text, difference: is_shown.then_some(open) }
    });
    told.collect()
}

/// What stands around the table and the differences.
struct Parts {
    above: String,
    below_table: String,
    below: String,
}

impl Parts {
    fn of(plan: &Plan, context: &Context, list: usize, brief: bool) -> Self {
        let mut above = heading(plan);
        if let Some(pattern) = &plan.only {
            let pattern = code(pattern);
            above.push_str(&format!(
                "Partial: only {pattern}; nothing else is changed, deleted or adopted.\n\n"
            ));
        }
        above.push_str(&warnings::blocked(plan, context, brief));
        above.push_str(&warnings::losses(plan));
        let below_table = warnings::budget_and_guards(plan, context);
        let mut below = held::drift(plan, context, list) + &held::deferred(plan, list);
        let found = warnings::diagnostics(plan, context);
        if !found.is_empty() {
            let title = if plan.has_errors() {
                "Datadog or the checks reject a part of this plan".to_owned()
            } else {
                plural(found.len(), "warning")
            };
            below.push_str(&held::folded(&title, "", &found, list));
        }
        below.push_str(&context.footer(Some(plan)));
        Self { above, below_table, below }
    }

    fn len(&self) -> usize {
        self.above.len() + self.below_table.len() + self.below.len()
    }

    fn assembled(self, fitted: &Fitted, plan: &Plan, context: &Context) -> Comment {
        let Self { above, below_table, below } = self;
        let mut body = above + &fitted.table;
        let place = match &context.full_plan {
            Some(url) => super::link("the full plan", url),
            None => "the full plan".to_owned(),
        };
        if fitted.without_row > 0 {
            body.push_str(&format!(
                "\nand {} in {place} only: {}\n",
                plural(fitted.without_row, "more change"),
                counts(plan)
            ));
        }
        body.push_str(&below_table);
        if !fitted.differences.is_empty() {
            body.push('\n');
            body.push_str(&fitted.differences);
        }
        if fitted.cut > 0 {
            let verb = if fitted.cut == 1 { "is" } else { "are" };
            body.push_str(&format!("\n{} {verb} only in {place}.\n", plural(fitted.cut, "diff")));
        }
        body.push_str(&below);
        Comment { body, cut: fitted.cut }
    }
}

/// ``### `prod` plan: 1 create · 2 change``
fn heading(plan: &Plan) -> String {
    format!("### {} plan: {}\n\n", code(&plan.environment), counts(plan))
}

fn counts(plan: &Plan) -> String {
    let parts: Vec<String> =
        plan.summary.changes().map(|(number, verb)| format!("{number} {verb}")).collect();
    if parts.is_empty() { "no changes".to_owned() } else { parts.join(" · ") }
}

/// Every change that must be named, one a line.
fn names_only(plan: &Plan) -> String {
    let mut named: Vec<_> = plan.changes.iter().filter(|change| Danger::of(change).is_protected()).collect();
    named.sort_by_key(|change| Danger::of(change));
    let lines: Vec<String> = named
        .iter()
        .map(|change| format!("{} {}", super::row::symbol(change.action), change.address.as_str()))
        .collect();
    fence("diff", &lines)
}

/// What is said where even the names of what is lost are too many.
fn refused(plan: &Plan, context: &Context, cut: usize) -> Comment {
    let of = |danger: Danger| plan.changes.iter().filter(|change| Danger::of(change) == danger).count();
    let mut body = heading(plan);
    body.push_str("> [!CAUTION]\n");
    body.push_str(&format!(
        "> This plan is too large to be shown, and must not be judged by what fits here: {}, {}, {}, {}.\n",
        plural(of(Danger::Delete), "delete"),
        plural(of(Danger::Replace), "replace"),
        plural(of(Danger::Route), "lost paging route"),
        plural(plan.blocked.len(), "guard failure"),
    ));
    body.push_str(&warnings::budget_and_guards(plan, context));
    let diffs = plural(cut, "diff");
    let all = html_code("bellwether plan");
    body.push_str(&format!("\nAll of it, {diffs} among it, is only in the full plan ({all}).\n"));
    body.push_str(&context.footer(Some(plan)));
    Comment { body, cut }
}
