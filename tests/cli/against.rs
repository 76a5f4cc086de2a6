//! `plan --against`: what a change of the schemas does, from two sets of schemas alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use bellwether::diff::ChangedBy;
use bellwether::model::Address;
use bellwether::ops::{AgainstRequest, Base, against, compile};
use bellwether::plan::{Action, Options};
use bellwether::project::{Files, Project as Read};
use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::property::schema;
use super::repository::{Repository, protocol};
use super::support::{API_KEY, Project, Run, Server, actions, changes, copy, stable};

/// An added, a changed, a removed and a renamed annotation, and a changed default.
fn change(files: &Project, folder: &str) {
    let file = |name: &str| format!("{folder}{name}");
    files.edit(
        &file("schemas/cart.avdl"),
        "{\"direction\": \"above\", \"deviations\": 3}",
        "{\"direction\": \"above\", \"deviations\": 6}",
    );
    files.edit(
        &file("schemas/learning.avdl"),
        "@traffic_absence_monitor({\"window\": \"6h\"})",
        "@error_rate_monitor({\"above\": 0.05})",
    );
    files.edit(
        &file("schemas/learning.avdl"),
        "  record LessonCompletedEvent",
        "  @aliases([\"LessonCompletedEvent\"])\n  record LessonFinishedEvent",
    );
    files.edit(&file("bellwether.toml"), "pane = \"5s\"", "pane = \"5s\"\nids_per_hour = 40");
}

const CHANGES: [&str; 6] = [
    "create com.example.learning.CertificateIssuedEvent/error_rate_monitor",
    "update com.example.experiment.ExperimentExposureEvent.experimentId/aggregate_metric",
    "update com.example.shop.CartAbandonedEvent/traffic_anomaly_monitor",
    "rename com.example.learning.LessonFinishedEvent/error_rate_monitor",
    "rename com.example.learning.LessonFinishedEvent/traffic_forecast_monitor",
    "delete com.example.learning.CertificateIssuedEvent/traffic_absence_monitor",
];

#[test]
fn a_change_is_planned_without_keys_network_or_state() {
    let repository = Repository::storefront();
    repository.git(&["switch", "--quiet", "--create", "feature"]);
    change(&repository.files, "shop/");
    repository.commit("the change");

    let plan = repository.against("main");
    assert_eq!(actions(&plan), CHANGES);
    let schema =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/plan.schema.json")).unwrap();
    jsonschema::validate(&serde_json::from_str(&schema).unwrap(), &plan).unwrap();
    let commit = &repository.git(&["rev-parse", "main"])[..7];
    assert_eq!(plan["against"], format!("main ({commit})"));
    assert_eq!(
        (&plan["api_calls"]["read"], &plan["drift"], &plan["deferred"]),
        (&json!(0), &json!([]), &json!([]))
    );
    for change in plan["changes"].as_array().unwrap() {
        assert_eq!(change["id"], Value::Null, "{change}");
    }
    let cause = &plan["changes"][2]["fields"][0]["causes"][0];
    assert_eq!(
        (&cause["parameter"], &cause["before"], &cause["after"]),
        (&json!("deviations"), &json!(3), &json!(6))
    );
    assert_eq!(
        plan["changes"][5]["source"],
        json!({"file": "schemas/learning.avdl", "line": 26, "column": 1})
    );

    let run = repository.run(&["plan", "--against", "main", "--detailed-exitcode"]).exits(2);
    assert_eq!(run.err, "");
    let _stable = stable();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\(main [0-9a-f]{7}\)|main \([0-9a-f]{7}\)", "main (COMMIT)");
    settings.bind(|| assert_snapshot!("against", run.out));
    // The keys of an environment with a site are not asked for either.
    repository.run(&["plan", "--against", "main", "--env", "prod"]).exits(0).says(&["prod · against main"]);
    assert!(repository.has_no_state());

    repository.git(&["switch", "--quiet", "main"]);
    let run = repository.run(&["plan", "--against", "main", "--detailed-exitcode"]).exits(0);
    assert_eq!(
        run.out,
        format!("No changes against main ({commit}). 18 monitors and 1 metric in 6 schema files.\n")
    );
}

