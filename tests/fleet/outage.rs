//! Redis goes away and comes back; no call takes longer than it may.

use std::time::{Duration, Instant};

use bellwether::aggregate::{Admission, Id, Series};
use bellwether::fleet::{Claim, Fleet, FleetError, FleetOptions};

use crate::support::{END, Server, all, free_port, is_installed, pane, rule};

/// Makes every call, each of which has to fail soon because Redis is away.
fn all_are_away(fleet: &mut Fleet, timeout: Duration) {
    let (rule, pane) = (rule(), pane(END, [(Id::Integer(1), 5)]));
    let slack = Duration::from_millis(500);
    let mut check = |call: &mut dyn FnMut(&mut Fleet) -> Option<FleetError>| {
        let start = Instant::now();
        let error = call(fleet).unwrap();
        assert!(error.is_away(), "{error}");
        assert!(start.elapsed() < timeout + slack, "{:?}: {error}", start.elapsed());
    };
    check(&mut |fleet| fleet.merge(&rule, &pane, 1).err());
    check(&mut |fleet| fleet.claim(&rule, END).err());
    check(&mut |fleet| fleet.finish(&rule, END, "").err());
    check(&mut |fleet| fleet.panes(&rule, END).err());
    check(&mut |fleet| {
        let mut admission = fleet.admission(5, &[]);
        // Many questions are one failure.
        for id in 0..20 {
            assert_eq!(admission.admit(END, 9, &[Series::from(format!("a|{id}"))]), [false]);
        }
        admission.take_error()
    });
}

#[test]
fn an_address_without_a_redis_is_away() {
    let directory = tempfile::tempdir().unwrap();
    let socket = format!("redis+unix://{}/none.sock", directory.path().display());
    for url in [socket, format!("redis://127.0.0.1:{}", free_port())] {
        let mut fleet = Fleet::new(FleetOptions::new(&url, "test", "a", 1)).unwrap();
        all_are_away(&mut fleet, Duration::from_secs(1));
    }
}

