//! Mistakes and outages: one clear error each, the right exit code, and nothing written.

use std::fs;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::double::{Answer, Double};
use super::support::{API_KEY, APP_KEY, Project, Run, Server, stable};

const CART: &str = "schemas/cart.avdl";

/// Every command that reads the schemas fails with the same error, and nothing is written anywhere.
fn is_refused(break_it: impl Fn(&Project), told: &[&str]) -> String {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.apply();
    break_it(&project);
    let mark = server.mark();
    let mut message = String::new();
    for command in
        [&["plan"][..], &["apply", "--yes"], &["apply", "--yes", "--reset-drift"], &["drift"], &["check"]]
    {
        let run = project.run(command).exits(1).complains(told);
        assert_eq!(run.out, "", "there is no result");
        message = run.err;
    }
    let data = project.plan();
    assert!(!data["diagnostics"].as_array().unwrap().is_empty(), "errors are data, too: {data}");
    assert_eq!(server.since(mark), [""; 0], "Datadog was not even asked");
    message
}

#[test]
fn a_broken_schema_is_refused() {
    let message = is_refused(
        |project| project.edit(CART, "int items;", "int items"),
        &["error[BW0001]", "schemas/cart.avdl:27:", "expected", "1 error; nothing was planned"],
    );
    let _stable = stable();
    assert_snapshot!("broken_schema", message);
}

#[test]
fn a_broken_json_schema_is_refused() {
    let message = is_refused(
        |project| project.edit("schemas/search.avsc", "\"type\": \"record\",", "\"type\": \"record\""),
        &["error[BW0001]", "schemas/search.avsc:3:"],
    );
    let _stable = stable();
    assert_snapshot!("broken_json_schema", message);
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    is_refused(
        |project| fs::write(project.path("schemas/binary.avdl"), [0xff, 0xfe, 0x00, 0xd8, 0x80]).unwrap(),
        &["error[BW0002]", "schemas/binary.avdl"],
    );
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    is_refused(
        |project| fs::File::create(project.path("schemas/large.avdl")).unwrap().set_len(17 << 20).unwrap(),
        &["error", "schemas/large.avdl", "17825792 bytes"],
    );
}

#[test]
fn a_missing_import_is_refused() {
    is_refused(
        |project| fs::remove_file(project.path("schemas/common.avdl")).unwrap(),
        &["error[BW0006]", "common.avdl", "schemas/cart.avdl:7:"],
    );
}

#[test]
fn an_unknown_parameter_is_refused_with_the_one_that_was_meant() {
    let message = is_refused(
        |project| project.edit(CART, "\"deviations\": 3", "\"deviation\": 3"),
        &["error[BW0201]", "schemas/cart.avdl:22:", "did you mean `deviations`?"],
    );
    let _stable = stable();
    assert_snapshot!("unknown_parameter", message);
}

#[test]
fn a_parameter_of_the_wrong_type_is_refused() {
    let message = is_refused(
        |project| project.edit(CART, "\"deviations\": 3", "\"deviations\": \"many\""),
        &["error[BW0202]", "schemas/cart.avdl:22:", "deviations", "number"],
    );
    let _stable = stable();
    assert_snapshot!("wrong_type", message);
}

#[test]
fn a_parameter_out_of_range_is_refused() {
    let message = is_refused(
        |project| project.edit(CART, "\"deviations\": 3", "\"deviations\": 40"),
        &["error[BW0204]", "schemas/cart.avdl:22:", "deviations", "10"],
    );
    let _stable = stable();
    assert_snapshot!("out_of_range", message);
}

#[test]
fn an_annotation_where_it_has_no_effect_is_refused() {
    let message = is_refused(
        |project| {
            project.edit(
                "schemas/experiment.avdl",
                "record ExperimentExposureEvent {",
                "@aggregate_metric({})\nrecord ExperimentExposureEvent {",
            );
        },
        &["error[BW0102]", "schemas/experiment.avdl:8:", "aggregate_metric"],
    );
    let _stable = stable();
    assert_snapshot!("misplaced_annotation", message);
}

#[test]
fn a_code_that_does_not_exist_is_told_as_such() {
    let run = Project::empty().run(&["explain", "BW9999"]).exits(1);
    run.complains(&["there is no code BW9999; they go from BW0001 to BW0504"]);
}

