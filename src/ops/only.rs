//! `--only`: the addresses that a plan is restricted to.

use globset::{Glob, GlobMatcher};

use super::{Failure, Planned};
use crate::plan::Options;

/// The addresses that match a pattern; without a pattern all of them.
#[derive(Debug, Clone)]
pub struct Addresses {
    pattern: Option<(String, GlobMatcher)>,
}

impl Addresses {
    /// Those that match `pattern`; `*` stays within a part between slashes, `**` does not.
    ///
    /// # Errors
    ///
    /// When it is no pattern.
    pub fn matching(pattern: Option<&str>) -> Result<Self, Failure> {
        let compiled = pattern.map(|pattern| Ok((pattern.to_owned(), Glob::new(pattern)?.compile_matcher())));
        let pattern = compiled
            .transpose()
            .map_err(|error: globset::Error| Failure::Usage(format!("--only: {error}")))?;
        Ok(Self { pattern })
    }

    /// Whether an address is one of them.
    pub fn contain(&self, address: &str) -> bool {
        self.pattern.as_ref().is_none_or(|(_, matcher)| matcher.is_match(address))
    }

    /// The pattern.
    pub fn pattern(&self) -> Option<&str> {
        self.pattern.as_ref().map(|(pattern, _)| pattern.as_str())
    }
}

/// A pattern that matches nothing is most likely mistyped, and a merge job would be green for ever.
///
/// # Errors
///
/// When the plan is restricted to a pattern that no address matches.
pub fn matches_something(planned: &Planned, options: &Options<'_>) -> Result<(), Failure> {
    let Some((pattern, matches)) = options.only else { return Ok(()) };
    let wanted = planned.compiled.graph.nodes().map(|node| node.address.as_str());
    let live = planned.plan.changes.iter().map(|change| change.address.as_str());
    if wanted.chain(live).any(matches) {
        return Ok(());
    }
    Err(Failure::Usage(format!("--only {pattern} matches no address; `bellwether graph` lists them")))
}
