//! A repository of the double, as tests fill it and look into it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Shared, World, lock};

/// What is known of a repository.
#[derive(Default)]
pub(super) struct Data {
    pub(super) commits: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    pub(super) branches: BTreeMap<String, String>,
    pub(super) archives: BTreeMap<String, Vec<u8>>,
    pub(super) pulls: BTreeMap<u64, Value>,
    pub(super) files: BTreeMap<u64, Vec<Value>>,
    pub(super) reviews: BTreeMap<u64, Vec<Value>>,
    pub(super) comments: Vec<(u64, Value)>,
    pub(super) reactions: Vec<(u64, String, String)>,
    pub(super) issues: BTreeMap<u64, Value>,
    pub(super) permissions: BTreeMap<String, String>,
    pub(super) check_runs: Vec<Value>,
    pub(super) statuses: Vec<(String, Value)>,
    pub(super) installation: Option<u64>,
    pub(super) left_at: BTreeMap<String, String>,
    pub(super) public: bool,
}

/// A pull request to open.
#[derive(Debug, Clone)]
pub struct Pull<'a> {
    /// The head commit.
    pub head: &'a str,
    /// The commit that it is compared with; otherwise that of the branch `base_ref`.
    pub base: Option<&'a str>,
    pub base_ref: &'a str,
    pub author: &'a str,
    /// The repository of the head; otherwise the same one.
    pub fork: Option<&'a str>,
}

impl Default for Pull<'_> {
    fn default() -> Self {
        Self { head: "", base: None, base_ref: "main", author: "jane", fork: None }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub id: u64,
    pub author: String,
    pub body: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    pub number: u64,
    pub author: String,
    pub title: String,
    pub body: String,
    pub open: bool,
}

/// A check run, with all its annotations.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckRun {
    pub id: u64,
    pub name: String,
    pub head_sha: String,
    pub status: String,
    pub conclusion: Option<String>,
    /// `title`, `summary`, `text`, `annotations`.
    pub output: Value,
}

/// One repository.
pub struct Repository {
    world: Shared,
    name: String,
}

impl Repository {
    pub(super) fn new(world: Shared, name: &str) -> Self {
        Self { world, name: name.to_owned() }
    }

    fn with<T>(&self, work: impl FnOnce(&mut World, &str) -> T) -> T {
        work(&mut lock(&self.world), &self.name)
    }

    fn data<T>(&self, work: impl FnOnce(&mut Data) -> T) -> T {
        self.with(|world, name| work(world.repositories.get_mut(name).unwrap()))
    }

