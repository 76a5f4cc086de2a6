//! Commands in comments, and what is said to those that are none.

use super::support::{CART, World, seen};

const STAGING: &str = "[environments.staging]\napi_url = \"http://127.0.0.1:9\"\ntag = \"esm-staging\"\n";

fn answer(world: &World, text: &str) -> String {
    let number = world.pull(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let comment = world.say("jane", number, text);
    let reactions = world.repository.reactions(comment).join(", ");
    format!("{text}: {reactions}\n{}", world.answers(number).join("\n---\n"))
}

#[test]
fn help_and_what_is_not_understood() {
    let world = World::with(STAGING);
    seen!("help", answer(&world, "esm help"));
    seen!("unclear", answer(&world, "esm prod regster"));
    seen!("adopt", answer(&world, "bellwether adopt com.example.A/log_monitor"));
    seen!("no_such_environment", answer(&world, "esm prdo register"));
    seen!("which_environment", answer(&world, "`ESM Register`"));
    assert_eq!(world.writes(), [""; 0]);
}

#[test]
fn a_plan_that_cannot_be_made_says_why() {
    let world = World::with(STAGING);
    // Nobody listens there.
    seen!("datadog_is_away", answer(&world, "esm staging plan"));
}

#[test]
fn mistakes_in_the_schemas_are_shown_where_they_are() {
    let world = World::new();
    let broken = CART.replace("traffic_threshold_monitor", "trafic_threshold_monitor");
    let head = world.commit(&[("schemas/cart.avdl", &broken)]);
    let number = world.pull(&[("schemas/cart.avdl", &broken)]);
    world.repository.push(number, &head);
    world.pull_event("opened", number, false);
    seen!("mistakes", world.seen(number, &head));
}

#[test]
fn only_a_part_can_be_planned_and_registered() {
    let world = World::new();
    let two = CART.replace(
        "record AddToCartEvent",
        "record AddToCartEvent { string id; }\n  @traffic_threshold_monitor({\"below\": 10})\n  record CheckoutEvent",
    );
    let head = world.commit(&[("schemas/cart.avdl", &two)]);
    let number = world.pull(&[("schemas/cart.avdl", &two)]);
    world.repository.push(number, &head);
    world.pull_event("opened", number, false);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.say("jane", number, "esm prod register --only com.example.Nothing/*");
    seen!("only_nothing", world.answers(number).pop().unwrap());
    world.say("jane", number, "esm prod register --only com.example.CheckoutEvent/*");
    assert_eq!(world.writes(), ["POST /api/v1/monitor"], "{}", world.log());
    // What is left of the same plan.
    world.say("rita", number, "esm prod register");
    assert_eq!(world.writes(), ["POST /api/v1/monitor"; 2]);
    seen!("the_rest", world.answers(number).pop().unwrap());
}
