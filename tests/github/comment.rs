//! `bellwether comment`: one comment on a pull request, edited in place, about what the pull request is now.

use std::process::Command;

use bellwether::github::marker::{Marker, PlanMarker};
use insta::assert_snapshot;
use serde_json::Value;

use super::double::{Actor, Fault, GitHub, Pull, Repository};
use super::support::{Project, Run, Server, stable};
use super::{NAME, TOKEN, start};

const SCHEMA: &str = "\
@namespace(\"n\") @alert_channel(\"a\") protocol P {
  @traffic_threshold_monitor({\"below\": 9}) record R { int a; }
}";
const US: &str = "github-actions[bot]";

/// A project with a saved plan, and a pull request that is about it.
struct Scene {
    github: GitHub,
    repository: Repository,
    project: Project,
    number: String,
    pull: u64,
    head: String,
    _datadog: Server,
}

impl Scene {
    fn new() -> Self {
        let (github, repository) = start();
        let datadog = Server::new();
        let project = Project::of(SCHEMA, datadog.url());
        project.run(&["plan", "--out", "plan.json"]).exits(0);
        let base = repository.commit(&[]);
        repository.branch("main", &base);
        let head = repository.commit(&[]);
        let pull = repository.open(&Pull { head: &head, ..Pull::default() });
        repository.changes(pull, &["README.md", "schemas/events.avdl"]);
        Self { github, repository, project, number: pull.to_string(), pull, head, _datadog: datadog }
    }

    /// The command as a workflow runs it.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.env("GITHUB_TOKEN", TOKEN).env("GITHUB_REPOSITORY", NAME);
        command.env("GITHUB_API_URL", self.github.url());
        command
    }

    fn run_with(&self, more: &[&str], environment: &[(&str, &str)]) -> Run {
        let arguments = [&["comment", "plan.json", "--pull-request", &self.number], more].concat();
        let mut command = self.command(&arguments);
        command.envs(environment.iter().copied());
        let run = Run::of(command, &arguments, &self.project.path(""));
        assert!(
            !run.out.contains(&TOKEN[..12]) && !run.err.contains(&TOKEN[..12]),
            "the token was shown: {run:?}"
        );
        run
    }

    fn comment(&self, more: &[&str]) -> Run {
        self.run_with(more, &[])
    }

    fn bodies(&self) -> Vec<String> {
        self.repository.comments(self.pull).into_iter().map(|comment| comment.body).collect()
    }

    /// A plan of the same environment with nothing to do.
    fn nothing_to_do(&self) {
        self.project.apply();
        self.project.run(&["plan", "--out", "plan.json"]).exits(0);
    }
}

#[test]
fn a_pull_request_has_one_comment_about_its_plan() {
    let scene = Scene::new();
    scene.comment(&["--head", &scene.head]).exits(0).says(&["Commented: https://github.com/octo/schemas/"]);
    let bodies = scene.bodies();
    let marker = PlanMarker::read(&bodies[0]).unwrap();
    assert_eq!((marker.env.as_str(), marker.head.as_str(), marker.actions), ("sandbox", &scene.head[..7], 1));
    let plan: Value = serde_json::from_str(&scene.project.read("plan.json")).unwrap();
    assert!(plan["digest"].as_str().unwrap().starts_with(&marker.plan) && marker.plan.len() == 12);
    assert!(bodies[0].contains("n.R/traffic_threshold_monitor"), "{bodies:?}");
    let _stable = stable();
    assert_snapshot!("comment", bodies[0]);
    scene.github.forget_calls();
    scene.comment(&[]).exits(0).says(&["The comment says so already"]);
    assert_eq!(scene.github.writes(), [""; 0]);
    scene.project.edit(
        "schemas/events.avdl",
        "record R",
        "record Other {} @traffic_absence_monitor({}) record R",
    );
    scene.project.run(&["plan", "--out", "plan.json"]).exits(0);
    scene.comment(&[]).exits(0).says(&["Comment updated"]);
    assert_eq!(scene.bodies().len(), 1);
    assert!(scene.bodies()[0].contains("n.R/traffic_absence_monitor"));
    // Nothing is left to do: the comment that is there says so.
    scene.nothing_to_do();
    scene.comment(&[]).exits(0).says(&["Comment updated"]);
    assert_snapshot!("comment_nothing", scene.bodies()[0]);
}

