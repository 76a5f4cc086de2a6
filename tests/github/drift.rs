//! `bellwether drift --issue`: one issue for each environment, for as long as there is drift.

use bellwether::sandbox::Faults;
use insta::assert_snapshot;
use serde_json::json;

use super::double::{Fault, GitHub, Issue, Repository};
use super::support::{Project, Run, Server, stable};
use super::{NAME, TOKEN, start};

const SCHEMA: &str = "\
@namespace(\"n\") @alert_channel(\"a\") protocol P {
  @traffic_threshold_monitor({\"below\": 9}) @traffic_absence_monitor({}) record R { int a; }
}";

struct Scene {
    github: GitHub,
    repository: Repository,
    datadog: Server,
    project: Project,
}

impl Scene {
    /// Two monitors, applied.
    fn new() -> Self {
        let (github, repository) = start();
        let datadog = Server::new();
        let project = Project::of(SCHEMA, datadog.url());
        project.apply();
        Self { github, repository, datadog, project }
    }

    fn drift_in_run(&self, run: u64) -> Run {
        let arguments = ["drift", "--issue"];
        let mut command = self.project.command(&arguments);
        command
            .env("GITHUB_TOKEN", TOKEN)
            .env("GITHUB_REPOSITORY", NAME)
            .env("GITHUB_RUN_ID", run.to_string());
        command.env("GITHUB_API_URL", self.github.url());
        let run = Run::of(command, &arguments, &self.project.path(""));
        assert!(
            !run.out.contains(&TOKEN[..12]) && !run.err.contains(&TOKEN[..12]),
            "the token was shown: {run:?}"
        );
        run
    }

    fn edit_threshold(&self, critical: u32) {
        self.datadog.edit(self.datadog.id_at("n.R/traffic_threshold_monitor"), |body| {
            let query = body["query"].as_str().unwrap();
            let (start, _) = query.rsplit_once(' ').unwrap();
            body["query"] = json!(format!("{start} {critical}"));
            body["options"]["thresholds"]["critical"] = json!(critical);
        });
    }

    fn issue(&self) -> Issue {
        let mut issues = self.repository.issues();
        assert_eq!(issues.len(), 1);
        issues.remove(0)
    }
}

#[test]
fn an_issue_lives_as_long_as_the_drift() {
    let scene = Scene::new();
    scene.drift_in_run(1).exits(0);
    assert_eq!(scene.github.writes(), [""; 0], "no drift, no issue");
    scene.edit_threshold(3);
    scene.drift_in_run(2).exits(2).complains(&["Opened issue #"]).says(&["Drift: 1 of 2 monitors"]);
    let issue = scene.issue();
    assert_eq!(issue.title, "Drift in sandbox: 1 of 2 monitors not as last applied");
    for text in [
        "**1 of 2 monitors in `sandbox` differs",
        "`n.R/traffic_threshold_monitor`",
        "`critical` `9` |",
        "`critical` `3` |",
    ] {
        assert!(issue.body.contains(text), "{text}: {}", issue.body);
    }
    scene.github.forget_calls();
    scene.drift_in_run(3).exits(2).complains(&["Nothing new for issue #"]);
    assert_eq!(scene.github.writes(), [""; 0], "the same drift is not told again");
    // The same set with another value: the issue says it, without a word to anybody.
    scene.edit_threshold(4);
    scene.drift_in_run(4).exits(2).complains(&["Updated issue #"]);
    assert!(scene.issue().body.contains("`critical` `4` |"));
    assert!(scene.repository.comments(issue.number).is_empty());
    // Another set: a comment names what is new.
    scene.datadog.delete(scene.datadog.id_at("n.R/traffic_absence_monitor"));
    scene.drift_in_run(5).exits(2).complains(&["Updated issue #"]);
    let comments = scene.repository.comments(issue.number);
    assert_eq!(comments.len(), 1);
    assert!(
        comments[0].body.ends_with(
            "Now **2 of 2 monitors** not as last applied, see above.\n- new: `n.R/traffic_absence_monitor`\n"
        ),
        "{comments:?}"
    );
    assert!(
        scene.issue().body.contains("| `n.R/traffic_absence_monitor` | wanted | **deleted in Datadog** |")
    );
    let _stable = stable();
    assert_snapshot!("issue", scene.issue().body);
    // An older run that comes in late changes nothing.
    scene.github.forget_calls();
    scene.drift_in_run(4).exits(2).complains(&["of a newer run"]);
    assert_eq!(scene.github.writes(), [""; 0]);
    scene.project.run(&["apply", "--yes", "--reset-drift"]).exits(0);
    scene.drift_in_run(6).exits(0).complains(&["Closed issue #"]).says(&["In sync"]);
    assert!(!scene.issue().open);
    assert!(scene.repository.comments(issue.number)[1].body.contains("In sync: 2 monitors in `sandbox`"));
    scene.github.forget_calls();
    scene.drift_in_run(7).exits(0);
    assert_eq!(scene.github.writes(), [""; 0]);
    scene.edit_threshold(5);
    scene.drift_in_run(8).exits(2).complains(&["Opened issue #"]);
    assert_eq!(scene.repository.issues().len(), 2, "a closed issue is not opened again");
}

#[test]
fn a_read_that_is_not_complete_closes_nothing() {
    let scene = Scene::new();
    scene.edit_threshold(3);
    scene.drift_in_run(1).exits(2);
    scene.project.run(&["apply", "--yes", "--reset-drift"]).exits(0);
    scene.github.forget_calls();
    let faults = "[[rules]]\nmethod = \"GET\"\nroute = \"/api/v1/monitor\"\nstatus = 403\n";
    scene.datadog.faults(Faults::parse(faults).unwrap());
    scene.drift_in_run(2).exits(1).complains(&["unknown, which is not \"in sync\""]);
    assert_eq!(scene.github.calls(), [""; 0]);
    assert!(scene.issue().open);
}

#[test]
fn trouble_with_github_is_an_error_and_the_report_is_there_all_the_same() {
    let scene = Scene::new();
    scene.edit_threshold(3);
    scene.github.fault(Fault::lost("POST", "/issues"));
    scene.drift_in_run(1).exits(2).complains(&["Opened issue #"]);
    assert_eq!(scene.repository.issues().len(), 1, "not opened twice");
    scene.edit_threshold(4);
    scene.github.fault(Fault::status("PATCH", "/issues/", 410));
    scene.drift_in_run(2).exits(1).says(&["Drift: 1 of 2 monitors"]).complains(&["GitHub rejected `PATCH"]);
    scene.github.revoke(TOKEN);
    scene.drift_in_run(3).exits(1).says(&["Drift: 1 of 2 monitors"]).complains(&["does not take the token"]);
    // Without --issue GitHub is not asked, whatever its variables say.
    scene.github.forget_calls();
    let mut command = scene.project.command(&["drift"]);
    command.env("GITHUB_REPOSITORY", "not a name").env("GITHUB_RUN_ID", "x").env("GITHUB_API_URL", "");
    assert_eq!(Run::of(command, &["drift"], &scene.project.path("")).code, 2);
    assert_eq!(scene.github.calls(), [""; 0]);
}

#[test]
fn a_public_repository_gets_no_values_and_nobody_is_mentioned() {
    let scene = Scene::new();
    let id = scene.datadog.id_at("n.R/traffic_threshold_monitor");
    let hostile = "@jane fixes #12 `` ` | <!-- --> <script>\u{202e}\n```\n::error::x";
    scene.datadog.edit(id, |body| body["message"] = json!(hostile));
    scene.drift_in_run(1).exits(2);
    let body = scene.issue().body;
    let row = body.lines().find(|line| line.contains("`message`")).unwrap();
    assert!(row.contains("@jane") && !row.contains('\u{202e}'), "{row}");
    // Seven columns end a row, and nothing of the text stands outside its code span.
    let outside: String = row.split("```").step_by(2).collect();
    assert!(!outside.contains("@jane") && !outside.contains("<script"), "{row}");
    scene.repository.publish();
    scene.drift_in_run(2).exits(2).complains(&["Updated issue #"]);
    let body = scene.issue().body;
    assert!(!body.contains("jane") && body.contains("`message`"), "{body}");
}
