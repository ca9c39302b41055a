//! Whether the clock can be right: nothing on record may be in its future.

use std::time::{Duration, SystemTime};

use super::finding::Finding;
use crate::{
    context::{Context, rfc3339},
    exit::CliError,
};

const CHECK: &str = "clock";

/// Two machines that share a state agree no better than this.
const APART: Duration = Duration::from_secs(5);

/// Before this was written no clock is right.
const OLDEST: &str = "2026-01-01T00:00:00Z";

pub(crate) fn look(context: &Context, findings: &mut Vec<Finding>) {
    findings.push(match last_on_record(context) {
        Ok(last) => judge(context.now(), last),
        Err(error) => Finding::of_error(CHECK, &error),
    });
}

/// The latest moment that is on record, and what happened then.
fn last_on_record(context: &Context) -> Result<Option<(SystemTime, String)>, CliError> {
    let mut last: Option<(SystemTime, String)> = None;
    for entry in context.audit().entries()? {
        let entry = entry?;
        let time = SystemTime::from(entry.time);
        if last.as_ref().is_none_or(|(latest, _)| time > *latest) {
            last = Some((time, format!("`{}` in the audit log", entry.what)));
        }
    }
    Ok(last)
}

fn judge(now: SystemTime, last: Option<(SystemTime, String)>) -> Finding {
    let oldest = crate::context::parse_time(OLDEST).unwrap_or(SystemTime::UNIX_EPOCH);
    let found = match last {
        _ if now < oldest => Some(format!("it says {}, which is long ago", rfc3339(now))),
        Some((last, what)) if last > now + APART => Some(format!(
            "it says {}, but {what} was at {}: the wait of a cooldown or a limit is wrong by that",
            rfc3339(now),
            rfc3339(last)
        )),
        _ => None,
    };
    match found {
        Some(what) => Finding::fail(CHECK, what).hint("sudo timedatectl set-ntp true"),
        None => Finding::ok(CHECK, format!("{}, later than all that is on record", rfc3339(now))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{context::parse_time, doctor::Status};

    #[test]
    fn what_is_on_record_is_never_in_the_future() {
        for (now, last, status) in [
            ("2026-11-20T12:00:00Z", None, Status::Ok),
            ("2026-11-20T12:00:00Z", Some("2026-11-20T11:59:59Z"), Status::Ok),
            ("2026-11-20T12:00:00Z", Some("2026-11-20T12:00:05Z"), Status::Ok),
            ("2026-11-20T12:00:00Z", Some("2026-11-20T12:00:06Z"), Status::Fail),
            ("1970-01-01T00:00:10Z", None, Status::Fail),
        ] {
            let last = last.map(|last| (parse_time(last).unwrap(), "it".to_owned()));
            assert_eq!(judge(parse_time(now).unwrap(), last).status, status, "{now}");
        }
    }
}
