//! `drift --issue`: one issue for each environment, opened when there is drift and closed when there is none.
//!
//! It is reached only after everything was read: an incomplete read is an error before, and closes nothing.

use super::super::connect::github_failure;
use super::super::output::Output;
use crate::github::marker::{DriftMarker, Marker};
use crate::github::{Client, Error, Issue};
use crate::ops::{Drifted, Failure};
use crate::plan::Plan;
use crate::render;
use crate::render::markdown::{Context, LIMIT, code};
use crate::text::clean_line;

/// Bytes that are left for the marker.
const MARKER: usize = 1_000;
/// Monitors that a comment names.
const MOST_NAMED: usize = 20;

/// What became of the issue.
enum Told {
    Nothing,
    Opened(Issue),
    Updated(Issue),
    Unchanged(Issue),
    Newer(Issue),
    Closed(Issue),
}

/// Makes the environment's issue say what the report says.
pub async fn update(
    client: &Client,
    run: u64,
    drifted: &Drifted,
    managed: u64,
    output: &Output,
) -> Result<(), Failure> {
    let told = write(client, run, drifted, managed).await.map_err(github_failure)?;
    let (what, issue) = match &told {
        Told::Nothing => return Ok(()),
        Told::Opened(issue) => ("Opened", issue),
        Told::Updated(issue) => ("Updated", issue),
        Told::Unchanged(issue) => ("Nothing new for", issue),
        Told::Newer(issue) => ("Left alone, as it is of a newer run:", issue),
        Told::Closed(issue) => ("Closed", issue),
    };
    output.notice(&format!("{what} issue #{}: {}", issue.number, clean_line(&issue.url)));
    Ok(())
}

async fn write(client: &Client, run: u64, drifted: &Drifted, managed: u64) -> Result<Told, Error> {
    let environment = &drifted.plan.environment;
    let same = |found: &DriftMarker| found.env == *environment;
    let found = client.find_issue(same).await?;
    if let Some((issue, old)) = &found
        && run != 0
        && old.run > run
    {
        return Ok(Told::Newer(issue.clone()));
    }
    // All monitors of the environment were looked at, so that this is never less than what an issue is about.
    let set = drifted.set();
    let marker = DriftMarker { env: environment.clone(), scope: "all".to_owned(), complete: true, set, run };
    // Said once, even if the run is repeated after half of it. A run without a number is like no other.
    let known = if run == 0 { jiff::Timestamp::now().as_millisecond() } else { run.cast_signed() };
    let key = |old: &DriftMarker| format!("drift {environment} {} {} {known}", old.set, marker.set);
    if drifted.is_none() {
        let Some((issue, old)) = found else { return Ok(Told::Nothing) };
        let text = in_sync(environment, managed);
        client.comment_once(issue.number, &key(&old), &text).await?;
        client.close_issue(issue.number).await?;
        return Ok(Told::Closed(issue));
    }
    let names_only = client.is_public().await?;
    let context =
        Context { managed: Some(managed), names_only, limit: Some(LIMIT - MARKER), ..Context::default() };
    let body = render::markdown::drift(&drifted.plan, drifted.pending, &context).body;
    let title = title(&drifted.plan, managed);
    let Some((issue, old)) = found else {
        return client.create_issue(&title, &marker, &body, same).await.map(Told::Opened);
    };
    if old.set != marker.set {
        let text = changed(&drifted.plan, managed, &issue.body);
        client.comment_once(issue.number, &key(&old), &text).await?;
    } else if issue.title == title && crate::github::same_text(&issue.body, &marker.mark(&body)) {
        return Ok(Told::Unchanged(issue));
    }
    client.update_issue(issue.number, &title, &marker, &body).await.map(Told::Updated)
}

/// `2 of 212 monitors`.
fn differing(plan: &Plan, managed: u64) -> String {
    let differing = plan.drift.len() + plan.changes.len();
    format!("{differing} of {}", render::count(managed as usize + plan.changes.len(), "monitor"))
}

fn title(plan: &Plan, managed: u64) -> String {
    let environment = clean_line(&plan.environment);
    format!("Drift in {environment}: {} not as last applied", differing(plan, managed))
}

/// The comment for a report about other monitors or fields than before. `before` is what the issue said.
fn changed(plan: &Plan, managed: u64, before: &str) -> String {
    let addresses = plan.changes.iter().map(|change| &change.address);
    let addresses = addresses.chain(plan.drift.iter().map(|drift| &drift.address));
    let shown = addresses.map(|address| code(address.as_str()));
    let new: Vec<String> = shown.filter(|shown| !before.contains(shown.as_str())).collect();
    let mut text = format!("Now **{}** not as last applied, see above.\n", differing(plan, managed));
    for address in new.iter().take(MOST_NAMED) {
        text.push_str(&format!("- new: {address}\n"));
    }
    if new.len() > MOST_NAMED {
        text.push_str(&format!("- and {} more\n", new.len() - MOST_NAMED));
    }
    text
}

/// The comment with which the issue is closed.
fn in_sync(environment: &str, managed: u64) -> String {
    let all = render::count(managed as usize, "monitor");
    format!("In sync: {all} in {} as last applied.\n", code(environment))
}