    /// A commit with these files, and nothing else.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        let files: BTreeMap<String, Vec<u8>> = files.collect();
        self.with(|world, name| {
            // The first seven digits differ, as they do in life.
            let sha = format!("{:07x}{:033x}", world.next() * 0x9e37 % 0x1000_0000, 0xc0_ffee);
            world.repositories.get_mut(name).unwrap().commits.insert(sha.clone(), files);
            sha
        })
    }

    /// Moves a branch.
    pub fn branch(&self, branch: &str, commit: &str) {
        self.data(|data| data.branches.insert(branch.to_owned(), commit.to_owned()));
    }

    /// The newest commit of a branch.
    pub fn head(&self, branch: &str) -> String {
        self.data(|data| data.branches[branch].clone())
    }

    /// The commit of the base branch that a commit comes from; otherwise the newest one.
    pub fn left_at(&self, commit: &str, base: &str) {
        self.data(|data| data.left_at.insert(commit.to_owned(), base.to_owned()));
    }

    /// These bytes instead of a commit's archive.
    pub fn archive(&self, commit: &str, bytes: Vec<u8>) {
        self.data(|data| data.archives.insert(commit.to_owned(), bytes));
    }

    /// Opens a pull request.
    pub fn open(&self, pull: &Pull<'_>) -> u64 {
        self.with(|world, name| {
            let number = world.next();
            let data = world.repositories.get_mut(name).unwrap();
            let known = data.branches.get(pull.base_ref).cloned();
            let base = pull.base.map(str::to_owned).or(known).unwrap_or_else(|| pull.head.to_owned());
            let head_repository = pull.fork.unwrap_or(name);
            let repository = |full_name: &str| json!({"full_name": full_name, "fork": full_name != name});
            let value = json!({
                "number": number, "state": "open", "merged": false, "draft": false, "mergeable": true,
                "merged_at": null, "merge_commit_sha": null, "user": user(pull.author),
                "title": "a change", "html_url": format!("https://github.com/{name}/pull/{number}"),
                "head": {"sha": pull.head, "ref": "change", "repo": repository(head_repository)},
                "base": {"sha": base, "ref": pull.base_ref, "repo": repository(name)},
            });
            data.pulls.insert(number, value);
            number
        })
    }

    /// Changes any field of a pull request, as the API gives it.
    pub fn edit_pull(&self, number: u64, edit: impl FnOnce(&mut Value)) {
        self.data(|data| edit(data.pulls.get_mut(&number).unwrap()));
    }

    /// A pull request, as the API gives it.
    pub fn pull(&self, number: u64) -> Value {
        self.data(|data| data.pulls[&number].clone())
    }

    /// Pushes to a pull request's branch.
    pub fn push(&self, number: u64, commit: &str) {
        self.edit_pull(number, |pull| pull["head"]["sha"] = json!(commit));
    }

    /// Pushes when a path is asked for the next time, before it is answered.
    pub fn push_when(&self, path: &str, number: u64, commit: &str) {
        self.with(|world, name| {
            world.edits.push((path.to_owned(), name.to_owned(), number, "/head/sha", commit.to_owned()));
        });
    }

    /// Turns a pull request to another branch.
    pub fn retarget(&self, number: u64, branch: &str) {
        self.edit_pull(number, |pull| pull["base"]["ref"] = json!(branch));
    }

    /// The same when a path is asked for the next time, before it is answered.
    pub fn retarget_when(&self, path: &str, number: u64, branch: &str) {
        self.with(|world, name| {
            world.edits.push((path.to_owned(), name.to_owned(), number, "/base/ref", branch.to_owned()));
        });
    }

    /// Merges, as `commit`.
    pub fn merge(&self, number: u64, commit: &str) {
        self.edit_pull(number, |pull| {
            pull["state"] = json!("closed");
            pull["merged"] = json!(true);
            pull["merged_at"] = json!("2026-01-02T03:04:05Z");
            pull["merge_commit_sha"] = json!(commit);
        });
        self.branch("main", commit);
    }

    /// Closes without merging.
    pub fn close(&self, number: u64) {
        self.edit_pull(number, |pull| pull["state"] = json!("closed"));
    }

    /// The files that a pull request changes, with status `modified`.
    pub fn changes(&self, number: u64, paths: &[&str]) {
        let files = paths.iter().map(|path| json!({"filename": path, "status": "modified"})).collect();
        self.data(|data| data.files.insert(number, files));
    }

    /// A review: `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED`.
    pub fn review(&self, number: u64, author: &str, state: &str, commit: &str) {
        self.with(|world, name| {
            let submitted = time(world.next());
            let reviews = world.repositories.get_mut(name).unwrap().reviews.entry(number).or_default();
            let id = reviews.len() + 1;
            reviews.push(json!({"id": id, "user": user(author), "state": state, "commit_id": commit, "submitted_at": submitted}));
        });
    }

    /// What somebody may do: `admin`, `write`, `read`; `none` without a word.
    pub fn permission(&self, user: &str, permission: &str) {
        self.data(|data| data.permissions.insert(user.to_owned(), permission.to_owned()));
    }

    /// A comment by somebody; its number.
    pub fn comment_as(&self, author: &str, number: u64, body: &str) -> u64 {
        self.with(|world, name| {
            let id = world.next();
            let value = comment(name, id, author, body);
            world.repositories.get_mut(name).unwrap().comments.push((number, value));
            id
        })
    }

    /// The comments on a pull request or an issue.
    pub fn comments(&self, number: u64) -> Vec<Comment> {
        self.data(|data| {
            let of = data.comments.iter().filter(|(on, _)| *on == number);
            of.map(|(_, value)| Comment {
                id: value["id"].as_u64().unwrap(),
                author: text(&value["user"]["login"]),
                body: text(&value["body"]),
            })
            .collect()
        })
    }

    /// The reactions to a comment, as `login content`.
    pub fn reactions(&self, comment: u64) -> Vec<String> {
        self.data(|data| {
            let of = data.reactions.iter().filter(|(on, _, _)| *on == comment);
            of.map(|(_, login, content)| format!("{login} {content}")).collect()
        })
    }

    /// An open issue by somebody.
    pub fn issue_as(&self, author: &str, title: &str, body: &str) -> u64 {
        self.with(|world, name| {
            let number = world.next();
            let value = issue(name, number, author, title, body);
            world.repositories.get_mut(name).unwrap().issues.insert(number, value);
            number
        })
    }

    /// All issues, open or not.
    pub fn issues(&self) -> Vec<Issue> {
        self.data(|data| {
            let issue = |(number, value): (&u64, &Value)| Issue {
                number: *number,
                author: text(&value["user"]["login"]),
                title: text(&value["title"]),
                body: text(&value["body"]),
                open: value["state"] == "open",
            };
            data.issues.iter().map(issue).collect()
        })
    }

    /// A check run of another App; without a conclusion it goes on.
    pub fn check_run_of(&self, app: &str, commit: &str, name: &str, conclusion: Option<&str>) {
        self.with(|world, repository| {
            let id = world.next();
            let status = if conclusion.is_some() { "completed" } else { "in_progress" };
            let value = json!({"id": id, "name": name, "head_sha": commit, "status": status, "conclusion": conclusion,
                "external_id": null, "app": {"slug": app}, "output": {"annotations": []}});
            world.repositories.get_mut(repository).unwrap().check_runs.push(value);
        });
    }

    /// A commit status: `success`, `pending`, `failure` or `error`.
    pub fn status(&self, commit: &str, context: &str, state: &str) {
        let value = json!({"context": context, "state": state});
        self.data(|data| data.statuses.push((commit.to_owned(), value)));
    }

    /// All check runs of a commit, in the order of their creation.
    pub fn check_runs(&self, commit: &str) -> Vec<CheckRun> {
        self.data(|data| {
            let of = data.check_runs.iter().filter(|run| run["head_sha"] == commit);
            of.map(|run| CheckRun {
                id: run["id"].as_u64().unwrap(),
                name: text(&run["name"]),
                head_sha: text(&run["head_sha"]),
                status: text(&run["status"]),
                conclusion: run["conclusion"].as_str().map(str::to_owned),
                output: run["output"].clone(),
            })
            .collect()
        })
    }

    /// Everybody may read it; otherwise it is private.
    pub fn publish(&self) {
        self.data(|data| data.public = true);
    }

    /// The App is installed here.
    pub fn install(&self, installation: u64) {
        self.data(|data| data.installation = Some(installation));
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn user(login: &str) -> Value {
    let kind = if login.ends_with("[bot]") { "Bot" } else { "User" };
    json!({"login": login, "type": kind})
}

/// A moment for each number, later for greater ones.
pub fn time(number: u64) -> String {
    let number = number + 11 * 3600 + 40 * 60;
    format!("2026-01-01T{:02}:{:02}:{:02}Z", number / 3600 % 24, number / 60 % 60, number % 60)
}

pub(super) fn comment(repository: &str, id: u64, author: &str, body: &str) -> Value {
    json!({"id": id, "user": user(author), "body": body, "created_at": time(id), "updated_at": time(id),
        "author_association": "NONE", "html_url": format!("https://github.com/{repository}/pull/1#issuecomment-{id}")})
}

pub(super) fn issue(repository: &str, number: u64, author: &str, title: &str, body: &str) -> Value {
    json!({"number": number, "user": user(author), "title": title, "body": body, "state": "open", "updated": number,
        "created_at": time(number), "html_url": format!("https://github.com/{repository}/issues/{number}")})
}
