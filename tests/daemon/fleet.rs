//! Four daemons and a real Redis: one true top, whatever is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use bellwether::aggregate::publish::OTHER;
use bellwether::aggregate::{OWN_SERIES, Rule};

use crate::agent::{Agent, Got, Point};
use crate::process::{Daemon, METRIC, Project, event};
use crate::redis_server::{Server, is_installed};

const INSTANCES: usize = 4;

/// Daemons that merge, each with a state directory of its own.
struct Fleet {
    redis: Server,
    agent: Agent,
    projects: Vec<Project>,
    daemons: Vec<Option<Daemon>>,
}

impl Fleet {
    fn new(custom_metrics: u64) -> Self {
        let redis = Server::start(&[]);
        let projects: Vec<Project> =
            (0..INSTANCES).map(|_| Project::with_budget(custom_metrics, 20)).collect();
        let agent = Agent::unix(&projects[0].path("agent.sock"));
        let mut fleet = Self { redis, agent, projects, daemons: Vec::new() };
        fleet.daemons = (0..INSTANCES).map(|at| Some(fleet.start(at))).collect();
        fleet
    }

    fn start(&self, at: usize) -> Daemon {
        let name = format!("instance-{at}");
        self.projects[at].join(&self.agent.url, &self.redis.url(), &name, INSTANCES as u32)
    }

    /// Sends `n` events of an id to an instance.
    fn send(&self, at: usize, id: &str, n: usize) {
        let lines: Vec<String> = (0..n).map(|_| event(id)).collect();
        self.daemons[at].as_ref().unwrap().send(&lines);
    }

    /// Waits until the sum of all instances is published as it should be.
    #[track_caller]
    fn published(&self, expected: &[(&str, u64)]) {
        let expected: BTreeMap<String, u64> = expected.iter().map(|(id, n)| ((*id).to_owned(), *n)).collect();
        self.agent
            .until(&format!("{expected:?} is published"), |got| (merged(got) == expected).then_some(()));
    }

    /// Stops some, all at once.
    fn stop(&mut self, some: std::ops::Range<usize>) {
        let daemons: Vec<Daemon> = self.daemons[some].iter_mut().filter_map(Option::take).collect();
        daemons.iter().for_each(|daemon| daemon.signal(Signal::SIGTERM));
        daemons.into_iter().for_each(|daemon| assert_eq!(daemon.end().0, Some(143)));
    }

    fn kill(&mut self, at: usize) {
        self.daemons[at].take().unwrap().kill();
    }
}

/// The events by id of the last window that was published for all, by those of `known`, which are always ten.
fn merged(got: &Got) -> BTreeMap<String, u64> {
    let mut counts = by_id(&of_all(got));
    counts.retain(|_, n| *n > 0);
    counts
}

fn of_all(got: &Got) -> Vec<Point> {
    let is_alone = |point: &Point| point.tags.contains("merged:false");
    let name = format!("{METRIC}.by_id");
    got.points().into_iter().filter(|point| point.name == name && !is_alone(point)).collect()
}

fn by_id(points: &[Point]) -> BTreeMap<String, u64> {
    let id = |point: &Point| point.tags.iter().find_map(|tag| tag.strip_prefix("id:").map(str::to_owned));
    let last = points.iter().filter_map(|point| point.at).max();
    let rates: BTreeMap<String, f64> =
        points.iter().filter(|p| p.at == last).filter_map(|p| Some((id(p)?, p.value))).collect();
    let Some(known) = rates.get("known") else { return BTreeMap::new() };
    rates.iter().map(|(id, rate)| (id.clone(), (rate / known * 10.0).round() as u64)).collect()
}

/// A fleet that has published a hundred events of `x`, a quarter from each instance, and ten of `known`.
fn with_a_hundred() -> Fleet {
    let fleet = Fleet::new(500);
    fleet.send(0, "known", 10);
    (0..INSTANCES).for_each(|at| fleet.send(at, "x", 25));
    fleet.published(&[("known", 10), ("x", 100)]);
    fleet
}

#[test]
fn the_published_top_is_that_of_all_instances_together() {
    if !is_installed() {
        return;
    }
    let fleet = Fleet::new(500);
    fleet.send(0, "known", 10);
    for at in 0..INSTANCES {
        // The top of each instance is an id of its own; the true top is none of them.
        fleet.send(at, ["a", "b", "c", "d"][at], 60);
        fleet.send(at, "6f9619ff-8b86-d011-b42d-00c04fc964ff", 30);
    }
    fleet.published(&[
        ("known", 10),
        ("a", 60),
        ("b", 60),
        ("c", 60),
        ("d", 60),
        ("6f9619ff-8b86-d011-b42d-00c04fc964ff", 120),
    ]);
    let got = fleet.agent.got();
    let hosts: BTreeSet<String> = got
        .points()
        .into_iter()
        .flat_map(|point| point.tags)
        .filter(|tag| tag.starts_with("host:"))
        .collect();
    assert_eq!(hosts, BTreeSet::from(["host:".to_owned()]), "no series has a host");
}

#[test]
fn killing_the_publisher_loses_and_doubles_nothing_that_was_merged() {
    if !is_installed() {
        return;
    }
    let mut fleet = with_a_hundred();
    // One after the other, so that whoever publishes is among them, and the last one has to.
    for (killed, events) in [(0, 110), (1, 120), (2, 130)] {
        fleet.kill(killed);
        fleet.send(3, "x", 10);
        fleet.published(&[("known", 10), ("x", events)]);
    }
    // One that comes back under its name goes on where it is.
    fleet.daemons[0] = Some(fleet.start(0));
    fleet.send(0, "x", 10);
    fleet.published(&[("known", 10), ("x", 140)]);
    never_more(&fleet.agent.got(), &[("known", 10), ("x", 140)]);
}

