//! Tests of the decision: every fact alone can keep a plan from being applied.

use serde_json::{Value, json};

use super::*;

const HEAD: &str = "4f2c9ab";

fn change(address: &str, action: &str, after: u64) -> Value {
    json!({"address": address, "kind": "monitor", "action": action, "id": 7, "source": null, "fields": [], "effect": [],
        "before": {"name": "a"}, "after": {"name": "a", "priority": after}, "depends_on": []})
}

fn plan(changes: Vec<Value>) -> Plan {
    let mut plan: Plan = serde_json::from_value(json!({
        "format_version": 1, "environment": "prod", "digest": "", "created_at": "2026-01-01T00:00:00Z",
        "summary": {"create": 0, "update": 0, "rename": 0, "adopt": 0, "replace": 0, "delete": 0, "unchanged": 0, "drifted": 0},
        "api_calls": {"read": 1, "write": 0},
        "budget": {"custom_metrics": 0, "limit": 500, "delta": 0, "monthly_cost": 0.0},
        "changes": changes, "deferred": [], "drift": [], "blocked": [], "diagnostics": []
    }))
    .unwrap();
    plan.count();
    plan
}

fn two() -> Plan {
    plan(vec![change("a.B/log_monitor", "update", 1), change("a.C/log_monitor", "delete", 2)])
}

fn review(by: &str, state: ReviewState) -> Review {
    Review { by: by.to_owned(), may_write: true, state, commit: HEAD.to_owned() }
}

