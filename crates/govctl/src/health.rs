//! Is what runs well? Asked over HTTP, again and again within limits.

use std::{
    collections::BTreeSet,
    fmt,
    ops::RangeInclusive,
    str::FromStr,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use booty_state::Sha;
use ureq::http::Uri;

use crate::http::{self, Answer, Roots};

/// What is asked, and which answers are good ones.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) url: Url,
    /// How many bad answers are borne.
    pub(crate) retries: u32,
    /// From the end of one question to the next.
    pub(crate) interval: Duration,
    /// How long one question may take.
    pub(crate) timeout: Duration,
    /// How long all of them may take.
    pub(crate) within: Option<Duration>,
    /// How many good answers in a row it takes.
    pub(crate) successes: u32,
    pub(crate) statuses: Statuses,
    /// What the body has to contain.
    pub(crate) body: Option<String>,
    /// Who may sign the certificate of the server.
    pub(crate) roots: Roots,
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) healthy: bool,
    /// How many questions were asked.
    pub(crate) attempts: u32,
    /// The status of the last answer, if there was one.
    pub(crate) status: Option<u16>,
    /// What was wrong last; with the last answer a good one, what is missing.
    pub(crate) trouble: Option<String>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.healthy, &self.trouble) {
            (true, _) => f.write_str("passed")?,
            (false, None) => f.write_str("failed")?,
            (false, Some(trouble)) => write!(f, "failed: {trouble}")?,
        }
        match self.attempts {
            1 => Ok(()),
            attempts => write!(f, " (question {attempts})"),
        }
    }
}

/// How many bad answers are borne where nobody says otherwise.
const RETRIES: u32 = 15;

/// How long the wait between two questions is then.
const INTERVAL: Duration = Duration::from_secs(6);

/// How long one answer may take then.
const TIMEOUT: Duration = Duration::from_secs(25);

/// How much of a body is looked at.
const BODY_BYTES: u64 = 1024 * 1024;

impl Check {
    /// Asks until it is certain, or `stop` gives a reason not to. The reason is then returned.
    pub(crate) fn run<S>(&self, mut stop: impl FnMut() -> Option<S>) -> Result<Found, S> {
        let started = Instant::now();
        let deadline = self.within.and_then(|within| started.checked_add(within));
        let left = |deadline: Option<Instant>| {
            deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
        };
        let (mut bad, mut good) = (0, 0);
        let mut found = Found { healthy: false, attempts: 0, status: None, trouble: None };
        loop {
            let timeout = self.timeout.min(left(deadline).unwrap_or(Duration::MAX));
            if timeout.is_zero() {
                let so_far = found.trouble.take().unwrap_or_else(|| "no answer".to_owned());
                found.trouble = Some(format!("the time for all of it is over; last: {so_far}"));
                return Ok(found);
            }
            found.attempts += 1;
            let (status, trouble) = self.ask(timeout, &mut stop)?;
            (found.status, found.trouble) = (status, trouble);
            if found.trouble.is_none() {
                good += 1;
                if good >= self.successes {
                    found.healthy = true;
                    return Ok(found);
                }
                found.trouble = Some(format!("{good} of {} good answers in a row", self.successes));
            } else {
                good = 0;
                bad += 1;
                if bad > self.retries {
                    return Ok(found);
                }
            }
            let next = Instant::now() + self.interval.min(left(deadline).unwrap_or(Duration::MAX));
            while let Some(wait) =
                next.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())
            {
                if let Some(reason) = stop() {
                    return Err(reason);
                }
                thread::sleep(wait.min(TICK));
            }
        }
    }

    /// As where nobody says otherwise.
    pub(crate) fn usual(url: Url, roots: Roots) -> Check {
        Check {
            url,
            retries: RETRIES,
            interval: INTERVAL,
            timeout: TIMEOUT,
            within: None,
            successes: 1,
            statuses: Statuses(200..=299),
            body: None,
            roots,
        }
    }

    /// Asks once, and returns the good answer.
    pub(crate) fn answer(&self) -> Result<Answer, String> {
        let answer = fetch(&self.url, self.timeout, &self.roots)?;
        match self.trouble_with(&answer) {
            None => Ok(answer),
            Some(trouble) => Err(trouble),
        }
    }

    /// Asks once: the status, and what is wrong with the answer.
    fn ask<S>(
        &self,
        timeout: Duration,
        stop: &mut impl FnMut() -> Option<S>,
    ) -> Result<(Option<u16>, Option<String>), S> {
        let (sender, receiver) = mpsc::channel();
        let (url, roots) = (self.url.clone(), self.roots.clone());
        // Beside us, because nothing else can leave a question that is being asked.
        let asks = thread::Builder::new().spawn(move || {
            sender.send(fetch(&url, timeout, &roots)).ok(); // Nobody listens who has left it.
        });
        if let Err(error) = asks {
            return Ok((None, Some(format!("cannot ask: {error}"))));
        }
        let answer = loop {
            match receiver.recv_timeout(TICK) {
                Ok(answer) => break answer,
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    break Err("asking panicked".to_owned());
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            if let Some(reason) = stop() {
                return Err(reason);
            }
        };
        Ok(match answer {
            Ok(answer) => (Some(answer.status.as_u16()), self.trouble_with(&answer)),
            Err(trouble) => (None, Some(trouble)),
        })
    }

    fn trouble_with(&self, answer: &Answer) -> Option<String> {
        let status = answer.status.as_u16();
        if !self.statuses.0.contains(&status) {
            return Some(format!("status {status}, expected {}", self.statuses));
        }
        let expected = self.body.as_deref()?;
        let has =
            |bytes: &[u8]| bytes.windows(expected.len()).any(|part| part == expected.as_bytes());
        let place = if answer.is_whole { "the body" } else { "the first MiB of the body" };
        (!expected.is_empty() && !has(&answer.body)).then(|| format!("{place} lacks `{expected}`"))
    }
}