#[test]
fn whoever_stops_last_publishes_the_last_pane_of_all() {
    if !is_installed() {
        return;
    }
    let mut fleet = with_a_hundred();
    // One after the other, each in a pane of its own; then the last two at once.
    for (some, events) in [(0..1, 110), (1..2, 120), (2..4, 140)] {
        some.clone().for_each(|at| fleet.send(at, "x", 10));
        fleet.stop(some);
        fleet.published(&[("known", 10), ("x", events)]);
    }
    // One that is alone among those that there should be.
    fleet.daemons[0] = Some(fleet.start(0));
    fleet.send(0, "x", 10);
    fleet.stop(0..1);
    fleet.published(&[("known", 10), ("x", 150)]);
    let got = fleet.agent.got();
    never_more(&got, &[("known", 10), ("x", 150)]);
    assert!(!got.points().iter().any(|point| point.tags.contains("merged:false")), "Redis was there");
}

#[test]
fn a_redis_that_hangs_keeps_nobody_from_ending() {
    if !is_installed() {
        return;
    }
    let mut fleet = Fleet::new(500);
    fleet.send(0, "known", 10);
    fleet.published(&[("known", 10)]);
    (0..INSTANCES).for_each(|at| fleet.send(at, "x", 10));
    let daemons = std::mem::take(&mut fleet.daemons);
    let start = Instant::now();
    fleet.redis.while_stopped(|| {
        daemons.iter().flatten().for_each(|daemon| daemon.signal(Signal::SIGTERM));
        daemons.into_iter().flatten().for_each(|daemon| assert_eq!(daemon.end().0, Some(143)));
    });
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    for at in 0..INSTANCES {
        let instance = format!("instance:instance-{at}");
        fleet.agent.until(&format!("{instance} has published its own share"), |got| {
            let is_own = |point: &Point| point.name == METRIC && point.tags.contains(&instance);
            got.points().iter().any(is_own).then_some(())
        });
    }
}

#[test]
fn killing_redis_loses_and_doubles_nothing_and_each_publishes_for_itself_meanwhile() {
    if !is_installed() {
        return;
    }
    let reserved = Rule::FIXED_SERIES + 10;
    // Enough for what all publish together, and for each instance's own and most important series.
    let limit = Rule::series(10, 20) + INSTANCES as u64 * (OWN_SERIES + reserved);
    let mut fleet = Fleet::new(limit);
    fleet.send(1, "known", 10);
    (0..INSTANCES).for_each(|at| fleet.send(at, "x", 25));
    fleet.published(&[("known", 10), ("x", 100)]);
    fleet.redis.kill();
    (0..INSTANCES).for_each(|at| fleet.send(at, "x", 10));
    for at in 0..INSTANCES {
        let instance = format!("instance:instance-{at}");
        fleet.agent.until(&format!("{instance} publishes its own share"), |got| {
            let alone = |point: &&Point| {
                point.name == METRIC
                    && point.tags.contains("merged:false")
                    && point.tags.contains(&instance)
                    && point.value > 0.0
            };
            got.points().iter().find(alone).map(drop)
        });
    }
    fleet.redis.restart();
    fleet.send(2, "x", 10);
    fleet.published(&[("known", 10), ("x", 150)]);
    let got = fleet.agent.got();
    never_more(&got, &[("known", 10), ("x", 150)]);
    let mut hours: BTreeMap<u64, BTreeSet<(String, BTreeSet<String>)>> = BTreeMap::new();
    for point in got.points() {
        // What has no time of its own is told for the present hour, beside the points that have.
        let hour = point.at.or_else(|| got.points().iter().filter_map(|p| p.at).max()).unwrap() / 3600;
        hours.entry(hour).or_default().insert((point.name, point.tags));
    }
    let most = hours.values().map(BTreeSet::len).max().unwrap_or_default();
    assert!(most as u64 <= limit, "{most} series in an hour of {limit}");
}

/// That no publication ever said more than there was.
fn never_more(got: &Got, most: &[(&str, u64)]) {
    let points = of_all(got);
    let ends: BTreeSet<u64> = points.iter().filter_map(|point| point.at).collect();
    for end in ends {
        let of_end: Vec<Point> = points.iter().filter(|point| point.at == Some(end)).cloned().collect();
        let counts = by_id(&of_end);
        let (published, sent) = (counts.values().sum::<u64>(), most.iter().map(|(_, n)| n).sum::<u64>());
        assert!(published <= sent, "{published} events at {end}, of {sent}");
        // An instance that Redis leaves before it has said which ids have room knows no id by name.
        for (id, n) in counts.into_iter().filter(|(id, _)| id != OTHER) {
            let limit = most.iter().find(|(known, _)| *known == id).map_or(0, |(_, n)| *n);
            assert!(n <= limit, "{n} events of {id} at {end}, of {limit}");
        }
    }
}

#[test]
fn what_the_budget_of_all_refuses_is_told() {
    if !is_installed() {
        return;
    }
    // A Redis that is used for the first time admits no id by name yet.
    let fleet = Fleet::new(500);
    fleet.send(0, "known", 10);
    fleet.agent.until("something was refused", |got| (got.own("refused") > 0).then_some(()));
}