#[test]
fn an_annotation_of_another_tool_that_looks_like_ours_can_be_named_as_such() {
    let project = Project::of("@owners([\"x\"]) record R { int a; }", "http://127.0.0.1:9");
    project.run(&["check"]).exits(1).complains(&[
        "BW0101",
        "did you mean `@owner`?",
        "`foreign_annotations`",
    ]);
    let config = project.read("bellwether.toml");
    project.write("bellwether.toml", &format!("foreign_annotations = [\"owners\"]\n{config}"));
    project.run(&["check"]).exits(0);
}

#[test]
fn a_misspelt_annotation_is_refused() {
    is_refused(
        |project| {
            let path = "schemas/learning.avdl";
            project.edit(path, "@traffic_absence_monitor", "@trafic_absence_monitor");
        },
        &["error[BW0101]", "schemas/learning.avdl:26:", "did you mean `@traffic_absence_monitor`?"],
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let message = is_refused(
        |project| {
            project.edit(CART, "\"deviations\": 3", "\"deviations\": 40");
            project.edit("schemas/learning.avdl", "@traffic_absence_monitor", "@trafic_absence_monitor");
            project.edit("bellwether.toml", "[guard]", "[gaurd]");
        },
        &["BW0204", "BW0101", "BW0301", "3 errors; nothing was planned"],
    );
    let _stable = stable();
    assert_snapshot!("all_mistakes", message);
}

#[test]
fn an_unknown_key_of_the_configuration_is_refused() {
    let message = is_refused(
        |project| project.edit("bellwether.toml", "max_deletes", "max_delets"),
        &["error[BW0301]", "bellwether.toml:22:", "max_delets", "did you mean `max_deletes`?"],
    );
    let _stable = stable();
    assert_snapshot!("unknown_key", message);
}

#[test]
fn a_configuration_that_is_not_toml_is_refused() {
    is_refused(
        |project| project.edit("bellwether.toml", "[guard]", "[guard"),
        &["error[BW0301]", "bellwether.toml:"],
    );
}

#[test]
fn a_broken_catalog_entry_is_refused() {
    is_refused(
        |project| project.edit("monitors/latency.toml", "${above_ms}\"\nmessage", "${above_ns}\"\nmessage"),
        &["error[BW0302]", "monitors/latency.toml:", "above_ns"],
    );
}

#[test]
fn a_project_without_schemas_is_refused() {
    is_refused(
        |project| fs::remove_dir_all(project.path("schemas")).unwrap(),
        &["error[BW0304]", "schemas/**/*.avdl", "delete every monitor"],
    );
}

#[test]
fn an_unknown_environment_is_refused() {
    for command in
        [&["plan", "--env", "prodd"][..], &["drift", "--env", "prodd"], &["apply", "--yes", "--env", "prodd"]]
    {
        Project::storefront().run(command).exits(1).complains(&[
            "`prodd`",
            "did you mean `prod`?",
            "sandbox",
        ]);
    }
}

#[test]
fn a_directory_without_a_project_is_refused() {
    let run = Project::empty().run(&["plan"]).exits(1);
    run.complains(&["bellwether.toml", "bellwether init", "-C DIR"]);
}

#[test]
fn a_project_is_found_from_elsewhere() {
    let project = Project::storefront();
    let elsewhere = Project::empty();
    let directory = project.path("").to_string_lossy().into_owned();
    elsewhere.run(&["-C", &directory, "check"]).exits(0).says(&["ok"]);
    elsewhere.run(&["-C", "nowhere", "check"]).exits(1).complains(&["nowhere"]);
}

/// Runs `plan`, `apply` and `drift` with other keys.
fn with_keys(project: &Project, api: Option<&str>, application: Option<&str>, told: &[&str]) {
    for arguments in [&["plan"][..], &["apply", "--yes"], &["drift"]] {
        let mut command = project.command(arguments);
        command.env_clear();
        for (name, key) in [("DD_API_KEY", api), ("DD_APP_KEY", application)] {
            if let Some(key) = key {
                command.env(name, key);
            }
        }
        let run = Run::of(command, arguments, &project.path("")).exits(1).complains(told);
        assert_eq!(run.out, "");
    }
}

#[test]
fn missing_keys_are_named_and_nothing_is_asked() {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    with_keys(&project, None, Some("k"), &["DD_API_KEY", "DD_APP_KEY"]);
    with_keys(&project, Some("k"), None, &["DD_APP_KEY is not set"]);
    with_keys(&project, Some("  "), Some("k"), &["DD_API_KEY is not set"]);
    with_keys(&project, Some("a b-secret"), Some("k"), &["DD_API_KEY: ", "characters"]);
    assert_eq!(server.since(0), [""; 0]);
}

/// `plan`, `apply` and `drift` against a double that fails; nothing is concluded and nothing written.
fn fails(
    script: impl Fn(usize, &super::double::Asked) -> Answer + Send + Sync + 'static,
    told: &[&str],
) -> String {
    let server = Server::new();
    let double = Double::before(&server, |_| Answer::Pass);
    let project = Project::storefront_at(double.url());
    project.apply();
    let script = Arc::new(script);
    let mark = server.mark();
    let mut message = String::new();
    for command in [&["plan"][..], &["apply", "--yes"], &["drift"], &["plan", "--detailed-exitcode"]] {
        let (script, calls) = (Arc::clone(&script), AtomicUsize::new(0));
        double.instead(move |asked| script(calls.fetch_add(1, Ordering::SeqCst), asked));
        let run = project.run(command).exits(1).complains(told);
        assert_eq!(run.out, "", "never a verdict from an incomplete read");
        message = run.err;
    }
    assert_eq!(server.writes_since(mark), [""; 0]);
    double.recovers();
    project.is_settled();
    message
}

fn says(status: u16, body: Value) -> Answer {
    Answer::Say(status, "application/json", body.to_string())
}

#[test]
fn refused_keys_are_told_with_the_permission_that_is_needed() {
    let message = fails(
        |_, _| says(403, json!({"errors": ["Forbidden"]})),
        &["403", "DD_API_KEY", "DD_APP_KEY", "monitors_read", "api_url http://127.0.0.1:"],
    );
    let _stable = stable();
    assert_snapshot!("forbidden", message);
    fails(|_, _| says(401, json!({"errors": ["Unauthorized"]})), &["401", "DD_API_KEY"]);
}

#[test]
fn an_answer_that_breaks_off_is_no_answer() {
    // More than fits into buffers, so that its beginning does arrive.
    let start = format!("[{{\"id\": 1, \"name\": \"{}", "x".repeat(8 << 20));
    fails(move |_, _| Answer::Break(start.clone()), &["GET /api/v1/monitor", "broke off"]);
}

#[test]
fn an_answer_that_is_cut_off_is_no_answer() {
    fails(
        |_, _| Answer::Say(200, "application/json", "[{\"id\": 1, \"na".to_owned()),
        &["GET /api/v1/monitor", "cut off", "proxy"],
    );
}

#[test]
fn an_answer_that_is_not_json_is_no_answer() {
    fails(
        |_, _| Answer::Say(200, "text/html", "<html>Please log in to the proxy</html>".to_owned()),
        &["not JSON", "an HTML page", "is a proxy in between?"],
    );
}

#[test]
fn an_object_in_place_of_the_list_is_no_answer() {
    fails(|_, _| says(200, json!({"monitors": []})), &["another shape"]);
}

#[test]
fn a_failed_second_page_is_an_incomplete_read() {
    let page = |number: u64| {
        let monitor =
            |index: u64| json!({"id": number * 1000 + index + 1, "name": "x", "tags": ["esm-sandbox"]});
        Value::Array((0..1000).map(monitor).collect())
    };
    fails(
        move |_, asked| {
            if asked.path.contains("page=1&") {
                says(403, json!({"errors": ["Forbidden"]}))
            } else {
                says(200, page(0))
            }
        },
        &["403", "page=1"],
    );
}

#[test]
fn an_api_that_cannot_be_reached_is_named() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let project = Project::storefront_at(&url);
    for command in [&["plan"][..], &["drift"]] {
        let run = project.run(command).exits(1).complains(&[&url, "no answer", "api_url"]);
        assert_eq!(run.out, "");
    }
}

