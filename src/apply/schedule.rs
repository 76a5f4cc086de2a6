//! The order of an apply: dependencies first, deletes last and one at a time, none after a failure.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Address;
use crate::plan::{Action, Change};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done,
    Failed,
}

/// Which change may start next.
pub struct Schedule<'p> {
    changes: &'p [Change],
    states: Vec<State>,
    index: BTreeMap<&'p Address, usize>,
    /// Deletes that make room for another change, and so cannot be last.
    early: BTreeSet<usize>,
}

impl<'p> Schedule<'p> {
    /// The schedule of a plan's changes.
    pub fn new(changes: &'p [Change]) -> Self {
        let index: BTreeMap<&Address, usize> =
            changes.iter().enumerate().map(|(index, change)| (&change.address, index)).collect();
        let deletes_before = |change: &'p Change| {
            let needed = change.depends_on.iter().filter_map(|address| index.get(address).copied());
            needed.filter(|index| changes[*index].action == Action::Delete).collect::<Vec<_>>()
        };
        let mut early = BTreeSet::new();
        let mut open: Vec<usize> = changes
            .iter()
            .filter(|change| change.action != Action::Delete)
            .flat_map(deletes_before)
            .collect();
        // What must go before an early delete is early as well.
        while let Some(delete) = open.pop() {
            if early.insert(delete) {
                open.extend(deletes_before(&changes[delete]));
            }
        }
        Self { changes, states: vec![State::Waiting; changes.len()], index, early }
    }

    /// The next change to start, if one may; `idle` says that nothing is running.
    pub fn next(&mut self, idle: bool) -> Option<usize> {
        let ready = |index: &usize| {
            self.states[*index] == State::Waiting
                && self.dependencies(*index).all(|dependency| self.states[dependency] == State::Done)
        };
        let is_late =
            |index: &usize| self.changes[*index].action == Action::Delete && !self.early.contains(index);
        let first = (0..self.changes.len()).filter(ready).find(|index| !is_late(index));
        let next = first.or_else(|| {
            // A run that is cut short should leave too much alerting, not too little.
            let open = self
                .states
                .iter()
                .enumerate()
                .any(|(index, state)| !is_late(&index) && *state != State::Done);
            let failed = self.states.contains(&State::Failed);
            if open || failed || !idle {
                return None;
            }
            (0..self.changes.len()).find(ready)
        });
        if let Some(index) = next {
            self.states[index] = State::Running;
        }
        next
    }

    /// Notes that a change ended.
    pub fn finish(&mut self, index: usize, done: bool) {
        self.states[index] = if done { State::Done } else { State::Failed };
    }

    /// What was started and has not ended.
    pub fn running(&self) -> impl Iterator<Item = usize> {
        (0..self.changes.len()).filter(|index| self.states[*index] == State::Running)
    }

    /// What was never started, and why.
    pub fn waiting(&self) -> impl Iterator<Item = (usize, String)> {
        (0..self.changes.len()).filter(|index| self.states[*index] == State::Waiting).map(|index| {
            let blocker = self.dependencies(index).find(|dependency| self.states[*dependency] != State::Done);
            let reason = match blocker {
                Some(blocker) => format!("needs {}", self.changes[blocker].address),
                None => "deletes are not tried after a failure".to_owned(),
            };
            (index, reason)
        })
    }

    fn dependencies(&self, index: usize) -> impl Iterator<Item = usize> {
        self.changes[index].depends_on.iter().filter_map(|address| self.index.get(address).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::ResourceKind;
    use crate::model::Document;

    fn change(name: &str, action: Action, needs: &[&str]) -> Change {
        Change {
            address: Address::new(name, "k", None),
            kind: ResourceKind::Monitor,
            action,
            id: None,
            from: None,
            recreates: None,
            source: None,
            fields: Vec::new(),
            effect: Vec::new(),
            before: Document::new(),
            after: Document::new(),
            depends_on: needs.iter().map(|name| Address::new(name, "k", None)).collect(),
            parameters: BTreeMap::new(),
        }
    }

    fn run(changes: &[Change], fails: &str) -> Vec<String> {
        let mut schedule = Schedule::new(changes);
        let mut order = Vec::new();
        while let Some(index) = schedule.next(true) {
            let name = changes[index].address.subject().to_owned();
            schedule.finish(index, name != fails);
            order.push(name);
        }
        order
    }

    #[test]
    fn dependencies_come_first_and_deletes_last() {
        let changes = [
            change("gone", Action::Delete, &[]),
            change("composite", Action::Create, &["operand"]),
            change("operand", Action::Create, &[]),
        ];
        assert_eq!(run(&changes, ""), ["operand", "composite", "gone"]);
    }

    #[test]
    fn a_delete_that_makes_room_goes_before_what_takes_its_place() {
        let changes = [change("new", Action::Create, &["old"]), change("old", Action::Delete, &[])];
        assert_eq!(run(&changes, ""), ["old", "new"]);
    }

    #[test]
    fn what_must_go_before_an_early_delete_is_early_too() {
        let changes = [
            change("composite", Action::Delete, &[]),
            change("new", Action::Create, &["old"]),
            change("old", Action::Delete, &["composite"]),
        ];
        assert_eq!(run(&changes, ""), ["composite", "old", "new"]);
    }

    #[test]
    fn after_a_failure_dependents_and_deletes_are_left_out_and_the_rest_goes_on() {
        let changes = [
            change("a", Action::Create, &[]),
            change("b", Action::Create, &["a"]),
            change("c", Action::Update, &[]),
            change("d", Action::Delete, &[]),
        ];
        assert_eq!(run(&changes, "a"), ["a", "c"]);
    }
}
