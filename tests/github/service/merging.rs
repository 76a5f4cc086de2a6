//! What is merged, pushed and closed.

use super::support::{CART, World, push_payload, seen};
use crate::double::{Fault, Pull};

/// A schema with so many monitors.
fn many(count: usize) -> String {
    let record = |n: usize| {
        format!("  @traffic_threshold_monitor({{\"below\": 5}})\n  record Event{n} {{ string id; }}\n")
    };
    let records: String = (0..count).map(record).collect();
    format!("@namespace(\"com.example\")\nprotocol Many {{\n{records}}}\n")
}

/// The schema with its record renamed.
fn renamed() -> String {
    let renamed = CART.replace("@traffic", "@aliases([\"OldEvent\"])\n  @traffic");
    renamed.replace("AddToCartEvent", "CartEvent").replace("OldEvent", "AddToCartEvent")
}

#[test]
fn a_merge_applies_what_was_planned_once() {
    let world = World::new();
    let (number, head) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.repository.merge(number, &head);
    // The push of the merge is the pull request's.
    world.deliver("push", &push_payload("refs/heads/main", &"b".repeat(40), &head));
    assert_eq!(world.writes(), [""; 0]);
    world.pull_event("closed", number, true);
    assert_eq!(world.writes(), ["POST /api/v1/monitor"]);
    let payload = super::support::pull_payload("closed", number, true);
    assert_eq!(world.deliver_as("guid-1", "pull_request", &payload), (202, "duplicate".to_owned()));
    world.settle();
    assert_eq!(world.writes(), ["POST /api/v1/monitor"]);
    seen!("merge_applied", world.seen(number, &head));
}

#[test]
fn a_merge_that_asks_for_other_than_was_shown_waits_for_a_word() {
    let world = World::new();
    let (number, _) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let merge = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "100"))]);
    world.repository.merge(number, &merge);
    world.pull_event("closed", number, true);
    assert_eq!(world.writes(), [""; 0]);
    seen!("merge_of_other", world.answers(number).pop().unwrap());
    world.say("rolf", number, "esm prod register");
    assert_eq!(world.writes(), [""; 0]);
    world.say("jane", number, "esm prod register");
    assert_eq!(world.writes(), ["POST /api/v1/monitor"], "{}", world.log());
}

#[test]
fn of_pull_requests_that_are_merged_at_once_each_is_applied_as_it_was_shown() {
    for is_in_order in [true, false] {
        let world = World::new();
        world.first_push();
        let (one, _) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
        let (other, _) = world.open(&[("schemas/many.avdl", &many(2))]);
        let (cart, both) = (
            world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200"))]),
            world.commit(&[
                ("schemas/cart.avdl", &CART.replace("500", "200")),
                ("schemas/many.avdl", &many(2)),
            ]),
        );
        world.repository.merge(one, &cart);
        world.repository.merge(other, &both);
        let numbers = if is_in_order { [one, other] } else { [other, one] };
        for (number, writes) in numbers.into_iter().zip([if is_in_order { 2 } else { 3 }, 4]) {
            world.pull_event("closed", number, true);
            assert_eq!(world.writes().len(), writes, "{}", world.log());
        }
        if is_in_order {
            seen!("first_of_two_merges", world.answers(one).pop().unwrap());
            seen!("second_of_two_merges", world.answers(other).pop().unwrap());
        }
    }
}

#[test]
fn of_a_pull_request_whose_plan_was_shown_in_part_the_rest_is_not_that_of_others() {
    let world = World::new();
    let (number, head) = world.open(&[("schemas/many.avdl", &many(2))]);
    world.say("jane", number, "esm prod plan --only **Event1**");
    world.repository.merge(number, &head);
    world.pull_event("closed", number, true);
    assert_eq!(world.writes(), [""; 0]);
    assert!(
        world.answers(number).pop().unwrap().contains("more or other than what was shown"),
        "{}",
        world.log()
    );
}

