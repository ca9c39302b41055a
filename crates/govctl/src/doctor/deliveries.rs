//! The webhooks that were accepted and wait on disk, and whether anybody handles them.

use std::time::SystemTime;

use super::{
    command,
    finding::Finding,
    leftovers::{OLD, coarse},
};
use crate::{
    context::Context,
    serve::kept::{self, Found},
    view::counted,
};

const CHECK: &str = "deliveries";

pub(crate) fn look(context: &Context, findings: &mut Vec<Finding>) {
    match kept::all(context) {
        Err(error) => findings.push(Finding::of_error(CHECK, &error)),
        Ok(kept) => {
            // Where nobody can see whether there is a server, there may be one.
            let is_served = context.serve_lock().status().map_or(true, |status| status.held);
            findings.extend(judge(
                &kept,
                is_served,
                context.now(),
                &command(context, "state check"),
            ));
        }
    }
}

fn judge(kept: &[Found], is_served: bool, now: SystemTime, check: &str) -> Vec<Finding> {
    let (waiting, damaged): (Vec<_>, Vec<_>) = kept.iter().partition(|found| found.event.is_ok());
    let mut findings = Vec::new();
    if let Some(first) = damaged.first() {
        let what = format!(
            "{} cannot be trusted, such as `{}`",
            counted(damaged.len(), "webhook"),
            first.place
        );
        findings.push(Finding::fail(CHECK, what).hint(kept::WHAT_TO_DO).hint(check));
    }
    // The oldest comes first.
    let Some(oldest) = waiting.first() else { return findings };
    let age = now.duration_since(oldest.since).unwrap_or_default();
    let (count, age_said) = (counted(waiting.len(), "webhook"), coarse(age));
    let what = format!("{count} waiting, the oldest {age_said} old: `{}`", oldest.place);
    findings.push(match (is_served, age > OLD) {
        (true, false) => Finding::ok(CHECK, what),
        (true, true) => {
            Finding::warn(CHECK, what).hint("the log of `govctl serve` says why they fail")
        }
        (false, _) => {
            Finding::warn(CHECK, format!("{what}, and no server runs")).hint("govctl serve")
        }
    });
    findings
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{doctor::Status, serve::sealed::opened};

    #[test]
    fn what_waits_is_a_fault_only_where_nobody_handles_it() {
        let since = SystemTime::UNIX_EPOCH;
        let found = |bytes: &[u8]| Found {
            place: "x".to_owned(),
            path: "x".to_owned(),
            since,
            event: opened(&mut &bytes[..]).unwrap().map(|(name, _)| name),
        };
        let name = crate::serve::spool::EventName::read(b"push").unwrap();
        let whole = || found(&crate::serve::sealed::sealed(&name, b"{}"));
        let at = |kept: &[Found], is_served, seconds| {
            let now = since + Duration::from_secs(seconds);
            let found = judge(kept, is_served, now, "check");
            found.iter().map(|finding| finding.status).collect::<Vec<_>>()
        };
        assert_eq!(at(&[], false, 9), []);
        assert_eq!(at(&[whole()], true, 9), [Status::Ok]);
        assert_eq!(at(&[whole()], true, 999), [Status::Warn]);
        assert_eq!(at(&[whole()], false, 9), [Status::Warn]);
        assert_eq!(at(&[found(b"half"), whole()], true, 9), [Status::Fail, Status::Ok]);
    }
}
