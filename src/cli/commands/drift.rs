//! `drift`

use jiff::Timestamp;

use super::super::args::Global;
use super::super::output::Output;
use super::Outcome;
use super::session::{Session, header};
use crate::ops::{Exit, Failure, PlanRequest, drift};
use crate::plan::Options;
use crate::render;

pub async fn run(global: &Global, output: &mut Output) -> Outcome {
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
    if output.json {
        output.json(&drifted.plan);
    } else {
        let header = header(&session.project, &drifted.planned, &target);
        output.result(&render::drift(&drifted.plan, &header, &output.page));
        if drifted.pending > 0 {
            let changes = render::count(drifted.pending, "change");
            output.notice(&format!("{changes} of the schemas not applied yet (that is no drift)"));
        }
    }
    Ok(if drifted.is_none() { Exit::Done } else { Exit::Differences })
}
