//! Pull requests of strangers.

use super::support::{CART, World, seen};
use crate::double::Pull;

fn fork(world: &World, limit: &str) -> (u64, String) {
    fork_of(world, &[("schemas/cart.avdl", &CART.replace("500", limit))])
}

/// A pull request of a stranger that changes these files, and its head.
fn fork_of(world: &World, files: &[(&str, &str)]) -> (u64, String) {
    let head = world.commit(files);
    let fork = Some("mallory/schemas");
    let number = world.repository.open(&Pull { head: &head, author: "mallory", fork, ..Pull::default() });
    let paths: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
    world.repository.changes(number, &paths);
    world.pull_event("opened", number, false);
    (number, head)
}

#[test]
fn a_fork_is_compared_offline_and_applied_only_when_it_is_merged() {
    let world = World::new();
    let (number, head) = fork(&world, "200");
    assert_eq!(world.datadog.requests().len(), 0, "no key was used");
    seen!("fork_opened", world.seen(number, &head));

    world.repository.review(number, "rita", "APPROVED", &head);
    world.say("jane", number, "esm prod register");
    assert_eq!(world.writes(), [""; 0]);
    seen!("fork_register", world.answers(number).pop().unwrap());

    world.say("jane", number, "esm prod plan");
    assert_ne!(world.datadog.requests().len(), 0);
    seen!("fork_planned", world.answers(number).remove(0));
    world.say("jane", number, "esm prod register");
    assert_eq!(world.writes(), [""; 0]);

    world.repository.merge(number, &head);
    world.pull_event("closed", number, true);
    assert_eq!(world.writes(), ["POST /api/v1/monitor"], "{}", world.log());
}

#[test]
fn a_maintainer_s_word_is_for_the_commit_that_was_there() {
    let world = World::new();
    let (number, _) = fork(&world, "200");
    let (_, payload) = world.said("jane", number, "esm prod plan");
    let moved = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "1"))]);
    world.repository.push(number, &moved);
    world.deliver("issue_comment", &payload);
    assert_eq!(world.datadog.requests().len(), 0, "no key was used");
    seen!("fork_moved", world.answers(number).pop().unwrap());
}

#[test]
fn the_author_of_a_fork_may_ask_for_nothing() {
    let world = World::new();
    let (number, _) = fork(&world, "200");
    for text in ["esm prod plan", "esm prod register"] {
        let comment = world.say("mallory", number, text);
        assert_eq!(world.repository.reactions(comment), ["bellwether-bot eyes", "bellwether-bot -1"]);
    }
    assert_eq!(world.datadog.requests().len(), 0);
}

#[test]
fn a_fork_that_changes_the_configuration_waits_for_a_word_when_it_is_merged() {
    let world = World::new();
    let config = format!("{}[defaults.traffic_threshold_monitor]\nwindow = \"10m\"\n", world.config());
    let files = [("bellwether.toml", &*config), ("schemas/cart.avdl", &CART.replace("500", "200"))];
    let (number, head) = fork_of(&world, &files);
    assert!(world.answers(number)[0].contains("1 change"), "{:?}", world.seen(number, &head));
    world.repository.merge(number, &head);
    world.pull_event("closed", number, true);
    assert_eq!(world.writes(), [""; 0], "{}", world.log());
    assert!(world.answers(number).pop().unwrap().contains("**Not applied.**"), "{}", world.log());
}

#[test]
fn a_fork_that_changes_no_monitor_can_be_planned_by_a_second_word() {
    for (path, text) in [("README.md", "hello"), ("schemas/cart.avdl", &format!("// A word.\n{CART}"))] {
        let world = World::new();
        let (number, _) = fork_of(&world, &[(path, text)]);
        assert_eq!(world.answers(number), [""; 0]);
        world.say("jane", number, "esm prod plan");
        assert_eq!(world.datadog.requests().len(), 0, "nobody had seen what it changes");
        world.say("jane", number, "esm prod plan");
        assert_ne!(world.datadog.requests().len(), 0, "{path}: {:?}", world.answers(number));
    }
}

#[test]
fn what_a_fork_adds_is_applied_as_it_was_shown_and_not_as_others_changed_it_since() {
    let world = World::new();
    world.first_push();
    let new = "@namespace(\"com.example\")\nprotocol New {\n  @traffic_threshold_monitor({\"below\": 5})\n  record NewEvent { string id; }\n}\n";
    let (number, head) = fork_of(&world, &[("schemas/new.avdl", new)]);
    world.repository.merge(number, &head);
    // Right after it, and before the service has looked.
    let unseen = world.commit(&[("schemas/new.avdl", &new.replace("\"below\": 5", "\"below\": 999"))]);
    world.repository.branch("main", &unseen);
    world.pull_event("closed", number, true);
    assert_eq!(world.writes().len(), 1, "{}", world.log());
    let said = world.answers(number).pop().unwrap();
    assert!(said.contains("more or other than what this changes"), "{said}");
}