#[test]
fn it_is_the_plan_of_a_datadog_that_nobody_has_touched() {
    let server = Server::new();
    let applied = Project::storefront_at(server.url());
    applied.apply();
    server.report("experiment_exposure_event.experiment_id.top_rate");
    applied.apply();
    change(&applied, "");
    // A composite whose operand is renamed, and a monitor that has to be made anew.
    applied.edit(
        "schemas/cart.avdl",
        "  record CoursePurchasedEvent",
        "  @aliases([\"CoursePurchasedEvent\"]) record CourseBoughtEvent",
    );
    let text = applied.read("schemas/platform.avpr");
    let service = "\\\"datadog.agent.up\\\".over(\\\"service:event-pipeline\\\").by(\\\"host\\\").last(4).count_by_status()";
    let text = text.replace("service check", "query alert").replace(service, "avg(last_5m):avg:a.b{*} > 3");
    applied.write("schemas/platform.avpr", &text.replace(", \"warning\": 2, \"ok\": 1", ""));

    let before = Project::storefront_at(server.url());
    let base = before.path("").display().to_string();
    let told = applied.json(&["plan", "--against", &base]);
    let live = applied.plan();
    let sorts: Vec<String> = ["create", "update", "rename", "replace", "delete"]
        .map(|sort| live["summary"][sort].to_string())
        .into();
    assert_eq!(sorts, ["1", "2", "5", "1", "1"], "{:?}", actions(&live));
    assert_eq!((changes(&told), &told["summary"]), (changes(&live), &live["summary"]));
    assert_eq!((&told["budget"], &told["blocked"]), (&live["budget"], &live["blocked"]));
    for (told, live) in told["changes"].as_array().unwrap().iter().zip(live["changes"].as_array().unwrap()) {
        for part in ["from", "kind", "source", "depends_on", "parameters", "fields"] {
            assert_eq!(told[part], live[part], "{part} of {}", told["address"]);
        }
        if told["after"]["type"] != "composite" {
            assert_eq!(told["after"], live["after"], "{}", told["address"]);
        }
        let effects = |change: &Value| {
            let effects =
                change["effect"].as_array().unwrap().iter().map(|effect| effect.as_str().unwrap().to_owned());
            // The state, and the id of what is replaced, are known to Datadog only.
            let id = format!("#{}", change["id"]);
            effects
                .filter(|effect| !effect.starts_with("state "))
                .map(|effect| effect.replace(&id, "the monitor"))
                .collect::<Vec<_>>()
        };
        assert_eq!(effects(told), effects(live));
    }
}

#[test]
fn a_composite_names_its_operands_by_address_before_and_after() {
    let repository = Repository::small(
        r#"@traffic_anomaly_monitor({}) @error_rate_monitor({})
           @composite_monitor({"when": "traffic_anomaly_monitor && error_rate_monitor"})
           record OneEvent { string id; }"#,
    );
    repository.declare(
        r#"@aliases(["OneEvent"]) @traffic_anomaly_monitor({}) @error_rate_monitor({})
           @composite_monitor({"when": "traffic_anomaly_monitor || error_rate_monitor"})
           record TwoEvent { string id; }"#,
    );
    let plan = repository.against("HEAD");
    let composite =
        plan["changes"].as_array().unwrap().iter().find(|c| c["after"]["type"] == "composite").unwrap();
    assert_eq!(
        (&composite["action"], &composite["from"]),
        (&json!("rename"), &json!("n.OneEvent/composite_monitor"))
    );
    let before = "${n.OneEvent/traffic_anomaly_monitor} && ${n.OneEvent/error_rate_monitor}";
    let after = "${n.TwoEvent/traffic_anomaly_monitor} || ${n.TwoEvent/error_rate_monitor}";
    let field = composite["fields"].as_array().unwrap().iter().find(|f| f["path"] == "query").unwrap();
    assert_eq!((&field["before"], &field["after"]), (&json!(before), &json!(after)));
    assert_eq!(
        (&composite["before"]["query"], &composite["after"]["query"]),
        (&json!(before), &json!(after))
    );
    assert!(!plan.to_string().contains("461168"), "an id that no monitor has: {plan}");

    repository.declare("@traffic_anomaly_monitor({}) record OneEvent { string id; }");
    let plan = repository.against("HEAD");
    assert_eq!(
        actions(&plan),
        ["delete n.OneEvent/composite_monitor", "delete n.OneEvent/error_rate_monitor"]
    );
    assert_eq!(plan["changes"][0]["before"]["query"], before);
    assert_eq!(plan["changes"][1]["depends_on"], json!(["n.OneEvent/composite_monitor"]));
}

