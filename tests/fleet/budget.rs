//! Distinct series in a clock hour never exceed the budget of all instances together.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use bellwether::aggregate::{Admission, Id, Series};
use bellwether::fleet::{Fleet, FleetOptions};

use crate::support::{END, Random, Server, is_installed, pane, rule, wait_until};

fn series(name: &str, id: u64) -> Series {
    Series::new(name, &[format!("id:{id}")])
}

fn admit(fleet: &mut Fleet, limit: u64, reserved: &[Series], most: u64, asked: &[Series]) -> Vec<bool> {
    let mut admission = fleet.admission(limit, reserved);
    let admitted = admission.admit(END, most, asked);
    assert_eq!(admission.take_error(), None);
    admitted
}

#[test]
fn four_instances_with_random_ids_stay_within_the_budget_of_every_hour() {
    const LIMIT: u64 = 60;
    const MOST: u64 = 20;
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let reserved: Vec<Series> = (0..10).map(|id| series("reserved", id)).collect();
    let published: Vec<Vec<(u64, Series)>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|at| {
                let (mut fleet, reserved) = (server.fleet(&at.to_string()), &reserved);
                scope.spawn(move || publish(&mut fleet, &mut Random(at), reserved, LIMIT, MOST))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut hours: BTreeMap<u64, BTreeSet<Series>> = BTreeMap::new();
    for (hour, series) in published.into_iter().flatten() {
        hours.entry(hour).or_default().insert(series);
    }
    assert_eq!(hours.len(), 2);
    for series in hours.values() {
        // The room for what is not reserved is used up, and not more.
        assert_eq!(series.len() as u64, LIMIT);
        assert!(reserved.iter().all(|reserved| series.contains(reserved)));
        for name in ["a", "b", "c"] {
            assert!(series.iter().filter(|series| series.name() == name).count() as u64 <= MOST);
        }
    }
}

/// What one instance publishes in two hours, in which its clock is a little late at times.
fn publish(
    fleet: &mut Fleet,
    random: &mut Random,
    reserved: &[Series],
    limit: u64,
    most: u64,
) -> Vec<(u64, Series)> {
    let mut published = Vec::new();
    for step in 0..240 {
        let unix = END + step * 30 - random.below(60).min(step * 30);
        let name = ["a", "b", "c"][random.below(3) as usize];
        let mut asked: Vec<Series> = (0..5).map(|_| series(name, random.below(1_000))).collect();
        if random.below(4) == 0 {
            asked = vec![reserved[random.below(10) as usize].clone()];
        }
        let mut admission = fleet.admission(limit, reserved);
        let admitted = admission.admit(unix, most, &asked);
        assert_eq!(admission.take_error(), None);
        let kept = asked.into_iter().zip(admitted).filter(|(_, admitted)| *admitted);
        published.extend(kept.map(|(series, _)| (unix / 3600, series)));
    }
    for series in reserved {
        for hour in 0..2 {
            let mut admission = fleet.admission(limit, reserved);
            let admitted = admission.admit(END + hour * 3600, most, std::slice::from_ref(series));
            assert_eq!(admitted, [true], "what is reserved has its place");
            published.push((END / 3600 + hour, series.clone()));
        }
    }
    published
}

#[test]
fn it_admits_what_the_ledger_of_one_process_admits() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let mut random = Random(11);
    for round in 0..30 {
        server.flush();
        let limit = 3 + random.below(20);
        let reserved: Vec<Series> = (0..random.below(8)).map(|id| series("reserved", id)).collect();
        let mut alone = bellwether::aggregate::Ledger::new(limit);
        alone.reserve(limit, reserved.clone());
        let mut fleets = [server.fleet("a"), server.fleet("b"), server.fleet("c")];
        for _ in 0..40 {
            let name = ["a", "b", "reserved"][random.below(3) as usize];
            let asked: Vec<Series> = (0..random.below(4)).map(|_| series(name, random.below(10))).collect();
            let most = 1 + random.below(6);
            let fleet = &mut fleets[random.below(3) as usize];
            let together = admit(fleet, limit, &reserved, most, &asked);
            assert_eq!(together, alone.admit(END, most, &asked), "round {round}");
        }
    }
}

#[test]
fn while_redis_is_away_nothing_is_admitted_that_was_not_before() {
    if !is_installed() {
        return;
    }
    let mut server = Server::start(&[]);
    let mut fleet = server.fleet("a");
    let reserved = [series("reserved", 1), series("reserved", 2)];
    let (known, new) = (series("a", 1), series("a", 2));
    assert_eq!(admit(&mut fleet, 4, &reserved, 9, std::slice::from_ref(&known)), [true]);
    server.kill();
    let mut admission = fleet.admission(4, &reserved);
    assert_eq!(admission.admit(END, 9, &[known.clone(), new.clone()]), [true, false]);
    assert!(admission.take_error().unwrap().is_away());
    // Whether there is still room for what is reserved, other rules may have decided.
    assert_eq!(admission.admit(END, 9, &reserved), [false, false]);
    assert_eq!((admission.take_error(), admission.refused()), (None, 3), "it is not asked twice");
    // It comes back empty, and is told what was published.
    server.restart();
    let mut other = server.fleet("b");
    assert_eq!(admit(&mut fleet, 4, &reserved, 9, std::slice::from_ref(&new)), [true]);
    assert_eq!(admit(&mut other, 4, &reserved, 9, &[series("a", 3), new, known]), [false, true, true]);
}

