//! What is read: pull requests, files, permissions, reviews, checks, and a commit's archive.

use std::path::{Path, PathBuf};

use bellwether::github::archive::{File, Limits, Wanted};
use bellwether::github::{ApiUrl, App, CheckState, Client, Error, Permission, PrivateKey, ReviewState};
use serde_json::{Value, json};

use super::double::{Pull, private_key};
use super::{Log, NAME, client, sha, start};

#[tokio::test]
async fn a_pull_request_is_what_the_api_says_and_not_what_its_schema_says() {
    let (github, repository) = start();
    let base = repository.commit(&[]);
    let head = repository.commit(&[]);
    repository.branch("main", &base);
    let number = repository.open(&Pull { head: &head, ..Pull::default() });
    let pull = client(&github).pull_request(number).await.unwrap();
    assert_eq!((pull.head_sha.as_str(), pull.base_sha.as_str()), (head.as_str(), base.as_str()));
    assert_eq!((pull.author.as_str(), pull.base_ref.as_str()), ("jane", "main"));
    assert!(pull.open && !pull.merged && !pull.fork);
    // A deleted author, and a field of another kind that nobody reads.
    repository.edit_pull(number, |pull| {
        pull["user"] = json!(null);
        pull["auto_merge"] = json!([7]);
        pull.as_object_mut().unwrap().remove("merged");
    });
    let pull = client(&github).pull_request(number).await.unwrap();
    assert_eq!((pull.author.as_str(), pull.merged), ("ghost", false));
    // A head that is no commit is an error, not something to go on with.
    repository.edit_pull(number, |pull| pull["head"]["sha"] = json!("../../etc"));
    let error = client(&github).pull_request(number).await.unwrap_err();
    assert!(matches!(&error, Error::Unexpected { .. }), "{error}");
    repository.push(number, &head);
    repository.merge(number, &base);
    let pull = client(&github).pull_request(number).await.unwrap();
    assert!(pull.merged && !pull.open && pull.merge_commit == Some(sha(&base)));
}

#[tokio::test]
async fn a_fork_is_where_the_head_is_in_another_repository_or_in_none() {
    let (github, repository) = start();
    let head = repository.commit(&[]);
    let fork = repository.open(&Pull { head: &head, fork: Some("mallory/schemas"), ..Pull::default() });
    let gone = repository.open(&Pull { head: &head, ..Pull::default() });
    repository.edit_pull(gone, |pull| pull["head"]["repo"] = json!(null));
    let within = repository.open(&Pull { head: &head, ..Pull::default() });
    // The repository is itself a fork of some other, and GitHub writes its name in another case.
    repository.edit_pull(within, |pull| {
        pull["head"]["repo"] = json!({"full_name": "Octo/Schemas", "fork": true});
    });
    let client = client(&github);
    assert!(client.pull_request(fork).await.unwrap().fork);
    assert!(client.pull_request(gone).await.unwrap().fork);
    assert!(!client.pull_request(within).await.unwrap().fork);
}

#[tokio::test]
async fn lists_are_read_to_their_end() {
    let (github, repository) = start();
    github.pages_of(2);
    let head = repository.commit(&[]);
    let number = repository.open(&Pull { head: &head, ..Pull::default() });
    repository.changes(number, &["a.avdl", "b.avdl", "c.toml", "d", "e"]);
    let files = client(&github).changed_files(number).await.unwrap();
    let paths: Vec<&str> = files.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a.avdl", "b.avdl", "c.toml", "d", "e"]);
    assert!(files.complete);
    for (author, state) in
        [("jane", "APPROVED"), ("joe", "COMMENTED"), ("joe", "CHANGES_REQUESTED"), ("x", "NEW")]
    {
        repository.review(number, author, state, &head);
    }
    let reviews = client(&github).reviews(number).await.unwrap();
    let states: Vec<ReviewState> = reviews.iter().map(|review| review.state).collect();
    use ReviewState::{Approved, ChangesRequested, Commented, Pending};
    assert_eq!(states, [Approved, Commented, ChangesRequested, Pending]);
    assert_eq!(reviews[0].commit, Some(sha(&head)));
    // The link leads to another host; only that there is one counts.
    assert!(github.requests().iter().all(|request| request.headers["host"].starts_with("127.0.0.1")));
}

