//! The whole life of a pull request.

use super::support::{CART, COMPOSITE, EXAMPLE, World, comment_payload, pull_payload, seen, until};
use crate::double::Fault;

/// The schema, with another limit.
fn cart(limit: u32) -> String {
    CART.replace("500", &limit.to_string())
}

/// A pull request with this limit, which the service was told of; and its head.
fn open(world: &World, limit: u32) -> (u64, String) {
    let files = [("schemas/cart.avdl", &*cart(limit))];
    let number = world.pull(&files);
    let head = world.commit(&files);
    world.repository.push(number, &head);
    world.pull_event("opened", number, false);
    (number, head)
}

#[test]
fn from_opened_to_merged() {
    let world = World::new();
    let (number, first) = open(&world, 200);
    assert_eq!(world.answers(number).len(), 1, "{}", world.log());
    seen!("opened", world.seen(number, &first));

    let schema = cart(100);
    let second = world.commit(&[("schemas/cart.avdl", &schema)]);
    world.repository.push(number, &second);
    world.pull_event("synchronize", number, false);
    let answers = world.answers(number);
    assert_eq!(answers.len(), 1, "edited in place");
    seen!("pushed", world.seen(number, &second));

    let refused = world.say("jane", number, "esm prod register");
    assert_eq!(world.repository.reactions(refused), ["bellwether-bot eyes", "bellwether-bot -1"]);
    assert_eq!(world.writes(), [""; 0]);
    seen!("refused_without_review", world.answers(number)[1]);

    world.repository.review(number, "rita", "APPROVED", &second);
    let (comment, payload) = world.said("jane", number, "esm prod register");
    for (guid, answer) in [("guid-a", "accepted"), ("guid-a", "duplicate"), ("guid-b", "duplicate")] {
        assert_eq!(world.deliver_as(guid, "issue_comment", &payload), (202, answer.to_owned()));
    }
    world.settle();
    assert_eq!(world.repository.reactions(comment), ["bellwether-bot eyes", "bellwether-bot rocket"]);
    assert_eq!(world.writes(), ["POST /api/v1/monitor"], "{}", world.log());
    seen!("registered", world.seen(number, &second));

    // Edited later, it would run with the rights of then.
    let edited = comment_payload("edited", comment, "jane", number, "esm prod register --allow-deletes 9");
    assert_eq!(world.deliver_as("guid-c", "issue_comment", &edited), (202, "ignored".to_owned()));

    let merge = world.commit(&[("schemas/cart.avdl", &schema)]);
    world.repository.merge(number, &merge);
    world.pull_event("closed", number, true);
    assert_eq!(world.writes(), ["POST /api/v1/monitor"], "applied once");
    seen!("merged", world.answers(number).last().unwrap());
}

#[test]
fn a_github_app_does_the_same() {
    let world = World::as_app();
    let (number, head) = open(&world, 200);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.say("jane", number, "esm prod register");
    assert_eq!(world.writes(), ["POST /api/v1/monitor"], "{}", world.log());
    let authors: Vec<String> = world.repository.comments(number).into_iter().map(|c| c.author).collect();
    assert_eq!(authors, ["bellwether[bot]", "jane", "bellwether[bot]"]);
}

#[test]
fn a_ledger_that_was_lost_costs_a_second_look_and_nothing_else() {
    let mut world = World::new();
    let (number, head) = open(&world, 200);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.forget();
    world.say("jane", number, "esm prod register");
    assert_eq!(world.writes(), [""; 0]);
    world.say("jane", number, "esm prod register");
    assert_eq!(world.writes(), ["POST /api/v1/monitor"], "{}", world.log());
    assert_eq!(world.answers(number).len(), 3, "the plan, edited in place, and two answers");
}

#[test]
fn a_repository_that_cannot_be_opened_does_not_keep_others_waiting() {
    let mut world = World::new();
    world.github.fault(Fault::hung("GET", EXAMPLE));
    let mut other = pull_payload("opened", 1, false);
    other["repository"]["full_name"] = EXAMPLE.into();
    assert_eq!(world.deliver_as("guid-other", "pull_request", &other).0, 202);
    until("a call that hangs", || world.github.calls().iter().any(|call| call.contains(EXAMPLE)));

    assert!(world.get("/metrics").contains("bellwether_serve_queue 1\n"));
    let number = world.pull(&[("schemas/cart.avdl", &cart(200))]);
    let opened = pull_payload("opened", number, false);
    assert_eq!(world.deliver_as("guid-1", "pull_request", &opened).0, 202);
    until("a plan", || world.answers(number).len() == 1);
    // It still hangs, since it was not tried again.
    assert!(!world.log().contains("tried again later"), "{}", world.log());
    world.kill();
}

#[test]
fn the_rest_of_an_apply_that_failed_half_way_is_what_was_shown() {
    let world = World::new();
    let (number, head) = world.open(&[("schemas/cart.avdl", COMPOSITE)]);
    world.repository.review(number, "rita", "APPROVED", &head);
    // The composite, which comes last: when it is tried again, its operands have ids.
    world.datadog_faults(
        "[[rules]]\nmethod = \"POST\"\nroute = \"/api/v1/monitor\"\nstatus = 400\nafter = 2\ntimes = 1\n",
    );
    world.say("jane", number, "esm prod register");
    let said = world.answers(number).pop().unwrap();
    assert!(said.contains("2 of 3") && said.contains("do the same again"), "{said}");
    world.say("jane", number, "esm prod register");
    assert_eq!(world.writes(), ["POST /api/v1/monitor"; 3], "{:?}", world.answers(number).pop());
}
