//! The door: what is taken, what is passed over, what is turned away.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::support::{
    SECRET, World, comment_payload, group_payload, pull_payload, push_payload, seen, signature, until,
};

fn post(world: &World, event: &str, body: &[u8], secret: &str) -> (u16, String) {
    let signature = signature(secret, body);
    let headers =
        [("x-github-event", event), ("x-github-delivery", "guid-1"), ("x-hub-signature-256", &signature)];
    world.post(&headers, body)
}

#[test]
fn without_a_right_signature_nothing_is_even_read() {
    let world = World::new();
    let body = pull_payload("opened", 7, false).to_string();
    let headers = [("x-github-event", "pull_request"), ("x-github-delivery", "guid-1")];
    let turned_away = |answer: &str| (401, answer.to_owned());
    assert_eq!(world.post(&headers, body.as_bytes()), turned_away("no signature"));
    for secret in ["another secret, of somebody else", ""] {
        assert_eq!(post(&world, "pull_request", body.as_bytes(), secret), turned_away("wrong signature"));
    }
    // Of another body; and what is no JSON is not looked at.
    let other = signature(SECRET, b"{}");
    let signed = [headers[0], headers[1], ("x-hub-signature-256", other.as_str())];
    assert_eq!(world.post(&signed, body.as_bytes()), turned_away("wrong signature"));
    assert_eq!(post(&world, "pull_request", b"{", "another secret, of somebody else").0, 401);
    world.settle();
    assert_eq!(world.github.calls(), [""; 0]);
    // While the secret is replaced, the former one is good, too.
    assert_eq!(post(&world, "ping", b"{}", "the secret of yesterday"), (200, "pong".to_owned()));
}

#[test]
fn a_body_that_github_would_not_send_is_turned_away() {
    let world = World::new();
    let unreadable = (400, "unreadable".to_owned());
    let deep = "[".repeat(200_000);
    for body in [
        "",
        "{\"action\":",
        "[]",
        "\u{0}",
        "{\"action\":\"opened\"}",
        "{\"action\":\"opened\",\"repository\":{\"full_name\":\"../..\"}}",
        "{\"action\":\"opened\",\"repository\":{\"full_name\":\"octo/schemas\"}}",
        "{\"action\":\"opened\",\"repository\":{\"full_name\":\"octo/schemas\"},\"pull_request\":{\"number\":-1}}",
        "{\"action\":7,\"repository\":{\"full_name\":\"octo/schemas\"},\"pull_request\":{\"number\":1}}",
        deep.as_str(),
    ] {
        assert_eq!(post(&world, "pull_request", body.as_bytes(), SECRET), unreadable, "{body:.60}");
    }
    let group = group_payload("checks_requested", "main; rm -rf", "refs/heads/main");
    for (event, payload) in [
        ("push", push_payload("refs/heads/main", &"b".repeat(40), "main; rm -rf")),
        ("merge_group", group),
        ("merge_group", push_payload("refs/heads/main", &"b".repeat(40), &"a".repeat(40))),
    ] {
        let body = payload.to_string();
        assert_eq!(post(&world, event, body.as_bytes(), SECRET), unreadable, "{event} {body}");
    }
    world.settle();
    assert_eq!(world.github.calls(), [""; 0]);
}

