//! Projects in temporary directories, and a sandbox for them.

use std::fs;
use std::path::Path;

use bellwether::datadog::{Credentials, Endpoint, Writer};
use bellwether::diag::{Diagnostic, Severity};
use bellwether::model::{Document, LiveMonitor};
use bellwether::ops::{self, Compiled, Failure, PlanRequest, Planned, compile};
use bellwether::plan::{Options, Plan};
use bellwether::project::Project;
use bellwether::sandbox::{Running, Sandbox, Storage};
use bellwether::secret::Secret;
use bellwether::stop::Stop;
use bellwether::store::Store;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Writes files, given by path and text, and opens the project they make.
pub fn open(directory: &Path, files: &[(&str, &str)]) -> Project {
    for (path, text) in files {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Project::open(directory).unwrap()
}

/// Compiles a project for an environment; on errors, says which.
pub fn compiled(project: &Project, environment: Option<&str>) -> Result<Compiled, String> {
    let (name, environment) = project.config.environment(environment)?;
    compile(project, &name, environment).map_err(|failure| match failure {
        Failure::Diagnostics(diagnostics) => {
            let errors = diagnostics.iter().filter(|d| d.severity() == Severity::Error);
            let text = |d: &Diagnostic| {
                let place = d.primary.as_ref().map(|label| project.sources.file_line(label.span));
                format!("{} {}: {}", place.unwrap_or_default(), d.code, d.message)
            };
            errors.map(text).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    })
}

/// An environment on a sandbox in memory, with a snapshot store of its own.
pub struct World {
    directory: tempfile::TempDir,
    sandbox: Running,
    writer: Writer,
    store: Store,
}

impl World {
    /// An empty one.
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        let sandbox = Sandbox::start(listen, Storage::Memory).await.unwrap();
        let secret = || Secret::new("sandbox").unwrap();
        let credentials = Credentials { api_key: secret(), app_key: secret() };
        let writer = Writer::new(Endpoint::api_url(sandbox.url()).unwrap(), credentials).unwrap();
        let store = Store::open(&directory.path().join("snapshot")).unwrap();
        Self { directory, sandbox, writer, store }
    }

    /// Makes a plan of a project with this one schema file.
    pub async fn plan(&self, schema: &str, options: Options<'_>) -> Plan {
        self.planned(schema, options).await.1.plan
    }

    async fn planned(&self, schema: &str, options: Options<'_>) -> (Project, Planned) {
        let configuration = "[environments.prod]\nsandbox = true\ntag = \"esm-prod\"\nscope = \"env:prod\"\n";
        let files = [("bellwether.toml", configuration), ("schemas/shop.avdl", schema)];
        let project = open(self.directory.path(), &files);
        let compiled = compiled(&project, None).unwrap();
        let (name, environment) = project.config.environment(None).unwrap();
        let (reader, state) = (self.writer.reader(), self.store.environment(&name));
        let request = PlanRequest {
            project: &project,
            name: &name,
            environment,
            reader: Some(&reader),
            state: &state,
            options,
            now: Timestamp::UNIX_EPOCH,
        };
        let planned = ops::plan(&request, compiled).await.unwrap_or_else(|error| panic!("{error}"));
        (project, planned)
    }

    /// Plans and applies; every change must succeed and nothing must be left.
    pub async fn apply(&self, schema: &str, options: Options<'_>) -> Plan {
        let (project, planned) = self.planned(schema, options).await;
        assert_eq!(planned.plan.blocked, []);
        let (name, environment) = project.config.environment(None).unwrap();
        let state = self.store.environment(&name);
        let request = PlanRequest {
            project: &project,
            name: &name,
            environment,
            reader: None,
            state: &state,
            options,
            now: Timestamp::UNIX_EPOCH,
        };
        let stop = Stop::default();
        let plan = planned.plan.clone();
        let now = || Timestamp::UNIX_EPOCH;
        let quiet = |_: &_, _: &_, _, _, _| {};
        let applied = ops::apply(&request, &plan, planned, &self.writer, &stop, &quiet, &now).await;
        assert_eq!(applied.report.failed() + applied.report.skipped(), 0, "{:?}", applied.report);
        let ops::Verified::Left(left) = applied.verified else { panic!("not verified") };
        assert_eq!(left.changes, []);
        plan
    }

    /// Loses what the store knows.
    pub fn lose_state(&mut self) {
        self.store = Store::open(&self.directory.path().join("another snapshot")).unwrap();
    }

    /// The only live monitor whose name starts so.
    pub async fn live(&self, name: &str) -> LiveMonitor {
        let all = self.writer.reader().list_monitors("esm-prod").await.unwrap();
        let mut found = all.into_iter().filter(|live| live.name.starts_with(name));
        let live = found.next().unwrap_or_else(|| panic!("no monitor {name}"));
        assert!(found.next().is_none(), "two monitors {name}");
        live
    }

    /// Edits a live monitor as somebody in Datadog would.
    pub async fn edit(&self, name: &str, change: impl FnOnce(&mut Document)) {
        let live = self.live(name).await;
        let mut body = live.document();
        body.retain(|key, _| {
            matches!(key.as_str(), "name" | "query" | "message" | "tags" | "options" | "priority")
        });
        change(&mut body);
        self.writer.update_monitor(live.id, &body).await.unwrap();
    }

    /// Deletes a live monitor as somebody in Datadog would.
    pub async fn delete(&self, name: &str) {
        let live = self.live(name).await;
        self.writer.delete_monitor(live.id).await.unwrap();
    }

    /// Makes a monitor as somebody in Datadog would.
    pub async fn create(&self, body: Value) {
        self.writer.create_monitor(body.as_object().unwrap()).await.unwrap();
    }

    /// Sends a point of a metric, so that Datadog knows it.
    pub async fn point(&self, metric: &str) {
        let body = json!({"series": [{"metric": metric, "type": 3, "points": [{"timestamp": 1, "value": 1}], "tags": ["env:prod"]}]});
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = http.post(format!("{}/api/v2/series", self.sandbox.url())).header("DD-API-KEY", "k");
        let status = request.body(body.to_string()).send().await.unwrap().status();
        assert!(status.is_success(), "{status}");
    }
}
