//! Outages, their number and their means.

use std::time::Duration;

use circuit_breaker::{Outage, Outages};

use crate::{at, breaker, opens_after, secs};

fn outages(spans: &[(u64, Option<u64>)]) -> Outages {
    let mut outages = Outages::default();
    for &(start, end) in spans {
        outages.begin(at(start));
        if let Some(end) = end {
            outages.end(at(end));
        }
    }
    outages
}

#[test]
fn the_means_are_those_of_outages_that_are_over() {
    type Row = (&'static [(u64, Option<u64>)], Option<Duration>, Option<Duration>, Option<f64>);
    let rows: [Row; 5] = [
        (&[], None, None, None),
        (&[(0, None)], None, None, None),
        (&[(0, Some(10))], Some(secs(10)), None, None),
        // Down for 10 and 30, up for 60 between them.
        (&[(0, Some(10)), (70, Some(100))], Some(secs(20)), Some(secs(60)), Some(0.75)),
        // One under way: its beginning is known, its length is not.
        (&[(0, Some(10)), (40, None)], Some(secs(10)), Some(secs(30)), Some(0.75)),
    ];
    for (spans, repair, between, availability) in rows {
        let outages = outages(spans);
        assert_eq!(outages.mean_time_to_repair(), repair, "repair of {spans:?}");
        assert_eq!(outages.mean_time_between_failures(), between, "between {spans:?}");
        assert_eq!(outages.availability(), availability, "availability of {spans:?}");
    }
}

#[test]
fn the_last_thirty_are_kept() {
    let spans: Vec<_> = (0..31).map(|n| (n * 100, Some(n * 100 + 1))).collect();
    let outages = outages(&spans);
    assert_eq!(outages.iter().len(), 30);
    assert_eq!(outages.iter().next().unwrap().start, at(100));
}

#[test]
fn a_failed_trial_prolongs_the_outage() {
    let (breaker, clock) = breaker(opens_after(1));
    breaker.record_failure();
    clock.advance(secs(60));
    breaker.record_failure();
    clock.advance(secs(60));
    let spans = |outages: &Outages| -> Vec<_> {
        outages.iter().map(|outage: &Outage| (outage.start, outage.end)).collect()
    };
    assert_eq!(spans(&breaker.outages()), [(at(0), None)]);
    breaker.record_success();
    assert_eq!(spans(&breaker.outages()), [(at(0), Some(at(120)))]);
    clock.advance(secs(1));
    breaker.record_failure();
    breaker.reset();
    assert_eq!(spans(&breaker.outages()), [(at(0), Some(at(120))), (at(121), Some(at(121)))]);
}

#[test]
fn an_end_without_a_beginning_changes_nothing() {
    let mut outages = outages(&[(0, Some(1))]);
    outages.end(at(50));
    assert_eq!(outages.iter().next().unwrap().end, Some(at(1)));
}
