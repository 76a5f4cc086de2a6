//! The check `bellwether/ENV` where a branch requires it: each pull request has one, and each merge group.

use serde_json::json;

use super::support::{CART, World, group_payload, pull_payload, push_payload, seen};
use crate::double::{Fault, Pull, archive_of, archive_with_links};

const STAGING: &str = "[environments.staging]\napi_url = \"http://127.0.0.1:9\"\ntag = \"esm-staging\"\n";

fn cart(limit: &str) -> String {
    CART.replace("500", limit)
}

/// How the checks of a commit ended, in the order in which they were written.
fn conclusions(world: &World, commit: &str) -> Vec<String> {
    world.repository.check_runs(commit).into_iter().filter_map(|run| run.conclusion).collect()
}

/// What is said of a merge group with these files.
fn group(world: &World, files: &[(&str, &str)]) -> String {
    let group = world.commit(files);
    world.deliver("merge_group", &group_payload("checks_requested", &group, "refs/heads/main"));
    world.seen(0, &group)
}

#[test]
fn a_pull_request_that_touches_nothing_has_its_checks_and_no_comment() {
    let world = World::with(STAGING);
    let (number, head) = world.open(&[("Cargo.toml", "[package]\n"), ("src/main.rs", "")]);
    assert_eq!(world.answers(number), [""; 0]);
    assert_eq!(world.datadog.requests().len(), 0);
    let calls = world.github.calls();
    let archives = calls.iter().filter(|call| call.contains("/tarball/")).count();
    assert_eq!(archives, 1, "only the default branch's files are read: {calls:?}");
    seen!("untouched", world.seen(0, &head));
}

#[test]
fn a_pull_request_that_is_turned_to_the_default_branch_has_its_check_from_then_on() {
    let world = World::new();
    world.repository.branch("parent", &world.repository.head("main"));
    let head = world.commit(&[("schemas/cart.avdl", &cart("200"))]);
    let number = world.repository.open(&Pull { head: &head, base_ref: "parent", ..Pull::default() });
    world.repository.changes(number, &["schemas/cart.avdl"]);
    world.pull_event("opened", number, false);
    assert_eq!(world.seen(number, &head), "");
    // As GitHub does it when the branch is deleted.
    world.repository.retarget(number, "main");
    let mut edited = pull_payload("edited", number, false);
    edited["changes"] = json!({"base": {"ref": {"from": "parent"}, "sha": {"from": "a".repeat(40)}}});
    world.deliver("pull_request", &edited);
    assert_eq!(conclusions(&world, &head), ["success"], "{}", world.log());
}

#[test]
fn what_github_answers_later_than_it_tells_is_waited_for() {
    let world = World::new();
    world.repository.branch("parent", &world.repository.head("main"));
    let head = world.commit(&[("schemas/cart.avdl", &cart("200"))]);
    let number = world.repository.open(&Pull { head: &head, base_ref: "parent", ..Pull::default() });
    world.repository.changes(number, &["schemas/cart.avdl"]);
    let as_it_was = world.repository.pull(number).to_string();
    world.repository.retarget(number, "main");
    world.github.fault(Fault::status("GET", &format!("/pulls/{number}"), 200).body(&as_it_was));
    let mut edited = pull_payload("edited", number, false);
    edited["changes"] = json!({"base": {"ref": {"from": "parent"}, "sha": {"from": "a".repeat(40)}}});
    edited["pull_request"] = world.repository.pull(number);
    world.deliver("pull_request", &edited);
    assert_eq!(conclusions(&world, &head), ["success"], "{}", world.log());
    // What was told is old by now: it is waited for once, and not for ever.
    let moved = world.commit(&[("schemas/cart.avdl", &cart("100"))]);
    world.repository.push(number, &moved);
    world.deliver("pull_request", &edited);
    assert_eq!(conclusions(&world, &moved), ["success"], "{}", world.log());
}

