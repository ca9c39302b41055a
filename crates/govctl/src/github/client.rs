//! Asks GitHub: one request after the other, each bounded, and only reads are repeated.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::{
    Agent,
    http::{HeaderMap, HeaderValue, StatusCode},
};

use crate::{
    github::{
        failure::{Cause, Failure, cause_of},
        headers::{asked_to_wait, next_page},
        secret::Secret,
    },
    http::{self, Roots},
};

/// The version of the API that the shapes here are of.
const API_VERSION: &str = "2022-11-28";

/// What one request may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What an answer may be long: a page of a hundred, with room.
const LIMIT_BYTES: u64 = 16 << 20;

/// How often a read is tried.
const TRIES: u32 = 4;

/// How long a read goes on waiting and trying in all.
const PATIENCE: Duration = Duration::from_secs(90);

/// How many pages are read: more than any list here has in practice.
const PAGES: usize = 50;

/// A client for one server with one token.
#[derive(Debug)]
pub(crate) struct Client {
    base: String,
    token: Secret,
    agent: Agent,
    roots: Roots,
}

/// An answer with one of the statuses 200 to 299, or 304.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// The pages of a list.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(crate) pages: Vec<Value>,
    /// There is no further page.
    pub(crate) is_whole: bool,
}

impl Client {
    /// A client for the server at `base`, without a slash at its end.
    pub(crate) fn new(base: &str, token: Secret, roots: Roots) -> Client {
        let base = base.trim_end_matches('/').to_owned();
        Client { base, token, agent: http::agent(LIMIT, &roots), roots }
    }

