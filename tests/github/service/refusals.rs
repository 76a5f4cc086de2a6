//! What keeps a pull request from being applied. Nothing is ever written to Datadog here.

use super::support::{CART, World, comment_payload, seen};
use crate::double::Pull;

/// A pull request that is planned and approved; with its head.
fn approved(world: &World) -> (u64, String) {
    let (number, head) = planned(world);
    world.repository.review(number, "rita", "APPROVED", &head);
    (number, head)
}

fn planned(world: &World) -> (u64, String) {
    let schema = CART.replace("500", "200");
    let head = world.commit(&[("schemas/cart.avdl", &schema)]);
    let number = world.repository.open(&Pull { head: &head, ..Pull::default() });
    world.repository.changes(number, &["schemas/cart.avdl"]);
    world.pull_event("opened", number, false);
    (number, head)
}

/// Asks for it; it is refused, and this is the answer.
#[track_caller]
fn refused(world: &World, who: &str, number: u64) -> String {
    let comment = world.say(who, number, "esm prod register");
    let reactions = world.repository.reactions(comment);
    assert_eq!(reactions.last().map(String::as_str), Some("bellwether-bot -1"), "{}", world.log());
    assert_eq!(world.writes(), [""; 0]);
    world.answers(number).pop().unwrap()
}

#[test]
fn somebody_who_may_only_read() {
    let world = World::new();
    let (number, _) = approved(&world);
    seen!("reader", refused(&world, "rolf", number));
    let comment = world.say("rolf", number, "esm plan");
    assert_eq!(world.repository.reactions(comment), ["bellwether-bot eyes", "bellwether-bot -1"]);
}

#[test]
fn a_push_between_the_comment_and_the_apply() {
    let world = World::new();
    let (number, _) = approved(&world);
    let (comment, payload) = world.said("jane", number, "esm prod register");
    let moved = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "1"))]);
    world.repository.push(number, &moved);
    world.deliver("issue_comment", &payload);
    assert_eq!(world.repository.reactions(comment).last().unwrap(), "bellwether-bot -1");
    assert_eq!(world.writes(), [""; 0]);
    seen!("pushed_after_the_comment", world.seen(number, &moved));
    // The approval was for the commit before.
    seen!("approval_of_an_older_commit", refused(&world, "jane", number));
}

#[test]
fn a_push_while_it_is_being_decided() {
    let world = World::new();
    let (number, _) = approved(&world);
    let moved = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "1"))]);
    world.repository.push_when("/reviews", number, &moved);
    seen!("pushed_while_it_is_decided", refused(&world, "jane", number));
    let plan = &world.answers(number)[0];
    assert!(plan.contains("as_count() < 1\n"), "the new one: {plan}");
}

#[test]
fn a_push_whose_plan_is_newer_than_the_comment() {
    let world = World::new();
    let (number, _) = approved(&world);
    let (_, payload) = world.said("jane", number, "esm prod register");
    let moved = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "1"))]);
    world.repository.push(number, &moved);
    world.repository.review(number, "rita", "APPROVED", &moved);
    // The delivery of the push overtakes that of the comment.
    world.pull_event("synchronize", number, false);
    world.deliver("issue_comment", &payload);
    assert_eq!(world.writes(), [""; 0]);
    seen!("plan_newer_than_the_comment", world.answers(number).pop().unwrap());
}

#[test]
fn approvals_that_are_none() {
    let world = World::new();
    let (number, head) = planned(&world);
    world.repository.review(number, "jane", "APPROVED", &head);
    world.repository.review(number, "rolf", "APPROVED", &head);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.repository.review(number, "rita", "CHANGES_REQUESTED", &head);
    seen!("approvals_that_are_none", refused(&world, "jane", number));
}

#[test]
fn checks_that_are_not_green() {
    let world = World::new();
    let (number, head) = approved(&world);
    world.repository.check_run_of("actions", &head, "test `@everyone`", Some("failure"));
    world.repository.check_run_of("actions", &head, "lint", None);
    world.repository.status(&head, "ci/build", "pending");
    seen!("checks_that_are_not_green", refused(&world, "jane", number));
}

#[test]
fn more_than_what_was_shown() {
    let world = World::new();
    let (number, _) = approved(&world);
    // The other pull request is merged, and its schemas ask for more than was shown here.
    let more = CART.replace("Shop", "More").replace("AddToCartEvent", "RefundEvent");
    let merged = world.commit(&[("schemas/cart.avdl", CART), ("schemas/more.avdl", &more)]);
    world.repository.branch("main", &merged);
    seen!("more_than_was_shown", refused(&world, "jane", number));
}

#[test]
fn an_edit_in_datadog_after_the_plan_was_shown() {
    let world = World::new();
    // What the default branch asks for is live.
    world.first_push();
    assert_eq!(world.writes(), ["POST /api/v1/monitor"]);
    let (number, _) = approved(&world);
    world.edit_in_datadog(|monitor| {
        let query = monitor["query"].as_str().unwrap().replace("< 500", "< 450");
        monitor["query"] = query.into();
        monitor["options"]["thresholds"]["critical"] = 450.into();
    });
    let comment = world.say("jane", number, "esm prod register");
    assert_eq!(world.repository.reactions(comment).last().unwrap(), "bellwether-bot -1");
    assert_eq!(world.writes(), ["POST /api/v1/monitor", "PUT /api/v1/monitor"], "{}", world.log());
    seen!("edited_in_datadog", world.answers(number).pop().unwrap());
}

#[test]
fn a_closed_pull_request_is_left_alone() {
    let world = World::new();
    let (number, _) = approved(&world);
    world.repository.close(number);
    let before = world.answers(number);
    let comment = world.say("jane", number, "esm prod register");
    assert_eq!(world.repository.reactions(comment), [""; 0]);
    assert_eq!((world.answers(number), world.writes()), (before, Vec::new()));
}

#[test]
fn a_plan_that_nobody_has_seen() {
    let world = World::new();
    let head = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let number = world.repository.open(&Pull { head: &head, ..Pull::default() });
    world.repository.changes(number, &["schemas/cart.avdl"]);
    world.repository.review(number, "rita", "APPROVED", &head);
    seen!("never_planned", refused(&world, "jane", number));
    assert_eq!(world.answers(number).len(), 2, "the plan, and the refusal");
    // Now it was seen.
    world.say("jane", number, "esm prod register");
    assert_eq!(world.writes(), ["POST /api/v1/monitor"]);
}

#[test]
fn a_file_that_both_sides_changed() {
    let world = World::new();
    let old = world.commit(&[]);
    let (number, head) = approved(&world);
    world.repository.left_at(&head, &old);
    let merged = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "300"))]);
    world.repository.branch("main", &merged);
    seen!("changed_on_both_sides", refused(&world, "jane", number));
}

#[test]
fn a_comment_that_is_edited_into_a_command() {
    let world = World::new();
    let (number, _) = approved(&world);
    let (id, _) = world.said("jane", number, "looks good");
    let edited = comment_payload("edited", id, "jane", number, "esm prod register");
    assert_eq!(world.deliver_as("guid-1", "issue_comment", &edited), (202, "ignored".to_owned()));
    world.settle();
    assert_eq!(world.writes(), [""; 0]);
}