#[test]
fn an_hour_that_redis_has_lost_is_not_spent_again() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let mut fleet = server.fleet("a");
    assert_eq!(admit(&mut fleet, 2, &[], 9, &[series("a", 1), series("a", 2)]), [true, true]);
    // Without that the connection was closed.
    server.flush();
    assert_eq!(admit(&mut fleet, 2, &[], 9, &[series("a", 3)]), [false]);
}

#[test]
fn a_redis_that_knows_nothing_is_given_time_to_be_told() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let slow = FleetOptions { settle: Duration::from_secs(3600), ..server.options("a") };
    let mut fleet = Fleet::new(slow).unwrap();
    let reserved = [series("reserved", 1)];
    assert_eq!(admit(&mut fleet, 9, &reserved, 9, &[reserved[0].clone(), series("a", 1)]), [true, false]);
    // Another one, with less patience.
    assert_eq!(admit(&mut server.fleet("b"), 9, &reserved, 9, &[series("a", 1)]), [true]);
    assert_eq!(admit(&mut fleet, 9, &reserved, 9, &[series("a", 1)]), [true], "which makes it known");
}

#[test]
fn the_first_that_asks_divides_an_hour_for_all() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let (mut one, mut other) = (server.fleet("a"), server.fleet("b"));
    assert_eq!(one.part(7, 50).unwrap(), 50);
    // It was started with other rules.
    assert_eq!(other.part(7, 20).unwrap(), 50);
    assert_eq!((other.part(8, 20).unwrap(), one.part(8, 50).unwrap()), (20, 20));
}

/// The time that all are given to tell what they have published is over.
fn pass_settling(server: &Server) {
    server.ask(redis::cmd("HSET").arg("{bellwether:test}:seen").arg("since").arg(1).to_owned()).unwrap();
}

/// The hour is gone from Redis, and nothing else.
fn evict_hour(server: &Server) {
    server.ask(redis::cmd("DEL").arg(format!("{{bellwether:test}}:hour:{}", END / 3600)).to_owned()).unwrap();
}

/// Takes all four places of the hour.
fn fill(one: &mut Fleet, other: &mut Fleet) {
    assert_eq!(admit(one, 4, &[], 9, &ids("a", 0..1)), [true]);
    assert_eq!(admit(other, 4, &[], 9, &ids("b", 0..3)), [true; 3]);
}

/// Merges two panes, by which an instance learns what Redis has lost, and tells it.
fn merge_twice(fleet: &mut Fleet) {
    for end in [END + 30, END + 60] {
        fleet.merge(&rule(), &pane(end, []), end).unwrap();
    }
}

/// Instances that wait for an hour before anything new is admitted to a Redis that knows nothing, and one that knows.
fn settled() -> (Server, impl Fn(&Server, &str) -> Fleet) {
    let server = Server::start(&[]);
    pass_settling(&server);
    let fleet = |server: &Server, name: &str| {
        Fleet::new(FleetOptions { settle: Duration::from_secs(3600), ..server.options(name) }).unwrap()
    };
    (server, fleet)
}

fn ids(name: &str, ids: std::ops::Range<u64>) -> Vec<Series> {
    ids.map(|id| series(name, id)).collect()
}

#[test]
fn an_hour_that_was_evicted_is_not_spent_again_by_who_knows_a_part_of_it() {
    if !is_installed() {
        return;
    }
    let (server, fleet) = settled();
    let (mut one, mut other, mut fresh) = (fleet(&server, "a"), fleet(&server, "b"), fleet(&server, "c"));
    fill(&mut one, &mut other);
    evict_hour(&server);
    assert_eq!(admit(&mut one, 4, &[], 9, &ids("a", 1..2)), [false], "who knows a part");
    assert_eq!(admit(&mut other, 4, &[], 9, &ids("b", 0..3)), [true; 3]);
    evict_hour(&server);
    assert_eq!(admit(&mut fresh, 4, &[], 9, &ids("c", 0..1)), [false], "who knows nothing");
}

#[test]
fn who_publishes_nothing_new_tells_again_what_redis_has_lost() {
    if !is_installed() {
        return;
    }
    let (server, fleet) = settled();
    let (mut one, mut other) = (fleet(&server, "a"), fleet(&server, "b"));
    let merge =
        |fleet: &mut Fleet, end| fleet.merge(&rule(), &pane(end, [(Id::Integer(1), 5)]), end).unwrap();
    fill(&mut one, &mut other);
    server.flush();
    for fleet in [&mut one, &mut other] {
        merge(fleet, END + 30);
        merge(fleet, END + 60);
    }
    // After the time that all are given.
    pass_settling(&server);
    assert_eq!(admit(&mut one, 4, &[], 9, &ids("a", 0..2)), [true, false]);
}

