//! Datadog's rate limits: kept to before it complains. Time is a number here, which waiting moves on.

use std::sync::Arc;

use bellwether::datadog::{Clock, Options as Client, Retry};
use bellwether::plan::Options;
use bellwether::sandbox::{Faults, Limit, Options as Served, Storage};
use bellwether::store::Store;
use jiff::{SignedDuration, Timestamp};

use super::in_process::{Hooks, World};
use super::support::{Project, Server, runtime};

const CREATES: usize = 1_000;
const LIMIT: u64 = 100;
const PERIOD: u64 = 10;

#[test]
fn a_thousand_creates_go_at_the_limit_and_hardly_meet_a_429() {
    let (clock, passed) = Clock::skipping();
    let elapsed = Arc::clone(&passed);
    let limit = Limit {
        name: "monitor_create".into(),
        method: Some("POST".into()),
        route: Some("/api/v1/monitor".into()),
        limit: LIMIT,
        period: PERIOD as u32,
    };
    let served = Served {
        clock: Arc::new(move || Timestamp::UNIX_EPOCH + SignedDuration::try_from(elapsed()).unwrap()),
        faults: Faults { limits: vec![limit], ..Faults::default() },
    };
    let server = Server::with_options(Storage::Memory, served);
    let project = Project::of("", server.url());
    let mut schema = "@alert_channel(\"alerts\") protocol P {\n".to_owned();
    for record in 0..CREATES {
        schema +=
            &format!("@traffic_threshold_monitor({{\"below\": {record}}}) record R{record} {{ int a; }}\n");
    }
    project.write("schemas/events.avdl", &(schema + "}\n"));
    let client = Client { retry: Retry { clock, ..Retry::default() }, ..Client::default() };
    let store = Store::open(&project.path("state/snapshot")).unwrap();
    let world = World::new(&project.path(""), store, server.url(), client);
    let (_, applied) = runtime().block_on(world.apply(Options::default(), &Hooks::QUIET)).unwrap();
    assert_eq!(applied.report.done(), CREATES);
    assert_eq!(server.monitors().len(), CREATES);

    let windows = CREATES as u64 / LIMIT;
    let seconds = passed().as_secs();
    assert!((windows - 1) * PERIOD <= seconds && seconds <= (windows + 1) * PERIOD, "{seconds} s");
    assert!(server.answered(429) as u64 <= windows, "{} times 429", server.answered(429));
}
