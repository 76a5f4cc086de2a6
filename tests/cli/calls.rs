//! How many calls to Datadog things take.

use super::support::{Project, Server, actions};

const FILES: usize = 5;
const PER_FILE: usize = 500;

/// 2,500 records of one monitor each.
fn large(url: &str) -> Project {
    let project = Project::of("@namespace(\"n\") protocol Empty { }", url);
    for file in 0..FILES {
        let mut text =
            format!("@namespace(\"com.example.f{file}\")\n@alert_channel(\"alerts\")\nprotocol P{file} {{\n");
        for record in 0..PER_FILE {
            text.push_str(&format!(
                "  @traffic_threshold_monitor({{\"below\": {}}})\n  record Event{file}x{record} {{ string id; }}\n",
                record + 1
            ));
        }
        text.push_str("}\n");
        project.write(&format!("schemas/f{file}.avdl"), &text);
    }
    project
}

#[test]
fn of_2500_monitors_only_the_changed_one_is_asked_about_and_written() {
    let server = Server::new();
    let project = large(server.url());
    project.apply();
    assert_eq!(server.writes_since(0).len(), FILES * PER_FILE, "one write a change");

    let mark = server.mark();
    project.is_settled();
    assert_eq!(server.since(mark), ["GET /api/v1/monitor"; 3], "three pages and nothing else");

    project.edit("schemas/f3.avdl", "{\"below\": 77}", "{\"below\": 7}");
    let mark = server.mark();
    let plan = project.plan();
    assert_eq!(actions(&plan), ["update com.example.f3.Event3x76/traffic_threshold_monitor"]);
    assert_eq!(plan["api_calls"]["read"], 3);
    let id = plan["changes"][0]["id"].as_u64().unwrap();
    let validation = format!("POST /api/v1/monitor/{id}/validate");
    assert_eq!(server.since(mark)[3..], [validation], "only the changed body is validated");

    let mark = server.mark();
    project.plan();
    assert_eq!(server.since(mark), ["GET /api/v1/monitor"; 3], "and not a second time");

    let mark = server.mark();
    project.apply();
    assert_eq!(server.writes_since(mark), [format!("PUT /api/v1/monitor/{id}")]);
}
