//! What is written: comments edited in place, comments written once, check runs, issues; never twice, never over others.

use bellwether::github::marker::{DriftMarker, Marker, PlanMarker};
use bellwether::github::{
    Annotation, AnnotationLevel, CheckOutput, CheckRun, Conclusion, Error, Reaction, Sticky,
};

use super::double::{Fault, GitHub, Pull, Repository};
use super::{client, sha, start};

const US: &str = "github-actions[bot]";

fn marker(run: u64) -> PlanMarker {
    PlanMarker { env: "prod".to_owned(), plan: "7f3a".to_owned(), run, ..PlanMarker::default() }
}

fn pull() -> (GitHub, Repository, u64) {
    let (github, repository) = start();
    let head = repository.commit(&[]);
    let number = repository.open(&Pull { head: &head, ..Pull::default() });
    (github, repository, number)
}

#[tokio::test]
async fn a_plan_has_one_comment_that_is_edited_in_place() {
    let (github, repository, number) = pull();
    let client = client(&github);
    assert_eq!(client.sticky(number, &marker(1), "nothing", false).await.unwrap(), Sticky::Silent);
    assert!(github.writes().is_empty());
    let Sticky::Created(first) = client.sticky(number, &marker(1), "one", true).await.unwrap() else {
        panic!()
    };
    let Sticky::Updated(second) = client.sticky(number, &marker(2), "two", true).await.unwrap() else {
        panic!()
    };
    assert_eq!(first.id, second.id);
    let comments = repository.comments(number);
    assert_eq!(comments.len(), 1);
    assert_eq!(comments[0].body, format!("{}\ntwo", marker(2).line()));
    // Another environment has another comment.
    let other = PlanMarker { env: "staging".to_owned(), ..marker(2) };
    assert!(matches!(client.sticky(number, &other, "two", true).await, Ok(Sticky::Created(_))));
    // Nothing changes any more: one that is there says so.
    assert!(matches!(client.sticky(number, &marker(3), "none", false).await, Ok(Sticky::Updated(_))));
}

#[tokio::test]
async fn an_equal_comment_and_that_of_a_newer_run_are_left_alone() {
    let (github, repository, number) = pull();
    let client = client(&github);
    client.sticky(number, &marker(5), "text\r\n", true).await.unwrap();
    github.forget_calls();
    assert!(matches!(client.sticky(number, &marker(6), "text", true).await, Ok(Sticky::Unchanged(_))));
    assert!(matches!(client.sticky(number, &marker(4), "older", true).await, Ok(Sticky::Newer(_))));
    assert!(github.writes().is_empty());
    assert!(matches!(client.sticky(number, &marker(5), "same run", true).await, Ok(Sticky::Updated(_))));
    assert!(matches!(client.sticky(number, &marker(0), "no run", true).await, Ok(Sticky::Updated(_))));
    assert_eq!(repository.comments(number).len(), 1);
}

#[tokio::test]
async fn a_pasted_marker_is_ignored() {
    let (github, repository, number) = pull();
    github.pages_of(1);
    let pasted = marker(999).mark("mine");
    repository.comment_as("mallory", number, &pasted);
    repository.comment_as("github-actions", number, &pasted);
    repository.comment_as(US, number, &format!("first\n{pasted}"));
    let client = client(&github);
    assert!(matches!(client.sticky(number, &marker(1), "ours", true).await, Ok(Sticky::Created(_))));
    assert!(matches!(client.sticky(number, &marker(2), "ours again", true).await, Ok(Sticky::Updated(_))));
    let bodies: Vec<String> = repository.comments(number).into_iter().map(|comment| comment.body).collect();
    assert_eq!(bodies.len(), 4);
    assert_eq!(bodies[0], pasted);
    assert!(bodies[3].ends_with("ours again"));
}

#[tokio::test]
async fn no_comment_is_made_twice() {
    for fault in [
        Fault::lost("POST", "/comments"),
        Fault::dropped("POST", "/comments"),
        Fault::status("POST", "/comments", 502),
    ] {
        let (github, repository, number) = pull();
        let client = client(&github);
        github.fault(fault.clone());
        client.sticky(number, &marker(1), "one", true).await.unwrap();
        assert_eq!(repository.comments(number).len(), 1, "{fault:?}");
        github.fault(fault.clone());
        client.comment_once(number, "delivery 7", "done").await.unwrap();
        client.comment_once(number, "delivery 7", "done, in other words").await.unwrap();
        client.comment_once(number, "delivery 8", "done").await.unwrap();
        assert_eq!(repository.comments(number).len(), 3, "{fault:?}");
    }
}

#[tokio::test]
async fn an_edit_can_be_repeated_and_is() {
    for fault in [Fault::lost("PATCH", "/comments"), Fault::status("PATCH", "/comments", 502).times(2)] {
        let (github, repository, number) = pull();
        let client = client(&github);
        client.sticky(number, &marker(1), "one", true).await.unwrap();
        github.fault(fault);
        assert!(matches!(client.sticky(number, &marker(2), "two", true).await, Ok(Sticky::Updated(_))));
        assert!(repository.comments(number)[0].body.ends_with("two"));
    }
}

