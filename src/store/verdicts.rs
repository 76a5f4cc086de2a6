//! What Datadog said about bodies that it was asked to validate, so that it is not asked again.
//!
//! A second tree holds the same hashes in the order in which they came, so that the oldest can be dropped
//! without reading all.

use std::sync::PoisonError;

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::environment::{Environment, Kind};
use crate::model::Verdict;

/// How many verdicts are kept.
pub(super) const VERDICTS: u64 = 20_000;

#[derive(Serialize, Deserialize)]
struct Entry {
    number: u64,
    verdict: Verdict,
}

impl Environment {
    /// The verdict on the body of this hash, if there was one.
    ///
    /// # Errors
    ///
    /// When the record cannot be read.
    pub fn verdict(&self, body_hash: &str) -> Result<Option<Verdict>, StoreError> {
        let Some(tree) = self.existing(Kind::Verdicts)? else { return Ok(None) };
        let Some(bytes) = tree.get(body_hash).map_err(|error| self.failed(error))? else { return Ok(None) };
        let entry: Entry = self.unpack(&bytes, || format!("the verdict on `{body_hash}`"))?;
        Ok(Some(entry.verdict))
    }

    /// Remembers a verdict. It is not flushed: a lost one only costs a call.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn record_verdict(&self, body_hash: &str, verdict: &Verdict) -> Result<(), StoreError> {
        self.record_verdict_of(body_hash, verdict, VERDICTS)
    }

    pub(super) fn record_verdict_of(
        &self,
        body_hash: &str,
        verdict: &Verdict,
        limit: u64,
    ) -> Result<(), StoreError> {
        // Two threads must not take one number.
        let _guard = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |error| self.failed(error);
        let (verdicts, order) = (self.tree(Kind::Verdicts)?, self.tree(Kind::VerdictOrder)?);
        let last = order.last().map_err(failed)?.and_then(|(key, _)| number(&key));
        let next = last.map_or(0, |last| last + 1);
        let entry = Entry { number: next, verdict: verdict.clone() };
        // The order first: a verdict without a place in it would stay for ever.
        order.insert(next.to_be_bytes(), body_hash).map_err(failed)?;
        verdicts.insert(body_hash, self.pack(&entry)?).map_err(failed)?;
        while let Some((key, hash)) = order.first().map_err(failed)? {
            let oldest = number(&key).unwrap_or(0);
            if oldest + limit > next {
                break;
            }
            order.remove(&key).map_err(failed)?;
            // A body that was validated again stands in the order twice; its later place counts.
            let current = verdicts.get(&hash).map_err(failed)?;
            let entry = current.and_then(|bytes| super::record::unpack::<Entry>(&bytes).ok());
            if entry.is_none_or(|entry| entry.number == oldest) {
                verdicts.remove(&hash).map_err(failed)?;
            }
        }
        Ok(())
    }
}

fn number(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}
