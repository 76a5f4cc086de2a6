//! One instance publishes a pane, and another one takes over when it dies.

use std::thread;
use std::time::{Duration, Instant};

use bellwether::aggregate::Pane;
use bellwether::fleet::{Claim, Fleet, FleetOptions};

use crate::support::{END, Server, is_installed, pane, rule, wait_until};

fn yours(state: Option<&str>) -> Claim {
    Claim::Yours { state: state.map(str::to_owned) }
}

fn is_held(claim: &Claim) -> bool {
    matches!(claim, Claim::Held { retry } if *retry <= Duration::from_secs(35))
}

#[test]
fn of_two_claimers_one_wins_and_done_stops_all() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let (rule, mut a, mut b) = (rule(), server.fleet("a"), server.fleet("b"));
    assert_eq!(a.claim(&rule, END).unwrap(), yours(None));
    assert!(is_held(&b.claim(&rule, END).unwrap()));
    assert_eq!(a.claim(&rule, END).unwrap(), yours(None), "who has it may ask again");
    a.finish(&rule, END, "11092 is above\0é").unwrap();
    assert_eq!(a.claim(&rule, END).unwrap(), Claim::Done);
    assert_eq!(b.claim(&rule, END).unwrap(), Claim::Done);
    // The next pane is for who asks first: all others have told theirs then. It is told what was announced.
    assert_eq!(b.claim(&rule, END + 30).unwrap(), yours(Some("11092 is above\0é")));
    assert!(is_held(&a.claim(&rule, END + 30).unwrap()));
}

#[test]
fn many_that_ask_at_once_get_one_winner() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let (rule, server) = (rule(), &server);
    for round in 0..20 {
        server.flush();
        let end = END + round * 30;
        let winners: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|at| {
                    let (mut fleet, rule) = (server.fleet(&at.to_string()), &rule);
                    scope.spawn(move || usize::from(fleet.claim(rule, end).unwrap() == yours(None)))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(winners, 1);
    }
}

#[test]
fn a_lease_that_has_run_out_hands_over() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let short = |name: &str| {
        let lease = Duration::from_millis(150);
        Fleet::new(FleetOptions { lease, ..server.options(name) }).unwrap()
    };
    let rule = bellwether::aggregate::Rule { pane_seconds: 1, window_seconds: 5, ..rule() };
    let (mut a, mut b) = (short("a"), short("b"));
    assert_eq!(a.claim(&rule, END).unwrap(), yours(None));
    let start = Instant::now();
    wait_until("the lease is over", || b.claim(&rule, END).unwrap() == yours(None));
    assert!(start.elapsed() < Duration::from_secs(30));
    // The slow one is late, and both say that it is done.
    a.finish(&rule, END, "a").unwrap();
    b.finish(&rule, END, "b").unwrap();
    assert_eq!(a.claim(&rule, END).unwrap(), Claim::Done);
    assert_eq!(a.claim(&rule, END + 1).unwrap(), yours(Some("b")));
    a.finish(&rule, END + 1, "newer").unwrap();
    a.finish(&rule, END, "older").unwrap();
    assert_eq!(a.claim(&rule, END + 2).unwrap(), yours(Some("newer")));
}

#[test]
fn who_is_stopped_publishes_what_nobody_else_will_and_lets_others_publish_more() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let (rule, mut a, mut b, mut again) = (rule(), server.fleet("a"), server.fleet("b"), server.fleet("a"));
    let stopped = |end: u64| Pane { ended_at: end - 7, ..pane(end, []) };
    assert!(!a.has_others(&rule, END).unwrap());
    b.merge(&rule, &pane(END, []), 1).unwrap();
    assert!(!b.has_others(&rule, END).unwrap(), "itself");
    assert!(a.has_others(&rule, END).unwrap() && a.has_others(&rule, END + 30).unwrap());
    assert!(!a.has_others(&rule, END + 60).unwrap(), "it was killed");
    b.merge(&rule, &stopped(END + 30), 2).unwrap();
    a.merge(&rule, &stopped(END + 30), 1).unwrap();
    assert!(!a.has_others(&rule, END + 30).unwrap(), "it was stopped, too");
    assert_eq!(a.claim(&rule, END + 30).unwrap(), yours(None));
    assert!(is_held(&b.claim(&rule, END + 30).unwrap()));
    a.finish_early(&rule, END + 30, "told").unwrap();
    assert_eq!(again.claim(&rule, END + 30).unwrap(), yours(Some("told")));
    a.finish_early(&rule, END + 30, "told").unwrap();
    assert!(is_held(&b.claim(&rule, END + 30).unwrap()), "the claim of another one stays");
    again.finish(&rule, END + 30, "told").unwrap();
    a.finish_early(&rule, END + 30, "told").unwrap();
    assert_eq!(b.claim(&rule, END + 30).unwrap(), Claim::Done);
}

#[test]
fn rules_and_namespaces_do_not_know_of_each_other() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let other = FleetOptions { namespace: "other".into(), ..server.options("b") };
    let (rule, mut a, mut b) = (rule(), server.fleet("a"), Fleet::new(other).unwrap());
    let longer = bellwether::aggregate::Rule { pane_seconds: 60, ..rule.clone() };
    assert_eq!(a.claim(&rule, END).unwrap(), yours(None));
    assert_eq!(b.claim(&rule, END).unwrap(), yours(None));
    assert_eq!(server.fleet("c").claim(&longer, END).unwrap(), yours(None));
}