#[test]
fn a_plan_of_a_part_says_nothing_in_the_check() {
    let world = World::new();
    let record = |n: u32| {
        format!("  @traffic_threshold_monitor({{\"below\": 5}})\n  record Event{n} {{ string id; }}\n")
    };
    let many = format!(
        "@namespace(\"com.example\")\nprotocol Many {{\n{}}}\n",
        (0..5).map(record).collect::<String>()
    );
    let pushed = world.commit(&[("schemas/many.avdl", &many)]);
    world.repository.branch("main", &pushed);
    world.first_push();
    let before = world.writes().len();
    assert_eq!(before, 6, "{}", world.log());
    let (number, head) = world.open(&[("schemas/many.avdl", "protocol Many {}")]);
    assert_eq!(conclusions(&world, &head), ["action_required"]);
    world.say("jane", number, "esm prod plan --only com.example.Event1/*");
    let plan = world.answers(number).remove(0);
    assert!(plan.contains("esm prod register --only com.example.Event1/*"), "{plan}");
    assert_eq!(conclusions(&world, &head), ["action_required"]);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.say("jane", number, "esm prod register --only com.example.Event1/*");
    assert_eq!(world.writes()[before..], ["DELETE /api/v1/monitor"], "{}", world.log());
    assert_eq!(conclusions(&world, &head), ["action_required"]);
    assert!(world.answers(number)[0].contains("**Applied 1 of 1.**"), "the comment says it");
    // The whole is what the check is about.
    world.say("jane", number, "esm prod plan --allow-deletes 4");
    world.say("jane", number, "esm prod register --allow-deletes 4");
    assert_eq!(world.writes().len(), before + 5, "{}", world.log());
    assert_eq!(conclusions(&world, &head), ["action_required", "success", "success"]);
}

#[test]
fn a_link_on_the_way_to_the_schemas_is_no_pull_request_that_touches_nothing() {
    for (patterns, link) in [
        ("schemas = [\"schemas/*.avdl\", \"more/events/*.avdl\"]\n", "more"),
        ("schemas = [\"schemas/*.avdl\", \"more/events/*.avdl\"]\n", "more/events"),
        ("catalog = [\"kinds/ours.toml\"]\n", "kinds"),
    ] {
        let world = World::new();
        let config = format!("{patterns}{}", world.config());
        let files = [("bellwether.toml", config.as_str()), ("schemas/cart.avdl", CART)];
        world.repository.branch("main", &world.repository.commit(&files));
        let head = world.repository.commit(&files);
        let plain = files.map(|(path, text)| (path, text.as_bytes()));
        world.repository.archive(&head, archive_with_links("octo-schemas", &head, plain, &[link]));
        let number = world.repository.open(&Pull { head: &head, ..Pull::default() });
        world.repository.changes(number, &[link]);
        world.pull_event("opened", number, false);
        let seen = world.seen(number, &head);
        assert!(seen.contains(&format!("{link} is a link or another special file")), "{seen}");
        assert_eq!(conclusions(&world, &head), ["failure"]);
    }
}

#[test]
fn changed_files_that_github_cannot_list_are_all_files() {
    let world = World::new();
    world.github.fault(Fault::status("GET", "/files", 422).times(9));
    let (_, head) = world.open(&[("schemas/cart.avdl", &cart("200"))]);
    assert_eq!(conclusions(&world, &head), ["success"], "{}", world.log());
    let (_, head) = world.open(&[("schemas/cart.avdl", &CART.replace("traffic", "trafic"))]);
    assert_eq!(conclusions(&world, &head), ["failure"], "{}", world.log());
}

#[test]
fn remarks_that_github_does_not_take_do_not_keep_the_check_away() {
    let world = World::new();
    world.github.fault(Fault::status("POST", "/check-runs", 422));
    let (number, head) = world.open(&[("schemas/cart.avdl", &cart("200"))]);
    assert_eq!(conclusions(&world, &head), ["success"], "{}", world.log());
    let output = &world.repository.check_runs(&head)[0].output;
    assert_eq!(output["annotations"], json!([]));
    let summary = output["summary"].as_str().unwrap();
    assert!(
        summary.contains("1 create") && summary.ends_with("GitHub did not take the remarks at lines."),
        "{summary}"
    );
    assert_eq!(world.answers(number).len(), 1);
    // What else it does not take is no matter of remarks.
    world.github.fault(Fault::status("POST", "/check-runs", 422));
    let (_, head) = world.open(&[("README.md", "hello")]);
    assert_eq!(conclusions(&world, &head), [""; 0]);
}