#[tokio::test]
async fn where_it_is_not_known_whether_a_comment_is_there_and_that_cannot_be_read_it_is_an_error() {
    let (github, repository, number) = pull();
    github.fault(Fault::lost("POST", "/comments"));
    github.fault(Fault::status("GET", "/comments", 500).after(1).times(9));
    let error = client(&github).sticky(number, &marker(1), "one", true).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert_eq!(repository.comments(number).len(), 1);
}

#[tokio::test]
async fn reactions_are_one_of_a_kind() {
    let (github, repository, number) = pull();
    let comment = repository.comment_as("jane", number, "esm prod register");
    let client = client(&github);
    for reaction in [Reaction::Eyes, Reaction::Rocket, Reaction::Eyes] {
        client.react(comment, reaction).await.unwrap();
    }
    github.fault(Fault::lost("POST", "/reactions"));
    client.react(comment, Reaction::ThumbsDown).await.unwrap();
    let ours = ["eyes", "rocket", "-1"].map(|content| format!("{US} {content}"));
    assert_eq!(repository.reactions(comment), ours);
}

fn check_run(head: &str, annotations: usize) -> CheckRun {
    let annotation = |line| Annotation {
        path: "schemas/cart.avdl".to_owned(),
        start_line: line as u32 + 1,
        end_line: line as u32 + 1,
        level: AnnotationLevel::Notice,
        message: format!("change {line}"),
        title: Some("ä".repeat(300)),
    };
    CheckRun {
        name: "bellwether/prod".to_owned(),
        head_sha: sha(head),
        key: "plan 7f3a".to_owned(),
        conclusion: Conclusion::ActionRequired,
        output: CheckOutput {
            title: "1 create".to_owned(),
            summary: "ä".repeat(70_000),
            annotations: (0..annotations).map(annotation).collect(),
        },
    }
}

#[tokio::test]
async fn a_check_run_has_all_its_annotations_and_texts_that_fit() {
    let (github, repository, _) = pull();
    let head = repository.commit(&[]);
    let client = client(&github);
    github.fault(Fault::lost("POST", "/check-runs"));
    let id = client.create_check_run(&check_run(&head, 120)).await.unwrap();
    let runs = repository.check_runs(&head);
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].id, runs[0].conclusion.as_deref()), (id, Some("action_required")));
    let annotations = runs[0].output["annotations"].as_array().unwrap();
    assert_eq!(annotations.len(), 120);
    assert!(annotations.iter().enumerate().all(|(line, found)| found["start_line"] == line + 1));
    assert!(runs[0].output["summary"].as_str().unwrap().ends_with("ä…"));
    assert!(annotations.iter().all(|found| found["title"].as_str().unwrap().chars().count() == 255));
    // Annotations are added by GitHub, so that this must not be sent again.
    github.fault(Fault::lost("PATCH", "/check-runs"));
    let error = client.create_check_run(&check_run(&head, 120)).await.unwrap_err();
    assert!(error.outcome_unknown(), "{error}");
    assert_eq!(repository.check_runs(&head)[1].output["annotations"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn a_check_run_whose_annotations_github_does_not_take_is_made_without_them() {
    for method in ["POST", "PATCH"] {
        let (github, repository, _) = pull();
        let head = repository.commit(&[]);
        github.fault(Fault::status(method, "/check-runs", 422));
        client(&github).create_check_run(&check_run(&head, 60)).await.unwrap();
        // The newest one of a name counts.
        let run = repository.check_runs(&head).pop().unwrap();
        assert_eq!(run.conclusion.as_deref(), Some("action_required"));
        assert_eq!(run.output["annotations"].as_array().unwrap().len(), 0, "{method}");
        assert!(
            run.output["summary"]
                .as_str()
                .unwrap()
                .ends_with("…\n\nGitHub did not take the remarks at lines.")
        );
        github.fault(Fault::status(method, "/check-runs", 422).times(2));
        let error = client(&github).create_check_run(&check_run(&head, 60)).await;
        assert_eq!(error.is_err(), method == "POST", "without annotations there is no PATCH");
    }
}

#[tokio::test]
async fn an_issue_is_found_by_its_marker_and_its_author() {
    let (github, repository, _) = pull();
    github.pages_of(1);
    let marker = |env: &str| DriftMarker { env: env.to_owned(), ..DriftMarker::default() };
    let prod = |found: &DriftMarker| found.env == "prod";
    repository.issue_as("mallory", "drift", &marker("prod").mark("mine"));
    repository.issue_as(US, "drift", &marker("staging").mark("other"));
    let client = client(&github);
    assert!(client.find_issue(prod).await.unwrap().is_none());
    github.fault(Fault::lost("POST", "/issues"));
    let issue = client.create_issue("drift", &marker("prod"), "text", prod).await.unwrap();
    let (found, _) = client.find_issue(prod).await.unwrap().unwrap();
    assert_eq!(found.number, issue.number);
    assert_eq!(repository.issues().len(), 3);
    client.update_issue(issue.number, "drift again", &marker("prod"), "more").await.unwrap();
    client.close_issue(issue.number).await.unwrap();
    assert!(client.find_issue(prod).await.unwrap().is_none());
    let ours = repository.issues().pop().unwrap();
    assert!(!ours.open && ours.title == "drift again" && ours.body.ends_with("more"));
}