#[test]
fn who_tells_first_what_redis_has_lost_does_not_hide_what_others_know() {
    if !is_installed() {
        return;
    }
    let (server, fleet) = settled();
    let (mut one, mut other) = (fleet(&server, "a"), fleet(&server, "b"));
    fill(&mut one, &mut other);
    server.flush();
    // The one that knows more is done before the other one begins.
    merge_twice(&mut other);
    merge_twice(&mut one);
    pass_settling(&server);
    assert_eq!(admit(&mut other, 4, &[], 9, &ids("b", 3..4)), [false]);
}

#[test]
fn an_hour_that_was_evicted_is_told_by_all_before_anything_new_is_admitted() {
    if !is_installed() {
        return;
    }
    let (server, fleet) = settled();
    let (mut one, mut other) = (fleet(&server, "a"), fleet(&server, "b"));
    fill(&mut one, &mut other);
    evict_hour(&server);
    // It is told as soon as a pane is merged, which is before anything is to be admitted.
    merge_twice(&mut other);
    assert_eq!(admit(&mut other, 4, &[], 9, &ids("b", 3..4)), [false]);
}

#[test]
fn what_takes_longer_to_tell_than_a_call_may_is_told_by_several() {
    const MANY: u64 = 30_000;
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let timeout = Duration::from_millis(25);
    let mut fleet = Fleet::new(FleetOptions { timeout, ..server.options("a") }).unwrap();
    for some in ids("a", 0..MANY).chunks(500) {
        wait_until("they are admitted", || {
            fleet.admission(MANY, &[]).admit(END, MANY, some).iter().all(|admitted| *admitted)
        });
    }
    server.flush();
    // What is merged says that all is lost; then it is told.
    wait_until("it is merged", || fleet.merge(&rule(), &pane(END, []), 1).is_ok());
    wait_until("all is told", || fleet.merge(&rule(), &pane(END, []), 1).is_ok());
    assert_eq!(admit(&mut server.fleet("b"), MANY, &[], MANY, &ids("b", 0..1)), [false]);
}

#[test]
fn an_hour_that_redis_has_in_an_older_state_is_not_spent_again() {
    if !is_installed() {
        return;
    }
    let (mut server, fleet) = settled();
    let (mut one, mut other) = (fleet(&server, "a"), fleet(&server, "b"));
    assert_eq!(admit(&mut one, 4, &[], 9, &ids("a", 0..1)), [true]);
    server.ask(redis::cmd("SAVE")).unwrap();
    assert_eq!(admit(&mut other, 4, &[], 9, &ids("b", 0..3)), [true; 3]);
    // It comes back with what it had on disk.
    server.restart();
    assert_eq!(admit(&mut one, 4, &[], 9, &ids("a", 0..2)), [true, false]);
}

#[test]
fn a_division_that_was_made_without_redis_is_told_when_it_is_there() {
    if !is_installed() {
        return;
    }
    let mut server = Server::start(&[]);
    let (mut one, mut other) = (server.fleet("a"), server.fleet("b"));
    server.kill();
    assert!(one.part(7, 50).unwrap_err().is_away());
    one.keep_part(7, 50);
    server.restart();
    assert_eq!((one.part(8, 50).unwrap(), other.part(7, 20).unwrap()), (50, 50));
    assert_eq!([7, 8, 9].map(|hour| other.known_part(hour)), [Some(50), None, None]);
}

#[test]
fn an_older_state_is_not_believed_where_nobody_may_ask_which_server_it_is() {
    if !is_installed() {
        return;
    }
    let (mut server, _) = settled();
    let let_in = |server: &Server| {
        let words = ["SETUSER", "limited", "on", ">secret", "~*", "+@all", "-info"];
        server.ask(redis::cmd("ACL").arg(&words).to_owned()).unwrap();
    };
    let fleet = |server: &Server, name: &str| {
        let (url, settle) = (format!("{}?user=limited&pass=secret", server.url()), Duration::from_secs(3600));
        Fleet::new(FleetOptions { url, settle, ..server.options(name) }).unwrap()
    };
    let_in(&server);
    let (mut one, mut other) = (fleet(&server, "a"), fleet(&server, "b"));
    assert_eq!(admit(&mut one, 4, &[], 9, &ids("a", 0..1)), [true]);
    server.ask(redis::cmd("SAVE")).unwrap();
    assert_eq!(admit(&mut other, 4, &[], 9, &ids("b", 0..3)), [true; 3]);
    server.restart();
    let_in(&server);
    assert_eq!(admit(&mut one, 4, &[], 9, &ids("a", 0..2)), [true, false]);
}

#[test]
fn the_division_of_an_hour_outlives_redis() {
    if !is_installed() {
        return;
    }
    let mut server = Server::start(&[]);
    let mut one = server.fleet("a");
    assert_eq!(one.part(7, 50).unwrap(), 50);
    server.restart();
    // Anything that it asks next.
    one.part(8, 50).unwrap();
    assert_eq!(server.fleet("b").part(7, 20).unwrap(), 50);
}
