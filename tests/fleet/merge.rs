//! What many instances have counted is what one would have counted.

use bellwether::aggregate::{Counts, Id, Pane, Rule, Window};
use bellwether::fleet::{Fleet, MOST_IDS};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{END, Server, all, is_installed, pane, rule};

fn ids() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0u64..30).prop_map(|id| id.to_string()),
        1 => any::<u64>().prop_map(|id| id.to_string()),
        2 => (0u32..300).prop_map(|id| format!("cart-{id}")),
        1 => any::<String>(),
        1 => (0usize..60).prop_map(|id| "lang".repeat(id)),
    ]
}

/// For each event its id, how often, which instance had it and in which pane.
fn streams() -> impl Strategy<Value = Vec<(String, u64, usize, u64)>> {
    prop::collection::vec((ids(), 0u64..50, 0usize..4, 0u64..3), 0..600)
}

fn counts_of(stream: &[(String, u64, usize, u64)], instance: usize, number: u64, capacity: u64) -> Counts {
    let mut counts = Counts::new(capacity as usize);
    let own = stream.iter().filter(|event| (event.2, event.3) == (instance, number));
    own.for_each(|(id, n, ..)| counts.add(Id::from(id.as_str()), *n));
    counts
}

/// Merges all and checks every pane against an exact count.
fn check(server: &Server, rule: &Rule, stream: &[(String, u64, usize, u64)]) -> Result<(), TestCaseError> {
    let mut fleets: Vec<Fleet> = (0..4).map(|at| server.fleet(&format!("instance {at}"))).collect();
    for (instance, fleet) in fleets.iter_mut().enumerate() {
        for number in 0..3 {
            let counts = counts_of(stream, instance, number, rule.capacity);
            let pane = Pane { counts, ..pane(END + number * 30, []) };
            let merged = fleet.merge(rule, &pane, number).unwrap();
            prop_assert!(merged.is_new);
            prop_assert_eq!((merged.instances as usize, merged.is_complete()), (instance + 1, instance > 0));
        }
    }
    let panes = fleets[0].panes(rule, END + 60).unwrap();
    prop_assert_eq!(panes.len(), 3);
    for (number, pane) in (0..).zip(&panes) {
        let mut exact = Counts::new(100_000);
        stream
            .iter()
            .filter(|event| event.3 == number)
            .for_each(|(id, n, ..)| exact.add(Id::from(id.as_str()), *n));
        prop_assert_eq!((pane.shared_end, pane.instances), (END + number * 30, 4));
        prop_assert_eq!(pane.counts.total(), exact.total());
        prop_assert!(pane.counts.len() <= rule.capacity as usize);
        if exact.len() <= rule.capacity as usize && pane.counts.offset() == 0 {
            prop_assert_eq!(all(&pane.counts), all(&exact));
        }
        for (id, truth) in exact.iter() {
            let lower = pane.counts.get(id);
            prop_assert!(lower <= truth && truth <= lower + pane.counts.offset(), "{}", id);
        }
    }
    Ok(())
}

#[test]
fn instances_together_count_as_one_within_the_bounds() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let cases = (streams(), prop_oneof![Just(65_536_u64), 1u64..200]);
    let result = runner.run(&cases, |(stream, capacity)| {
        server.flush();
        check(&server, &Rule { capacity, ..rule() }, &stream)
    });
    result.unwrap();
}

#[test]
fn a_repetition_changes_nothing_and_says_so() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let (rule, mut fleet) = (rule(), server.fleet("a"));
    let first = pane(END, [(Id::Integer(1), 5)]);
    let second = pane(END, [(Id::Integer(1), 7)]);
    assert!(fleet.merge(&rule, &first, 1).unwrap().is_new);
    assert!(!fleet.merge(&rule, &first, 1).unwrap().is_new);
    assert!(!fleet.merge(&rule, &second, 1).unwrap().is_new, "not even with other counts");
    assert_eq!(all(&fleet.panes(&rule, END).unwrap()[0].counts), [("1".to_owned(), 5)]);
    // A pane that was ended early is a part of its own, and so is what the same instance counts after a restart.
    assert!(fleet.merge(&rule, &second, 2).unwrap().is_new);
    let mut restarted = server.fleet("a");
    let merged = restarted.merge(&rule, &second, 1).unwrap();
    assert_eq!((merged.is_new, merged.instances, merged.is_complete()), (true, 1, false));
    assert_eq!(all(&fleet.panes(&rule, END).unwrap()[0].counts), [("1".to_owned(), 19)]);
}

