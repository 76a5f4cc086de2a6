//! Pushes to the default branch that are no merge.

use super::support::{CART, COMPOSITE, World, push_payload};

/// A default branch with this schema, which is applied.
fn applied(schema: &str) -> World {
    let world = World::new();
    let base = world.commit(&[("schemas/cart.avdl", schema)]);
    world.repository.branch("main", &base);
    world.first_push();
    world
}

#[test]
fn what_a_push_leaves_to_an_open_pull_request_is_told() {
    let world = applied(CART);
    let (number, head) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.say("jane", number, "esm prod register");
    let pushed = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "7"))]);
    world.push(&pushed);
    assert_eq!(world.writes(), ["POST /api/v1/monitor", "PUT /api/v1/monitor"], "{}", world.log());
    let seen = world.seen(0, &pushed);
    assert!(seen.contains("all but 1 that other pull requests have registered"), "{seen}");
}

#[test]
fn a_composite_is_pushed_like_any_other() {
    let world = applied(COMPOSITE);
    assert_eq!(world.writes().len(), 3, "{}", world.log());
    let pushed = world.commit(&[("schemas/cart.avdl", &COMPOSITE.replace("&&", "||"))]);
    world.push(&pushed);
    assert_eq!(world.writes()[3..], ["PUT /api/v1/monitor"], "{}", world.seen(0, &pushed));
}

#[test]
fn a_branch_that_is_set_back_to_an_old_merge_is_applied() {
    let world = applied(CART);
    let mut merges = Vec::new();
    for limit in ["200", "300"] {
        let (number, head) = world.open(&[("schemas/cart.avdl", &CART.replace("500", limit))]);
        world.repository.merge(number, &head);
        world.pull_event("closed", number, true);
        merges.push(head);
    }
    let written = world.writes().len();
    world.repository.left_at(&merges[0], &merges[0]);
    world.push(&merges[0]);
    assert_eq!(world.writes()[written..], ["PUT /api/v1/monitor"], "{}", world.log());
}

#[test]
fn each_of_two_pushes_has_its_check() {
    let both = CART.replace("  record", "  @error_rate_monitor({\"above\": 0.02})\n  record");
    let world = applied(&both);
    let base = world.repository.head("main");
    let first = both.replace("500", "200");
    let commits = [first.clone(), first.replace("0.02", "0.03")]
        .map(|schema| world.commit(&[("schemas/cart.avdl", &schema)]));
    world.repository.branch("main", &commits[1]);
    world.deliver("push", &push_payload("refs/heads/main", &base, &commits[0]));
    world.deliver("push", &push_payload("refs/heads/main", &commits[0], &commits[1]));
    for commit in &commits {
        let seen = world.seen(0, commit);
        assert_eq!(
            seen.matches("=== check bellwether/prod success: \"Applied 1 of 1\"").count(),
            1,
            "{seen}"
        );
    }
}
