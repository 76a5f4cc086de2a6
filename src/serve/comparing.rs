//! A plan: of schemas against what is live in Datadog, or against other schemas alone.

use std::collections::BTreeSet;

use super::dispatch::Context;
use super::site::Purpose;
use super::trouble::Trouble;
use super::workspace::Built;
use crate::github::{self, CommitSha};
use crate::model::Address;
use crate::ops::{self, Addresses, AgainstRequest, Base, Compiled, Failure, PlanRequest, Planned};
use crate::plan::{Only, Options, Plan};
use crate::project::Project;
use crate::render::Header;
use crate::review::Command;

/// What a plan is asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Only these addresses.
    pub only: Option<String>,
    /// Whether edits made in Datadog are overwritten.
    pub reset_drift: bool,
    /// The number of deletes that is right.
    pub allow_deletes: Option<u64>,
    /// Only these addresses: those that a push, or a fork, changes.
    pub within: Option<BTreeSet<Address>>,
    /// None of these addresses: those that other commits change.
    pub except: BTreeSet<Address>,
}

impl Asked {
    /// What a command asks for.
    pub fn of(command: &Command) -> Self {
        Self {
            only: command.only.clone(),
            reset_drift: command.reset_drift,
            allow_deletes: command.allow_deletes,
            ..Self::default()
        }
    }

    /// The options of a plan of these addresses, which `test` tells.
    pub fn options<'a>(
        &self,
        addresses: &'a Addresses,
        test: &'a (dyn Fn(&str) -> bool + Sync),
    ) -> Options<'a> {
        let only: Option<Only<'a>> = addresses.name().map(|name| (name, test));
        Options {
            reset_drift: self.reset_drift,
            allow_deletes: self.allow_deletes,
            only,
            ..Options::default()
        }
    }
}

/// A plan against the base branch's schemas: no keys, no Datadog.
pub fn against(
    context: &Context<'_>,
    built: &Built,
    compiled: Compiled,
    before: Option<Project>,
    base: &CommitSha,
) -> Result<(Plan, Header), Failure> {
    let base = Base { name: base.short().to_owned(), project: before };
    let request = AgainstRequest {
        project: &built.project,
        name: context.environment,
        base: &base,
        options: Options::default(),
        now: (context.service.settings.now)(),
    };
    let planned = ops::against(&request, compiled)?;
    let header = header(built, &planned, &base.name);
    Ok((planned.plan, header))
}

/// What the project compiles to.
pub fn again(built: &Built, environment: &str) -> Result<Compiled, Failure> {
    ops::compile(&built.project, environment, &built.environment)
}

/// A plan against Datadog.
pub struct Compared {
    /// The plan, and what it was made of.
    pub planned: Planned,
    /// What the plan cannot say of itself.
    pub header: Header,
    /// What it is about.
    pub addresses: Addresses,
}

/// A plan against Datadog.
pub async fn live(
    context: &Context<'_>,
    built: &Built,
    asked: &Asked,
    purpose: Purpose,
) -> Result<Compared, Trouble> {
    let (site, service) = (context.site, context.service);
    let connection = site.connect(&built.environment, purpose, &service.settings, &service.stop).await?;
    let result = with(context, built, asked, &connection).await;
    context.close(connection).await;
    result
}

/// What a plan is about: what is asked for, but for what other open pull requests have registered. The files that are
/// planned do not know of that yet, and would take it back, also by renaming it.
async fn addresses(context: &Context<'_>, asked: &Asked, compiled: &Compiled) -> Result<Addresses, Trouble> {
    let (ledger, repository) = (&context.service.ledger, &context.job.repository);
    let mut theirs: BTreeSet<Address> = BTreeSet::new();
    for (number, live) in ledger.live(repository, context.environment)? {
        if number == context.number {
            continue;
        }
        // It may have been merged or closed while nobody told us.
        match context.site.client.pull_request(number).await {
            Ok(pull) if pull.open => theirs.extend(live.addresses),
            Ok(pull) if pull.merged => ledger.settle(repository, number, context.environment)?,
            Ok(_) | Err(github::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let renamed = compiled.graph.nodes().filter(|node| node.former.iter().any(|then| theirs.contains(then)));
    let renamed: Vec<Address> = renamed.map(|node| node.address.clone()).collect();
    theirs.extend(renamed);
    let mut addresses =
        Addresses::matching(asked.only.as_deref())?.but_for(theirs, "other pull requests have registered");
    addresses = addresses.but_for(asked.except.iter().cloned(), "other commits change");
    if let Some(within) = &asked.within {
        addresses = addresses.within(within.clone(), "what it changes");
    }
    Ok(addresses)
}

/// A plan against a Datadog that is connected.
pub async fn with(
    context: &Context<'_>,
    built: &Built,
    asked: &Asked,
    connection: &ops::Connection,
) -> Result<Compared, Trouble> {
    let compiled = again(built, context.environment)?;
    let addresses = addresses(context, asked, &compiled).await?;
    let test = |address: &str| addresses.contain(address);
    let state = context.site.state(context.environment);
    let reader = connection.writer.reader();
    let request = PlanRequest {
        project: &built.project,
        name: context.environment,
        environment: &built.environment,
        reader: Some(&reader),
        state: &state,
        options: asked.options(&addresses, &test),
        now: (context.service.settings.now)(),
    };
    let planned = ops::plan(&request, compiled).await?;
    if asked.only.is_some() {
        ops::matches_something(&planned, &request.options)?;
    }
    let header = header(built, &planned, &connection.target);
    Ok(Compared { planned, header, addresses })
}

fn header(built: &Built, planned: &Planned, target: &str) -> Header {
    let (project, snapshot) = (&built.project, &planned.refreshed.snapshot);
    Header::new(&project.config, snapshot, planned.accepted, target, project.schema_files)
}

/// A plan that can be compared with `fresh`, whatever composites are called in it.
pub fn with_operands(plan: &Plan, fresh: &Planned) -> Plan {
    let mut plan = plan.clone();
    ops::name_operands(&mut plan, &fresh.compiled.graph, &fresh.refreshed);
    plan
}