#[test]
fn what_two_pull_requests_have_changed_is_not_left_to_the_other() {
    let world = World::new();
    world.first_push();
    let (one, head) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.repository.review(one, "rita", "APPROVED", &head);
    world.say("jane", one, "esm prod register");
    // It changes the same monitor, which is left out of its plan, since the other has registered it.
    let priority = |schema: &str| schema.replace("record", "@priority(1)\n  record");
    let (other, _) = world.open(&[("schemas/cart.avdl", &priority(CART)), ("schemas/many.avdl", &many(1))]);
    world.repository.merge(one, &head);
    world.pull_event("closed", one, true);
    let written = world.writes().len();
    let both = [("schemas/cart.avdl", priority(&CART.replace("500", "200"))), ("schemas/many.avdl", many(1))];
    let merge = world.commit(&both.each_ref().map(|(path, text)| (*path, text.as_str())));
    world.repository.merge(other, &merge);
    world.pull_event("closed", other, true);
    let answer = world.answers(other).pop().unwrap();
    assert!(answer.contains("update `com.example.AddToCartEvent/traffic_threshold_monitor`"), "{answer}");
    assert_eq!(world.writes()[written..], [""; 0]);
}

#[test]
fn a_push_to_the_default_branch_is_applied_under_the_guards() {
    let world = World::new();
    world.first_push();
    let pushed = world.commit(&[("schemas/many.avdl", &many(5))]);
    world.push(&pushed);
    assert_eq!(world.writes(), ["POST /api/v1/monitor"; 6], "{}", world.log());
    seen!("push_applied", world.seen(0, &pushed));

    // Five of six would go; that takes somebody's word, and exactly theirs.
    let (number, head) = world.open(&[("schemas/many.avdl", &many(0))]);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.say("jane", number, "esm prod register");
    seen!("deletes_above_the_limit", world.answers(number).pop().unwrap());
    world.say("jane", number, "esm prod register --allow-deletes 4");
    assert_eq!(world.writes().len(), 6);
    world.say("jane", number, "esm prod register --allow-deletes 5");
    assert_eq!(world.writes().len(), 11, "{}", world.log());

    // Nobody can agree to it there.
    world.repository.merge(number, &head);
    world.pull_event("closed", number, true);
    let back = world.commit(&[("schemas/many.avdl", &many(5))]);
    world.push(&back);
    let gone = world.commit(&[("schemas/many.avdl", &many(0))]);
    let before = world.writes().len();
    world.push(&gone);
    assert_eq!(world.writes().len(), before);
    seen!("push_blocked", world.seen(0, &gone));
}

#[test]
fn closing_what_was_registered_warns() {
    let world = World::new();
    let (number, head) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.say("jane", number, "esm prod register");
    assert_eq!(world.writes(), ["POST /api/v1/monitor"]);
    world.repository.close(number);
    world.pull_event("closed", number, false);
    seen!("closed_after_register", world.answers(number).pop().unwrap());
}

#[test]
fn closing_what_was_never_registered_says_nothing() {
    let world = World::new();
    let (number, _) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.repository.close(number);
    world.pull_event("closed", number, false);
    assert_eq!(world.answers(number).len(), 1, "the plan");
}

#[test]
fn a_merge_of_a_commit_that_nobody_saw_a_plan_of_waits_for_a_word() {
    let world = World::new();
    let (number, _) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let unseen = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "1"))]);
    world.repository.push(number, &unseen);
    world.repository.merge(number, &unseen);
    world.pull_event("closed", number, true);
    assert_eq!(world.writes(), [""; 0], "{}", world.log());
    seen!("merge_of_an_unseen_commit", world.answers(number).pop().unwrap());
    world.say("jane", number, "esm prod register");
    assert_eq!(world.writes(), ["POST /api/v1/monitor"], "{}", world.log());
}

#[test]
fn a_merge_that_touches_nothing_applies_nothing_that_others_left() {
    let world = World::new();
    let left = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.repository.branch("main", &left);
    let (number, head) = world.open(&[("README.md", "hello")]);
    world.repository.merge(number, &head);
    world.pull_event("closed", number, true);
    assert_eq!(world.writes(), [""; 0], "{}", world.log());
    assert_eq!(world.answers(number), [""; 0]);
}

#[test]
fn what_an_open_pull_request_has_registered_is_not_taken_back_by_others() {
    let world = World::new();
    let first = world.commit(&[("README.md", "hello")]);
    world.repository.branch("main", &first);
    world.first_push();
    let (number, head) = world.open(&[("schemas/many.avdl", &many(2))]);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.say("jane", number, "esm prod register");
    let registered = world.writes().len();
    assert_eq!(registered, 3, "{}", world.log());
    // Somebody else's push is applied, and does not touch it.
    let pushed = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.push(&pushed);
    assert_eq!(world.writes()[registered..], ["PUT /api/v1/monitor"], "{}", world.log());
    // Nobody keeps it any more.
    world.repository.close(number);
    world.pull_event("closed", number, false);
    let (number, head) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "300"))]);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.say("jane", number, "esm prod register");
    let deleted = world.writes().iter().filter(|call| *call == "DELETE /api/v1/monitor").count();
    assert_eq!(deleted, 2, "{}", world.log());
}

