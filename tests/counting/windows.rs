//! What a window says of its panes.

use bellwether::aggregate::{Aggregator, Pane, Report, Window};

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
