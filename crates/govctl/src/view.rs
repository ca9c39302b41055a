//! Decisions as people and programs see them.

use std::{fmt, os::unix::ffi::OsStrExt, path::Path};

use anstyle::Style;
use release_policy::{ChangeStatus, Decision, Outcome, PathMatch, Value};
use serde::Serialize;

use crate::{
    context::rfc3339,
    output::{BAD, GOOD, clean},
};

/// A decision on its way to stdout.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DecisionView {
    /// What this is, and its version.
    schema: &'static str,
    #[serde(flatten)]
    pub(crate) decision: Decision,
    /// How many paths changed in all.
    changed_paths: usize,
    #[serde(skip)]
    detail: Detail,
}

/// How much of a decision people want to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What decided, and what stands in the way.
    Brief,
    /// Also the paths that drove the risk.
    Paths,
    /// Every rule and the paths.
    Everything,
}

/// Rules that people want to see even if they pass.
const ALWAYS_SHOWN: [&str; 5] = ["breaker", "freeze", "cooldown", "rate", "approval"];

/// Rules whose detail says itself until when they hold.
const SAYS_UNTIL: [&str; 2] = ["breaker", "freeze"];

/// How many paths are shown before the rest is counted.
const PATHS_SHOWN: usize = 20;

impl DecisionView {
    pub(crate) fn new(
        schema: &'static str,
        decision: Decision,
        changed_paths: usize,
        detail: Detail,
    ) -> DecisionView {
        DecisionView { schema, decision, changed_paths, detail }
    }

    pub(crate) fn allows(&self) -> bool {
        self.decision.outcome == Outcome::Allow
    }

    /// Whether nobody knows how the deploy of exactly this commit ended.
    pub(crate) fn is_unknown(&self, sha: &str) -> bool {
        let inputs = self.decision.rules.iter().flat_map(|rule| &rule.inputs);
        inputs.into_iter().any(|(name, value)| match value {
            Value::List(shas) => *name == "unknown" && shas.iter().any(|unknown| unknown == sha),
            _ => false,
        })
    }

    fn risk(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = &self.decision;
        let matched = decision.paths.len();
        let class = decision.risk_class.to_string().to_lowercase();
        match (&decision.base, matched) {
            (None, 0) => write!(f, "  nothing is live yet, so there is nothing to compare with")?,
            (_, 0) => match self.changed_paths {
                0 => write!(f, "  no path has changed")?,
                1 => write!(f, "  the one changed path is not risky")?,
                all => write!(f, "  none of {all} changed paths is risky")?,
            },
            _ => {
                let all = counted(self.changed_paths, "changed path");
                let verb = if matched == 1 { "is" } else { "are" };
                write!(f, "  {matched} of {all} {verb} {class} risk")?;
            }
        }
        if let Some(base) = &decision.base {
            write!(f, ", compared with {}", short(base))?;
            if let Some(since) = decision.base_live_since {
                write!(f, " (live since {})", rfc3339(since))?;
            }
        }
        writeln!(f)?;
        for note in &decision.risk_notes {
            writeln!(f, "  {}", clean(note))?;
        }
        if self.detail != Detail::Brief || decision.outcome == Outcome::Hold {
            paths(f, &decision.path_matches)?;
        }
        Ok(())
    }

    fn rules(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.decision.rules.iter().filter(|rule| {
            !rule.pass || self.detail == Detail::Everything || ALWAYS_SHOWN.contains(&rule.rule)
        });
        for rule in shown {
            let (style, word) = match (rule.pass, rule.rule) {
                (true, _) => (Style::new(), "ok"),
                (false, "approval") => (BAD, "MISSING"),
                (false, _) => (BAD, "HOLD"),
            };
            let retry = rule.retry_at.map(|at| format!(", until {}", rfc3339(at)));
            let detail = clean(&rule.detail);
            let retry = retry.filter(|_| !SAYS_UNTIL.contains(&rule.rule)).unwrap_or_default();
            writeln!(f, "  {:<16} {style}{word:<8}{style:#} {detail}{retry}", rule.rule)?;
        }
        Ok(())
    }
}

impl fmt::Display for DecisionView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = &self.decision;
        let style = if self.allows() { GOOD } else { BAD };
        writeln!(
            f,
            "{style}{}{style:#}  {}  risk {}  {}\n",
            decision.outcome,
            short(&decision.sha),
            decision.risk_class,
            decision.reason,
        )?;
        self.risk(f)?;
        writeln!(f)?;
        self.rules(f)?;
        if !decision.unblock_hints.is_empty() {
            writeln!(f, "\n  to unblock:")?;
            for hint in &decision.unblock_hints {
                writeln!(f, "    {}", clean(hint))?;
            }
        }
        if let Some(at) = decision.retry_at {
            writeln!(f, "\n  {} ends by itself at {}", decision.reason, rfc3339(at))?;
        }
        Ok(())
    }
}

fn paths(f: &mut fmt::Formatter<'_>, matches: &[PathMatch]) -> fmt::Result {
    let width = matches.iter().take(PATHS_SHOWN).map(|found| found.path.chars().count()).max();
    let width = width.unwrap_or(0).min(60);
    for found in matches.iter().take(PATHS_SHOWN) {
        let letter = ChangeStatus::letter(found.status);
        writeln!(f, "    {letter}  {:<width$}  {}", clean(&found.path), clean(&found.pattern))?;
    }
    match matches.len().saturating_sub(PATHS_SHOWN) {
        0 => Ok(()),
        more => writeln!(f, "    and {more} more"),
    }
}

/// A number of things: `1 path`, `2 paths`.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// A path as a shell takes it, for commands that can be pasted.
pub(crate) fn quoted(path: &Path) -> String {
    let Some(path) = path.to_str() else { return quoted_bytes(path.as_os_str().as_bytes()) };
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-+:,@%".contains(char);
    if !path.is_empty() && path.chars().all(is_plain) && !path.starts_with('-') {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

/// Bytes that are no text, which a replacement character would turn into another path.
fn quoted_bytes(path: &[u8]) -> String {
    let shown = path.iter().map(|byte| match byte {
        b' '..=b'~' if !b"'\\".contains(byte) => char::from(*byte).to_string(),
        byte => format!("\\{byte:03o}"),
    });
    format!("$'{}'", shown.collect::<String>())
}

/// The first seven characters of a commit id.
pub(crate) fn short(sha: &str) -> &str {
    sha.get(..7).unwrap_or(sha)
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, process::Command};

    use super::*;

    #[test]
    fn a_path_is_quoted_if_a_shell_would_read_more_into_it() {
        for (path, expected) in [
            ("/srv/state-1", "/srv/state-1"),
            ("/srv/my state", "'/srv/my state'"),
            ("/srv/$(rm x)", "'/srv/$(rm x)'"),
            ("/it's", r"'/it'\''s'"),
            ("-x", "'-x'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(Path::new(path)), expected);
        }
        let no_text = Path::new(OsStr::from_bytes(b"/it's a\\\xff7"));
        assert_eq!(quoted(no_text), r"$'/it\047s a\134\3777'");
        let printf =
            |word: &str| Command::new("bash").args(["-c", &format!("printf %s {word}")]).output();
        assert_eq!(printf(&quoted(no_text)).unwrap().stdout, no_text.as_os_str().as_bytes());
    }
}
