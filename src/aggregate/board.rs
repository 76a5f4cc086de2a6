//! The windows of all rules, and what was last told of each.

use std::sync::Arc;

use super::aggregator::{Closed, Recycler};
use super::ledger::Admission;
use super::publish::{Announcements, Publication};
use super::rule::Rule;
use super::window::{Pane, Window};

/// The windows of one aggregator's own counts.
#[derive(Debug, Default)]
pub struct Board {
    desks: Vec<Desk>,
}

/// One rule's.
#[derive(Debug)]
struct Desk {
    rule: Arc<Rule>,
    window: Window,
    announcements: Announcements,
    recycler: Recycler,
}

impl Board {
    /// Takes in a pane that has ended, and gives its rule.
    pub fn take(&mut self, closed: Closed) -> Arc<Rule> {
        let (rule, pane, recycler) = closed.into_parts();
        self.forget(pane.ended_at);
        let at = self.desks.iter().position(|desk| desk.rule.counts_as(&rule)).unwrap_or_else(|| {
            self.desks.push(Desk {
                rule: rule.clone(),
                window: Window::default(),
                announcements: Announcements::default(),
                recycler: recycler.clone(),
            });
            self.desks.len() - 1
        });
        let desk = &mut self.desks[at];
        if !desk.recycler.is_same(&recycler) {
            // The rule was gone for a while, in which nobody has counted.
            desk.window = Window::default();
        }
        (desk.rule, desk.recycler) = (rule.clone(), recycler);
        for left in desk.window.push(&rule, pane) {
            desk.recycler.recycle(left);
        }
        rule
    }

    /// The panes of all windows with their rules, each window oldest first.
    pub fn panes(&self) -> impl Iterator<Item = (&Arc<Rule>, &Pane)> {
        self.desks.iter().flat_map(|desk| desk.window.panes().map(|pane| (&desk.rule, pane)))
    }

    /// The newest pane of a rule.
    pub fn newest(&self, rule: &Rule) -> Option<&Pane> {
        self.desks.iter().find(|desk| desk.rule.counts_as(rule))?.window.panes().last()
    }

    /// What is to be published of a rule's own window; `extra` tags say whose it is, if others publish too, and then no
    /// event is told.
    pub fn publication(
        &mut self,
        rule: &Arc<Rule>,
        extra: &[String],
        admission: &mut impl Admission,
    ) -> Option<Publication> {
        let desk = self.desks.iter_mut().find(|desk| desk.rule.counts_as(rule))?;
        let announcements = extra.is_empty().then_some(&mut desk.announcements);
        Publication::of(rule, &desk.window, extra, announcements, admission)
    }

    /// Drops the windows of rules that have not counted for long.
    fn forget(&mut self, now: u64) {
        self.desks.retain(|desk| {
            let last = desk.window.panes().last().map_or(now, |pane| pane.ended_at);
            now.saturating_sub(last) <= 2 * desk.rule.window_seconds + desk.rule.pane_seconds
        });
    }
}
