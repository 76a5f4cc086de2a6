//! The budget: distinct series in a clock hour, whatever is counted and however often the process dies.

use std::collections::{BTreeMap, BTreeSet};

use nix::sys::signal::Signal;

use crate::agent::{Agent, Got, Point};
use crate::process::{Project, datagrams_to, event};

const LIMIT: u64 = 40;
/// What has its place in every hour: the rule's own series, and those by which the aggregator tells of itself.
const RESERVED: u64 = 6 + 10 + 8;
/// Of these, `sustained` is published only after a whole window, and so not here.
const NOT_YET: u64 = 1;

/// The hour of a published point. The aggregator's own have no time of their own, and so count in every hour.
fn hour(point: &Point) -> Option<u64> {
    Some(point.at? / 3600)
}

/// The distinct series of each hour: name, and tags whatever their order.
fn series(points: &[Point]) -> BTreeMap<u64, BTreeSet<(String, BTreeSet<String>)>> {
    let name = |point: &Point| (point.name.clone(), point.tags.clone());
    let mut hours: BTreeMap<u64, BTreeSet<_>> = BTreeMap::new();
    for point in points {
        if let Some(hour) = hour(point) {
            hours.entry(hour).or_default().insert(name(point));
        }
    }
    for own in points.iter().filter(|point| hour(point).is_none()) {
        for hour in hours.values_mut() {
            hour.insert(name(own));
        }
    }
    hours
}

fn last(got: &Got, name: &str) -> u64 {
    let name = format!("bellwether.aggregate.{name}");
    got.points().iter().rfind(|point| point.name == name).map_or(0, |point| point.value as u64)
}

#[test]
fn the_budget_holds_across_kills_and_restarts() {
    // More ids by name than the whole budget has room for.
    let project = Project::with_budget(LIMIT, 1_000);
    let agent = Agent::unix(&project.path("agent.socket"));
    let mut sent = 0;
    for round in 1..=5 {
        let daemon = project.listen(&[&project.socket("unixgram", "daemon.socket")], &agent.url);
        let socket = datagrams_to(&project.path("daemon.socket"));
        // Each round has ids of its own, and more of them than there are ranks.
        for turn in 0..30 {
            let count = turn + 1;
            let line = event(&format!("round-{round}-{turn}")).replace(":1|c", &format!(":{count}|c"));
            socket.send(line.as_bytes()).unwrap();
            sent += 1;
        }
        let counted = agent.until("the pane is published", |got| {
            let counted = got.own("counted");
            (counted >= sent).then_some(counted)
        });
        assert_eq!(counted, sent);
        if round < 5 {
            daemon.signal(Signal::SIGKILL);
            assert_eq!(daemon.end().0, None, "it is dead, without a last word");
        } else {
            daemon.stop();
        }
    }
    let got = agent.end();
    let hours = series(&got.points());
    for (hour, series) in &hours {
        assert!(series.len() as u64 <= LIMIT, "{} series in hour {hour}: {series:#?}", series.len());
    }
    assert_eq!(last(&got, "budget"), LIMIT);
    if hours.len() == 1 {
        // What is not known by name has been refused, and the rest of the budget is spent.
        let published = hours.values().next().unwrap().len() as u64;
        assert_eq!((published, last(&got, "series")), (LIMIT - NOT_YET, LIMIT - NOT_YET));
        let ids = got.points().iter().filter(|point| point.name.ends_with(".by_id")).count();
        assert!(got.own("refused") > 0 && ids as u64 > LIMIT - RESERVED);
    }
}

#[test]
fn what_finds_no_room_is_part_of_the_others_and_nothing_is_lost() {
    let project = Project::with_budget(RESERVED + 2, 1_000);
    let agent = Agent::unix(&project.path("agent.socket"));
    let daemon = project.listen(&[&project.socket("unixgram", "daemon.socket")], &agent.url);
    let socket = datagrams_to(&project.path("daemon.socket"));
    for id in 0..2_000 {
        let line =
            event(&format!("id-{id}")).replace(":1|c", &format!(":{}|c", 1 + u32::from(id == 0) * 999));
        socket.send(line.as_bytes()).unwrap();
    }
    daemon.stop();
    let got = agent.end();
    let counted = got.events_by("id-0", 1_000);
    assert!(counted.len() <= 3, "two by name at most: {counted:?}");
    assert_eq!(counted.values().sum::<u64>(), 2_999);
    assert_eq!(got.events(), 2_999);
}

#[test]
fn a_restart_within_the_hour_goes_on_with_what_was_spent() {
    let project = Project::with_budget(RESERVED + 1, 1_000);
    let agent = Agent::unix(&project.path("agent.socket"));
    let round = |id: &str| {
        let daemon = project.listen(&[&project.socket("unixgram", "daemon.socket")], &agent.url);
        datagrams_to(&project.path("daemon.socket")).send(event(id).as_bytes()).unwrap();
        daemon.stop();
    };
    round("first");
    round("second");
    round("first");
    let points = agent.end().points();
    let named = points.iter().filter(|point| point.name.ends_with(".by_id"));
    let mut hours: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    for point in named {
        let id = point.tags.iter().find_map(|tag| tag.strip_prefix("id:")).unwrap();
        hours.entry(hour(point).unwrap()).or_default().insert(id);
    }
    for ids in hours.values() {
        assert!(ids.len() <= 2, "one by name, and the others: {ids:?}");
    }
    if hours.len() == 1 {
        assert_eq!(hours.values().next().unwrap(), &BTreeSet::from(["first", "__other__"]));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn after_a_full_disk_new_ids_are_published_by_name_again() {
    let project = Project::new();
    let agent = Agent::unix(&project.path("agent.socket"));
    let daemon = project.on_a_disk("daemon.socket", &agent.url);
    let socket = datagrams_to(&project.path("daemon.socket"));
    let send = |id: &str| socket.send(event(id).as_bytes()).map(drop).unwrap();
    let has_room = |bytes: &str| {
        let mut prlimit = std::process::Command::new("prlimit");
        prlimit.args(["--pid", &daemon.pid().to_string(), &format!("--fsize={bytes}:unlimited")]);
        assert!(prlimit.status().unwrap().success());
    };
    let is_named = |got: &Got, id: &str| {
        let tag = format!("id:{id}");
        got.points().iter().any(|point| point.name.ends_with(".by_id") && point.tags.contains(&tag))
    };
    send("before");
    agent.until("an id is published", |got| is_named(got, "before").then_some(()));
    has_room("1");
    send("meanwhile");
    daemon.says("ledger of published series");
    assert!(!is_named(&agent.got(), "meanwhile"));
    has_room("unlimited");
    agent.until("the id is published", |got| is_named(got, "meanwhile").then_some(()));
}