#[test]
fn everybody_may_read_a_public_repository_and_not_its_monitors() {
    let scene = Scene::new();
    scene.repository.publish();
    scene.comment(&["--link", "https://example.com/run/1?x=%20"]).exits(0);
    let body = scene.bodies().remove(0);
    assert!(
        body.contains("n.R/traffic_threshold_monitor") && body.contains("https://example.com/run/1?x=%20")
    );
    assert!(!body.contains("events.received"), "{body}");
    // A plan against other schemas says only what is in the repository.
    scene.project.write("before/bellwether.toml", &scene.project.read("bellwether.toml"));
    scene.project.write("before/schemas/events.avdl", "@namespace(\"n\") protocol P { record R { int a; } }");
    scene.project.run(&["plan", "--against", "before", "--out", "plan.json"]).exits(0);
    scene.comment(&[]).exits(0).says(&["Comment updated"]);
    let body = scene.bodies().remove(0);
    assert!(body.contains("events.received") && body.contains("`before`"), "{body}");
}

#[test]
fn a_pull_request_that_changes_no_monitor_or_no_schema_is_left_in_peace() {
    let scene = Scene::new();
    scene.repository.changes(scene.pull, &["README.md", "src/main.rs"]);
    scene.comment(&[]).exits(0).says(&["Nothing to say"]);
    scene.repository.changes(scene.pull, &["schemas/events.avdl"]);
    scene.nothing_to_do();
    scene.comment(&[]).exits(0).says(&["Nothing to say"]);
    let run = scene.comment(&["--format", "json"]).exits(0);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&json["comment"], &json["url"]), (&Value::from("none"), &Value::Null));
    assert_eq!(scene.github.writes(), [""; 0]);
}

#[test]
fn a_plan_of_another_head_and_of_a_closed_pull_request_is_refused() {
    let scene = Scene::new();
    let pushed = scene.repository.commit(&[]);
    scene.repository.push(scene.pull, &pushed);
    scene.comment(&["--head", &scene.head]).exits(3).complains(&[
        "the head of pull request #",
        &pushed[..7],
        &scene.head[..7],
        "nothing was written",
    ]);
    scene.comment(&["--head", &pushed]).exits(0);
    scene.github.forget_calls();
    scene.repository.close(scene.pull);
    scene.comment(&["--head", &pushed]).exits(3).complains(&["is closed; nothing was written"]);
    assert_eq!(scene.github.writes(), [""; 0]);
}

#[test]
fn what_a_newer_run_wrote_and_what_others_wrote_is_left_alone() {
    let scene = Scene::new();
    let pasted = PlanMarker { env: "sandbox".to_owned(), run: 999, ..PlanMarker::default() }.mark("mine");
    scene.repository.comment_as("mallory", scene.pull, &pasted);
    scene.run_with(&[], &[("GITHUB_RUN_ID", "9130")]).exits(0).says(&["Commented"]);
    scene.github.forget_calls();
    scene.nothing_to_do();
    scene.run_with(&["--run", "9123"], &[("GITHUB_RUN_ID", "9140")]).exits(0).says(&["of a newer run"]);
    assert_eq!(scene.github.writes(), [""; 0]);
    scene.run_with(&[], &[("GITHUB_RUN_ID", "9131")]).exits(0).says(&["Comment updated"]);
    assert_eq!(scene.bodies()[0], pasted);
    assert_eq!(PlanMarker::read(&scene.bodies()[1]).unwrap().run, 9131);
    // Another author's token does not tell who we are: it is said.
    scene.github.forget_calls();
    scene.comment(&["--author", "somebody-else[bot]"]).exits(0).says(&["Nothing to say"]);
    assert!(!scene.github.calls().contains(&"GET /user".to_owned()));
    let authors: Vec<String> = scene.repository.comments(scene.pull).into_iter().map(|c| c.author).collect();
    assert_eq!(authors, ["mallory", US]);
}

