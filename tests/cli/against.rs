//! `plan --against`: what a change of the schemas does, from two sets of schemas alone, with real Git repositories.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::support::{API_KEY, Project, Run, Server, actions, changes, copy, stable};

/// A Git repository with a project in a folder of it, and the program without keys, home or anything else.
struct Repository {
    files: Project,
    folder: &'static str,
}

impl Repository {
    /// Of files that are there, all committed on `main`.
    fn of(files: Project, folder: &'static str) -> Self {
        let repository = Self { files, folder };
        repository.git(&["init", "--quiet"]);
        repository.commit("the first");
        repository
    }

    /// The example, in the folder `shop`.
    fn storefront() -> Self {
        let files = Project::empty();
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/storefront"),
            &files.path("shop"),
            "state",
        );
        files.edit("shop/bellwether.toml", "../../state", "state");
        Self::of(files, "shop")
    }

    /// One schema file of these declarations, at the top.
    fn small(declarations: &str) -> Self {
        let files = Project::of(&protocol(declarations), "https://datadog.invalid");
        Self::of(files, ".")
    }

    fn declare(&self, declarations: &str) {
        self.files.write("schemas/events.avdl", &protocol(declarations));
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = git(&self.files.path(""), arguments);
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
        command.current_dir(self.files.path(self.folder)).args(arguments).env_clear().stdin(Stdio::null());
        // Where git is.
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments), arguments, &self.files.path(""))
    }

    fn against(&self, base: &str) -> Value {
        let run = self.run(&["plan", "--against", base, "--format", "json"]);
        serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {run:?}"))
    }

    fn has_no_state(&self) -> bool {
        !self.files.path(self.folder).join("state").exists()
    }
}

fn protocol(declarations: &str) -> String {
    format!("@namespace(\"n\") @alert_channel(\"a\") protocol P {{\n{declarations}\n}}\n")
}

