//! `--only`: the addresses that a plan is restricted to.

use std::collections::BTreeSet;

use globset::{Glob, GlobMatcher};

use super::{Failure, Planned};
use crate::model::Address;
use crate::plan::Options;

/// The addresses that match a pattern; without a pattern all of them.
#[derive(Debug, Clone)]
pub struct Addresses {
    matcher: Option<GlobMatcher>,
    except: BTreeSet<Address>,
    within: Option<BTreeSet<Address>>,
    /// How people call them; none for all.
    name: Option<String>,
}

impl Addresses {
    /// Those that match `pattern`; `*` stands for anything, slashes included.
    ///
    /// # Errors
    ///
    /// When it is no pattern.
    pub fn matching(pattern: Option<&str>) -> Result<Self, Failure> {
        let compiled = pattern.map(|pattern| Ok(Glob::new(pattern)?.compile_matcher()));
        let matcher = compiled
            .transpose()
            .map_err(|error: globset::Error| Failure::Usage(format!("--only: {error}")))?;
        Ok(Self { matcher, except: BTreeSet::new(), within: None, name: pattern.map(str::to_owned) })
    }

    /// The same without some; `whose` ends the sentence about them.
    pub fn but_for(mut self, except: impl IntoIterator<Item = Address>, whose: &str) -> Self {
        let except: BTreeSet<Address> = except.into_iter().collect();
        if !except.is_empty() {
            let all = self.name.as_deref().unwrap_or("all");
            self.name = Some(format!("{all} but {} that {whose}", except.len()));
        }
        self.except.extend(except);
        self
    }

    /// Only these of them, which are `whose`.
    pub fn within(mut self, addresses: BTreeSet<Address>, whose: &str) -> Self {
        self.name = Some(match &self.name {
            Some(name) => format!("{name}, of {whose}"),
            None => whose.to_owned(),
        });
        self.within = Some(addresses);
        self
    }

    /// Whether an address is one of them.
    pub fn contain(&self, address: &str) -> bool {
        self.matcher.as_ref().is_none_or(|matcher| matcher.is_match(address))
            && !self.except.contains(address)
            && self.within.as_ref().is_none_or(|within| within.contains(address))
    }

    /// How people call them: the pattern; none if they are all.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
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
    let live = planned.plan.changes.iter().flat_map(|change| change.from.iter().chain([&change.address]));
    if wanted.chain(live.map(Address::as_str)).any(matches) {
        return Ok(());
    }
    Err(Failure::Usage(format!("--only {pattern} matches no address; `bellwether graph` lists them")))
}