    /// Reads `path`, which begins with a slash.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let asked = format!("GET {path}");
        let reply = self.read(&asked, &self.url(path), None)?;
        parsed(&asked, &reply)
    }

    /// Reads `path` if it has changed since the answer with that `etag`; such an answer does
    /// not count as a request. Remembers the new one.
    pub(crate) fn get_changed<T: DeserializeOwned>(
        &self,
        path: &str,
        etag: &mut Option<HeaderValue>,
    ) -> Result<Option<T>, Failure> {
        let asked = format!("GET {path}");
        let reply = self.read(&asked, &self.url(path), etag.as_ref())?;
        if reply.status == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        *etag = reply.headers.get("etag").cloned();
        parsed(&asked, &reply).map(Some)
    }

    /// Reads a list page by page, as far as [`PAGES`] go.
    pub(crate) fn pages(&self, path: &str) -> Result<Pages, Failure> {
        let asked = format!("GET {path}");
        let mut pages = Vec::new();
        let mut next = Some(self.url(path));
        while let Some(url) = next.take().filter(|_| pages.len() < PAGES) {
            let reply = self.read(&asked, &url, None)?;
            pages.push(parsed(&asked, &reply)?);
            let Some(found) = next_page(&reply.headers) else {
                return Ok(Pages { pages, is_whole: true });
            };
            // The token goes to the server that it is for, and to no other.
            if !found.strip_prefix(&self.base).is_some_and(|rest| rest.starts_with('/')) {
                break;
            }
            next = Some(found.to_owned());
        }
        Ok(Pages { pages, is_whole: false })
    }

    /// Sends `body` once. Whether it arrived is for the caller to ask the failure.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Reply, Failure> {
        let asked = format!("POST {path}");
        let failed = |cause| Failure { asked: asked.clone(), cause };
        // A connection of its own: one that was used before may be closed at the other end by
        // now, and a client could then send the request a second time.
        let mut request = http::agent(LIMIT, &self.roots).post(&self.url(path));
        for (name, value) in self.headers() {
            request = request.header(name, value);
        }
        let sent = request.header("content-type", "application/json").send(body.to_string());
        let response = sent.map_err(|error| failed(cause_of(error)))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = http::read(response, LIMIT_BYTES);
        if status.is_success() {
            // It was accepted, whatever became of the rest.
            let body = body.map(|answer| answer.body).unwrap_or_default();
            return Ok(Reply { status, headers, body });
        }
        if status.is_redirection() {
            // As for a repository with a new name. Who sends us elsewhere has done nothing.
            let message = "it is somewhere else now: does --repo or the remote say where?";
            let (status, message) = (status.as_u16(), message.to_owned());
            return Err(failed(Cause::Refused { status, message }));
        }
        let body = body.map(|answer| answer.body).unwrap_or_default();
        Err(failed(self.refused(status, &headers, &body)))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn headers(&self) -> [(&'static str, HeaderValue); 3] {
        let bearer = format!("Bearer {}", self.token.reveal());
        let mut bearer = HeaderValue::try_from(bearer).expect("a secret is visible ASCII");
        bearer.set_sensitive(true);
        [
            ("accept", HeaderValue::from_static("application/vnd.github+json")),
            ("authorization", bearer),
            ("x-github-api-version", HeaderValue::from_static(API_VERSION)),
        ]
    }

    /// Reads `url` until there is an answer, or patience or tries are over.
    fn read(&self, asked: &str, url: &str, etag: Option<&HeaderValue>) -> Result<Reply, Failure> {
        let started = Instant::now();
        let mut tries = 1;
        loop {
            let cause = match self.read_once(url, etag) {
                Ok(reply) => return Ok(reply),
                Err(cause) => cause,
            };
            let wait = match &cause {
                Cause::Refused { .. } | Cause::Untrusted(_) => None,
                Cause::Limited { wait } => Some(*wait),
                Cause::NotSent(_) | Cause::Server { .. } | Cause::Lost(_) => {
                    Some(Duration::from_millis(100) * 3_u32.pow(tries))
                }
            };
            let left = PATIENCE.saturating_sub(started.elapsed());
            match wait.filter(|wait| *wait <= left && tries < TRIES) {
                Some(wait) => {
                    tracing::info!(asked, ?wait, %cause, "asking GitHub once more");
                    thread::sleep(wait);
                    tries += 1;
                }
                None => return Err(Failure { asked: asked.to_owned(), cause }),
            }
        }
    }

    fn read_once(&self, url: &str, etag: Option<&HeaderValue>) -> Result<Reply, Cause> {
        let mut request = self.agent.get(url);
        for (name, value) in self.headers() {
            request = request.header(name, value);
        }
        if let Some(etag) = etag {
            request = request.header("if-none-match", etag);
        }
        let answer = http::read(request.call().map_err(cause_of)?, LIMIT_BYTES);
        let answer = answer.map_err(Cause::Lost)?;
        let (status, headers, body) = (answer.status, answer.headers, answer.body);
        if !answer.is_whole {
            return Err(Cause::Lost(io::Error::other("the answer is too long")));
        }
        if status.is_success() || status == StatusCode::NOT_MODIFIED && etag.is_some() {
            return Ok(Reply { status, headers, body });
        }
        Err(self.refused(status, &headers, &body))
    }

    fn refused(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Cause {
        if let Some(wait) = asked_to_wait(status, headers, body) {
            return Cause::Limited { wait };
        }
        // 408 is what a proxy says that may have passed it on.
        if !status.is_client_error() || status == StatusCode::REQUEST_TIMEOUT {
            return Cause::Server { status: status.as_u16() };
        }
        let said: Option<Value> = serde_json::from_slice(body).ok();
        let message =
            said.as_ref().and_then(|said| said["message"].as_str()).unwrap_or("no reason");
        let message: String = message.chars().take(300).collect();
        Cause::Refused { status: status.as_u16(), message: self.token.hidden_in(&message) }
    }
}

fn parsed<T: DeserializeOwned>(asked: &str, reply: &Reply) -> Result<T, Failure> {
    serde_json::from_slice(&reply.body)
        .map_err(|error| Failure { asked: asked.to_owned(), cause: Cause::Lost(error.into()) })
}