#[tokio::test]
async fn permissions_are_the_least_that_is_certain() {
    let (github, repository) = start();
    repository.permission("jane", "admin");
    repository.permission("joe", "write");
    repository.permission("jim", "read");
    repository.permission("odd", "owner-of-everything");
    let client = client(&github);
    for (user, permission) in [
        ("jane", Permission::Admin),
        ("joe", Permission::Write),
        ("jim", Permission::Read),
        ("odd", Permission::None),
        ("nobody", Permission::None),
        ("../../../user", Permission::None),
    ] {
        assert_eq!(client.permission(user).await.unwrap(), permission, "{user}");
    }
    assert!(Permission::Admin > Permission::Write && Permission::Write > Permission::Read);
}

#[tokio::test]
async fn checks_are_runs_and_statuses_and_the_required_ones_are_known_or_not() {
    let (github, repository) = start();
    github.pages_of(1);
    let head = repository.commit(&[]);
    repository.branch("main", &head);
    repository.check_run_of("github-actions", &head, "test", Some("success"));
    repository.check_run_of("github-actions", &head, "lint", Some("timed_out"));
    repository.check_run_of("bellwether", &head, "bellwether/prod", None);
    repository.status(&head, "ci/legacy", "pending");
    repository.status(&head, "ci/old", "success");
    let checks = client(&github).checks(&sha(&head)).await.unwrap();
    let found: Vec<(&str, CheckState)> =
        checks.iter().map(|check| (check.name.as_str(), check.state)).collect();
    use CheckState::{Failed, Passed, Pending};
    assert_eq!(
        found,
        [
            ("test", Passed),
            ("lint", Failed),
            ("bellwether/prod", Pending),
            ("ci/legacy", Pending),
            ("ci/old", Passed)
        ]
    );
}