#[test]
fn ids_that_a_raw_composite_names_stay() {
    let raw = |name: &str| {
        format!(
            "@datadog_monitor({{\"type\": \"composite\", \"name\": \"{name}\", \"query\": \"1 && 12345\"}}) record OneEvent {{ string id; }}"
        )
    };
    let repository = Repository::small(&raw("Before"));
    repository.declare(&raw("After"));
    let plan = repository.against("HEAD");
    assert_eq!(changes(&plan)[0].2, ["name"]);
    for side in ["before", "after"] {
        assert_eq!(plan["changes"][0][side]["query"], "1 && 12345");
    }
}

#[test]
fn a_metric_that_is_new_is_created_and_one_that_goes_is_deleted() {
    let with = |annotations: &str| format!("record OneEvent {{ string {annotations} id; }}");
    let repository = Repository::small(&with(""));
    let metric = "n.OneEvent.id/aggregate_metric";
    repository.declare(&with("@aggregate_metric({})"));
    assert_eq!(actions(&repository.against("HEAD")), [format!("create {metric}")]);
    repository.commit("a metric");
    repository.declare(&with("@aggregate_metric({\"metric\": \"another.name\"})"));
    let plan = repository.against("HEAD");
    assert_eq!(actions(&plan), [format!("create {metric}")], "the former one's configuration stays");
    assert_eq!((&plan["drift"], &plan["blocked"]), (&json!([]), &json!([])));
    repository.declare(&with(""));
    assert_eq!(actions(&repository.against("HEAD")), [format!("delete {metric}")]);
}

#[test]
fn a_directory_is_compared_with_too_and_comes_before_a_branch_of_its_name() {
    let repository = Repository::small("@error_rate_monitor({}) record OneEvent { string id; }");
    copy(&repository.files.path("schemas"), &repository.files.path("main/schemas"), "");
    repository.files.write("main/bellwether.toml", &repository.files.read("bellwether.toml"));
    repository.declare("@error_rate_monitor({\"above\": 0.5}) record OneEvent { string id; }");
    repository.commit("a change");
    let plan = repository.against("main");
    assert_eq!(
        (&plan["against"], actions(&plan)),
        (&json!("main"), vec!["update n.OneEvent/error_rate_monitor".to_owned()])
    );
    assert_eq!(actions(&repository.against("refs/heads/main")), Vec::<String>::new());
    // A name is shown, not obeyed.
    fs::rename(repository.files.path("main"), repository.files.path("\u{1b}[31m\u{202e}")).unwrap();
    let run = repository.run(&["plan", "--against", "\u{1b}[31m\u{202e}"]).exits(0);
    assert!(!run.out.contains(['\u{1b}', '\u{202e}']), "{run:?}");
}

