//! The texts that GitHub shows: the status of a commit, the issue about a failed deploy.

use booty_state::{Repo, Sha};

use crate::{github::escape::markdown, output::clean, view::short};

/// Under which name the status of a commit is shown.
pub(crate) const CONTEXT: &str = "booty/release-governor";

/// How long the text of a status can be, as GitHub takes it.
const DESCRIPTION: usize = 140;

/// The labels of an issue about a failed deploy, before the one that says how it failed.
pub(crate) const LABELS: [&str; 2] = ["deploy-failure", "severity:high"];

/// What a status says about a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It is live.
    Success,
    /// It did not go out, or not well.
    Failure,
    /// Nobody knows.
    Error,
    /// It is on its way, or held.
    Pending,
}

impl State {
    pub(crate) fn word(self) -> &'static str {
        match self {
            State::Success => "success",
            State::Failure => "failure",
            State::Error => "error",
            State::Pending => "pending",
        }
    }
}

/// The text of a status: what, and how to unblock it if there is room.
pub(crate) fn description(what: &str, hint: Option<&str>) -> String {
    let cut = |text: &str, length: usize| -> String {
        let text = clean(text);
        if text.chars().count() <= length {
            return text.into_owned();
        }
        let kept: String = text.chars().take(length - 3).collect();
        format!("{kept}...")
    };
    let what = cut(what, DESCRIPTION);
    let Some(hint) = hint else { return what };
    let whole = format!("{what}; to unblock: {}", clean(hint));
    // Half a command is worse than none: whoever pastes it does something else.
    if whole.chars().count() <= DESCRIPTION { whole } else { what }
}

/// The title of an issue about a failed deploy.
pub(crate) fn issue_title(sha: &Sha, environment: &str, how: &str) -> String {
    format!("Deploy of {} to {} failed ({how})", sha.short(), clean(environment))
}

/// What an issue, or another comment on it, says about a failed deploy.
pub(crate) fn issue_text(
    repo: &Repo,
    sha: &Sha,
    environment: &str,
    how: &str,
    run_url: Option<&str>,
) -> String {
    let run = run_url.map(|url| format!("- Run: {}\n", markdown(url))).unwrap_or_default();
    let (name, short) = (markdown(environment), short(sha.as_str()));
    format!(
        "The deploy of {sha} in {repo} to {name} ended with `{how}`.\n\n{run}\n\
         What to do: look at the run, then deploy a commit that mends it, or go back to what was \
         live (`govctl rollback`). `govctl explain {short}` says what holds the next deploy.\n\n\
         {}\n",
        marker(sha)
    )
}

/// What says in an issue which commit it is about. Nobody sees it.
pub(crate) fn marker(sha: &Sha) -> String {
    format!("<!-- govctl deploy-failure {sha} -->")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_fits_and_never_has_half_a_command() {
        let hint = "govctl approve 9f2c1ab --reason \"...\"";
        let what = "HOLD high_risk_no_approval, risk HIGH";
        assert_eq!(description(what, Some(hint)), format!("{what}; to unblock: {hint}"));
        let long = "x".repeat(139);
        assert_eq!(description(&long, Some(hint)), long);
        let longer = description(&"\u{e9}".repeat(200), Some(hint));
        assert_eq!((longer.chars().count(), longer.ends_with("...")), (140, true));
        assert_eq!(description("a\nb\u{1b}[31m", None), "a\u{fffd}b\u{fffd}[31m");
    }

    #[test]
    fn an_issue_can_be_found_by_its_commit_and_mentions_nobody() {
        let (repo, sha) = ("acme/shop".parse().unwrap(), "9f2c1ab3d2".parse().unwrap());
        let text = issue_text(&repo, &sha, "@team <b>", "cancelled", Some("https://x/1"));
        assert!(text.contains(&marker(&sha)) && text.contains("`cancelled`"), "{text}");
        assert!(!text.contains("@team") && !text.contains("<b>"), "{text}");
    }
}
