//! A drift report for people.

use super::fields::{field, labelled};
use super::plan::count;
use super::{Header, Page, Style};
use crate::plan::Plan;
use crate::text::clean_line;

/// What live monitors differ in from what was last applied. The changes of `plan` are the monitors that are missing.
pub fn drift(plan: &Plan, header: &Header, page: &Page) -> String {
    let missing = &plan.changes;
    let total = header.managed as usize + missing.len();
    if plan.drift.is_empty() && missing.is_empty() {
        return format!(
            "In sync: {} of {} as last applied.\n",
            count(header.managed as usize, "monitor"),
            total
        );
    }
    let left = page.symbols(&format!("bellwether drift · {}", plan.environment));
    let right = page.symbols(&format!("{} · {}", header.target, header.read));
    let mut text = page.spread(&left, &page.paint(Style::Strong, &left), &right) + "\n\n";
    for change in missing {
        let source = change.source.as_ref().map(ToString::to_string).unwrap_or_default();
        let left = format!("+ {}", clean_line(change.address.as_str()));
        text.push_str(&page.spread(&left, &page.paint(Style::Create, &left), &clean_line(&source)));
        text.push('\n');
        let (label, what) = if change.is_recreated() {
            ("deleted", "in Datadog; the next apply creates it again")
        } else {
            ("missing", "in Datadog: deleted there, or never applied; the next apply creates it")
        };
        text.push_str(&labelled(page, label, &[what.to_owned()]));
        text.push('\n');
    }
    for drift in &plan.drift {
        let source = drift.source.as_ref().map(ToString::to_string).unwrap_or_default();
        let id = drift.id.map(|id| format!("  {id}")).unwrap_or_default();
        let left = format!("! {}{id}", clean_line(drift.address.as_str()));
        text.push_str(&page.spread(&left, &page.paint(Style::Drift, &left), &clean_line(&source)));
        text.push('\n');
        for changed in &drift.fields {
            // Read from the schemas to Datadog: the edit is what is told here.
            let mut turned = changed.clone();
            std::mem::swap(&mut turned.before, &mut turned.after);
            text.push_str(&field(page, &turned));
        }
        text.push_str(&labelled(page, "effect", &[clean_line(&drift.effect.join(" · "))]));
        if let Some(modified) = &drift.modified {
            text.push_str(&labelled(page, "edited", &[format!("in Datadog, {}", clean_line(modified))]));
        }
        text.push('\n');
    }
    let differing = plan.drift.len() + missing.len();
    text.push_str(&format!("{}\n", page.rule()));
    text.push_str(&format!(
        "Drift: {differing} of {}. {} as last applied.\n",
        count(total, "monitor"),
        total - differing
    ));
    if !plan.drift.is_empty() {
        text.push_str("  put back   bellwether apply --reset-drift\n");
        text.push_str("  keep       bring the schema to the live value\n");
    }
    text
}
