//! What a window says of its panes.

use bellwether::aggregate::publish::gauges;
use bellwether::aggregate::{Aggregator, Board, Ledger, Pane, Report, Window};

use crate::support::{at, rule};

/// The report of one pane with these ids.
fn report(ids: &[String]) -> Report {
    let aggregator = Aggregator::new([rule()], at(0.0));
    let handle = aggregator.handle(&rule().metric).unwrap();
    ids.iter().for_each(|id| handle.add(id.as_str(), 3));
    let pane: Pane = aggregator.close_due(at(30.0)).pop().unwrap().into_parts().1;
    assert_eq!(pane.counts.offset(), 0, "they fit into the pane");
    let mut window = Window::default();
    window.push(&rule(), pane);
    window.report(&rule()).unwrap()
}

#[test]
fn ids_of_the_longest_kind_that_fit_into_the_panes_fit_into_the_window() {
    let ids: Vec<String> = (0..100).map(|id| format!("{id:0>180}")).collect();
    let report = report(&ids);
    assert_eq!((report.offset, report.distinct, report.top[0].events), (0, 100, 3));
    assert!(report.certain);
}

#[test]
fn ids_that_datadog_cannot_tell_apart_have_one_series_and_nothing_is_lost() {
    let ids = ["A1 b", "a1_b", "a1@B", "a1b", "__OTHER__"].map(str::to_owned);
    let gauges = gauges(&rule(), &report(&ids), &[], &mut Ledger::new(1_000));
    let by_id: Vec<_> = gauges.iter().filter(|gauge| gauge.name.ends_with(".by_id")).collect();
    let ids = by_id.iter().map(|gauge| gauge.tags.last().unwrap().as_str());
    assert_eq!(ids.collect::<Vec<_>>(), ["id:A1 b", "id:a1b", "id:__other__"]);
    // 3 events each in 30 seconds, an hour's rate.
    assert_eq!(by_id.iter().map(|gauge| gauge.value).collect::<Vec<_>>(), [360.0, 360.0, 3.0 * 360.0]);
}

#[test]
fn a_rule_that_was_gone_for_a_while_begins_a_new_window() {
    let aggregator = Aggregator::new([rule()], at(0.0));
    let (mut board, mut ledger) = (Board::default(), Ledger::new(100));
    aggregator.handle(&rule().metric).unwrap().add("before", 90);
    let mut end = |seconds| {
        let closed = aggregator.close_due(at(seconds)).pop().unwrap();
        let rule = board.take(closed);
        board.publication(&rule, &[], &mut ledger).unwrap().report
    };
    assert_eq!(end(30.0).events, 90);
    aggregator.set_rules([], at(31.0));
    assert_eq!(
        (end(60.0).events, aggregator.close_due(at(90.0)).len()),
        (90, 0),
        "the last pane of the old one"
    );
    // More than a window later.
    aggregator.set_rules([rule()], at(390.0));
    aggregator.handle(&rule().metric).unwrap().add("after", 10);
    let report = end(420.0);
    assert_eq!((report.events, report.seconds, report.top[0].id.as_str()), (10, 30.0, "after"));
}