#[test]
fn a_validation_that_fails_never_stops_a_plan() {
    let server = Server::new();
    let double = Double::before(&server, |asked| match asked.path.ends_with("/validate") {
        true => says(403, json!({"errors": ["Forbidden"]})),
        false => Answer::Pass,
    });
    let project = Project::storefront_at(double.url());
    project.run(&["plan"]).exits(0).says(&["Plan: 18 to create."]).complains(&["warning[BW0502]"]);
}

#[test]
fn what_datadog_would_reject_is_told_at_the_annotation_and_not_tried() {
    let server = Server::new();
    let double = Double::before(&server, |asked| {
        match asked.path.ends_with("/validate") && asked.body.contains("CartAbandonedEvent") {
            true => says(400, json!({"errors": ["The value provided for parameter 'query' is invalid"]})),
            false => Answer::Pass,
        }
    });
    let project = Project::storefront_at(double.url());
    for command in [&["plan"][..], &["apply", "--yes"]] {
        let run = project.run(command).exits(1);
        run.complains(&["error[BW0409]", "schemas/cart.avdl:22", "parameter 'query' is invalid"]);
    }
    assert_eq!(server.writes_since(0), [""; 0]);
}

#[test]
fn a_state_directory_of_a_newer_version_is_left_alone() {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.apply();
    project.write("state/snapshot/format_version", "99\n");
    let mark = server.mark();
    for command in [&["plan"][..], &["apply", "--yes"], &["drift"], &["state", "show"]] {
        project.run(command).exits(1).complains(&["newer bellwether", "format 99", "delete the directory"]);
    }
    assert_eq!(server.writes_since(mark), [""; 0]);
    project.lose_snapshot();
    project.is_settled();
}

