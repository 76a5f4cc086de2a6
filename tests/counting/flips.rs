//! Ids that take turns at the top, and ids that must come out as they went in.

use std::collections::BTreeMap;

use bellwether::aggregate::publish::{Announcements, gauges};
use bellwether::aggregate::{Aggregator, Ledger, Per, Report, Rule, Window};

use crate::support::{at, rule};

const GUID: &str = "6F9619FF-8b86-D011-B42D-00C04FC964FF";

/// Runs panes of 30 seconds; `marks` says which ids come how often in each.
fn run(rule: &Rule, panes: usize, marks: impl Fn(usize) -> Vec<(&'static str, u64)>) -> Vec<Report> {
    let aggregator = Aggregator::new([rule.clone()], at(0.0));
    let handle = aggregator.handle(&rule.metric).unwrap();
    let mut window = Window::default();
    let mut reports = Vec::new();
    for pane in 0..panes {
        marks(pane).into_iter().for_each(|(id, n)| handle.add(id, n));
        for closed in aggregator.close_due(at(30.0 * (pane + 1) as f64)) {
            window.push(rule, closed.into_parts().1);
            reports.extend(window.report(rule));
        }
    }
    reports
}

#[test]
fn ids_that_spike_in_turn_raise_the_top_but_not_the_sustained_rate() {
    let rule = Rule { per: Per::Minute, ..rule() };
    let reports = run(&rule, 12, |pane| vec![(["a", "b", "c"][pane % 3], 6_000), ("steady", 100)]);
    let last = reports.last().unwrap();
    // 4 of 10 panes, or 3, with 6,000 events each, in 5 minutes.
    assert_eq!(last.top[0].rate, 4.0 * 6_000.0 / 5.0);
    let sustained = last.sustained.as_ref().unwrap();
    assert_eq!((sustained.id.as_deref(), sustained.rate), (Some("steady"), 200.0));

    let same = run(&rule, 12, |_| vec![("a", 6_000), ("steady", 100)]);
    let sustained = same.last().unwrap().sustained.as_ref().unwrap();
    assert_eq!((sustained.id.as_deref(), sustained.rate), (Some("a"), 12_000.0));
}

#[test]
fn the_sustained_rate_is_not_told_before_the_window_is_full() {
    let reports = run(&rule(), 11, |_| vec![("a", 10)]);
    let told: Vec<bool> = reports.iter().map(|report| report.sustained.is_some()).collect();
    assert_eq!(told, [[false; 9].as_slice(), &[true; 2]].concat());
    let rates: Vec<f64> = reports.iter().map(|report| report.top[0].rate).collect();
    assert_eq!(rates, [1200.0; 11], "the top rate is there from the first pane on");
}

#[test]
fn a_window_without_events_says_zero() {
    let reports = run(&rule(), 12, |pane| if pane == 0 { vec![("a", 10)] } else { vec![] });
    let last = reports.last().unwrap();
    assert!(last.top.is_empty() && last.certain);
    assert_eq!((last.events, last.share, last.sustained.as_ref().unwrap().rate), (0, 0.0, 0.0));
    let gauges = gauges(&rule(), last, &[], &mut Ledger::new(500));
    assert!(gauges.iter().all(|gauge| gauge.value == 0.0));
    let ranks = gauges.iter().filter(|gauge| gauge.name.ends_with(".rank")).count();
    assert_eq!(ranks, 10, "each rank is set back to zero");
}

#[test]
fn guids_and_numbers_come_out_byte_by_byte() {
    let marks = |_| vec![(GUID, 30), ("11092", 20), ("007", 10), ("a|b,c\nd", 5), ("ä", 4), ("", 3)];
    let rule = rule();
    let report = run(&rule, 1, marks).pop().unwrap();
    let ids: Vec<&str> = report.top.iter().map(|ranked| ranked.id.as_str()).collect();
    assert_eq!(ids, [GUID, "11092", "007", "a|b,c\nd", "ä", ""]);
    let gauges = gauges(&rule, &report, &[], &mut Ledger::new(500));
    let by_id: BTreeMap<&str, f64> = gauges
        .iter()
        .filter(|gauge| gauge.name.ends_with(".by_id"))
        .map(|gauge| (gauge.tags[1].as_str(), gauge.value / 120.0))
        .collect();
    let guid = format!("id:{GUID}");
    let expected = [
        (guid.as_str(), 30.0),
        ("id:11092", 20.0),
        ("id:007", 10.0),
        ("id:a_b_c_d", 5.0),
        ("id:ä", 4.0),
        ("id:__empty__", 3.0),
        ("id:__other__", 0.0),
    ];
    assert_eq!(by_id, BTreeMap::from(expected), "what would end a tag is replaced, and nothing else");
}

#[test]
fn a_pane_that_was_longer_gives_the_same_rate() {
    let aggregator = Aggregator::new([rule()], at(0.0));
    let handle = aggregator.handle(&rule().metric).unwrap();
    handle.add("a", 43);
    // Late by 13 seconds: 43 events in 43 seconds.
    let closed = aggregator.close_due(at(43.0)).pop().unwrap();
    assert_eq!((closed.pane.seconds, closed.pane.ended_at % 30), (43.0, 0));
    let mut window = Window::default();
    window.push(&rule(), closed.into_parts().1);
    assert_eq!(window.report(&rule()).unwrap().top[0].rate, 3600.0);
}

#[test]
fn a_process_that_ends_at_once_has_no_rate_of_millions() {
    let aggregator = Aggregator::new([rule()], at(0.0));
    let handle = aggregator.handle(&rule().metric).unwrap();
    handle.add("a", 2);
    let closed = aggregator.close_all(at(0.001)).pop().unwrap();
    let mut window = Window::default();
    window.push(&rule(), closed.into_parts().1);
    assert_eq!(window.report(&rule()).unwrap().top[0].rate, 2.0 / 15.0 * 3600.0);
}

#[test]
fn events_tell_crossings_at_once_and_changes_once_in_a_window() {
    let rule = Rule { threshold: Some(3_000.0), ..rule() };
    let marks = |pane| match pane {
        0..10 => vec![("a", 10), ("b", 5)],
        10..20 => vec![(["x", "y"][pane % 2], 100)],
        20..30 => vec![("b", 400)],
        30..42 => vec![("b", 1)],
        42..43 => vec![("b", 400)],
        _ => vec![],
    };
    let mut announcements = Announcements::default();
    let told: Vec<(usize, String)> = run(&rule, 60, marks)
        .iter()
        .enumerate()
        .flat_map(|(pane, report)| {
            announcements.events(&rule, report).into_iter().map(move |event| (pane, event.title))
        })
        .collect();
    let told: Vec<(usize, &str)> = told.iter().map(|(pane, title)| (*pane, title.as_str())).collect();
    assert_eq!(
        told,
        [
            (0, "experimentId a of ExposureEvent has the highest rate"),
            (10, "experimentId x of ExposureEvent has the highest rate"),
            (14, "experimentId x of ExposureEvent is above 3000 per hour"),
            (24, "experimentId b of ExposureEvent has the highest rate"),
            (39, "No experimentId of ExposureEvent is above 3000 per hour any longer"),
            (42, "experimentId b of ExposureEvent is above 3000 per hour"),
            (52, "No experimentId of ExposureEvent is above 3000 per hour any longer"),
        ]
    );
}