#[test]
fn a_redis_that_hangs_holds_nobody_up() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let timeout = Duration::from_millis(200);
    let options = FleetOptions { timeout, ..server.options("a") };
    let (mut open, mut closed) = (Fleet::new(options.clone()).unwrap(), Fleet::new(options).unwrap());
    open.merge(&rule(), &pane(END, []), 1).unwrap();
    server.while_stopped(|| {
        all_are_away(&mut open, timeout);
        all_are_away(&mut closed, timeout);
    });
    // What it was asked for in vain, it may have done; nothing of that is taken for the answer to something else.
    for fleet in [&mut open, &mut closed] {
        assert!(fleet.merge(&rule(), &pane(END + 30, []), 7).unwrap().is_new);
    }
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_opened_again_unnoticed() {
    if !is_installed() {
        return;
    }
    let mut server = Server::start(&[]);
    let mut fleet = server.fleet("a");
    assert!(fleet.merge(&rule(), &pane(END, []), 1).unwrap().is_new);
    server.ask(redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").to_owned()).unwrap();
    assert!(!fleet.merge(&rule(), &pane(END, []), 1).unwrap().is_new);
    server.restart();
    assert!(fleet.may_have_lost() && !fleet.may_have_lost(), "told once for the first connection");
    assert!(fleet.merge(&rule(), &pane(END, []), 1).unwrap().is_new, "it came back empty");
    assert!(fleet.may_have_lost(), "although no call has failed");
}

#[test]
fn after_a_restart_merging_again_gives_the_same() {
    if !is_installed() {
        return;
    }
    let mut server = Server::start(&[]);
    let rule = rule();
    let mut fleets = [server.fleet("a"), server.fleet("b"), server.fleet("c")];
    let panes: Vec<Vec<_>> = (0..3)
        .map(|instance| {
            let events = |at: u64| (0..50).map(move |id| (Id::Integer(id * (instance + 1)), id + at));
            (0..5).map(|at| pane(END + at * 30, events(at))).collect()
        })
        .collect();
    let merge = |fleets: &mut [Fleet; 3], range: std::ops::Range<usize>| {
        let mut failed = 0;
        for (fleet, panes) in fleets.iter_mut().zip(&panes) {
            for (sequence, pane) in panes.iter().enumerate().take(range.end).skip(range.start) {
                failed += u32::from(fleet.merge(&rule, pane, sequence as u64).is_err_and(|e| e.is_away()));
            }
        }
        failed
    };
    let window = |fleet: &mut Fleet| -> Vec<_> {
        let panes = fleet.panes(&rule, END + 120).unwrap();
        panes.iter().map(|pane| (pane.shared_end, all(&pane.counts), pane.seconds, pane.instances)).collect()
    };
    assert_eq!(merge(&mut fleets, 0..5), 0);
    let whole = window(&mut server.fleet("reader"));
    assert_eq!(whole.len(), 5);

    server.flush();
    assert_eq!(merge(&mut fleets, 0..3), 0);
    // One that has read a part of it, and reads on afterwards.
    let mut reader = server.fleet("reader");
    assert_eq!(window(&mut reader), whole[..3]);
    server.kill();
    assert_eq!(merge(&mut fleets, 3..5), 6);
    server.restart();
    assert_eq!(merge(&mut fleets, 0..5), 0);
    assert_eq!(merge(&mut fleets, 0..5), 0);
    assert_eq!(window(&mut reader), whole);
    assert_eq!(window(&mut server.fleet("other")), whole);
}

#[test]
fn a_publisher_that_returns_after_an_outage_claims_again() {
    if !is_installed() {
        return;
    }
    let mut server = Server::start(&[]);
    let (rule, mut fleet) = (rule(), server.fleet("a"));
    fleet.claim(&rule, END).unwrap();
    fleet.finish(&rule, END, "announced").unwrap();
    server.restart();
    assert_eq!(fleet.claim(&rule, END + 30).unwrap(), Claim::Yours { state: None });
}

#[test]
fn a_wrong_password_is_no_outage_and_is_not_repeated() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&["--requirepass", "correct-horse"]);
    let with = |password: &str| {
        let url = format!("{}{password}", server.url());
        Fleet::new(FleetOptions { url, ..server.options("a") }).unwrap()
    };
    assert!(with("?pass=correct-horse").merge(&rule(), &pane(END, []), 1).unwrap().is_new);
    for password in ["?pass=battery-staple", ""] {
        let mut fleet = with(password);
        let error = fleet.merge(&rule(), &pane(END, []), 1).unwrap_err();
        assert!(matches!(error, FleetError::Denied { .. }), "{error}");
        assert!(!format!("{error} {error:?} {fleet:?}").contains("battery"), "{error}");
    }
}

#[test]
fn a_redis_without_memory_refuses_and_stays_as_it_is() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&["--maxmemory-policy", "noeviction"]);
    let (rule, mut fleet) = (rule(), server.fleet("a"));
    fleet.merge(&rule, &pane(END, [(Id::Integer(1), 5)]), 1).unwrap();
    server.ask(redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("1mb").to_owned()).unwrap();
    let error = fleet.merge(&rule, &pane(END, [(Id::Integer(1), 5)]), 2).unwrap_err();
    assert!(!error.is_away() && error.to_string().contains("OOM"), "{error}");
    assert_eq!(fleet.panes(&rule, END).unwrap()[0].counts.total(), 5);
}

#[test]
fn panes_that_redis_has_lost_are_missed_by_everybody() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let (rule, mut one, mut other) = (rule(), server.fleet("a"), server.fleet("b"));
    let merge = |fleet: &mut Fleet, end| fleet.merge(&rule, &pane(end, [(Id::Integer(1), 5)]), end).map(drop);
    for fleet in [&mut one, &mut other] {
        merge(fleet, END).unwrap();
        assert!(fleet.may_have_lost(), "of one that was not asked before nothing is known");
        merge(fleet, END + 30).unwrap();
        assert!(!fleet.may_have_lost());
    }
    // Without that a connection was closed.
    server.flush();
    for fleet in [&mut one, &mut other] {
        merge(fleet, END + 60).unwrap();
        assert!(fleet.may_have_lost());
        merge(fleet, END + 90).unwrap();
        assert!(!fleet.may_have_lost());
    }
}
