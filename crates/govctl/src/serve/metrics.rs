//! Counters, as Prometheus reads them: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// What was counted since the server started.
#[derive(Debug)]
pub(crate) struct Metrics {
    started: Instant,
    /// By metric and label. Every label is one of ours, so there are only so many.
    counts: Mutex<BTreeMap<(Counter, String), u64>>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Counter {
    /// Requests, by the status of their answer.
    Requests,
    /// Deliveries, by what became of them.
    Deliveries,
    /// Deploys that were decided, by what came of them.
    Deploys,
}

/// What is so at the moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) waiting: usize,
    pub(crate) running: usize,
    pub(crate) connections: usize,
    /// The state of the breaker around deploys, if that can be read.
    pub(crate) breaker: Option<&'static str>,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        Metrics { started: Instant::now(), counts: Mutex::default() }
    }

    pub(crate) fn count(&self, counter: Counter, label: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((counter, label.to_owned())).or_default() += 1;
    }

    pub(crate) fn text(&self, now: Now) -> String {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        shown(&counts, self.started.elapsed(), now)
    }
}

type Meaning = (Counter, &'static str, &'static str, &'static str);

const COUNTERS: [Meaning; 3] = [
    (Counter::Requests, "govctl_http_requests_total", "code", "Requests, by the status answered."),
    (Counter::Deliveries, "govctl_deliveries_total", "outcome", "Deliveries, by their outcome."),
    (Counter::Deploys, "govctl_deploys_total", "outcome", "Deploys decided, by their outcome."),
];

const STATES: [&str; 3] = ["closed", "half_open", "open"];

fn shown(counts: &BTreeMap<(Counter, String), u64>, up: Duration, now: Now) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, samples: &[(String, String)]| {
        // Writing to a string cannot fail.
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}").ok();
        for (labels, value) in samples {
            writeln!(text, "{name}{labels} {value}").ok();
        }
    };
    for (counter, name, label, help) in COUNTERS {
        let samples = counts.iter().filter(|((of, _), _)| *of == counter);
        let shown = |((_, word), count): ((&_, &String), &u64)| {
            (format!("{{{label}=\"{word}\"}}"), count.to_string())
        };
        let samples: Vec<_> =
            samples.map(|((of, word), count)| shown(((of, word), count))).collect();
        metric(name, "counter", help, &samples);
    }
    let gauges = [
        ("govctl_deliveries_waiting", "Deliveries that wait for their turn.", now.waiting),
        ("govctl_deliveries_running", "Deliveries that are being handled.", now.running),
        ("govctl_http_connections", "Connections that are open.", now.connections),
    ];
    for (name, help, value) in gauges {
        metric(name, "gauge", help, &[(String::new(), value.to_string())]);
    }
    let states = now.breaker.iter().flat_map(|is| STATES.map(|state| (state, state == *is)));
    let states: Vec<_> = states
        .map(|(state, is)| (format!("{{state=\"{state}\"}}"), u8::from(is).to_string()))
        .collect();
    let help = "The breaker around deploys: 1 for its state; none if it cannot be read.";
    metric("govctl_breaker_state", "gauge", help, &states);
    let up = (String::new(), format!("{:.3}", up.as_secs_f64()));
    metric("govctl_uptime_seconds", "gauge", "Time since the server started.", &[up]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_as_prometheus_reads_it() {
        let counts = [((Counter::Requests, "401".to_owned()), 3)].into();
        let now = Now { waiting: 1, running: 2, connections: 4, breaker: Some("open") };
        let text = shown(&counts, Duration::from_millis(1500), now);
        let begin = "# HELP govctl_http_requests_total Requests, by the status answered.\n\
                     # TYPE govctl_http_requests_total counter\n\
                     govctl_http_requests_total{code=\"401\"} 3\n";
        assert!(text.starts_with(begin), "{text}");
        assert!(text.contains("\ngovctl_breaker_state{state=\"closed\"} 0\n"), "{text}");
        assert!(text.contains("\ngovctl_breaker_state{state=\"open\"} 1\n"), "{text}");
        assert!(text.ends_with("\ngovctl_uptime_seconds 1.500\n"), "{text}");
    }
}
