//! Asking Datadog at plan time whether it would accept what changes. Unchanged monitors are never asked about.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Failure;
use crate::compile::{ResourceKind, composite};
use crate::datadog::Reader;
use crate::diag::Code;
use crate::diff::write_body;
use crate::model::{Document, MonitorId, Verdict};
use crate::normalise::hex;
use crate::plan::{Action, Change, Plan, PlanDiagnostic};
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

/// A composite of monitors that do not exist yet cannot be validated, nor can a body whose place another monitor
/// still holds.
fn can_be_asked(change: &Change, plan: &Plan) -> bool {
    let query = change.after.get("query").and_then(Value::as_str).unwrap_or_default();
    let is_composite = change.after.get("type").and_then(Value::as_str) == Some("composite");
    let waits = |other: &&Change| change.depends_on.contains(&other.address) && other.id.is_some();
    change.kind == ResourceKind::Monitor
        && change.action != Action::Delete
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
