//! Tells GitHub what came of a commit: its status, and an issue if it failed.
//!
//! What cannot be told changes nothing; a note says so.

use booty_state::Sha;
use release_policy::{Decision, Reason};

use crate::{
    context::Context,
    github::{
        failure::Failure,
        hub::Hub,
        issues::{self, Failed},
        wording::{State, description},
    },
    output::Output,
    project::Project,
};

/// How a deploy failed whose run ended well, where GitHub has a word for every other failure.
pub(crate) const UNHEALTHY: &str = "unhealthy";

/// What came of a commit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct News<'a> {
    /// In the word of a deploy's answer: `success`, `failure`, `unknown`, ...
    pub(crate) outcome: &'a str,
    /// What was decided, if that is the news.
    pub(crate) decision: Option<&'a Decision>,
    /// GitHub's word for how a run ended, or [`UNHEALTHY`].
    pub(crate) how: Option<&'a str>,
    pub(crate) run_url: Option<&'a str>,
}

/// Tells GitHub.
pub(crate) fn tell(
    context: &Context,
    project: &Project,
    hub: &Hub,
    sha: &Sha,
    news: News<'_>,
    out: &Output,
) {
    let (state, text) = status(project.environment(), sha, news);
    let told = hub.set_status(sha, state, &text, news.run_url);
    note("the status could not be set", told, out);
    if news.outcome != "failure" {
        return;
    }
    let failed = Failed {
        repo: &project.repo,
        sha,
        environment: project.environment(),
        how: news.how.unwrap_or("failure"),
        run_url: news.run_url,
    };
    let told = issues::tell(hub, &failed, context.now()).map(drop);
    note("no issue could be opened", told, out);
}

fn note(what: &str, told: Result<(), Failure>, out: &Output) {
    if let Err(failure) = told {
        out.note(&format!("note: {what}: {failure}: {}", failure.cause));
    }
}

fn status(environment: &str, sha: &Sha, news: News<'_>) -> (State, String) {
    let short = sha.short();
    let (state, what, hint) = match (news.outcome, news.decision) {
        ("success", _) => (State::Success, format!("deployed to {environment}"), None),
        ("already_deployed", _) => (State::Success, format!("live in {environment}"), None),
        ("failure", _) => {
            let how = news.how.unwrap_or("failure");
            let what = format!("the deploy to {environment} ended with {how}");
            (State::Failure, what, Some(format!("govctl explain {short}")))
        }
        ("unknown", _) if news.run_url.is_some() => {
            (State::Pending, format!("on its way to {environment}"), None)
        }
        ("unknown", _) => {
            let what = format!("nobody knows whether it went to {environment}");
            (State::Error, what, Some(format!("govctl resolve {short}")))
        }
        (_, Some(decision)) => {
            let failed = decision.reason == Reason::VerificationFailed;
            let state = if failed { State::Failure } else { State::Pending };
            let (outcome, reason) = (decision.outcome, decision.reason);
            let what = format!("{outcome} {reason}, risk {}", decision.risk_class);
            (state, what, decision.unblock_hints.first().cloned())
        }
        ("unverified", None) => {
            let how = news.how.unwrap_or("failure");
            (State::Failure, format!("the verification ended with {how}"), None)
        }
        (other, None) => (State::Pending, other.to_owned(), None),
    };
    (state, description(&what, hint.as_deref()))
}
