//! The workspace: git, its clone, the configuration, the token.

use super::finding::Finding;
use crate::{context::Context, output::Output, project::governor};

const GIT: &str = "git";
const CLONE: &str = "clone";
const CONFIG: &str = "config";
const TOKEN: &str = "token";

pub(crate) fn look(context: &Context, out: &Output, findings: &mut Vec<Finding>) {
    let git = context.git();
    let mut top_level = None;
    let mut origin = None;
    match git.version() {
        Err(error) => findings.push(
            Finding::of_error(GIT, &error).hint("install git, and see that PATH leads to it"),
        ),
        Ok(version) => {
            findings.push(Finding::ok(GIT, version));
            match git.top_level() {
                Err(error) => findings.push(Finding::of_error(CLONE, &error)),
                Ok(None) => {
                    let what = format!("`{}` is no git work tree", context.workspace.display());
                    findings.push(Finding::warn(CLONE, what).hint("govctl -C DIR doctor"));
                }
                Ok(Some(top)) => {
                    findings.push(match git.is_shallow() {
                        Err(error) => Finding::of_error(CLONE, &error),
                        Ok(true) => {
                            let what = "shallow: what is live may not be in it, and nothing can be compared then";
                            Finding::warn(CLONE, what)
                                .hint("git fetch --unshallow")
                                .hint("in GitHub Actions: fetch-depth: 0")
                        }
                        Ok(false) => Finding::ok(CLONE, format!("`{}`, whole", top.display())),
                    });
                    origin = git.origin().ok().flatten();
                    top_level = Some(top);
                }
            }
        }
    }
    findings.push(match governor(context, top_level.as_deref(), out) {
        Err(error) => Finding::of_error(CONFIG, &error),
        Ok((governor, file)) => {
            let place = file.map_or_else(
                || "no .booty.yml, the defaults are in force".to_owned(),
                |file| format!("`{}` is valid", file.display()),
            );
            if governor.is_enabled() {
                Finding::ok(CONFIG, place)
            } else {
                let what = format!("{place}, and disables the governor: nothing is deployed");
                Finding::warn(CONFIG, what).hint("govctl config show")
            }
        }
    });
    findings.push(token(context, origin.as_deref()));
}

/// Whether there is a token; what it is is nobody's business.
fn token(context: &Context, origin: Option<&str>) -> Finding {
    match context.variable("GITHUB_TOKEN") {
        Err(error) => Finding::of_error(TOKEN, &error),
        Ok(Some(token)) if !is_plausible(token) => Finding::fail(
            TOKEN,
            "GITHUB_TOKEN is no token: it has a space or a control character in it",
        )
        .hint("export GITHUB_TOKEN=$(gh auth token)"),
        Ok(Some(_)) => Finding::ok(TOKEN, "GITHUB_TOKEN is set"),
        Ok(None) if origin.is_some_and(|origin| origin.contains("github.com")) => {
            let what = "GITHUB_TOKEN is not set: what asks GitHub will not work";
            Finding::warn(TOKEN, what).hint("export GITHUB_TOKEN=$(gh auth token)")
        }
        Ok(None) => Finding::ok(TOKEN, "none, and none is needed without GitHub"),
    }
}

/// A line break at its end is what a file that was read as a whole leaves there.
fn is_plausible(token: &str) -> bool {
    token.chars().all(|char| char.is_ascii_graphic())
}