fn git(directory: &Path, arguments: &[&str]) -> std::process::Output {
    let who = [("NAME", "A"), ("EMAIL", "a@example.com"), ("DATE", "2026-01-02T03:04:05Z")]
        .map(|(key, value)| [(format!("GIT_AUTHOR_{key}"), value), (format!("GIT_COMMITTER_{key}"), value)]);
    Command::new("git")
        .current_dir(directory)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .envs(who.into_iter().flatten())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(["-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .output()
        .unwrap()
}

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
fn what_was_merged_meanwhile_is_no_change_of_ours() {
    let repository = Repository::small("@error_rate_monitor({}) record OneEvent { string id; }");
    repository.git(&["switch", "--quiet", "--create", "feature"]);
    repository.declare("@error_rate_monitor({}) @log_monitor({\"search\": \"a\", \"above\": 1}) record OneEvent { string id; }");
    repository.commit("ours");
    repository.git(&["switch", "--quiet", "main"]);
    repository.files.write(
        "schemas/other.avdl",
        "@namespace(\"o\") protocol O {\n@error_rate_monitor({}) record OtherEvent { string id; } }",
    );
    repository.commit("theirs");
    repository.git(&["switch", "--quiet", "feature"]);
    let ours = ["create n.OneEvent/log_monitor"];
    assert_eq!(actions(&repository.against("main")), ours);
    // As CI checks a pull request out: merged with what it is to go into.
    repository.git(&["merge", "--quiet", "--no-edit", "main"]);
    assert_eq!(actions(&repository.against("main")), ours);
    // What is not committed counts too.
    repository.declare("record OneEvent { string id; }");
    assert_eq!(actions(&repository.against("main")), ["delete n.OneEvent/error_rate_monitor"]);
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

#[test]
fn what_names_no_commit_is_refused_with_what_to_do() {
    let repository = Repository::small("record OneEvent { string id; }");
    let fails = |base: &str, texts: &[&str]| {
        let run = repository.run(&["plan", &format!("--against={base}")]).exits(1);
        assert_eq!(run.out, "");
        run.complains(texts);
    };
    fails(
        "origin/main",
        &["`origin/main` is neither a directory nor a commit", "git fetch origin main", "fetch-depth: 0"],
    );
    for option in ["--output=stolen", "-h", "--help", "--exec=touch stolen"] {
        fails(option, &["does not begin with `-`"]);
    }
    for other in [
        "",
        "HEAD:schemas",
        "main..main",
        "main\nHEAD",
        "@{upstream}",
        "$(touch stolen)",
        "0000000000000000000000000000000000000000",
    ] {
        fails(other, &["is neither a directory nor a commit"]);
    }
    assert!(!repository.files.path("stolen").exists());

    repository.git(&["switch", "--quiet", "--orphan", "unrelated"]);
    repository.git(&["commit", "--quiet", "--allow-empty", "--message", "unrelated"]);
    repository.git(&["switch", "--quiet", "main"]);
    fails("unrelated", &["HEAD and `unrelated` have no common commit"]);

    for (with, without) in [("--offline", "cannot be used"), ("--reset-drift", "cannot be used")] {
        repository.run(&["plan", "--against", "HEAD", with]).exits(64).complains(&[without]);
    }
    let alone = Project::storefront();
    alone.run(&["plan", "--against", "HEAD"]).exits(1).complains(&["Git knows no repository of ."]);
    let mut command = repository.command(&["plan", "--against", "HEAD"]);
    command.env("PATH", repository.files.path(""));
    Run::of(command, &[], &repository.files.path("")).exits(1).complains(&["cannot run `git`", "directory"]);
}

/// The branch `feature` of a repository, cloned with these options.
fn cloned(repository: &Repository, options: &[&str]) -> Repository {
    let files = Project::empty();
    let url = format!("file://{}", repository.files.path("").display());
    let arguments = [&["clone", "--quiet", "--branch=feature"], options, &[&url, "clone"]].concat();
    let output = git(&files.path(""), &arguments);
    assert!(output.status.success(), "{output:?}");
    Repository { files, folder: "clone" }
}

#[test]
fn a_clone_that_lacks_something_says_so_and_fetches_nothing() {
    let repository = Repository::small("record OneEvent { string id; }");
    repository.git(&["config", "uploadpack.allowFilter", "true"]);
    repository.git(&["switch", "--quiet", "--create", "feature"]);
    repository.declare("@error_rate_monitor({}) record OneEvent { string id; }");
    repository.commit("ours");
    repository.git(&["switch", "--quiet", "main"]);
    repository.commit("theirs");

    let shallow = cloned(&repository, &["--depth=1", "--no-single-branch"]);
    let run = shallow.run(&["plan", "--against", "origin/main"]).exits(1);
    run.complains(&["HEAD and `origin/main` have no common commit in this shallow clone", "fetch-depth: 0"]);

    let partial = cloned(&repository, &["--filter=blob:none"]);
    let run = partial.run(&["plan", "--against", "origin/main"]).exits(1);
    run.complains(&[
        "cannot read the project of origin/main (",
        "schemas/events.avdl",
        "a partial clone has to fetch it",
    ]);

    let whole = cloned(&repository, &[]);
    assert_eq!(actions(&whole.against("origin/main")), ["create n.OneEvent/error_rate_monitor"]);
}

#[test]
fn a_file_of_the_commit_has_the_same_limit() {
    let import = "@namespace(\"n\") protocol P {\n import idl \"../shared/big.avdl\"; import idl \"../shared/small.avdl\";\n }";
    let files = Project::of(import, "https://datadog.invalid");
    files.write("shared/small.avdl", "@namespace(\"s\") protocol S { record Small { string id; } }");
    files.write("shared/big.avdl", "");
    fs::File::options()
        .write(true)
        .open(files.path("shared/big.avdl"))
        .unwrap()
        .set_len((16 << 20) + 1)
        .unwrap();
    let repository = Repository::of(files, ".");
    repository.files.write("shared/big.avdl", "@namespace(\"b\") protocol B { }");
    let run = repository.run(&["plan", "--against", "HEAD"]).exits(1);
    assert!(!run.err.contains("small"), "what comes after it is read all the same: {run:?}");
    run.complains(&["the schemas of HEAD (", "shared/big.avdl has 16777217 bytes"]);
}

#[test]
fn a_project_is_the_same_from_memory() {
    use bellwether::ops::compile;
    use bellwether::project::{Files, Project as Read};

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
fn a_link_or_a_submodule_in_the_commit_is_an_error_and_not_followed() {
    let repository = Repository::small("@error_rate_monitor({}) record OneEvent { string id; }");
    let blob = repository.git(&["hash-object", "-w", "bellwether.toml"]);
    let head = repository.git(&["rev-parse", "HEAD"]);
    for (mode, hash, path) in [
        ("120000", &blob, "schemas/link.avdl"),
        ("160000", &head, "schemas/module.avdl"),
        ("120000", &blob, "schemas"),
        ("120000", &blob, "bellwether.toml"),
    ] {
        repository.git(&["reset", "--quiet", "--hard", &head]);
        if path == "schemas" {
            repository.git(&["rm", "--quiet", "-r", "--cached", "schemas"]);
        }
        repository.git(&["update-index", "--add", "--cacheinfo", &format!("{mode},{hash},{path}")]);
        let tree = repository.git(&["write-tree"]);
        let commit = repository.git(&["commit-tree", "-m", "hostile", "-p", "HEAD", &tree]);
        repository.git(&["reset", "--quiet", &commit]);
        let run = repository.run(&["plan", "--against", "HEAD"]).exits(1);
        run.complains(&["cannot read the project of HEAD (", &format!("{path} is a link")]);
    }
}

#[test]
fn imports_are_those_of_the_commit() {
    let schema = |default: i32| {
        format!(
            "@namespace(\"n\") protocol P {{\n import idl \"../shared/common.idl\";\n @error_rate_monitor({{\"above\": 0.{default}}}) record OneEvent {{ Header header; }} }}"
        )
    };
    let files = Project::of(&schema(1), "https://datadog.invalid");
    files.write("shared/common.idl", "@namespace(\"n\") protocol C { record Header { string id; } }");
    let repository = Repository::of(files, ".");
    fs::rename(repository.files.path("shared/common.idl"), repository.files.path("schemas/common.idl"))
        .unwrap();
    repository.files.write("schemas/events.avdl", &schema(2).replace("../shared/", ""));
    assert_eq!(actions(&repository.against("HEAD")), ["update n.OneEvent/error_rate_monitor"]);
    repository.commit("moved");
    repository.git(&["rm", "--quiet", "--cached", "schemas/common.idl"]);
    repository.git(&["commit", "--quiet", "--message", "lost"]);
    let run = repository.run(&["plan", "--against", "HEAD"]).exits(1);
    run.complains(&["the schemas of HEAD (", "common.idl"]);
}

#[test]
fn what_git_sets_for_its_hooks_leads_to_no_other_repository() {
    let repository = Repository::small("@error_rate_monitor({}) record OneEvent { string id; }");
    let other = Repository::small("record OneEvent { string id; }");
    repository.declare("@error_rate_monitor({\"above\": 0.5}) record OneEvent { string id; }");
    let arguments = ["plan", "--against", "HEAD", "--summary"];
    let mut command = repository.command(&arguments);
    let git = other.files.path(".git");
    command
        .env("GIT_DIR", &git)
        .env("GIT_WORK_TREE", other.files.path(""))
        .env("GIT_INDEX_FILE", git.join("index"));
    command.env("GIT_OBJECT_DIRECTORY", git.join("objects")).env("GIT_PREFIX", "schemas/");
    let run = Run::of(command, &arguments, &repository.files.path("")).exits(0);
    run.says(&["~ n.OneEvent/error_rate_monitor", "Plan: 1 to change."]);
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