#[test]
fn a_push_while_the_changed_files_are_listed_is_waited_for() {
    let world = World::new();
    let head = world.commit(&[("schemas/cart.avdl", &CART.replace("traffic", "trafic"))]);
    let number = world.repository.open(&Pull { head: &head, ..Pull::default() });
    let moved = world.commit(&[("README.md", "hello")]);
    // The list is that of the new head.
    world.repository.changes(number, &["README.md"]);
    world.repository.push_when("/files", number, &moved);
    world.pull_event("opened", number, false);
    assert_eq!(conclusions(&world, &moved), ["neutral"], "{}", world.log());
    assert_eq!(conclusions(&world, &head), [""; 0], "nobody knows what that one touched");
    // The same of a plan.
    world.repository.push(number, &head);
    world.repository.push_when("/files", number, &moved);
    world.say("jane", number, "esm prod plan");
    assert_eq!(conclusions(&world, &head), [""; 0], "{}", world.log());
    assert_eq!(conclusions(&world, &moved).len(), 2);
}

#[test]
fn where_there_is_no_project_there_is_no_check() {
    let world = World::new();
    let base = world.repository.commit(&[("README.md", "hello")]);
    world.repository.branch("main", &base);
    let (number, head) = world.open(&[("schemas/cart.avdl", &cart("200"))]);
    assert_eq!(world.seen(number, &head), "");
    assert_eq!(group(&world, &[("schemas/cart.avdl", &cart("200"))]), "");
}

#[test]
fn a_plan_does_not_stay_where_the_pull_request_touches_nothing_any_more() {
    let world = World::new();
    let (number, _) = world.open(&[("schemas/cart.avdl", &cart("200"))]);
    assert!(world.answers(number)[0].contains("`prod` plan"));
    let back = world.commit(&[("README.md", "hello")]);
    world.repository.push(number, &back);
    world.repository.changes(number, &["README.md"]);
    world.pull_event("synchronize", number, false);
    seen!("untouched_any_more", world.seen(number, &back));

    // Nothing that others left is applied with it, and nothing is said.
    let left = world.commit(&[("schemas/cart.avdl", &cart("1"))]);
    world.repository.merge(number, &left);
    world.pull_event("closed", number, true);
    assert_eq!((world.writes(), world.answers(number).len()), (Vec::new(), 1), "{}", world.log());
}

/// A pull request whose first commit was registered, and whose second one takes everything back.
fn taken_back(world: &World) -> (u64, String) {
    let base = world.commit(&[("README.md", "hello")]);
    world.repository.branch("main", &base);
    world.first_push();
    let (number, head) = world.open(&[("schemas/cart.avdl", &cart("200"))]);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.say("jane", number, "esm prod register");
    assert_eq!(world.writes(), ["POST /api/v1/monitor", "PUT /api/v1/monitor"], "{}", world.log());
    let back = world.commit(&[("README.md", "hello")]);
    world.repository.push(number, &back);
    world.repository.changes(number, &["README.md"]);
    (number, back)
}

#[test]
fn what_it_has_registered_is_planned_though_it_touches_nothing_any_more() {
    let world = World::new();
    let (number, back) = taken_back(&world);
    world.pull_event("synchronize", number, false);
    let plan = world.answers(number).remove(0);
    assert!(plan.contains("`prod` plan: 1 change") && plan.contains("`200` → `500`"), "{plan}");
    world.repository.merge(number, &back);
    world.pull_event("closed", number, true);
    assert_eq!(world.writes().len(), 3, "{}", world.log());
}

#[test]
fn what_it_has_registered_is_not_forgotten_where_no_plan_can_be_made() {
    let world = World::new();
    let (number, back) = taken_back(&world);
    let broken = world.commit(&[("schemas/broken.avdl", "no schema")]);
    world.repository.branch("main", &broken);
    world.pull_event("synchronize", number, false);
    world.repository.merge(number, &back);
    world.pull_event("closed", number, true);
    assert_eq!(world.writes().len(), 2);
    let said = world.answers(number).pop().unwrap();
    assert!(said.starts_with("<!--") && said.contains("**Not applied.** The merge is in"), "{said}");
}

#[test]
fn a_merge_group_is_compared_with_the_default_branch_and_has_a_check() {
    let world = World::new();
    seen!("group", group(&world, &[("schemas/cart.avdl", &cart("200"))]));
    seen!(
        "group_with_a_mistake",
        group(&world, &[("schemas/cart.avdl", &CART.replace("traffic", "trafic"))])
    );
    seen!("group_that_touches_nothing", group(&world, &[("README.md", "hello")]));
    let same = group(&world, &[("schemas/cart.avdl", &format!("// A word.\n{CART}"))]);
    assert!(same.starts_with("=== check bellwether/prod neutral: \"No changes\""), "{same}");
    assert_eq!(world.datadog.requests().len(), 0, "no key was used");

    let world = World::with(STAGING);
    let config = format!("{}{STAGING}", world.config());
    let both = group(&world, &[("bellwether.toml", &config), ("schemas/cart.avdl", &cart("200"))]);
    for environment in ["prod", "staging"] {
        let check = format!("=== check bellwether/{environment} success: \"1 change\"");
        assert_eq!(both.matches(&check).count(), 1, "{both}");
    }
}

