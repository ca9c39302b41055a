//! What a kill has left half done: of a line of the audit log and its change, one is there.

use serde_json::Value;

use crate::{
    AuditLog, DeployResult, Entry, ReleaseState, Repo, Sha, StateError, audit_store::is_not_text,
};

/// What was begun and not ended.
#[derive(Debug, Clone, PartialEq)]
pub enum CutOff {
    /// The line is there, and the state lacks its change: [`ReleaseStore::redo`] makes it.
    ///
    /// [`ReleaseStore::redo`]: crate::ReleaseStore::redo
    Change(Box<Entry>),
    /// The state knows how the deploy that was started last has ended, and no line tells of it.
    Line {
        /// What was deployed.
        sha: Sha,
        /// How that ended.
        result: DeployResult,
    },
}

/// What is in every line that says what the release state is to be, or that it was changed by
/// hand.
const TELLING: [&str; 7] = [
    "\"what\":\"deploy_",
    "\"what\":\"command_",
    "\"what\":\"recorded\"",
    "\"what\":\"resolved\"",
    "\"what\":\"rolled_back\"",
    "\"what\":\"state_",
    "\"what\":\"change_failed\"",
];

impl AuditLog {
    /// Returns what a kill has left half done between the log and `state`, the release state of
    /// `repo`. Only the last thing that was done can be; whoever goes on ends it first.
    ///
    /// Only for whoever holds the lock under which deploys are made and recorded: for anybody
    /// else it may be half done because it is being done.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: the log could not be read.
    pub fn cut_off(&self, repo: &Repo, state: &ReleaseState) -> Result<Option<CutOff>, StateError> {
        let mut last = None;
        for line in self.lines()? {
            match line {
                Ok(line) if TELLING.iter().any(|what| line.contains(what)) => last = Some(line),
                Err(error) if !is_not_text(&error) => return Err(error.into()),
                _ => {}
            }
        }
        let last = last.and_then(|line| serde_json::from_str::<Entry>(&line).ok());
        Ok(last
            .filter(|entry| entry.repo.as_ref() == Some(repo))
            .and_then(|last| judge(last, state)))
    }
}

fn judge(last: Entry, state: &ReleaseState) -> Option<CutOff> {
    let sha = last.sha.clone()?;
    match last.what.as_str() {
        "command_started" => {
            let result = state.last_deploy_result.clone();
            // An older state that somebody put in place does not know of that start.
            let is_of_it = state.last_deploy_attempt_sha.as_ref() == Some(&sha)
                && state.last_deploy_time.is_some_and(|time| time >= last.time);
            (is_of_it && result.is_settled()).then_some(CutOff::Line { sha, result })
        }
        "recorded" | "resolved" => {
            let word = last.after.as_ref().and_then(Value::as_str)?;
            let is_there = state.deploy_history.iter().any(|deploy| {
                (&deploy.sha, deploy.result.as_str(), deploy.time_iso8601)
                    == (&sha, word, last.time)
            });
            // What is newer was written by another program, which knew what it did.
            let is_overtaken = state.last_deploy_time.is_some_and(|time| time > last.time);
            (!is_there && !is_overtaken).then_some(CutOff::Change(Box::new(last)))
        }
        "rolled_back" => {
            let mark = state.rolled_back_mark(&sha).map(|mark| mark.time_iso8601);
            (mark != Some(last.time)).then_some(CutOff::Change(Box::new(last)))
        }
        _ => None,
    }
}