#[test]
fn where_nothing_was_before_everything_is_new() {
    let project = "@error_rate_monitor({}) record OneEvent { string id; }";
    let all = ["create n.OneEvent/error_rate_monitor"];
    let repository = Repository::of(Project::empty(), ".");
    let first = Repository::small(project);
    copy(&first.files.path(""), &repository.files.path("a b"), ".git");
    let nested = Repository { folder: "a b", ..repository };
    let run = nested.run(&["plan", "--against", "HEAD"]).exits(0).says(&["1 to create"]);
    run.complains(&["there is no bellwether.toml in HEAD (", "everything is new"]);

    nested.files.write("a b/schemas/events.avdl", "");
    fs::remove_file(nested.files.path("a b/schemas/events.avdl")).unwrap();
    nested.commit("a project without a schema");
    nested.files.write("a b/schemas/events.avdl", &protocol(project));
    assert_eq!(actions(&nested.against("HEAD")), all);

    nested.commit("a schema");
    let config = nested.files.read("a b/bellwether.toml");
    nested.files.write("a b/bellwether.toml", &format!("{config}[environments.new]\nsandbox = true\n"));
    let run = nested.run(&["plan", "--against", "HEAD", "--env", "new"]).exits(0).says(&["1 to create"]);
    run.complains(&["has no environment `new`: everything is new"]);
}

#[test]
fn a_base_that_is_broken_is_said_to_be_and_is_no_mistake_of_ours() {
    let repository = Repository::small("@error_rate_monitr({}) record OneEvent { string id; }");
    repository.declare("@error_rate_monitor({}) record OneEvent { string id; }");
    let run = repository.run(&["plan", "--against", "HEAD"]).exits(1);
    assert_eq!(run.out, "");
    run.complains(&[
        "the schemas of HEAD (",
        "have errors",
        "error[BW0101]: schemas/events.avdl:2",
        "those here have none",
    ]);
    let run = repository.run(&["plan", "--against", "HEAD", "--format", "json"]).exits(1);
    let failure: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(
        failure["diagnostics"][0]["source"],
        Value::Null,
        "nothing to annotate in the files that are here"
    );

    repository.commit("mended");
    repository.declare("@error_rate_monitr({}) record OneEvent { string id; }");
    let run = repository.run(&["plan", "--against", "HEAD"]).exits(1);
    run.complains(&["error[BW0101]", "--> schemas/events.avdl:2"]);

    repository.declare("@error_rate_monitor({}) record OneEvent { string id; }");
    let config = repository.files.read("bellwether.toml");
    repository.files.write("bellwether.toml", &config.replace("[environments", "[enviroments"));
    repository.commit("a mistyped table");
    repository.files.write("bellwether.toml", &config);
    repository.run(&["plan", "--against", "HEAD"]).exits(1).complains(&["of HEAD (", "enviroments"]);
}

/// A project of one schema, from memory.
fn read(schema: &str) -> Read {
    let config =
        "default_environment = \"e\"\n[environments.e]\nsandbox = true\n[guard]\nmax_deletes = \"100%\"\n";
    let files = [("bellwether.toml", config), ("schemas/e.avdl", schema)];
    Read::read(files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into_iter().collect())
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_differs_is_what_the_schemas_changed(first in schema(), second in schema()) {
        let project = read(&second);
        let (name, environment) = project.config.environment(None).unwrap();
        let plan = |base: &str| {
            let base = Base { name: "before".to_owned(), project: Some(read(base)) };
            let request = AgainstRequest {
                project: &project, name: &name, base: &base, options: Options::default(), now: jiff::Timestamp::UNIX_EPOCH,
            };
            against(&request, compile(&project, &name, environment).unwrap()).unwrap()
        };
        let same = plan(&second).plan;
        prop_assert!(same.changes.is_empty() && same.drift.is_empty() && same.blocked.is_empty(), "{same:?}");
        let planned = plan(&first);
        let (plan, before) = (planned.plan, planned.refreshed.applied);
        prop_assert!(plan.drift.is_empty() && plan.blocked.is_empty(), "{plan:?}");
        let expected = |address: &Address| match (before.get(address), planned.compiled.graph.get(address)) {
            (None, _) => Some(Action::Create),
            (_, None) => Some(Action::Delete),
            (Some(before), Some(node)) => (before.document.get() != node.document).then_some(Action::Update),
        };
        let after = planned.compiled.graph.nodes().map(|node| &node.address);
        let addresses: BTreeSet<&Address> = before.keys().chain(after).collect();
        let expected: BTreeMap<&Address, Action> =
            addresses.into_iter().filter_map(|address| Some((address, expected(address)?))).collect();
        prop_assert_eq!(plan.changes.iter().map(|change| (&change.address, change.action)).collect::<BTreeMap<_, _>>(), expected);
        for field in plan.changes.iter().flat_map(|change| &change.fields) {
            prop_assert_eq!(field.changed_by, ChangedBy::Schema);
        }
    }
}

