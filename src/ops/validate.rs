//! Asking Datadog at plan time whether it would accept what changes. Unchanged monitors are never asked about.

use std::collections::{BTreeMap, HashMap};

use futures_util::stream::{self, StreamExt};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Failure;
use crate::compile::{ResourceKind, composite};
use crate::datadog::Reader;
use crate::diag::Code;
use crate::diff::write_body;
use crate::model::{Address, Document, MonitorId, Verdict};
use crate::normalise::hex;
use crate::plan::{Action, Blocked, Change, Plan, PlanDiagnostic};
use crate::store;
use crate::text::clean;

const VALIDATIONS_IN_FLIGHT: usize = 8;

/// Validates the changed monitors of `plan`, and adds what Datadog says to its diagnostics. Verdicts are remembered
/// by the hash of the body. Gives the number of accepted bodies.
///
/// # Errors
///
/// When verdicts cannot be remembered. An outage of the validation is a warning in the plan.
pub async fn validate(
    plan: &mut Plan,
    live: &HashMap<MonitorId, Document>,
    reader: &Reader,
    state: &store::Environment,
) -> Result<usize, Failure> {
    let mut accepted = 0;
    let mut open = Vec::new();
    let mut diagnostics = std::mem::take(&mut plan.diagnostics);
    for change in plan.changes.iter().filter(|change| can_be_asked(change, plan)) {
        let id = change.id.filter(|_| change.action != Action::Replace);
        let body = write_body(&change.after, id.and_then(|id| live.get(&id)), &change.removed_tags());
        let hash = hex(&Sha256::digest(format!("{id:?} {}", Value::Object(body.clone())).as_bytes()));
        match state.verdict(&hash)? {
            Some(verdict) => accepted += judge(change, &verdict, &mut diagnostics),
            None => open.push((change, id, body, hash)),
        }
    }
    let mut answers: Vec<_> = stream::iter(open)
        .map(|(change, id, body, hash)| async move { (change, hash, reader.validate(id, &body).await) })
        .buffer_unordered(VALIDATIONS_IN_FLIGHT)
        .collect()
        .await;
    answers.sort_by_key(|(change, ..)| change.display_order());
    for (change, hash, answer) in answers {
        match answer {
            Ok(verdict) => {
                // A rejection is not remembered: its cause, such as a twin, may be mended in Datadog.
                if verdict == Verdict::Accepted {
                    state.record_verdict(&hash, &verdict)?;
                }
                accepted += judge(change, &verdict, &mut diagnostics);
            }
            Err(error) => diagnostics.push(PlanDiagnostic {
                code: Code::Unvalidated.as_str().to_owned(),
                severity: "warning".to_owned(),
                message: format!("{} could not be validated: {}", change.address, clean(&error.to_string())),
                source: change.source.clone(),
                help: Vec::new(),
            }),
        }
    }
    plan.diagnostics = diagnostics;
    Ok(accepted)
}

/// Asks Datadog whether something that is not part of `plan` refers to a monitor that goes. Such a delete would be
/// refused half-way, so it is a guard. `force` is never sent.
///
/// # Errors
///
/// When Datadog does not answer.
pub async fn can_delete(plan: &mut Plan, reader: &Reader) -> Result<(), Failure> {
    let goes = |change: &&Change| {
        change.kind == ResourceKind::Monitor && matches!(change.action, Action::Delete | Action::Replace)
    };
    let going: BTreeMap<MonitorId, Address> =
        plan.changes.iter().filter(goes).filter_map(|c| Some((c.id?, c.address.clone()))).collect();
    if going.is_empty() {
        return Ok(());
    }
    let ids: Vec<MonitorId> = going.keys().copied().collect();
    for (id, reasons) in reader.can_delete(&ids).await? {
        let by_others = |reason: &&String| !plan.changes.iter().any(|change| lets_go(change, id, reason));
        let reasons: Vec<&str> = reasons.iter().filter(by_others).map(String::as_str).collect();
        if let (false, Some(address)) = (reasons.is_empty(), going.get(&id)) {
            plan.blocked.push(Blocked {
                guard: "referenced".to_owned(),
                address: Some(address.clone()),
                message: format!("{address} {id} cannot be deleted: {}", clean(&reasons.join("; "))),
                help: "take the reference away first".to_owned(),
            });
        }
    }
    Ok(())
}

/// Whether a change of the plan is about a composite that `reason` names, and lets go of the monitor `id`.
fn lets_go(change: &Change, id: MonitorId, reason: &str) -> bool {
    let names = |text: &str, id: MonitorId| {
        text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.parse() == Ok(id.0))
    };
    let is_composite =
        |document: &Document| document.get("type").and_then(Value::as_str) == Some("composite");
    let query = change.after.get("query").and_then(Value::as_str).unwrap_or_default();
    let still = is_composite(&change.after) && names(query, id);
    is_composite(&change.before) && change.id.is_some_and(|composite| names(reason, composite)) && !still
}

/// A composite of monitors that do not exist yet cannot be validated, nor can a body whose place another monitor
/// still holds.
fn can_be_asked(change: &Change, plan: &Plan) -> bool {
    let query = change.after.get("query").and_then(Value::as_str).unwrap_or_default();
    let is_composite = change.after.get("type").and_then(Value::as_str) == Some("composite");
    let waits = |other: &&Change| change.depends_on.contains(&other.address) && other.id.is_some();
    // The old monitor of a replace is still there; where the two agree, it would be taken for a twin.
    let same = |key: &str| change.after.get(key) == change.before.get(key);
    let is_twin = change.action == Action::Replace && same("name") && same("query") && same("message");
    change.kind == ResourceKind::Monitor
        && change.action != Action::Delete
        && !is_twin
        && !(is_composite && composite::references(query).next().is_some())
        && !plan.changes.iter().any(|other| waits(&other))
}

fn judge(change: &Change, verdict: &Verdict, diagnostics: &mut Vec<PlanDiagnostic>) -> usize {
    let Verdict::Rejected(messages) = verdict else { return 1 };
    diagnostics.push(PlanDiagnostic {
        code: Code::Rejected.as_str().to_owned(),
        severity: "error".to_owned(),
        message: format!("Datadog rejects {}: {}", change.address, clean(&messages.join("; "))),
        source: change.source.clone(),
        help: vec!["change the parameters that make the rejected part".to_owned()],
    });
    0
}