#[test]
fn who_is_late_is_seen_in_the_windows_that_follow() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let (rule, mut early, mut late) = (rule(), server.fleet("early"), server.fleet("late"));
    let panes = |fleet: &mut Fleet, end: u64| -> Vec<(u64, u64, u32)> {
        let panes = fleet.panes(&rule, end).unwrap();
        panes.iter().map(|pane| (pane.shared_end, pane.counts.total(), pane.instances)).collect()
    };
    early.merge(&rule, &pane(END, [(Id::Integer(1), 5)]), 1).unwrap();
    assert_eq!(panes(&mut early, END), [(END, 5, 1)]);
    early.merge(&rule, &pane(END + 30, [(Id::Integer(1), 6)]), 2).unwrap();
    late.merge(&rule, &pane(END, [(Id::Integer(1), 10)]), 1).unwrap();
    assert_eq!(panes(&mut early, END + 30), [(END, 15, 2), (END + 30, 6, 1)]);
    assert_eq!(panes(&mut late, END + 30), [(END, 15, 2), (END + 30, 6, 1)]);
    // Five panes are a window.
    assert_eq!(panes(&mut early, END + 150), [(END + 30, 6, 1)]);
    assert_eq!(panes(&mut early, END + 180), []);
}

#[test]
fn more_ids_than_are_told_keep_their_bounds() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let rule = Rule { capacity: 100_000, ..rule() };
    let ids = 3 * MOST_IDS as u64;
    let mut exact = Counts::new(200_000);
    let mut fleets = [server.fleet("a"), server.fleet("b")];
    for (at, fleet) in (0..).zip(&mut fleets) {
        // Numbers and texts; the second instance has other ids at its top.
        let texts: Vec<String> = (0..ids).map(|id| format!("cart-{id}")).collect();
        let count = |id: u64| 1 + 2_000_000 / (1 + (id + at * ids / 2) % ids);
        let numbers = (0..ids).filter(|id| id % 2 == 0).map(|id| (Id::Integer(id), count(id)));
        let texts = (0..ids).filter(|id| id % 2 == 1).map(|id| (Id::Text(&texts[id as usize]), count(id)));
        let pane = pane(END, numbers.chain(texts));
        exact.merge(&pane.counts);
        fleet.merge(&rule, &pane, 0).unwrap();
    }
    let panes = fleets[1].panes(&rule, END).unwrap();
    let counts = &panes[0].counts;
    assert!(counts.len() >= MOST_IDS && counts.len() <= 2 * MOST_IDS);
    assert_eq!(counts.total(), exact.total());
    assert!(counts.offset() > 0);
    for (id, truth) in exact.iter() {
        let lower = counts.get(id);
        assert!(lower <= truth && truth <= lower + counts.offset(), "{id}: {truth}, {lower}");
    }
    assert!(counts.distinct().abs_diff(ids) < ids / 20, "{}", counts.distinct());
    let mut window = Window::default();
    window.push(&rule, panes[0].clone());
    let report = window.report(&rule).unwrap();
    assert!(report.certain || report.offset > 0);
}

#[test]
fn texts_come_back_byte_for_byte() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let (rule, mut writer, mut reader) = (rule(), server.fleet("a:b \"c\""), server.fleet("é"));
    let odd =
        ["", "\0", "a\r\nb", "*3\r\n$1", "|,#", "007", "-1", "+1", "18446744073709551616", "é\u{10ffff}"];
    let long = "x".repeat(180);
    let ids: Vec<&str> = odd.into_iter().chain([long.as_str(), "11092"]).collect();
    let events = ids.iter().zip(1..).map(|(id, n)| (Id::from(*id), n));
    let sent = pane(END, events);
    writer.merge(&rule, &sent, 0).unwrap();
    let panes = reader.panes(&rule, END).unwrap();
    assert_eq!(all(&panes[0].counts), all(&sent.counts));
    assert_eq!(panes[0].counts.get(Id::Integer(11_092)), ids.len() as u64);
    assert_eq!(panes[0].counts.get(Id::Negative(-1)), 7);
}