#[test]
fn a_project_is_the_same_from_memory() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/storefront");
    let mut files = Files::default();
    for folder in ["", "schemas", "monitors"] {
        for entry in fs::read_dir(directory.join(folder)).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                let name = entry.file_name().into_string().unwrap();
                files.add(Path::new(folder).join(name).to_str().unwrap(), fs::read(entry.path()).unwrap());
            }
        }
    }
    let asked_for = |project: &Read| {
        let (name, environment) = project.config.environment(None).unwrap();
        let compiled = compile(project, &name, environment).unwrap();
        let nodes = compiled.graph.nodes();
        nodes.map(|node| (project.sources.file_line(node.origin), node.document.clone())).collect::<Vec<_>>()
    };
    let project = Read::read(files).unwrap();
    assert_eq!(asked_for(&project), asked_for(&Read::open(&directory).unwrap()));
    assert_eq!(project.schema_files, 6);
    assert!(Read::read(Files::default()).is_err_and(|error| error.is_no_config()));
}

#[test]
fn such_a_plan_is_saved_and_never_applied() {
    let repository = Repository::small("@error_rate_monitor({}) record OneEvent { string id; }");
    repository.declare("@error_rate_monitor({\"above\": 0.5}) record OneEvent { string id; }");
    let run = repository.run(&["plan", "--against", "HEAD", "--out", "plan.json"]).exits(0);
    run.says(&["→ plan.json", "bellwether plan compares with Datadog"]);
    let refused = |texts: &[&str]| {
        let mut command = repository.command(&["apply", "plan.json"]);
        command.env("DD_API_KEY", API_KEY);
        Run::of(command, &[], &repository.files.path("")).exits(1).complains(texts);
    };
    refused(&["made against HEAD (", "Nothing was written", "without --against"]);
    // It cannot be made into one that is.
    let mut plan: Value = serde_json::from_str(&repository.files.read("plan.json")).unwrap();
    plan.as_object_mut().unwrap().remove("against");
    repository.files.write("plan.json", &plan.to_string());
    refused(&["digest"]);
    assert!(repository.has_no_state());
}

#[test]
fn guards_are_judged_against_the_base() {
    let events = |kept: usize| -> String {
        let event = |number| match number < kept {
            true => format!("@error_rate_monitor({{}}) record E{number}Event {{ string id; }}\n"),
            false => format!("record E{number}Event {{ string id; }}\n"),
        };
        (0..5).map(event).collect()
    };
    let repository = Repository::small(&events(5));
    repository.declare(&events(1));
    let run = repository.run(&["plan", "--against", "HEAD"]).exits(5);
    run.says(&["4 deletes of 5", "BLOCKED"]);
    repository
        .run(&["plan", "--against", "HEAD", "--allow-deletes", "4"])
        .exits(0)
        .says(&["4 deletes of 5 = 80.0%"]);
    let run = repository.run(&["plan", "--against", "HEAD", "--only", "n.E1Event/*"]).exits(0);
    run.says(&["Partial: only n.E1Event/*", "1 to delete"]);
    repository.run(&["plan", "--against", "HEAD", "--only", "n.Nothing/*"]).exits(64);
}
