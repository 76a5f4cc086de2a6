//! Checks: what others say of a commit, and what we say.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::encoded;
use super::transport::Call;
use super::{Client, CommitSha, Error};
use crate::text::shortened;

/// Annotations that GitHub takes with one request.
const ANNOTATIONS: usize = 50;
/// The longest text of an output, in characters.
const LONGEST: usize = 65_535;
/// The longest title of an output or an annotation, in characters.
const TITLE: usize = 255;
/// The longest message of an annotation, in characters: GitHub counts bytes, and takes 65,536.
const MESSAGE: usize = 16_000;
/// The end of the summary of a check run that GitHub took without its annotations only.
const WITHOUT_ANNOTATIONS: &str = "\n\nGitHub did not take the remarks at lines.";

/// How far a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// It has not ended.
    Pending,
    /// It is content: success, neutral or skipped.
    Passed,
    /// It is not.
    Failed,
}

/// What somebody says of a commit: a check run or a commit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name, or the status's context.
    pub name: String,
    /// How far it is.
    pub state: CheckState,
}

#[derive(Deserialize)]
struct RawRuns {
    check_runs: Vec<RawRun>,
}

#[derive(Deserialize)]
struct RawRun {
    id: u64,
    name: String,
    status: String,
    conclusion: Option<String>,
    external_id: Option<String>,
}

#[derive(Deserialize)]
struct RawStatuses {
    statuses: Vec<RawStatus>,
}

#[derive(Deserialize)]
struct RawStatus {
    context: String,
    state: String,
}

/// How a check run of ours ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// All is well.
    Success,
    /// Nothing to say.
    Neutral,
    /// A guard is in the way.
    ActionRequired,
    /// Something is wrong.
    Failure,
}

/// How grave an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnnotationLevel {
    /// Worth knowing.
    Notice,
    /// Suspicious.
    Warning,
    /// Wrong.
    Failure,
}

/// A remark at a line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Annotation {
    /// The file, by its path from the repository's root.
    pub path: String,
    /// The first line, from 1.
    pub start_line: u32,
    /// The last line.
    pub end_line: u32,
    /// How grave it is.
    #[serde(rename = "annotation_level")]
    pub level: AnnotationLevel,
    /// What it says.
    pub message: String,
    /// Its heading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// What a check run shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckOutput {
    /// One line, seen without a click.
    pub title: String,
    /// Markdown; cut at 65,535 characters.
    pub summary: String,
    /// Remarks at lines; any number.
    pub annotations: Vec<Annotation>,
}

/// A check run of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRun {
    /// Its name, `bellwether/prod`.
    pub name: String,
    /// The commit.
    pub head_sha: CommitSha,
    /// How the caller knows it again: a check run with the same name, commit and key is the same.
    pub key: String,
    /// How it ended.
    pub conclusion: Conclusion,
    /// What it shows.
    pub output: CheckOutput,
}

impl CheckRun {
    /// The body of a request, with the annotations from `from` on that still fit.
    fn body(&self, from: usize) -> Value {
        let output = &self.output;
        let fitting = |annotation: &Annotation| Annotation {
            message: shortened(&annotation.message, MESSAGE),
            title: annotation.title.as_ref().map(|title| shortened(title, TITLE)),
            ..annotation.clone()
        };
        let annotations: Vec<Annotation> =
            output.annotations.iter().skip(from).take(ANNOTATIONS).map(fitting).collect();
        let mut shown =
            json!({"title": shortened(&output.title, TITLE), "summary": shortened(&output.summary, LONGEST)});
        if !annotations.is_empty() {
            shown["annotations"] = json!(annotations);
        }
        // GitHub sets the status itself where there is a conclusion.
        json!({
            "name": self.name,
            "external_id": self.key,
            "conclusion": self.conclusion,
            "output": shown,
        })
    }

    /// The same without annotations, which the summary says.
    fn without_annotations(&self) -> Self {
        let mut run = self.clone();
        run.output.annotations.clear();
        run.output.summary = shortened(&run.output.summary, LONGEST - WITHOUT_ANNOTATIONS.len());
        run.output.summary.push_str(WITHOUT_ANNOTATIONS);
        run
    }
}

impl Client {
    /// What everybody says of a commit: the newest check run of each name, and the newest status of each context.
    ///
    /// # Errors
    ///
    /// When they cannot be read to the end.
    pub async fn checks(&self, sha: &CommitSha) -> Result<Vec<Check>, Error> {
        let runs = |page: RawRuns| page.check_runs;
        let runs = self.list(&self.path(&format!("commits/{sha}/check-runs")), runs, |_| false).await?;
        let run = |run: RawRun| {
            let state = match (run.status.as_str(), run.conclusion.as_deref()) {
                ("completed", Some("success" | "neutral" | "skipped")) => CheckState::Passed,
                ("completed", _) => CheckState::Failed,
                _ => CheckState::Pending,
            };
            Check { name: run.name, state }
        };
        let statuses = |page: RawStatuses| page.statuses;
        let statuses = self.list(&self.path(&format!("commits/{sha}/status")), statuses, |_| false).await?;
        let status = |status: RawStatus| {
            let state = match status.state.as_str() {
                "success" => CheckState::Passed,
                "pending" => CheckState::Pending,
                _ => CheckState::Failed,
            };
            Check { name: status.context, state }
        };
        Ok(runs.into_iter().map(run).chain(statuses.into_iter().map(status)).collect())
    }

    /// Creates a check run, with all its annotations, and gives its number. Where GitHub rejects it so, it is created without
    /// them: somebody may wait for its conclusion.
    ///
    /// # Errors
    ///
    /// When GitHub does not take it. Annotations beyond the first 50 may be missing then.
    pub async fn create_check_run(&self, run: &CheckRun) -> Result<u64, Error> {
        match self.create_annotated(run).await {
            Err(Error::Rejected { .. }) if !run.output.annotations.is_empty() => {
                self.create_annotated(&run.without_annotations()).await
            }
            result => result,
        }
    }

    async fn create_annotated(&self, run: &CheckRun) -> Result<u64, Error> {
        #[derive(Deserialize)]
        struct Created {
            id: u64,
        }
        let mut body = run.body(0);
        body["head_sha"] = json!(run.head_sha);
        let call = Call::post(self.path("check-runs"), body);
        let id = match self.transport.json::<Created>(&call).await {
            Ok(created) => created.id,
            Err(error) if error.outcome_unknown() => match self.find_check_run(run).await? {
                Some(id) => id,
                None => self.transport.json::<Created>(&call).await?.id,
            },
            Err(error) => return Err(error),
        };
        self.annotate(id, run, ANNOTATIONS).await?;
        Ok(id)
    }

    /// Sends the annotations from `from` on.
    async fn annotate(&self, id: u64, run: &CheckRun, from: usize) -> Result<(), Error> {
        for from in (from..run.output.annotations.len()).step_by(ANNOTATIONS) {
            let call = Call::patch(self.path(&format!("check-runs/{id}")), run.body(from)).once();
            self.transport.send(&call).await?;
        }
        Ok(())
    }

    /// A check run of ours with the same name, commit and key.
    async fn find_check_run(&self, run: &CheckRun) -> Result<Option<u64>, Error> {
        let name = encoded(&run.name);
        let path = self.path(&format!("commits/{}/check-runs?check_name={name}&filter=all", run.head_sha));
        let runs = self.list(&path, |page: RawRuns| page.check_runs, |_| false).await?;
        let same = |found: &RawRun| found.external_id.as_deref() == Some(&run.key);
        Ok(runs.into_iter().find(same).map(|found| found.id))
    }
}
