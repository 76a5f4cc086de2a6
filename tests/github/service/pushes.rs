//! Pushes to the default branch that are no merge.

use super::support::{CART, World};

/// A default branch with this schema, which is applied.
fn applied(schema: &str) -> World {
    let world = World::new();
    let base = world.commit(&[("schemas/cart.avdl", schema)]);
    world.repository.branch("main", &base);
    world.first_push();
    world
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
