//! The use cases, called in this process as the program calls them: for runs in the thousands, and for looking inside.

use std::path::Path;
use std::time::Duration;

use bellwether::datadog::{self, Credentials, Endpoint, Writer};
use bellwether::ops::{self, Applied, Failure, PlanRequest, Planned};
use bellwether::plan::{Change, Options, Outcome, Plan};
use bellwether::project::Project;
use bellwether::secret::Secret;
use bellwether::stop::Stop;
use bellwether::store::Store;
use jiff::Timestamp;

/// What an apply tells while it runs.
pub struct Hooks<'a> {
    pub now: &'a (dyn Fn() -> Timestamp + Sync),
    pub progress: &'a (dyn Fn(&Change, &Outcome, Duration, usize, usize) + Sync),
}

impl Hooks<'_> {
    pub const QUIET: Hooks<'static> =
        Hooks { now: &|| Timestamp::UNIX_EPOCH, progress: &|_: &_, _: &_, _, _, _| {} };
}

/// A project as it was when it was opened, its store, and a client.
pub struct World {
    project: Project,
    store: Store,
    writer: Writer,
}

impl World {
    /// The project in `root`, with a client of `url`.
    pub fn new(root: &Path, store: Store, url: &str, options: datadog::Options) -> Self {
        let secret = || Secret::new("k").unwrap();
        let credentials = Credentials { api_key: secret(), app_key: secret() };
        let writer = Writer::with(Endpoint::api_url(url).unwrap(), credentials, options).unwrap();
        Self { project: Project::open(root).unwrap(), store, writer }
    }

    /// Plans; nothing is written to Datadog.
    pub async fn plan(&self, options: Options<'_>) -> Result<Plan, Failure> {
        self.with_plan(options, async |_, planned| planned.plan).await
    }

    /// Plans and applies. Errors of the plan, such as a monitor that Datadog rejects, and a guard that
    /// blocks it are failures.
    pub async fn apply(&self, options: Options<'_>, hooks: &Hooks<'_>) -> Result<(Plan, Applied), Failure> {
        self.apply_what(options, hooks, |planned| Ok(planned.plan.clone())).await
    }

    /// Applies a saved plan as far as it is not stale.
    pub async fn apply_saved(&self, saved: Plan) -> Result<(Plan, Applied), Failure> {
        let fresh = |planned: &Planned| Ok(ops::check_saved(saved, planned)?.plan);
        self.apply_what(Options::default(), &Hooks::QUIET, fresh).await
    }

    async fn apply_what(
        &self,
        options: Options<'_>,
        hooks: &Hooks<'_>,
        what: impl FnOnce(&Planned) -> Result<Plan, Failure>,
    ) -> Result<(Plan, Applied), Failure> {
        self.with_plan(options, async |request, planned| {
            let plan = what(&planned)?;
            if plan.has_errors() {
                return Err(Failure::Message(format!("the plan has errors: {:?}", plan.diagnostics)));
            }
            if let Some(blocked) = plan.blocked.first() {
                return Err(Failure::Message(format!("{}: {}", blocked.guard, blocked.message)));
            }
            let stop = Stop::default();
            let Hooks { now, progress } = hooks;
            Ok((ops::apply(request, &plan, planned, &self.writer, &stop, progress, now).await, plan))
        })
        .await?
        .map(|(applied, plan)| (plan, applied))
    }

    async fn with_plan<T>(
        &self,
        options: Options<'_>,
        then: impl AsyncFnOnce(&PlanRequest<'_>, Planned) -> T,
    ) -> Result<T, Failure> {
        let project = &self.project;
        let (name, environment) = project.config.environment(None).unwrap();
        let (reader, state) = (self.writer.reader(), self.store.environment(&name));
        let request = PlanRequest {
            project,
            name: &name,
            environment,
            reader: Some(&reader),
            state: &state,
            options,
            now: Timestamp::UNIX_EPOCH,
        };
        let planned = ops::plan(&request, ops::compile(project, &name, environment)?).await?;
        Ok(then(&request, planned).await)
    }
}
