//! What the headers of an answer say: the next page, and how long to wait.
//!
//! Facts: <https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api>
//! and <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>.

use std::time::Duration;

use jiff::fmt::rfc2822;
use ureq::http::{HeaderMap, StatusCode};

/// The wait where GitHub names none.
const A_MINUTE: Duration = Duration::from_secs(60);

/// The address of the next page, if there is one.
pub(crate) fn next_page(headers: &HeaderMap) -> Option<&str> {
    let links = headers.get("link")?.to_str().ok()?;
    links.split(',').find_map(|link| {
        let (address, parameters) = link.split_once('>')?;
        let is_next = parameters.split(';').any(|one| one.trim() == "rel=\"next\"");
        if is_next { address.trim().strip_prefix('<') } else { None }
    })
}

/// How long GitHub wants us to wait, if it refused because we ask too much.
///
/// The time is taken from the answer itself, so that a wrong clock of ours does not count.
pub(crate) fn asked_to_wait(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<Duration> {
    if !matches!(status.as_u16(), 403 | 429) {
        return None;
    }
    if let Some(seconds) = number(headers, "retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    if number(headers, "x-ratelimit-remaining") == Some(0) {
        let reset = number(headers, "x-ratelimit-reset").zip(date(headers));
        let left = reset.map(|(reset, now)| Duration::from_secs(reset.saturating_sub(now)));
        return Some(left.unwrap_or(A_MINUTE));
    }
    // The secondary limit need not say how long. Any other 403 is about what we may do.
    let says_so = String::from_utf8_lossy(body).to_ascii_lowercase().contains("rate limit");
    (status.as_u16() == 429 || says_so).then_some(A_MINUTE)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// When the server answered, by its own clock, in seconds since the epoch.
fn date(headers: &HeaderMap) -> Option<u64> {
    let date = rfc2822::parse(headers.get("date")?.to_str().ok()?).ok()?;
    u64::try_from(date.timestamp().as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_next_page_is_the_one_that_says_so() {
        let table = [
            ("<https://x/2>; rel=\"next\", <https://x/9>; rel=\"last\"", Some("https://x/2")),
            ("<https://x/1>; rel=\"prev\", <https://x/3>; rel=\"next\"", Some("https://x/3")),
            ("<https://x/1>; rel=\"first\"", None),
            ("<https://x/1; rel=\"next\"", None),
            ("", None),
        ];
        for (link, expected) in table {
            assert_eq!(next_page(&headers(&[("link", link)])), expected, "{link}");
        }
    }

    /// The status, the headers, the body, and how many seconds to wait.
    type Row<'a> = (u16, &'a [(&'static str, &'a str)], &'a str, Option<u64>);

    #[test]
    fn only_a_limit_is_a_reason_to_wait() {
        let date = ("date", "Sat, 21 Nov 2026 11:00:00 GMT");
        let spent = ("x-ratelimit-remaining", "0");
        let table: [Row<'_>; 9] = [
            (403, &[], "Resource not accessible by integration", None),
            (403, &[("x-ratelimit-remaining", "12")], "", None),
            (403, &[spent, ("x-ratelimit-reset", "1795258830"), date], "", Some(30)),
            (403, &[spent, ("x-ratelimit-reset", "1795258700"), date], "", Some(0)),
            (403, &[spent], "", Some(60)),
            (403, &[("retry-after", "7"), spent], "", Some(7)),
            (403, &[], "You have exceeded a secondary rate limit", Some(60)),
            (429, &[], "", Some(60)),
            (503, &[("retry-after", "7")], "", None),
        ];
        for (status, lines, body, expected) in table {
            let map = headers(lines);
            let status = StatusCode::from_u16(status).unwrap();
            let found = asked_to_wait(status, &map, body.as_bytes());
            assert_eq!(found, expected.map(Duration::from_secs), "{status} {lines:?} {body}");
        }
    }
}