#[test]
fn what_came_of_a_push_is_told_whatever_stood_in_its_way() {
    let world = World::new();
    let broken = world.commit(&[("schemas/many.avdl", "no schema")]);
    world.push(&broken);
    assert_eq!(world.writes(), [""; 0]);
    seen!("push_of_mistakes", world.seen(0, &broken));

    // What mends it may do so: what it changes is not known.
    let mended = world.commit(&[("schemas/many.avdl", &many(1))]);
    world.push(&mended);
    assert_eq!(world.writes(), [""; 0]);
    seen!("push_that_mends", world.seen(0, &mended));

    let pushed = world.commit(&[("schemas/many.avdl", &many(2))]);
    world.github.fault(Fault::status("POST", "/check-runs", 502));
    world.push(&pushed);
    assert_eq!(world.writes(), ["POST /api/v1/monitor"]);
    let seen = world.seen(0, &pushed);
    assert!(seen.contains("Applied 1 of 1"), "{seen}");
}

#[test]
fn a_merge_that_github_lists_late_is_no_push() {
    let world = World::new();
    let (number, _) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let merge =
        world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200")), ("schemas/many.avdl", &many(1))]);
    let before = world.repository.head("main");
    world.repository.merge(number, &merge);
    world.github.fault(Fault::status("GET", &format!("/commits/{merge}/pulls"), 200).body("[]").times(9));
    world.deliver("push", &push_payload("refs/heads/main", &before, &merge));
    assert_eq!(world.writes(), [""; 0], "{}", world.log());
    world.pull_event("closed", number, true);
    assert!(world.answers(number).pop().unwrap().contains("looked at: all but 1 that other commits change"));
    assert_eq!(world.writes(), ["POST /api/v1/monitor"], "{}", world.log());
}

#[test]
fn neither_the_merge_of_a_fork_nor_a_push_applies_what_others_left() {
    let world = World::new();
    world.first_push();
    let (number, _) = world.open(&[("schemas/many.avdl", &many(1))]);
    let more = world.commit(&[("schemas/many.avdl", &many(3))]);
    world.repository.merge(number, &more);
    world.pull_event("closed", number, true);
    let written = world.writes().len();
    assert!(world.answers(number).pop().unwrap().contains("**Not applied.**"));

    let files = [("schemas/many.avdl", many(3)), ("schemas/cart.avdl", CART.replace("500", "200"))];
    let files = [files[0].0, files[1].0].into_iter().zip([&*files[0].1, &*files[1].1]).collect::<Vec<_>>();
    let head = world.commit(&files);
    let fork = world.repository.open(&Pull { head: &head, fork: Some("mallory/schemas"), ..Pull::default() });
    world.repository.changes(fork, &["schemas/cart.avdl"]);
    world.pull_event("opened", fork, false);
    world.repository.merge(fork, &head);
    world.pull_event("closed", fork, true);
    assert_eq!(world.writes()[written..], ["PUT /api/v1/monitor"], "{}", world.log());

    let pushed =
        world.commit(&[("schemas/many.avdl", &many(3)), ("schemas/cart.avdl", &CART.replace("500", "7"))]);
    world.push(&pushed);
    assert_eq!(world.writes()[written..], ["PUT /api/v1/monitor"; 2], "{}", world.log());
}

#[test]
fn a_push_is_applied_though_a_merge_that_touches_nothing_came_after_it() {
    let world = World::new();
    world.first_push();
    let before = world.repository.head("main");
    let pushed = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let (number, _) = world.open(&[("README.md", "hello")]);
    let merge = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200")), ("README.md", "hello")]);
    world.repository.merge(number, &merge);
    world.pull_event("closed", number, true);
    world.deliver("push", &push_payload("refs/heads/main", &before, &pushed));
    assert_eq!(world.writes(), ["POST /api/v1/monitor", "PUT /api/v1/monitor"], "{}", world.log());
}