#[tokio::test]
async fn a_commits_files_come_from_its_archive_and_the_token_goes_nowhere_else() {
    let (github, repository) = start();
    let head = repository.commit(&[
        ("bellwether.toml", "x"),
        ("schemas/cart.avdl", "protocol P {}"),
        ("schemas/build.sh", "rm -rf /"),
        ("README.md", "no"),
    ]);
    let wanted = Wanted::new("", &[".avdl", ".toml"]).unwrap();
    let files = client(&github).archive(&sha(&head), &wanted, &Limits::default()).await.unwrap();
    let paths: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(paths, ["bellwether.toml", "schemas/cart.avdl"]);
    assert_eq!(files["schemas/cart.avdl"], File::Plain(b"protocol P {}".to_vec()));
    let requests = github.requests();
    let elsewhere = requests.iter().find(|request| request.path.starts_with("/codeload")).unwrap();
    assert!(!elsewhere.headers.contains_key("authorization"), "{elsewhere:?}");
    let unknown = sha(&"f".repeat(40));
    let error = client(&github).archive(&unknown, &wanted, &Limits::default()).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn an_archive_of_another_commit_is_an_error() {
    let (github, repository) = start();
    let (head, other) = (repository.commit(&[]), repository.commit(&[]));
    repository.archive(&head, super::double::archive_of("a", &other, [("a.avdl", b"x".as_slice())]));
    let wanted = Wanted::new("", &[".avdl", ".toml"]).unwrap();
    let error = client(&github).archive(&sha(&head), &wanted, &Limits::default()).await.unwrap_err();
    assert!(error.to_string().contains(&format!("is of commit {other}")), "{error}");
}

#[tokio::test]
async fn an_app_acts_in_a_repository_as_its_installation() {
    let (github, repository) = start();
    let head = repository.commit(&[]);
    let number = repository.open(&Pull { head: &head, ..Pull::default() });
    let key = PrivateKey::from_pem(private_key()).ok().unwrap();
    let api = ApiUrl::new(&github.url()).unwrap();
    let app = App::new(api, 7, &key, Log::default().options()).unwrap();
    let name = NAME.parse().unwrap();
    assert!(matches!(app.installation_of(&name).await, Err(Error::NotFound { .. })));
    repository.install(42);
    assert_eq!(app.installation_of(&name).await.unwrap(), 42);
    let client = app.installation(42, &name).unwrap();
    assert_eq!(client.own_login().await.unwrap(), "bellwether[bot]");
    client.create_comment(number, "hello").await.unwrap();
    assert_eq!(repository.comments(number)[0].author, "bellwether[bot]");
    let token =
        github.requests().into_iter().find(|request| request.path.ends_with("/access_tokens")).unwrap();
    assert_eq!(token.body, r#"{"repositories":["schemas"]}"#, "good for one repository only");
    assert_eq!(client.calls_left(), Some(4242));
    // The token ends: the next call gets another one.
    let old = repository.comments(number).len();
    let tokens: Vec<String> = (1000..1100).map(|n| format!("installation-{n}")).collect();
    tokens.iter().for_each(|token| github.revoke(token));
    client.create_comment(number, "again").await.unwrap();
    assert_eq!(repository.comments(number).len(), old + 1);
    github.remove_app();
    let error = client.create_comment(number, "never").await.unwrap_err();
    assert!(matches!(error, Error::RevokedToken { .. }), "{error}");
    assert_eq!(repository.comments(number).len(), old + 1);
}

#[tokio::test]
async fn a_branch_has_a_head_and_a_repository_a_default_branch_and_readers() {
    let (github, repository) = start();
    let head = repository.commit(&[]);
    repository.branch("release/1", &head);
    let client = client(&github);
    assert_eq!(client.branch_head("release/1").await.unwrap(), sha(&head));
    assert_eq!(client.default_branch().await.unwrap(), "main");
    assert!(!client.is_public().await.unwrap());
    repository.publish();
    assert!(client.is_public().await.unwrap());
}

#[tokio::test]
async fn an_app_can_ask_for_what_it_missed() {
    let (github, _) = start();
    let delivery = |id: u64, status: u16| {
        json!({"id": id, "guid": format!("guid-{id}"), "delivered_at": "2026-01-01T00:00:00Z", "event": "push",
            "status_code": status, "action": null, "installation_id": 42})
    };
    github.deliveries(vec![delivery(3, 500), delivery(2, 0), delivery(1, 202)]);
    github.pages_of(2);
    let key = PrivateKey::from_pem(private_key()).ok().unwrap();
    let app = App::new(ApiUrl::new(&github.url()).unwrap(), 7, &key, Log::default().options()).unwrap();
    let (mut cursor, mut found) = (None, Vec::new());
    for _ in 0..2 {
        let (page, next) = app.deliveries(cursor.as_deref()).await.unwrap();
        found.push(page.iter().map(|found| (found.id, found.status_code)).collect::<Vec<_>>());
        cursor = next;
    }
    assert_eq!(found, [vec![(3, 500), (2, 0)], vec![(1, 202)]]);
    assert_eq!(cursor, None);
    app.redeliver(2).await.unwrap();
    assert_eq!(github.writes(), ["POST /app/hook/deliveries/2/attempts"]);
}

/// GitHub's own examples, some of which break its own schema. They are outside the repository: `../shared/data/github`, or
/// `$BELLWETHER_SHARED/data/github`.
#[tokio::test]
async fn githubs_own_examples_are_read() {
    let root = std::env::var_os("BELLWETHER_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(root.join("data/github/webhook-examples.json")) else {
        println!("skipped: no examples in {}", root.display());
        return;
    };
    let (github, _) = start();
    let repository = github.repository("Codertocat/Hello-World");
    let token = bellwether::secret::Secret::new(super::TOKEN).ok().unwrap();
    let name = "Codertocat/Hello-World".parse().unwrap();
    let api = ApiUrl::new(&github.url()).unwrap();
    let client = Client::new(api, token, name, Log::default().options()).unwrap();
    let kinds: Vec<Value> = serde_json::from_str(&text).unwrap();
    let examples = kinds.iter().flat_map(|kind| kind["examples"].as_array().unwrap());
    let pulls: Vec<&Value> =
        examples.map(|example| &example["pull_request"]).filter(|pull| pull.is_object()).collect();
    assert!(pulls.len() > 20, "{}", pulls.len());
    let number = repository.open(&Pull { head: &repository.commit(&[]), ..Pull::default() });
    for example in pulls {
        repository.edit_pull(number, |pull| *pull = example.clone());
        let read = client.pull_request(number).await.unwrap();
        assert_eq!(read.head_sha.as_str(), example["head"]["sha"], "{example}");
        assert_eq!(read.number, example["number"].as_u64().unwrap());
        assert_eq!(read.open, example["state"] == "open");
        assert!(!read.fork);
    }
}