/// Judges facts under which it is allowed, but for what `spoil` does to them.
fn judged(spoil: impl FnOnce(&mut Facts<'_>)) -> Result<Allowed, Vec<Missing>> {
    let (shown, fresh) = (two(), two());
    let reviews = [review("rita", ReviewState::Approved)];
    let checks = [Check { name: "ci".to_owned(), state: CheckState::Green }];
    let rule = Register { approvals: 1, checks: true };
    let mut facts = Facts {
        by: "jane",
        may_write: true,
        pull: Pull { state: PullState::Open, is_fork: false, author: "jane", head: HEAD },
        shown: Some(Shown { head: HEAD, is_older_than_the_request: true, plan: &shown }),
        reviews: &reviews,
        checks: &checks,
        rule: &rule,
        fresh: &fresh,
    };
    spoil(&mut facts);
    judge(&facts)
}

fn with_reviews(reviews: &[Review]) -> Result<Allowed, Vec<Missing>> {
    let (shown, fresh, rule) = (two(), two(), Register { approvals: 1, checks: true });
    judge(&Facts {
        by: "jane",
        may_write: true,
        pull: Pull { state: PullState::Open, is_fork: false, author: "jane", head: HEAD },
        shown: Some(Shown { head: HEAD, is_older_than_the_request: true, plan: &shown }),
        reviews,
        checks: &[],
        rule: &rule,
        fresh: &fresh,
    })
}

fn approvals(found: u64, older: &[&str], readers: &[&str]) -> Missing {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Missing::Approvals { found, wanted: 1, older: owned(older), readers: owned(readers) }
}

#[test]
fn what_is_approved_green_and_unchanged_is_allowed() {
    assert_eq!(judged(|_| {}), Ok(Allowed { fell_away: Vec::new() }));
}

#[test]
fn each_fact_alone_keeps_it_back() {
    let only = |missing: Missing| Err(vec![missing]);
    assert_eq!(judged(|facts| facts.may_write = false), only(Missing::Permission("jane".to_owned())));
    assert_eq!(judged(|facts| facts.pull.is_fork = true), only(Missing::Fork));
    assert_eq!(judged(|facts| facts.pull.state = PullState::Closed), only(Missing::Closed));
    assert_eq!(judged(|facts| facts.shown = None), only(Missing::Plan));
    assert_eq!(judged(|facts| facts.reviews = &[]), only(approvals(0, &[], &[])));
    let moved = Missing::Moved { from: "91d03be".to_owned(), to: HEAD.to_owned() };
    let unseen = |facts: &mut Facts<'_>| facts.shown.as_mut().unwrap().is_older_than_the_request = false;
    assert_eq!(judged(unseen), only(Missing::Unseen));
    assert_eq!(judged(|facts| facts.shown.as_mut().unwrap().head = "91d03be"), only(moved));
    let checks = [
        Check { name: "lint".to_owned(), state: CheckState::Pending },
        Check { name: "test".to_owned(), state: CheckState::Failed },
    ];
    let missing = Missing::Checks { failed: vec!["test".to_owned()], pending: vec!["lint".to_owned()] };
    let plan = two();
    let facts = |checks: &[Check], rule: &Register| {
        judge(&Facts {
            by: "jane",
            may_write: true,
            pull: Pull { state: PullState::Open, is_fork: false, author: "jane", head: HEAD },
            shown: Some(Shown { head: HEAD, is_older_than_the_request: true, plan: &plan }),
            reviews: &[],
            checks,
            rule,
            fresh: &plan,
        })
    };
    assert_eq!(facts(&checks, &Register { approvals: 0, checks: true }), only(missing));
    assert!(facts(&checks, &Register { approvals: 0, checks: false }).is_ok());
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let missing = judged(|facts| {
        facts.may_write = false;
        facts.reviews = &[];
        facts.shown = None;
    });
    assert_eq!(missing.unwrap_err().len(), 3);
}

#[test]
fn only_the_latest_review_of_the_head_by_another_writer_is_an_approval() {
    use ReviewState::{Approved, ChangesRequested, Comment, Dismissed};
    let older = Review { commit: "91d03be".to_owned(), ..review("rita", Approved) };
    let reader = Review { may_write: false, ..review("rolf", Approved) };
    let rows: &[(&[Review], Result<(), Missing>)] = &[
        (&[review("jane", Approved)], Err(approvals(0, &[], &[]))),
        (&[review("JANE", Approved)], Err(approvals(0, &[], &[]))),
        (std::slice::from_ref(&older), Err(approvals(0, &["rita"], &[]))),
        (&[reader], Err(approvals(0, &[], &["rolf"]))),
        (&[review("rita", Approved), review("rita", Dismissed)], Err(approvals(0, &[], &[]))),
        (&[review("rita", Approved), review("rita", Comment)], Ok(())),
        (&[review("rita", ChangesRequested), review("rita", Approved)], Ok(())),
        (&[older.clone(), review("rita", Approved)], Ok(())),
        (
            &[review("rita", Approved), review("otto", ChangesRequested)],
            Err(Missing::ChangesRequested(vec!["otto".to_owned()])),
        ),
    ];
    for (reviews, expected) in rows {
        let found = with_reviews(reviews).map(drop).map_err(|mut missing| missing.remove(0));
        assert_eq!(found, *expected, "{reviews:?}");
    }
}

#[test]
fn a_merge_is_its_own_approval() {
    let merged = judged(|facts| {
        facts.pull.state = PullState::Merged;
        facts.pull.is_fork = true;
        facts.reviews = &[];
    });
    assert!(merged.is_ok());
}

#[test]
fn a_plan_may_do_less_than_what_was_shown_and_never_more() {
    let address = |text: &str| Address::parse(text).unwrap();
    let less = plan(vec![change("a.B/log_monitor", "update", 1)]);
    assert_eq!(subset(&two(), &less), Ok(vec![(Action::Delete, address("a.C/log_monitor"))]));
    assert_eq!(subset(&less, &two()), Err(vec![(Action::Delete, address("a.C/log_monitor"))]));
    let other = plan(vec![change("a.B/log_monitor", "update", 3)]);
    assert_eq!(subset(&two(), &other), Err(vec![(Action::Update, address("a.B/log_monitor"))]));
    let mut elsewhere = two();
    elsewhere.environment = "staging".to_owned();
    assert!(subset(&two(), &elsewhere).is_err());
    let (mut one, mut other) = (two(), two());
    (one.organisation, other.organisation) = (Some(1), Some(2));
    assert!(subset(&one, &other).is_err());
}

#[test]
fn guards_and_rejections_stand_in_the_way() {
    let mut fresh = two();
    fresh.blocked.push(crate::plan::Blocked {
        guard: "max_deletes".to_owned(),
        address: None,
        message: "25 deletes".to_owned(),
        help: "--allow-deletes 25".to_owned(),
    });
    let mut missing = Vec::new();
    judge_plan(&fresh, &mut missing);
    assert!(matches!(&missing[..], [Missing::Guard { guard, .. }] if guard == "max_deletes"));
}

#[test]
fn what_waited_for_its_metric_when_it_was_shown_is_no_more_than_was_shown() {
    let mut shown = two();
    let waited = plan(vec![change("a.C/log_monitor", "update", 3)]).changes;
    shown.deferred = waited.clone();
    let mut fresh = two();
    fresh.changes[1] = waited[0].clone();
    fresh.changes[1].before = Default::default();
    assert!(subset(&shown, &fresh).is_ok());
    fresh.changes[1] = plan(vec![change("a.C/log_monitor", "update", 4)]).changes.remove(0);
    assert_eq!(subset(&shown, &fresh), Err(vec![(Action::Update, waited[0].address.clone())]));
}
