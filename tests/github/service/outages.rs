//! GitHub is away, takes our token no longer, or loses answers; and the service is started anew in between.

use serde_json::{Value, json};

use super::support::{CART, World, seen, until};
use crate::TOKEN;
use crate::double::{Actor, Fault, Pull};

fn approved(world: &World) -> u64 {
    approved_head(world).0
}

fn approved_head(world: &World) -> (u64, String) {
    let head = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let number = world.repository.open(&Pull { head: &head, ..Pull::default() });
    world.repository.changes(number, &["schemas/cart.avdl"]);
    world.pull_event("opened", number, false);
    world.repository.review(number, "rita", "APPROVED", &head);
    (number, head)
}

/// Asks for a register, and does not wait for it.
fn ask(world: &World, number: u64) -> Value {
    let (_, payload) = world.said("jane", number, "esm prod register");
    assert_eq!(world.deliver_as("guid-1", "issue_comment", &payload).0, 202);
    payload
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
    let payload = ask(&world, number);
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
    ask(&world, number);
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
    ask(&world, number);
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

/// Every read fails, so often.
fn away(times: u32) -> String {
    format!("[[rules]]\nmethod = \"GET\"\nstatus = 503\ntimes = {times}\n")
}

#[test]
fn a_plan_is_made_when_datadog_is_back_and_until_then_the_check_says_so() {
    let world = World::new();
    let number = world.pull(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let head = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.repository.push(number, &head);
    world.datadog_faults(&away(9));
    // The answer to the second check gets lost.
    world.github.fault(Fault::lost("POST", "/check-runs").after(1));
    world.pull_event("opened", number, false);
    let titles: Vec<String> =
        world.repository.check_runs(&head).iter().map(|run| run.output["title"].to_string()).collect();
    assert_eq!(titles, ["\"No plan\"", "\"1 create\""], "{}", world.log());
    let answers = world.answers(number);
    assert_eq!(answers.len(), 1);
    assert!(answers[0].contains("esm prod register"), "{answers:?}");
}

#[test]
fn a_plan_that_datadog_does_not_answer_for_long_is_not_waited_for() {
    let world = World::new();
    let number = world.pull(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.datadog_faults(&away(1_000));
    world.pull_event("opened", number, false);
    let answers = world.answers(number);
    assert!(answers.len() == 1 && answers[0].contains("try again later\n"), "{answers:?}");
}

#[test]
fn what_was_merged_while_datadog_was_away_is_applied_when_it_is_back() {
    let world = World::new();
    let number = approved(&world);
    let merge = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.repository.merge(number, &merge);
    world.datadog_faults(&away(60));
    world.pull_event("closed", number, true);
    assert_eq!((world.writes().len(), results(&world, number)), (1, 1), "{}", world.log());
}

#[test]
fn what_was_merged_while_datadog_was_away_for_long_can_be_asked_for() {
    let world = World::new();
    let number = approved(&world);
    let merge = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.repository.merge(number, &merge);
    world.datadog_faults(&away(10_000));
    world.pull_event("closed", number, true);
    seen!("merged_while_away", world.answers(number).pop().unwrap());
    until("the failure is counted", || world.get("/metrics").contains("jobs_total{result=\"failed\"} 1"));
    world.datadog_faults("");
    world.say("jane", number, "esm prod register");
    assert_eq!((world.writes().len(), results(&world, number)), (1, 1), "{}", world.log());
}

#[test]
fn what_a_service_that_was_killed_had_begun_is_not_told_as_never_written() {
    let mut world = World::new();
    let number = approved(&world);
    world.datadog_faults("[[rules]]\nmethod = \"POST\"\nroute = \"/api/v1/monitor\"\ndelay_ms = 60000\n");
    ask(&world, number);
    until("an apply", || world.log().contains("\"event\":\"apply\""));
    world.kill();
    let head = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "1"))]);
    world.repository.push(number, &head);
    world.datadog_faults("");
    world.start();
    world.settle();
    seen!("begun_before_a_restart", world.answers(number).pop().unwrap());
}

#[test]
fn a_mistake_of_ours_is_told_and_with_what_it_may_have_written() {
    let (mut before, mut within) = (0, 0);
    for calls in 1..20 {
        let world = World::new();
        let number = approved(&world);
        world.panic_after(calls);
        let comment = world.say("jane", number, "esm prod register");
        if results(&world, number) == 1 {
            break;
        }
        assert_eq!(world.repository.reactions(comment).last().unwrap(), "bellwether-bot -1");
        let said = world.answers(number).pop().unwrap();
        assert!(said.contains("bellwether itself failed"), "{said}");
        let is_begun = said.contains("a part of it may be live in `prod`");
        assert!(is_begun || (world.writes().is_empty() && said.contains("Nothing was written")), "{said}");
        *(if is_begun { &mut within } else { &mut before }) += 1;
    }
    assert!(before > 0 && within > 0, "{before} {within}");
}

#[test]
fn where_the_result_cannot_be_a_comment_the_check_tells_it() {
    let world = World::new();
    let (number, head) = approved_head(&world);
    let locked = format!("/issues/{number}/comments");
    world.github.fault(Fault::status("POST", &locked, 403).times(9));
    world.say("jane", number, "esm prod register");
    let runs = world.repository.check_runs(&head);
    assert_eq!(runs.last().unwrap().output["title"], "Applied 1 of 1", "{}", world.log());
}

#[test]
fn what_was_asked_for_long_before_the_service_came_back_is_not_done() {
    let world = World::new();
    let number = approved(&world);
    let (_, mut payload) = world.said("jane", number, "esm prod register");
    payload["comment"]["created_at"] = json!("2026-01-01T10:59:59Z");
    world.deliver("issue_comment", &payload);
    assert_eq!(world.writes(), [""; 0]);
    seen!("asked_for_long_ago", world.answers(number).pop().unwrap());
}

#[test]
fn a_pull_request_that_github_does_not_answer_for_keeps_nobody_waiting() {
    let mut world = World::new();
    let head = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "1"))]);
    let number = world.repository.open(&Pull { head: &head, ..Pull::default() });
    world.repository.changes(number, &["schemas/cart.avdl"]);
    world.github.fault(Fault::status("GET", &format!("/tarball/{head}"), 502).times(1_000_000));
    let payload = super::support::pull_payload("opened", number, false);
    assert_eq!(world.deliver_as("guid-1", "pull_request", &payload).0, 202);
    until("a check that says so", || !world.repository.check_runs(&head).is_empty());
    assert_eq!(world.repository.check_runs(&head)[0].output["title"], "No plan");
    let next = world.pull(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let payload = super::support::pull_payload("opened", next, false);
    assert_eq!(world.deliver_as("guid-2", "pull_request", &payload).0, 202);
    until("the next one's plan", || world.answers(next).len() == 1);
    world.stop();
    assert!(world.log().contains("set aside"));
}

#[test]
fn changed_files_that_github_does_not_list_for_long_are_told_in_the_check() {
    for status in [502, 404] {
        let mut world = World::new();
        let number = world.pull(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
        let head = world.repository.pull(number)["head"]["sha"].as_str().unwrap().to_owned();
        world.github.fault(Fault::status("GET", &format!("/pulls/{number}/files"), status).times(1_000_000));
        let payload = super::support::pull_payload("opened", number, false);
        assert_eq!(world.deliver_as("guid-1", "pull_request", &payload).0, 202);
        until("a check that says so", || !world.repository.check_runs(&head).is_empty());
        assert_eq!(world.repository.check_runs(&head)[0].output["title"], "No plan");
        world.stop();
    }
}