#[test]
fn deletes_are_agreed_to_on_the_pull_request_and_not_in_the_queue() {
    let world = World::new();
    let record = |n: u32| {
        format!("  @traffic_threshold_monitor({{\"below\": 5}})\n  record Event{n} {{ string id; }}\n")
    };
    let many = format!("protocol Many {{\n{}}}\n", (0..5).map(record).collect::<String>());
    let base = world.commit(&[("schemas/many.avdl", &many)]);
    world.repository.branch("main", &base);
    let seen = group(&world, &[]);
    assert!(seen.starts_with("=== check bellwether/prod success: \"5 delete\""), "{seen}");
}

#[test]
fn the_configuration_of_a_merge_group_counts_for_nothing() {
    let world = World::with("[budget]\nmax_monitors = 1\n");
    let second = "@traffic_threshold_monitor({\"below\": 5})\n  record B { string id; }";
    let two = CART.replace("{ string id; }", &format!("{{ string id; }}\n  {second}"));
    // Its own one allows as many as it likes, and has another environment.
    let config = format!("{}[environments.mine]\napi_url = \"http://127.0.0.1:9\"\n", world.config());
    let seen = group(&world, &[("bellwether.toml", &config), ("schemas/cart.avdl", &two)]);
    assert_eq!(world.datadog.requests().len(), 0, "no key was used");
    seen!("group_with_a_configuration", seen);
}

#[test]
fn a_queue_is_told_why_there_is_no_plan() {
    let world = World::new();
    let bomb = vec![b' '; (16 << 20) + 1];
    let head = world.commit(&[("schemas/cart.avdl", &cart("200"))]);
    world
        .repository
        .archive(&head, archive_of("octo-schemas", &head, [("schemas/cart.avdl", bomb.as_slice())]));
    world.deliver("merge_group", &group_payload("checks_requested", &head, "refs/heads/main"));
    seen!("group_without_an_archive", world.seen(0, &head));

    // What passes is waited for.
    world.github.fault(Fault::status("GET", "/codeload", 502).times(40).after(1));
    world.github.fault(Fault::status("POST", "/check-runs", 502).times(10));
    let seen = group(&world, &[("schemas/cart.avdl", &cart("200"))]);
    assert!(seen.starts_with("=== check bellwether/prod success: \"1 change\""), "{}", world.log());
}

#[test]
fn a_queue_is_not_held_up_by_the_mistakes_that_it_mends() {
    let world = World::new();
    let broken = world.commit(&[("schemas/broken.avdl", "no schema")]);
    world.repository.branch("main", &broken);
    seen!("group_that_mends", group(&world, &[("schemas/cart.avdl", &cart("200"))]));
}

#[test]
fn what_comes_through_a_queue_is_applied_once() {
    let world = World::new();
    let (number, _) = world.open(&[("schemas/cart.avdl", &cart("200"))]);
    let group = world.commit(&[("schemas/cart.avdl", &cart("200"))]);
    let payload = group_payload("checks_requested", &group, "refs/heads/main");
    world.deliver("merge_group", &payload);
    assert_eq!(world.writes(), [""; 0]);
    world.repository.merge(number, &group);
    let gone = group_payload("destroyed", &group, "refs/heads/main");
    assert_eq!(world.deliver_as("guid-gone", "merge_group", &gone), (202, "ignored".to_owned()));
    world.deliver("push", &push_payload("refs/heads/main", &"b".repeat(40), &group));
    assert_eq!(world.writes(), [""; 0]);
    world.pull_event("closed", number, true);
    assert_eq!(world.writes(), ["POST /api/v1/monitor"], "{}", world.log());
    // Asked about once more, it is what the default branch is.
    world.deliver("merge_group", &payload);
    assert_eq!(world.writes(), ["POST /api/v1/monitor"]);
    let runs = world.repository.check_runs(&group).into_iter();
    let titles: Vec<_> = runs.map(|run| run.output["title"].as_str().unwrap().to_owned()).collect();
    assert_eq!(titles, ["1 change", "Applied 1 of 1", "Nothing of bellwether is touched"]);
}
