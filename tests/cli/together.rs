//! Two applies at once, from two machines that share nothing.

use super::double::{Answer, Double};
use super::support::{Project, Server};

const MONITORS: usize = 200;

#[test]
fn two_applies_of_the_same_schemas_make_every_monitor_once() {
    let server = Server::new();
    let mut schema = "@alert_channel(\"alerts\") protocol P {\n".to_owned();
    for record in 0..MONITORS / 2 {
        schema += &format!(
            "@traffic_threshold_monitor({{\"below\": {record}}}) @traffic_anomaly_monitor({{}}) record R{record} {{ int a; }}\n"
        );
    }
    schema.push('}');
    let machines = [(); 2].map(|()| {
        let project = Project::of("", server.url());
        project.write("schemas/events.avdl", &schema);
        project
    });
    let mut runs = machines.each_ref().map(|project| {
        let mut command = project.command(&["apply", "--yes"]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap()
    });
    for run in &mut runs {
        assert!(run.wait().unwrap().success());
    }
    let mut addresses: Vec<String> = server
        .monitors()
        .iter()
        .flat_map(|monitor| monitor["tags"].as_array().unwrap().clone())
        .filter_map(|tag| tag.as_str().unwrap().strip_prefix("bellwether:").map(str::to_owned))
        .collect();
    assert_eq!(addresses.len(), MONITORS);
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), MONITORS, "every monitor once");
    for project in &machines {
        project.is_settled();
    }
}

/// Datadog keeps them apart only by name, query and message.
#[test]
fn two_applies_of_different_schemas_that_meet_are_told_of_the_copy() {
    let server = Server::new();
    let schema = |below: u32| {
        format!(
            "@alert_channel(\"a\") protocol P {{ @traffic_threshold_monitor({{\"below\": {below}}}) record R {{}} }}"
        )
    };
    let mut other = Some(Project::of(&schema(2), server.url()));
    let double = Double::before(&server, move |asked| {
        match other.take_if(|_| asked.is("POST", "/api/v1/monitor/validate")) {
            Some(other) => Answer::meanwhile(move || drop(other.apply())),
            None => Answer::Pass,
        }
    });
    let project = Project::of(&schema(1), double.url());
    let run = project.run(&["apply", "--yes"]).exits(4);
    run.says(&["Applied 1 of 1", "0 differences left, 1 new warning"])
        .complains(&["warning[BW0501]", "is a copy of R/traffic_threshold_monitor"]);
    assert_eq!(server.monitors().len(), 2);
}
