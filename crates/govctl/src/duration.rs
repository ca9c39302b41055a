//! Durations as people type them: `0`, `500ms`, `30s`, `15m`, `1h 30m`, `forever`.

use std::{str::FromStr, time::Duration};

use flock_guard::Wait;
use jiff::SignedDuration;

/// How long to wait for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LockWait(pub(crate) Wait);

impl FromStr for LockWait {
    type Err = String;

    fn from_str(text: &str) -> Result<LockWait, String> {
        if text == "forever" {
            return Ok(LockWait(Wait::Forever));
        }
        let limit = parse(text).map_err(|why| format!("{why}, or `forever`"))?;
        Ok(LockWait(if limit.is_zero() { Wait::Never } else { Wait::UpTo(limit) }))
    }
}

/// Reads a duration that is not negative.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let wrong = || "expected a duration such as 500ms, 30s, 15m or 2h".to_owned();
    let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(duration).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_the_help_says() {
        let cases = [
            ("0", Some(Wait::Never)),
            ("0s", Some(Wait::Never)),
            ("500ms", Some(Wait::UpTo(Duration::from_millis(500)))),
            ("30s", Some(Wait::UpTo(Duration::from_secs(30)))),
            ("15m", Some(Wait::UpTo(Duration::from_secs(900)))),
            ("1h 30m", Some(Wait::UpTo(Duration::from_secs(5400)))),
            ("forever", Some(Wait::Forever)),
            ("30", None),
            ("-5s", None),
            ("", None),
            ("soon", None),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<LockWait>().ok().map(|wait| wait.0), expected, "{text:?}");
        }
    }
}
