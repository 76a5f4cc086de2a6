//! `drift`

use jiff::Timestamp;

use super::super::args::{DriftArguments, Format, Global};
use super::super::connect;
use super::super::output::Output;
use super::session::{Session, header};
use super::{Outcome, drift_issue};
use crate::ops::{Exit, Failure, PlanRequest, drift};
use crate::plan::Options;
use crate::render::{self, markdown};

pub async fn run(arguments: &DriftArguments, global: &Global, output: &mut Output) -> Outcome {
    // A mistake there must not wait until Datadog is read.
    let issue = arguments.issue.then(|| connect::github(&arguments.github, output)).transpose()?;
    let session = Session::open(global)?;
    let compiled = session.compile()?;
    let store = session.store("bellwether drift", output)?;
    let connection = session.connect(output).await?;
    let state = store.environment(&session.name);
    let reader = connection.writer.reader();
    let request = PlanRequest {
        project: &session.project,
        name: &session.name,
        environment: session.environment()?,
        reader: Some(&reader),
        state: &state,
        options: Options::default(),
        now: Timestamp::now(),
    };
    let result = drift(&request, &reader, compiled).await.map_err(|failure| match failure {
        Failure::Api(error) => Failure::Message(format!("unknown, which is not \"in sync\": {error}")),
        other => other,
    });
    let result = session.with_sources(result);
    let target = connection.target.clone();
    connection.close().await?;
    let drifted = result?;
    let header = header(&session.project, &drifted.planned, &target);
    let context = session.context(&header);
    let comment = |context: &markdown::Context| markdown::drift(&drifted.plan, drifted.pending, context);
    if output.json {
        output.json(&drifted.plan);
    } else if output.format == Format::Markdown {
        output.result(&comment(&context).body);
    } else {
        if output.format == Format::Github {
            output.annotate(&render::annotations::of_drift(&drifted.plan, output.prefix()));
            output.summarise(&context, comment);
        }
        output.result(&render::drift(&drifted.plan, &header, &output.page));
        if drifted.pending > 0 {
            let changes = render::count(drifted.pending, "change");
            output.notice(&format!("{changes} of the schemas not applied yet (that is no drift)"));
        }
    }
    if let Some((client, run)) = issue {
        drift_issue::update(&client, run, &drifted, header.managed, output).await?;
    }
    Ok(if drifted.is_none() { Exit::Done } else { Exit::Differences })
}