/// How often it is looked whether to stop.
const TICK: Duration = Duration::from_millis(50);

fn fetch(url: &Url, timeout: Duration, roots: &Roots) -> Result<Answer, String> {
    let answer =
        http::agent(timeout, roots).get(&url.0).call().map_err(|error| error.to_string())?;
    http::read(answer, BODY_BYTES).map_err(|error| error.to_string())
}

/// The commits of `known` that an answer names: in full, or as a word of hex digits that is
/// long enough to be no other.
pub(crate) fn named<'a>(
    answer: &Answer,
    known: impl IntoIterator<Item = &'a Sha>,
) -> BTreeSet<&'a str> {
    const SHORTEST: usize = 12;
    let is_hex = |byte: &u8| byte.is_ascii_hexdigit();
    let words = answer.body.split(|byte| !is_hex(byte)).filter(|word| word.len() >= SHORTEST);
    let words: Vec<String> =
        words.map(|word| String::from_utf8_lossy(word).to_ascii_lowercase()).collect();
    let is_named = |sha: &&str| words.iter().any(|word| sha.starts_with(word.as_str()));
    known.into_iter().map(Sha::as_str).filter(is_named).collect()
}

/// An address to ask. Shown without what may be a secret in it: user, password and query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url(String);

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Url, String> {
        let wrong = || "expected an address such as https://shop.example.com/health".to_owned();
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        if is_http && has_host { Ok(Url(text.to_owned())) } else { Err(wrong()) }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri: Uri = self.0.parse().map_err(|_| fmt::Error)?;
        let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        let (scheme, host) = (uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default());
        write!(f, "{scheme}://{host}{port}{}", uri.path())
    }
}

/// Which statuses are good: `200`, or `200-299`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statuses(RangeInclusive<u16>);

impl FromStr for Statuses {
    type Err = String;

    fn from_str(text: &str) -> Result<Statuses, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let number = |text: &str| text.parse().ok().filter(|status| (100..=999).contains(status));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Statuses(first..=last)),
            _ => Err("expected a status such as 200, or a range such as 200-299".to_owned()),
        }
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.start(), self.0.end()) {
            (first, last) if first == last => write!(f, "{first}"),
            (first, last) => write!(f, "{first} to {last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use ureq::http::StatusCode;

    use super::*;

    #[test]
    fn an_address_is_http_and_shown_without_secrets() {
        for text in ["", "shop", "ftp://a/", "http://", "/health", "https:///x", "http://a b/"] {
            assert!(text.parse::<Url>().is_err(), "{text:?}");
        }
        let shown = |text: &str| text.parse::<Url>().unwrap().to_string();
        assert_eq!(shown("https://ana:pw@a.example:8443/x?token=1"), "https://a.example:8443/x");
        assert_eq!(shown("http://[::1]:80/"), "http://[::1]:80/");
    }

    #[test]
    fn statuses_are_one_or_a_range() {
        let range = |text: &str| text.parse::<Statuses>().ok().map(|range| range.0);
        assert_eq!(range("204"), Some(204..=204));
        assert_eq!(range("200-399"), Some(200..=399));
        for text in ["", "20", "300-200", "200-", "a", "200-1000"] {
            assert_eq!(range(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_commit_is_named_by_its_whole_id_or_a_long_beginning_and_by_nothing_else() {
        let known: Vec<Sha> = [
            "9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f",
            "0f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f",
        ]
        .map(|sha| sha.parse().unwrap())
        .into();
        let named = |body: &str| {
            let (status, headers) = (StatusCode::OK, ureq::http::HeaderMap::new());
            let body = body.as_bytes().to_vec();
            named(&Answer { status, headers, body, is_whole: true }, &known)
                .into_iter()
                .map(|sha| sha[..1].to_owned())
                .collect::<String>()
        };
        assert_eq!(named("{\"sha\": \"9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f\"}"), "9");
        assert_eq!(named("version 9F2C1AB3D2C7"), "9");
        assert_eq!(named("version 9f2c1ab3d2c"), "", "eleven digits");
        assert_eq!(named("a9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f"), "", "a longer word");
        assert_eq!(named("9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f0"), "", "a longer word");
        assert_eq!(named("9f2c1ab3d2c7 then 0f2c1ab3d2c7"), "09");
    }
}