#[test]
fn a_merge_is_waited_for_until_github_knows_of_it() {
    let world = World::new();
    let (number, head) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let as_it_was = world.repository.pull(number);
    world.repository.merge(number, &head);
    // What GitHub answers is older than what it tells.
    world
        .github
        .fault(Fault::status("GET", &format!("/pulls/{number}"), 200).body(&as_it_was.to_string()).times(3));
    world.pull_event("closed", number, true);
    assert_eq!(world.writes(), ["POST /api/v1/monitor"], "{}", world.log());
}

#[test]
fn what_a_merged_pull_request_has_registered_is_everybody_s_again() {
    let world = World::new();
    let (number, head) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.say("jane", number, "esm prod register");
    // Nobody tells of the merge.
    world.repository.merge(number, &head);
    let (next, head) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "7"))]);
    world.repository.review(next, "rita", "APPROVED", &head);
    world.say("jane", next, "esm prod register");
    assert_eq!(world.writes(), ["POST /api/v1/monitor", "PUT /api/v1/monitor"], "{}", world.log());
}

#[test]
fn nothing_left_says_what_was_left_out() {
    let world = World::new();
    let (number, head) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.say("jane", number, "esm prod register");
    let (next, head) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "7"))]);
    world.repository.merge(next, &head);
    world.pull_event("closed", next, true);
    assert_eq!(world.writes(), ["POST /api/v1/monitor"], "{}", world.log());
    seen!("nothing_left_but_what_others_have", world.answers(next).pop().unwrap());
}

#[test]
fn a_plan_that_is_shown_after_the_merge_is_no_word() {
    let world = World::new();
    let (number, head) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let merge =
        world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200")), ("schemas/many.avdl", &many(1))]);
    world.repository.merge(number, &merge);
    world.repository.edit_pull(number, |pull| pull["merged_at"] = "2026-01-01T11:50:00Z".into());
    // Before the service hears of the merge, somebody has the plan shown.
    world.say("jane", number, "esm prod plan");
    assert!(world.answers(number)[0].contains("2 create"), "{:?}", world.seen(number, &head));
    world.pull_event("closed", number, true);
    assert_eq!(world.writes(), [""; 0], "{}", world.log());
    assert!(world.answers(number).pop().unwrap().contains("**Not applied.**"));
}

#[test]
fn what_was_refused_is_not_applied_with_another_edit_of_the_same_monitor() {
    let world = World::new();
    world.first_push();
    let (number, _) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let unseen = CART.replace("500", "1");
    let merge = world.commit(&[("schemas/cart.avdl", &unseen)]);
    world.repository.push(number, &merge);
    world.repository.merge(number, &merge);
    world.pull_event("closed", number, true);
    assert_eq!(world.writes().len(), 1, "{}", world.log());
    let edited = world.commit(&[("schemas/cart.avdl", &unseen.replace("\"5m\"", "\"10m\""))]);
    world.push(&edited);
    assert_eq!(world.writes().len(), 1, "{}", world.log());
    seen!("push_beyond_its_change", world.seen(0, &edited));
}

#[test]
fn a_monitor_that_an_open_pull_request_has_renamed_is_not_made_again() {
    let world = World::new();
    world.first_push();
    let (number, head) = world.open(&[("schemas/cart.avdl", &renamed())]);
    assert!(world.answers(number)[0].contains("1 rename"), "{:?}", world.answers(number));
    world.repository.review(number, "rita", "APPROVED", &head);
    world.say("jane", number, "esm prod register");
    let written = world.writes();
    let pushed = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.push(&pushed);
    assert_eq!(world.writes(), written, "{}", world.log());
}

#[test]
fn what_an_open_pull_request_has_registered_is_not_renamed_by_others() {
    let world = World::new();
    world.first_push();
    let (number, head) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.say("jane", number, "esm prod register");
    let written = world.writes();
    let (next, head) = world.open(&[("schemas/cart.avdl", &renamed())]);
    world.repository.merge(next, &head);
    world.pull_event("closed", next, true);
    assert_eq!(world.writes(), written, "{:?}", world.answers(next));
    let said = world.answers(next).pop().unwrap();
    assert!(said.contains("that other pull requests have registered"), "{said}");
}