#[test]
fn the_comment_of_an_app_is_found_again() {
    let scene = Scene::new();
    scene.github.revoke(TOKEN);
    scene.github.token(TOKEN, Actor::Bot("our-app[bot]"));
    // Where GitHub does not tell who we are, that is said, and can be given.
    scene.github.fault(Fault::status("POST", "/graphql", 404));
    scene.comment(&[]).exits(0).complains(&["is our-app[bot]'s", "--author 'our-app[bot]'"]);
    scene.comment(&[]).exits(0).says(&["The comment says so already"]);
    scene.comment(&["--author", "our-app[bot]"]).exits(0).says(&["The comment says so already"]);
    assert_eq!(scene.bodies().len(), 1);
}

#[test]
fn no_comment_is_made_twice_and_trouble_with_github_is_an_error() {
    let scene = Scene::new();
    scene.github.fault(Fault::lost("POST", "/comments"));
    scene.comment(&[]).exits(0).says(&["Commented"]);
    assert_eq!(scene.bodies().len(), 1);
    scene.github.fault(Fault::status("GET", "/pulls/", 502));
    scene.comment(&[]).exits(0).complains(&["502 fault 502; trying again in"]);
    let later = (jiff::Timestamp::now().as_second() + 3000).to_string();
    let limit = Fault::status("GET", "/pulls/", 403).header("x-ratelimit-remaining", "0");
    scene.github.fault(limit.header("x-ratelimit-reset", &later));
    scene.comment(&[]).exits(1).complains(&["GitHub's rate limit is used up until 2"]);
    let echo = format!("{{\"message\":\"\\u001b[31m Bearer {TOKEN}\\n::error::hi\"}}");
    scene.github.fault(Fault::status("GET", "/pulls/", 403).body(&echo));
    let run = scene.comment(&[]).exits(1).complains(&["GitHub refused", "***", "permissions"]);
    assert!(!run.err.contains('\u{1b}') && !run.err.lines().any(|line| line.starts_with("::")), "{run:?}");
    scene.github.revoke(TOKEN);
    scene.comment(&[]).exits(1).complains(&["does not take the token", "Bad credentials", "revoked"]);
    assert_eq!(scene.bodies().len(), 1);
}

#[test]
fn a_mistake_on_the_command_line_is_found_before_anything_is_asked() {
    let scene = Scene::new();
    fn with<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
        [&["comment", "plan.json"], arguments].concat()
    }
    let number = scene.number.as_str();
    let pull = ["--pull-request", number];
    for arguments in [
        with(&["--pull-request", "0"]),
        with(&["--pull-request", "1; rm -rf /"]),
        with(&["--pull-request", "12345678901234567890123"]),
        with(&[]),
        with(&[&pull[..], &["--head", "4f2c9ab"]].concat()),
        with(&[&pull[..], &["--head", "../../../user"]].concat()),
        with(&[&pull[..], &["--link", "javascript:alert(1)"]].concat()),
        with(&[&pull[..], &["--link", "https://a/) @everyone"]].concat()),
        with(&[&pull[..], &["--repository", "octo/schemas/../other"]].concat()),
        with(&[&pull[..], &["--repository", ""]].concat()),
        with(&[&pull[..], &["--run", "x"]].concat()),
        with(&[&pull[..], &["--github-url", "http://github.example.com"]].concat()),
    ] {
        let run = Run::of(scene.command(&arguments), &arguments, &scene.project.path(""));
        assert_eq!(run.code, 64, "{run:?}");
    }
    scene.run_with(&[], &[("GITHUB_TOKEN", "")]).exits(1).complains(&["GITHUB_TOKEN: it is empty"]);
    scene.run_with(&[], &[("GITHUB_TOKEN", "a b")]).exits(1).complains(&["GITHUB_TOKEN: it contains"]);
    scene.comment(&["--env", "prod"]).exits(1).complains(&["was made for `sandbox`, not for `prod`"]);
    let text = scene.project.read("plan.json").replace("traffic_threshold", "traffic_harmless");
    scene.project.write("plan.json", &text);
    scene.comment(&[]).exits(1).complains(&["plan.json", "the file was edited"]);
    assert_eq!(scene.github.calls(), [""; 0]);
}
