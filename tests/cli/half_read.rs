//! A list of monitors that is a part only, or another organisation's: nothing is concluded from it.

use serde_json::{Value, json};

use super::double::{Answer, Asked, Double, applied};
use super::support::{Project, Server, actions, drifted};

const COMMANDS: [&[&str]; 3] = [&["plan"], &["apply", "--yes"], &["drift"]];

fn is_list(asked: &Asked) -> bool {
    asked.is("GET", "/api/v1/monitor")
}

/// Every list lacks its first monitors.
fn lists_lack(double: &Double, lost: usize) {
    double.instead(move |asked| match is_list(asked) {
        true => Answer::changed(move |list| {
            let list = list.as_array_mut().unwrap();
            list.drain(..lost.min(list.len()));
        }),
        false => Answer::Pass,
    });
}

/// All answers are of another organisation.
fn of_another_organisation(monitors: &mut Value) {
    for monitor in monitors.as_array_mut().unwrap() {
        monitor["org_id"] = json!(2);
    }
}

/// No command concludes or writes anything.
fn nothing_is_concluded(server: &Server, project: &Project, told: &[&str]) {
    let mark = server.mark();
    for command in COMMANDS {
        let run = project.run(command).exits(1).complains(told);
        assert_eq!(run.out, "", "never a verdict from an incomplete read");
    }
    assert_eq!(server.writes_since(mark), [""; 0]);
}

fn delete(server: &Server, monitors: usize) {
    for monitor in server.monitors().iter().take(monitors) {
        // Composites go first, since their operands cannot be deleted under them.
        server.delete(monitor["id"].as_u64().unwrap());
    }
}

#[test]
fn a_list_that_lost_more_than_a_fifth_of_what_is_still_there_is_no_list() {
    let (server, double, project) = applied();
    lists_lack(&double, 4);
    nothing_is_concluded(&server, &project, &["list of monitors is incomplete", "4 of the 18", "try again"]);
    double.recovers();
    project.is_settled();
}

#[test]
fn an_empty_list_of_monitors_that_are_still_there_is_no_list() {
    let (server, double, project) = applied();
    lists_lack(&double, usize::MAX);
    nothing_is_concluded(&server, &project, &["list of monitors is incomplete", "18 of the 18"]);
    double.recovers();
    project.is_settled();
}

#[test]
fn a_monitor_that_only_the_list_lacks_is_no_missing_monitor() {
    let (server, double, project) = applied();
    lists_lack(&double, 1);
    let mark = server.mark();
    project.is_settled();
    project.run(&["drift"]).exits(0);
    project.run(&["apply", "--yes"]).exits(0);
    assert_eq!(server.writes_since(mark), [""; 0]);
}

#[test]
fn many_monitors_that_are_really_gone_are_made_again() {
    let (server, _double, project) = applied();
    delete(&server, 6);
    let plan = project.plan();
    assert!(actions(&plan).iter().all(|action| action.starts_with("create ")), "{plan}");
    assert_eq!(actions(&plan).len(), 6);
    project.run(&["drift"]).exits(2);
    project.apply();
    assert_eq!(server.monitors().len(), 18);
    project.is_settled();
}

#[test]
fn what_is_missing_in_a_short_list_and_cannot_be_asked_for_is_not_gone() {
    let (server, double, project) = applied();
    double.instead(|asked| match is_list(asked) {
        true => Answer::changed(|list| drop(list.as_array_mut().unwrap().remove(0))),
        false => Answer::Say(403, "application/json", json!({"errors": ["Forbidden"]}).to_string()),
    });
    nothing_is_concluded(&server, &project, &["403", "monitors_read"]);
}

#[test]
fn an_organisation_without_any_monitor_may_be_another_one() {
    let (server, _double, project) = applied();
    delete(&server, 18);
    nothing_is_concluded(
        &server,
        &project,
        &["none of the 18 managed monitors", "keys of the same organisation", "./state/snapshot"],
    );
    // The way out that the message names.
    project.lose_snapshot();
    project.apply();
    assert_eq!(server.monitors().len(), 18);
}

#[test]
fn all_monitors_are_made_again_where_another_one_tells_that_it_is_the_same_organisation() {
    let (server, _double, project) = applied();
    delete(&server, 18);
    server.create(
        &json!({"type": "query alert", "name": "x", "query": "avg(last_5m):avg:c.d{*} > 1", "tags": []}),
    );
    project.apply();
    assert_eq!(server.monitors().len(), 19);
    project.is_settled();
}

#[test]
fn keys_of_another_organisation_are_refused() {
    let (server, double, project) = applied();
    double.instead(|asked| match is_list(asked) {
        true => Answer::changed(of_another_organisation),
        false => Answer::Pass,
    });
    nothing_is_concluded(&server, &project, &["organisation 2", "state.path"]);
    double.recovers();
    project.is_settled();
}

#[test]
fn keys_of_another_organisation_that_has_none_of_our_monitors_are_refused() {
    let (server, double, project) = applied();
    double.instead(|asked| match is_list(asked) {
        true if asked.path.contains("monitor_tags=") => Answer::changed(|list| *list = json!([])),
        true => Answer::changed(of_another_organisation),
        false => Answer::Say(404, "application/json", json!({"errors": ["Monitor not found"]}).to_string()),
    });
    nothing_is_concluded(&server, &project, &["organisation 2", "state.path"]);
    double.recovers();
    project.is_settled();
}

#[test]
fn a_single_monitor_is_not_made_again_in_another_organisation() {
    let server = Server::new();
    let schema = "@namespace(\"a\") @alert_channel(\"a\") protocol P { @traffic_threshold_monitor({\"below\": 1}) record R {} }";
    let project = Project::of(schema, server.url());
    project.apply();
    let other = Server::new();
    other.create(
        &json!({"type": "query alert", "name": "x", "query": "avg(last_5m):avg:c.d{*} > 1", "tags": []}),
    );
    let double = Double::before(&other, |asked| match is_list(asked) {
        true => Answer::changed(of_another_organisation),
        false => Answer::Pass,
    });
    project.edit("bellwether.toml", server.url(), double.url());
    nothing_is_concluded(&other, &project, &["organisation 2", "state.path"]);
}

#[test]
fn a_monitor_that_is_missing_is_still_drift_when_the_others_are_there() {
    let (server, _double, project) = applied();
    let id = server.id_at("com.example.shop.AddToCartEvent/traffic_threshold_monitor");
    server.delete(id);
    let drift = project.json(&["drift"]);
    assert_eq!(drifted(&drift), [""; 0]);
    assert_eq!(actions(&drift), ["create com.example.shop.AddToCartEvent/traffic_threshold_monitor"]);
}