#[test]
fn a_body_beyond_github_s_limit_is_not_read() {
    let world = World::new();
    let mut stream = TcpStream::connect(world.address()).unwrap();
    let head = "POST /webhook HTTP/1.1\r\nhost: x\r\nx-github-event: push\r\nx-hub-signature-256: sha256=00\r\n\
                content-length: 26214401\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[test]
fn a_delivery_needs_a_guid_that_looks_like_one() {
    let world = World::new();
    let body = pull_payload("opened", 7, false).to_string();
    let signature = signature(SECRET, body.as_bytes());
    let long = "a".repeat(65);
    for guid in ["", "a b", "a\"b", &long] {
        let headers = [
            ("x-github-event", "pull_request"),
            ("x-github-delivery", guid),
            ("x-hub-signature-256", signature.as_str()),
        ];
        assert_eq!(world.post(&headers, body.as_bytes()), (400, "no delivery".to_owned()), "{guid}");
    }
}

#[test]
fn what_is_not_for_the_service_is_passed_over() {
    let world = World::new();
    let edit = |mut payload: Value, path: &str, value: Value| {
        *payload.pointer_mut(path).unwrap() = value;
        payload
    };
    let comment = |who: &str, text: &str| comment_payload("created", 5, who, 7, text);
    let deleted =
        edit(push_payload("refs/heads/main", &"b".repeat(40), &"0".repeat(40)), "/deleted", json!(true));
    let on_issue = edit(comment("jane", "esm register"), "/issue/pull_request", json!(null));
    let foreign = edit(pull_payload("opened", 7, false), "/repository/full_name", json!("mallory/schemas"));
    let mut retitled = pull_payload("edited", 7, false);
    retitled["changes"] = json!({"title": {"from": "x"}, "body": {"from": null}});
    for (event, payload) in [
        ("star", json!({"action": "created"})),
        ("check_run", json!({"action": "completed"})),
        ("pull_request", pull_payload("labeled", 7, false)),
        ("pull_request", pull_payload("edited", 7, false)),
        ("pull_request", retitled),
        ("pull_request", foreign),
        ("issue_comment", comment_payload("edited", 5, "jane", 7, "esm register")),
        ("issue_comment", comment_payload("deleted", 5, "jane", 7, "esm register")),
        ("issue_comment", comment("dependabot[bot]", "esm register")),
        ("issue_comment", comment("jane", "> esm register")),
        ("issue_comment", comment("jane", "```\nesm register\n```")),
        ("issue_comment", comment("jane", "as I said:\nesm register")),
        ("issue_comment", comment("jane", "<!-- bellwether:1 {} -->\nesm register")),
        ("issue_comment", on_issue),
        ("push", push_payload("refs/heads/change", &"b".repeat(40), &"a".repeat(40))),
        ("push", push_payload("refs/heads/gh-readonly-queue/main/pr-7-a", &"b".repeat(40), &"a".repeat(40))),
        ("merge_group", group_payload("destroyed", &"a".repeat(40), "refs/heads/main")),
        ("merge_group", group_payload("checks_requested", &"a".repeat(40), "refs/heads/mine")),
        ("merge_group", group_payload("checks_requested", &"a".repeat(40), "main")),
        ("push", push_payload("refs/tags/main", &"b".repeat(40), &"a".repeat(40))),
        ("push", deleted),
    ] {
        let answer = world.deliver_as("guid-1", event, &payload);
        assert_eq!(answer, (202, "ignored".to_owned()), "{event} {payload}");
    }
    world.settle();
    assert_eq!(world.github.calls(), [""; 0]);
}

#[test]
fn health_and_metrics_tell_how_it_goes() {
    let world = World::new();
    let number = world.pull(&[("README.md", "# x")]);
    world.pull_event("opened", number, false);
    assert_eq!(post(&world, "star", b"{}", SECRET).0, 202);
    assert_eq!(post(&world, "star", b"{}", "another secret, of somebody else").0, 401);
    assert_eq!(world.get("/health"), "{\"status\":\"ok\",\"queue\":0}\n");
    until("both jobs are counted", || world.get("/metrics").contains("jobs_total{result=\"done\"} 2"));
    seen!("metrics", world.get("/metrics"));
}

#[test]
fn each_line_of_the_log_is_json_with_the_delivery() {
    let world = World::new();
    let number = world.pull(&[("schemas/cart.avdl", "protocol {\u{1b}[31m")]);
    world.pull_event("opened", number, false);
    until("three lines", || world.log().lines().count() >= 3);
    let log = world.log();
    assert!(!log.contains('\u{1b}'));
    for line in log.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        assert!(value["delivery"].as_str().unwrap().starts_with("72d3162e"), "{line}");
    }
}
