//! How long it takes; `cargo test --release --test fleet measure -- --ignored --nocapture` prints it.

use std::time::{Duration, Instant};

use bellwether::aggregate::{Admission, Id, Series};

use crate::support::{END, Random, Server, is_installed, pane, rule};

/// The best of some tries.
fn best(tries: u64, mut body: impl FnMut(u64)) -> Duration {
    let times = (0..tries).map(|at| {
        let start = Instant::now();
        body(at);
        start.elapsed()
    });
    times.min().unwrap()
}

#[test]
#[ignore = "prints figures"]
fn measure() {
    if !is_installed() {
        return;
    }
    let (rule, mut random) = (rule(), Random(3));
    for (kind, ids) in
        [("numbers", 100), ("numbers", 1_000), ("numbers", 10_000), ("GUIDs", 1_000), ("GUIDs", 10_000)]
    {
        let server = Server::start(&[]);
        let mut fleet = server.fleet("a");
        let guids: Vec<String> = (0..ids)
            .map(|_| Id::Guid(u128::from(random.below(u64::MAX)) << 64 | u128::from(random.below(u64::MAX))))
            .map(|id| id.to_string())
            .collect();
        let sent = pane(
            END,
            (0..ids).map(|at| {
                let id = if kind == "GUIDs" {
                    Id::from(&*guids[at as usize])
                } else {
                    Id::Integer(random.below(1 << 40))
                };
                (id, 1 + random.below(1_000))
            }),
        );
        let merge = best(30, |at| assert!(fleet.merge(&rule, &sent, at).unwrap().is_new));
        let replay = best(30, |at| assert!(!fleet.merge(&rule, &sent, at).unwrap().is_new));
        let key = format!("{{bellwether:test}}:{}:30:pane:{END}", rule.address);
        let bytes: i64 = redis::from_redis_value(
            server.ask(redis::cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(0).to_owned()).unwrap(),
        )
        .unwrap();
        // Thirty instances' panes at once, then all known.
        let first =
            best(5, |at| assert_eq!(server.fleet(&at.to_string()).panes(&rule, END).unwrap().len(), 1));
        fleet.panes(&rule, END).unwrap();
        let again = best(30, |_| assert_eq!(fleet.panes(&rule, END).unwrap().len(), 1));
        println!(
            "{ids} {kind}: merge {merge:?}, replay {replay:?}, {} bytes each, 30 parts read {first:?}, again {again:?}",
            bytes / 30
        );
    }
    let server = Server::start(&[]);
    let mut fleet = server.fleet("a");
    let reserved: Vec<Series> = (0..320).map(|id| Series::from(format!("reserved|{id}"))).collect();
    let admit = best(30, |at| {
        let asked: Vec<Series> = (0..10).map(|id| Series::from(format!("a|{at}-{id}"))).collect();
        fleet.admission(100_000, &reserved).admit(END, 100_000, &asked);
    });
    let claim = best(30, |at| {
        fleet.claim(&rule, END + at * 30).unwrap();
        fleet.finish(&rule, END + at * 30, "state").unwrap();
    });
    println!("admit 10 of 320 reserved: {admit:?}; claim and finish: {claim:?}");
}
