//! What GitHub could not deliver is asked for again, by an App.

use serde_json::{Value, json};

use super::support::{CART, World, pull_payload, until};
use crate::double::{Fault, time};

/// A delivery that did not arrive, as GitHub's list has it.
fn lost(id: u64, guid: &str, event: &str, payload: &Value) -> Value {
    json!({"id": id, "guid": guid, "delivered_at": time(id), "redelivery": false, "status": "Bad Gateway",
        "status_code": 502, "event": event, "action": null, "installation_id": 7, "payload": payload})
}

/// The same, of something that the service passes over.
fn idle(id: u64, guid: &str) -> Value {
    lost(id, guid, "pull_request", &pull_payload("labeled", 1, false))
}

fn with(mut delivery: Value, field: &str, value: Value) -> Value {
    delivery[field] = value;
    delivery
}

/// The numbers of the deliveries that GitHub was asked for again, in this order.
fn asked(world: &World) -> Vec<u64> {
    let writes = world.github.writes();
    let numbers = writes.iter().filter_map(|call| call.strip_suffix("/attempts")?.rsplit('/').next());
    numbers.map(|number| number.parse().unwrap()).collect()
}

/// How often the list was asked for.
fn pages(world: &World) -> usize {
    world.github.calls().iter().filter(|call| *call == "GET /app/hook/deliveries").count()
}

fn times(world: &World, event: &str) -> usize {
    world.log().matches(&format!("\"event\":\"{event}\"")).count()
}

fn pull(world: &World) -> u64 {
    world.pull(&[("schemas/cart.avdl", &CART.replace("500", "200"))])
}

/// How many comments the App has written.
fn comments(world: &World, number: u64) -> usize {
    world.repository.comments(number).iter().filter(|comment| comment.author == "bellwether[bot]").count()
}

#[test]
fn what_the_service_was_away_for_is_done_after_its_start() {
    let mut world = World::as_app();
    world.stop();
    let number = pull(&world);
    let (_, help) = world.said("jane", number, "esm help");
    let opened = lost(1, "guid-1", "pull_request", &pull_payload("opened", number, false));
    world.github.deliveries(vec![lost(2, "guid-2", "issue_comment", &help), opened]);
    world.start();
    world.settle();
    assert_eq!(asked(&world), [1, 2], "in the order of what happened");
    assert_eq!(comments(&world, number), 2, "a plan and an answer: {}", world.log());
    assert!(world.get("/metrics").contains("redeliveries_total{result=\"accepted\"} 2\n"));
    let log = world.log();
    assert!(log.contains(
        "\"event\":\"asked for again\",\"delivery\":\"guid-1\",\"kind\":\"pull_request\",\"attempts\":\"1\""
    ));
    world.sweep();
    assert_eq!(asked(&world).len(), 2);
}

#[test]
fn a_missed_command_that_comes_more_than_once_is_done_once() {
    let mut world = World::as_app();
    let head = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let number = pull(&world);
    world.repository.push(number, &head);
    world.pull_event("opened", number, false);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.stop();
    let (_, register) = world.said("jane", number, "esm prod register");
    world.github.deliveries(vec![lost(1, "guid-1", "issue_comment", &register)]);
    // GitHub does what it was asked for, and nobody hears of it.
    world.github.fault(Fault::lost("POST", "/attempts"));
    world.start();
    assert_eq!(times(&world, "sweep failed"), 1);
    world.sweep();
    for guid in ["guid-1", "guid-2"] {
        assert_eq!(world.deliver_as(guid, "issue_comment", &register), (202, "duplicate".to_owned()));
    }
    world.settle();
    assert_eq!(asked(&world), [1]);
    assert_eq!(world.writes(), ["POST /api/v1/monitor"], "{}", world.log());
}

#[test]
fn only_what_was_never_taken_is_asked_for() {
    let mut world = World::as_app();
    assert_eq!(world.deliver_as("guid-known", "pull_request", &pull_payload("opened", 99, false)).0, 202);
    world.settle();
    world.stop();
    let young = json!("2026-01-01T11:59:30Z");
    let mut list = vec![
        with(idle(28, "guid-young"), "delivered_at", young.clone()),
        with(idle(27, "guid-often"), "delivered_at", young),
        idle(26, "guid-missed"),
        with(idle(25, "guid-answered"), "status_code", json!(202)),
        // GitHub did not wait for the answer, and does not know that it was taken.
        with(idle(24, "guid-known"), "status_code", json!(504)),
        lost(23, "guid-star", "star", &json!({})),
        lost(22, "guid-ping", "ping", &json!({})),
        lost(21, "guid-installation", "installation", &json!({})),
        idle(20, "guid-answered"),
    ];
    list.extend((12..16).rev().map(|id| idle(id, "guid-often")));
    list.extend((7..10).rev().map(|id| idle(id, "guid-missed")));
    list.push(with(idle(1, "guid-old"), "delivered_at", json!("2025-12-29T11:59:59Z")));
    world.github.deliveries(list);
    world.start();
    assert_eq!(asked(&world), [26], "four attempts are not too many");
    world.sweep();
    assert_eq!(asked(&world), [26, 28], "one minute later it is not under way any more");
    world.sweep();
    world.sweep();
    assert_eq!(asked(&world), [26, 28]);
    assert_eq!(times(&world, "given up"), 1, "{}", world.log());
}

#[test]
fn what_is_answered_wrongly_each_time_is_given_up() {
    let mut world = World::as_app();
    world.stop();
    world.github.deliveries(vec![lost(1, "guid-1", "pull_request", &json!({}))]);
    world.start();
    for _ in 0..6 {
        world.sweep();
    }
    assert_eq!(asked(&world).len(), 4, "five attempts with the first");
    assert_eq!(times(&world, "given up"), 1);
    // Nor does a service that starts anew begin from the beginning.
    world.stop();
    world.start();
    assert_eq!(asked(&world).len(), 4);
}

