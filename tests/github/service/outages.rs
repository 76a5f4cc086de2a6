//! GitHub is away, takes our token no longer, or loses answers; and the service is started anew in between.

use super::support::{CART, World, until};
use crate::TOKEN;
use crate::double::{Actor, Fault, Pull};

fn approved(world: &World) -> u64 {
    let head = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let number = world.repository.open(&Pull { head: &head, ..Pull::default() });
    world.repository.changes(number, &["schemas/cart.avdl"]);
    world.pull_event("opened", number, false);
    world.repository.review(number, "rita", "APPROVED", &head);
    number
}

fn results(world: &World, number: u64) -> usize {
    world.answers(number).iter().filter(|body| body.contains("### Applied to `prod`: 1 of 1")).count()
}

#[test]
fn what_was_applied_while_github_was_away_is_told_later_and_once() {
    let world = World::new();
    let number = approved(&world);
    world.github.fault(Fault::status("POST", &format!("/issues/{number}/comments"), 502).times(9));
    world.say("jane", number, "esm prod register");
    assert_eq!((world.writes().len(), results(&world, number)), (1, 1), "{}", world.log());
}

#[test]
fn an_answer_of_github_that_gets_lost_does_not_make_it_said_twice() {
    let world = World::new();
    let number = approved(&world);
    world.github.fault(Fault::lost("POST", &format!("/issues/{number}/comments")));
    world.say("jane", number, "esm prod register");
    assert_eq!((world.writes().len(), results(&world, number)), (1, 1), "{}", world.log());
}

#[test]
fn a_restart_between_the_apply_and_its_telling_tells_it_and_applies_nothing() {
    let mut world = World::new();
    let number = approved(&world);
    world.github.fault(Fault::status("POST", &format!("/issues/{number}/comments"), 502).times(60));
    let (_, payload) = world.said("jane", number, "esm prod register");
    assert_eq!(world.deliver_as("guid-1", "issue_comment", &payload).0, 202);
    until("an outage that is noticed", || world.log().contains("tried again later"));
    world.stop();
    assert_eq!((world.writes().len(), results(&world, number)), (1, 0), "{}", world.log());
    world.start();
    world.settle();
    assert_eq!((world.writes().len(), results(&world, number)), (1, 1), "{}", world.log());
    // Delivered once more after the restart, it is still known.
    assert_eq!(world.deliver_as("guid-1", "issue_comment", &payload), (202, "duplicate".to_owned()));
    assert_eq!(world.deliver_as("guid-2", "issue_comment", &payload), (202, "duplicate".to_owned()));
    world.settle();
    assert_eq!(world.writes().len(), 1);
}

#[test]
fn while_github_cannot_say_whether_it_is_approved_nothing_is_applied() {
    for path in ["/reviews", "/permission", "/check-runs", "/tarball", "/codeload"] {
        let world = World::new();
        let number = approved(&world);
        world.github.fault(Fault::status("GET", path, 502).times(200));
        let comment = world.say("jane", number, "esm prod register");
        assert_eq!(world.writes(), [""; 0], "{path}");
        assert_eq!(world.repository.reactions(comment).last().unwrap(), "bellwether-bot -1", "{path}");
        let said = world.answers(number).pop().unwrap();
        assert!(said.contains("**Failed.** Nothing was written"), "{path}: {said}");
    }
}

#[test]
fn a_revoked_token_keeps_the_work_until_there_is_a_new_one() {
    let mut world = World::new();
    let number = approved(&world);
    world.github.revoke(TOKEN);
    let (_, payload) = world.said("jane", number, "esm prod register");
    assert_eq!(world.deliver_as("guid-1", "issue_comment", &payload).0, 202);
    until("a refused token", || world.log().contains("job kept for the next start"));
    assert_eq!(
        (world.writes().len(), world.get("/health")),
        (0, "{\"status\":\"ok\",\"queue\":1}\n".to_owned())
    );
    assert!(world.log().contains("it may have expired or been revoked"));
    world.stop();
    world.github.token(TOKEN, Actor::User("bellwether-bot"));
    world.start();
    world.settle();
    assert_eq!((world.writes().len(), results(&world, number)), (1, 1), "{}", world.log());
}

#[test]
fn an_approval_that_was_taken_back_during_a_restart_counts() {
    let mut world = World::new();
    let number = approved(&world);
    world.github.revoke(TOKEN);
    let (_, payload) = world.said("jane", number, "esm prod register");
    assert_eq!(world.deliver_as("guid-1", "issue_comment", &payload).0, 202);
    until("a refused token", || world.log().contains("job kept for the next start"));
    world.stop();
    let head = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "1"))]);
    world.repository.push(number, &head);
    world.github.token(TOKEN, Actor::User("bellwether-bot"));
    world.start();
    world.settle();
    assert_eq!(world.writes(), [""; 0], "it is planned afresh, and never resumed blindly");
}

#[test]
fn a_delivery_that_the_service_was_away_for_is_done_at_the_next_start() {
    let mut world = World::new();
    let number = world.pull(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.github.fault(Fault::status("GET", "/repos/", 502).times(40));
    let payload = super::support::pull_payload("opened", number, false);
    assert_eq!(world.deliver_as("guid-1", "pull_request", &payload).0, 202);
    until("an outage that is noticed", || world.log().contains("tried again later"));
    world.stop();
    assert_eq!(world.answers(number), [""; 0]);
    world.start();
    world.settle();
    assert_eq!(world.answers(number).len(), 1, "{}", world.log());
}