#[test]
fn mistakes_that_a_merge_meets_are_named_where_it_says_so() {
    let world = World::new();
    let (number, _) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let files = [("schemas/cart.avdl", &*CART.replace("500", "200")), ("schemas/broken.avdl", "no schema")];
    world.repository.merge(number, &world.commit(&files));
    world.pull_event("closed", number, true);
    let answers = world.answers(number);
    assert!(answers[1].contains("the plan's comment and the check name them"), "{answers:?}");
    assert!(answers[0].contains("schemas/broken.avdl"), "{answers:?}");
}

/// A kind of monitor whose window is set for all of them.
fn lag(window: &str) -> String {
    format!(
        "[kinds.lag_monitor]\non = \"record\"\ntype = \"query alert\"\nsummary = \"Lag.\"\nexample = '@lag_monitor({{\"above\": 5}})'\n\
         name = \"Lag of ${{event}}\"\nquery = \"max(last_${{window}}):max:lag{{${{filter}}}} > ${{above}}\"\nmessage = \"${{footer}}\"\n\
         [kinds.lag_monitor.options]\nthresholds = {{ critical = \"${{above}}\" }}\n[kinds.lag_monitor.parameters]\n\
         above = {{ type = \"integer\", required = true, help = \"Much.\" }}\n\
         window = {{ type = \"window\", default = \"{window}\", help = \"The window.\" }}\n"
    )
}

/// A schema with one such monitor.
fn late(parameters: &str) -> String {
    format!(
        "@namespace(\"com.example\")\nprotocol Late {{\n  @lag_monitor({{\"above\": 5{parameters}}})\n  record LateEvent {{ string id; }}\n}}\n"
    )
}

#[test]
fn what_a_catalog_file_does_to_monitors_that_came_since_is_not_left_to_others() {
    let world = World::new();
    let base = world.commit(&[("monitors/lag.toml", &lag("10m"))]);
    world.repository.branch("main", &base);
    world.first_push();
    let (slower, _) = world.open(&[("monitors/lag.toml", &lag("20m")), ("schemas/many.avdl", &many(1))]);
    let pushed = world.commit(&[("monitors/lag.toml", &lag("10m")), ("schemas/late.avdl", &late(""))]);
    world.push(&pushed);
    assert_eq!(world.writes().len(), 2, "{}", world.log());
    let files = [lag("20m"), late(""), many(1)];
    let paths = ["monitors/lag.toml", "schemas/late.avdl", "schemas/many.avdl"];
    let files: Vec<(&str, &str)> = paths.into_iter().zip(files.iter().map(String::as_str)).collect();
    world.repository.merge(slower, &world.commit(&files));
    world.pull_event("closed", slower, true);
    let answer = world.answers(slower).pop().unwrap();
    assert!(answer.contains("update `com.example.LateEvent/lag_monitor`"), "{answer}");
    assert_eq!(world.writes().len(), 2, "{}", world.log());
    world.say("jane", slower, "esm prod register");
    assert_eq!(world.writes().len(), 4, "{}", world.log());
}

#[test]
fn what_two_pull_requests_change_only_together_is_left_to_neither() {
    let world = World::new();
    let own_window = late(", \"window\": \"10m\"");
    let base = [("monitors/lag.toml", &*lag("10m")), ("schemas/late.avdl", &*own_window)];
    world.repository.branch("main", &world.commit(&base));
    world.first_push();
    let cart = CART.replace("500", "200");
    let (kind, _) = world.open(&[("monitors/lag.toml", &lag("20m")), ("schemas/many.avdl", &many(1))]);
    let (schema, _) = world.open(&[("schemas/late.avdl", &late("")), ("schemas/cart.avdl", &cart)]);
    let (slow, one) = (lag("20m"), many(1));
    let of_kind = [("monitors/lag.toml", &*slow), ("schemas/many.avdl", &*one)];
    world.repository.merge(kind, &world.commit(&[&of_kind[..], &base[1..]].concat()));
    let shared = late("");
    let of_schema = [("schemas/late.avdl", &*shared), ("schemas/cart.avdl", &*cart)];
    world.repository.merge(schema, &world.commit(&[of_kind, of_schema].concat()));
    for number in [kind, schema] {
        world.pull_event("closed", number, true);
        let answer = world.answers(number).pop().unwrap();
        assert!(answer.contains("update `com.example.LateEvent/lag_monitor`"), "{answer}");
    }
    assert_eq!(world.writes().len(), 2, "{}", world.log());
}