#[test]
fn an_outage_of_github_ends_a_sweep_and_not_the_service() {
    let mut world = World::as_app();
    world.stop();
    world.github.deliveries(vec![idle(3, "guid-3"), idle(2, "guid-2"), idle(1, "guid-1")]);
    world.github.fault(Fault::status("GET", "/app/hook/deliveries", 502).times(4));
    world.start();
    assert_eq!((asked(&world).len(), times(&world, "sweep failed")), (0, 1), "{}", world.log());
    // It goes away in the middle; what was behind that is asked for by the next sweep.
    world.github.fault(Fault::status("POST", "/2/attempts", 401));
    world.sweep();
    assert_eq!((asked(&world), times(&world, "sweep failed")), (vec![1, 2], 2), "{}", world.log());
    // It will not have one of them again.
    world.github.fault(Fault::status("POST", "/2/attempts", 422));
    world.sweep();
    assert_eq!((asked(&world), times(&world, "sweep failed")), (vec![1, 2, 2, 3], 2));
    assert_eq!(times(&world, "not delivered again"), 1);
    world.sweep();
    assert_eq!(asked(&world).len(), 4);
    let metrics = world.get("/metrics");
    assert!(metrics.contains("redeliveries_total{result=\"accepted\"} 2\n"), "{metrics}");
    assert!(metrics.contains("redeliveries_total{result=\"refused\"} 1\n"), "{metrics}");
}

#[test]
fn a_delivery_that_github_cannot_send_does_not_keep_newer_ones_from_being_asked_for() {
    let mut world = World::as_app();
    world.stop();
    world.github.deliveries(vec![idle(3, "guid-3"), idle(2, "guid-2"), idle(1, "guid-1")]);
    world.github.fault(Fault::status("POST", "/1/attempts", 502).times(2));
    world.github.fault(Fault::status("POST", "/2/attempts", 403));
    world.start();
    assert_eq!((asked(&world), times(&world, "sweep failed")), (vec![1, 2, 3], 1), "{}", world.log());
    assert!(world.log().contains("/1/attempts`: 502"), "the first error is told: {}", world.log());
    world.sweep();
    assert_eq!((asked(&world), times(&world, "sweep failed")), (vec![1, 2, 3, 1, 2], 2), "{}", world.log());
    world.sweep();
    assert_eq!(
        (asked(&world), times(&world, "sweep failed")),
        (vec![1, 2, 3, 1, 2, 1], 2),
        "{}",
        world.log()
    );
    world.sweep();
    assert_eq!(asked(&world).len(), 6, "all are settled");
}

#[test]
fn a_limit_that_is_reached_ends_a_sweep() {
    let mut world = World::as_app();
    world.stop();
    world.github.deliveries(vec![idle(2, "guid-2"), idle(1, "guid-1")]);
    world.github.fault(Fault::status("POST", "/1/attempts", 403).header("retry-after", "3600"));
    world.start();
    assert_eq!((asked(&world), times(&world, "sweep failed")), (vec![1], 1), "{}", world.log());
    world.sweep();
    assert_eq!((asked(&world), times(&world, "sweep failed")), (vec![1, 1, 2], 1), "{}", world.log());
}

#[test]
fn the_list_is_read_as_far_as_it_has_to_be() {
    let mut world = World::as_app();
    world.stop();
    let answered = |id: u64| with(idle(id, &format!("guid-{id}")), "status_code", json!(202));
    let old = |id: u64| with(idle(id, &format!("guid-{id}")), "delivered_at", json!("2025-12-01T00:00:00Z"));
    let mut list = vec![answered(9), answered(8), answered(7), idle(6, "guid-6"), answered(5), old(4)];
    list.extend([old(3), old(2), old(1)]);
    world.github.deliveries(list);
    world.github.pages_of(2);
    let before = pages(&world);
    world.start();
    assert_eq!((asked(&world), pages(&world) - before), (vec![6], 3), "no further than three days");
    world.sweep();
    assert_eq!((asked(&world), pages(&world) - before), (vec![6], 6), "what became of it");
    // Now all of these are settled; a new one is not.
    world.github.deliveries(vec![idle(2000, "guid-new"), answered(9), answered(8), answered(7)]);
    world.sweep();
    assert_eq!((asked(&world), pages(&world) - before), (vec![6, 2000], 7));
    // Of very many, the newest.
    world.stop();
    world.github.pages_of(1);
    world.github.deliveries((0..40).rev().map(answered).collect());
    let before = pages(&world);
    world.start();
    assert_eq!((pages(&world) - before, times(&world, "sweep incomplete")), (30, 1));
}

#[test]
fn a_sweep_that_is_under_way_does_not_keep_the_service_from_stopping() {
    let mut world = World::as_app();
    world.github.fault(Fault::hung("GET", "/app/hook/deliveries"));
    let before = pages(&world);
    world.begin_sweep();
    until("a call that hangs", || pages(&world) > before);
    assert!(world.stop_at_once());
    world.start();
    assert!(world.stop_at_once(), "in the pause");
}

#[test]
fn with_a_token_there_is_nothing_to_ask() {
    let mut world = World::new();
    world.stop();
    let number = pull(&world);
    let opened = pull_payload("opened", number, false);
    world.github.deliveries(vec![lost(1, "guid-1", "pull_request", &opened)]);
    world.start();
    world.pull_event("synchronize", number, false);
    assert_eq!(world.answers(number).len(), 1);
    assert!(!world.github.calls().iter().any(|call| call.contains("/app/")), "{:?}", world.github.calls());
}