#[test]
fn rates_are_over_the_time_that_all_were_there() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let rule = rule();
    let parts = [("a", 30.2, 302), ("b", 29.8, 298), ("new", 10.0, 150)];
    for (instance, seconds, n) in parts {
        let pane = Pane { seconds, ..pane(END, [(Id::Integer(1), n)]) };
        server.fleet(instance).merge(&rule, &pane, 0).unwrap();
    }
    let panes = server.fleet("reader").panes(&rule, END).unwrap();
    let rate = panes[0].counts.total() as f64 / panes[0].seconds;
    // 10 a second each of two, and 150 events in half a minute.
    assert!((rate - 25.0).abs() < 0.1, "{rate}");
}

#[test]
fn what_is_not_understood_is_left_out_and_told() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let (rule, mut fleet) = (rule(), server.fleet("a"));
    fleet.merge(&rule, &pane(END, [(Id::Integer(1), 5)]), 1).unwrap();
    let mut foreign = redis::cmd("HSET");
    foreign.arg(format!("{{bellwether:test}}:{}:30:pane:{END}", rule.address)).arg("7:1:newer").arg("\u{2}");
    server.ask(foreign).unwrap();
    let panes = fleet.panes(&rule, END).unwrap();
    assert_eq!((panes[0].counts.total(), panes[0].instances, fleet.not_understood()), (5, 1, 1));
}

#[test]
fn nothing_stays_in_redis_for_ever() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let (rule, mut fleet) = (rule(), server.fleet("a"));
    fleet.merge(&rule, &pane(END, [(Id::Integer(1), 5)]), 1).unwrap();
    fleet.claim(&rule, END).unwrap();
    fleet.finish(&rule, END, "state").unwrap();
    let reserved = [bellwether::aggregate::Series::from("a|".to_owned())];
    bellwether::aggregate::Admission::admit(&mut fleet.admission(5, &reserved), END, 1, &reserved);
    let keys: Vec<String> =
        redis::from_redis_value(server.ask(redis::cmd("KEYS").arg("*").to_owned()).unwrap()).unwrap();
    assert_eq!(keys.len(), 6, "{keys:?}");
    for key in keys {
        assert!(key.starts_with("{bellwether:test}:"), "{key}");
        let left: i64 =
            redis::from_redis_value(server.ask(redis::cmd("PTTL").arg(&key).to_owned()).unwrap()).unwrap();
        assert!((1..=86_400_000).contains(&left), "{key}: {left}");
    }
}

#[test]
fn each_part_is_read_once() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let (rule, mut writer, mut reader) = (rule(), server.fleet("a"), server.fleet("b"));
    let parts_read = || {
        let text = server.ask(redis::cmd("INFO").arg("commandstats").to_owned()).unwrap();
        let text: String = redis::from_redis_value(text).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("cmdstat_hget:calls="));
        line.map_or(0, |line| line.split(',').next().unwrap().parse::<u32>().unwrap())
    };
    for number in 0..8 {
        writer.merge(&rule, &pane(END + number * 30, [(Id::Integer(1), 5)]), number).unwrap();
        for _ in 0..3 {
            assert!(!reader.panes(&rule, END + number * 30).unwrap().is_empty());
        }
        // Each merge asks for a number, too.
        assert_eq!(u64::from(parts_read()), 2 * (number + 1));
    }
}

#[test]
fn who_was_stopped_in_mid_pane_and_comes_back_is_waited_for() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let (rule, mut other) = (rule(), server.fleet("b"));
    let until = Pane { ended_at: END - 20, seconds: 10.0, ..pane(END, [(Id::Integer(1), 5)]) };
    server.fleet("a").merge(&rule, &until, 1).unwrap();
    let merged = other.merge(&rule, &pane(END, [(Id::Integer(1), 7)]), 1).unwrap();
    assert!(!merged.is_complete(), "the rest of `a` is not there: {merged:?}");
    let rest = Pane { seconds: 20.0, ..pane(END, [(Id::Integer(1), 10)]) };
    let merged = server.fleet("a").merge(&rule, &rest, 1).unwrap();
    assert!(merged.is_complete(), "{merged:?}");
    let panes = other.panes(&rule, END).unwrap();
    assert_eq!(panes.iter().map(|pane| (pane.instances, pane.counts.total())).collect::<Vec<_>>(), [(2, 22)]);
}