#[test]
fn a_wrong_command_line_is_no_drift() {
    let project = Project::storefront();
    for arguments in [
        &["plan", "--detailed-exitcodes"][..],
        &["drif"],
        &["apply", "--allow-deletes", "some"],
        &["plan", "--only", "a{"],
        &[],
    ] {
        let run = project.run(arguments).exits(64);
        assert_eq!(run.out, "", "{run:?}");
    }
    project.run(&["plan", "--detailed-exitcodes"]).exits(64).complains(&["--detailed-exitcode"]);
    project.run(&["--help"]).exits(0).says(&["plan", "apply", "drift"]);
    project.run(&["--version"]).exits(0).says(&["bellwether 0.1.0"]);
}

#[test]
fn apply_asks_nobody_where_there_is_nobody() {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.run(&["apply"]).exits(64).complains(&["bellwether apply --yes"]);
    assert_eq!(server.since(0), [""; 0]);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let project = Project::storefront();
    for arguments in [&["plan"][..], &["plan", "--format", "json"], &["catalog"], &["graph"], &["check"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = project.command(arguments).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?} {err}");
        assert!(!err.contains("panicked") && !err.contains("error"), "{arguments:?} {err}");
    }
}

#[test]
fn keys_are_never_shown_and_never_kept() {
    let server = Server::new();
    // The worst proxy: it sends the request's headers back.
    let double = Double::before(&server, |_| Answer::Pass);
    let project = Project::storefront_at(double.url());
    project.run(&["plan", "-v", "--out", "plan.json"]).exits(0);
    project.run(&["apply", "--yes", "-v"]).exits(0);
    for status in [200, 400, 401, 403, 404, 500] {
        double.instead(move |asked| {
            Answer::Say(status, "text/html", format!("headers were {}", asked.headers))
        });
        // Each run is searched for the keys.
        project.run(&["plan", "-v"]).exits(1);
    }
    double.instead(|asked| says(400, json!({"errors": [format!("bad: {}", asked.headers)]})));
    project.run(&["plan", "--format", "json"]).exits(1);
    project.edit(CART, "\"deviations\": 3", "\"deviations\": 2");
    double.instead(|asked| match asked.method.as_str() {
        "GET" => Answer::Pass,
        _ => says(400, json!({"errors": [format!("bad: {}", asked.headers)]})),
    });
    project.run(&["plan"]).exits(1);
    search(&project.path(""));
}

/// No file below holds a key.
fn search(directory: &std::path::Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        for key in [API_KEY, APP_KEY] {
            assert!(!bytes.windows(key.len()).any(|part| part == key.as_bytes()), "{}", path.display());
        }
    }
}

#[test]
fn a_mistake_in_faults_is_refused_with_its_line() {
    let project = Project::empty();
    let sandbox = &["sandbox", "--memory", "--listen", "127.0.0.1:0", "--faults", "faults.toml"];
    project.run(sandbox).exits(1).complains(&["cannot read faults.toml"]);
    project.write("faults.toml", "seed = 1\n\n[[rules]]\nroute = \"/api/v1/monitors\"\nstatus = 503\n");
    project
        .run(sandbox)
        .exits(1)
        .complains(&["faults.toml: line 3: the sandbox has no route", "the nearest is `/api/v1/monitor`"]);
}
