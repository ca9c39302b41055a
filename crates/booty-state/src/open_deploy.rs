//! What the audit log proves about a deploy that has a beginning and no end.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    AuditLog, Entry, Repo, Sha, StateError,
    audit::Link,
    audit_store::is_not_text,
    line_first::{CHANGE_FAILED, taken_back},
};

/// A deploy whose start is in the log, and of which nothing says how it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenDeploy {
    /// The delivery that it was started for.
    pub delivery: String,
    /// What the line of its start says was there before.
    pub before: Option<Value>,
    /// Its process, if it was let go: from then on it may have done anything.
    pub command: Option<Value>,
    /// No line was changed, removed or added since its start, none is missing at the end, and the
    /// log was not brought here from elsewhere. Without that, a line that is missing proves nothing.
    pub is_whole: bool,
}

/// What the line of an import has in it: the log goes on here, and perhaps where it came from,
/// too, with lines about what was running there.
const IMPORTED: &str = "\"state_imported\"";

impl AuditLog {
    /// Returns the last deploy of `sha` to `repo` if it was started and has no end, as far as
    /// the log goes back.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: the log could not be read, so nobody knows.
    ///
    /// # Limits
    ///
    /// It reads the whole log, and checks what is behind the start. That lines were cut off at the
    /// end it sees by the mark beside the log, and not without one.
    ///
    /// # Examples
    ///
    /// ```
    /// use booty_state::{AuditLog, Moment, NewEntry, Repo, Sha};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// let log = AuditLog::at(dir.path().join("audit.jsonl"));
    /// let (repo, sha): (Repo, Sha) = ("acme/site".parse()?, "9f2c1ab5d0".parse()?);
    /// let now: Moment = "2026-11-20T18:53:00Z".parse()?;
    /// let entry = |what| NewEntry::new(now, "ana@build-3", what).about(&repo, &sha);
    /// log.append(&entry("deploy_started").changing((), "event-1"))?;
    /// let open = log.open_deploy_of(&repo, &sha)?.unwrap();
    /// assert_eq!((open.delivery.as_str(), open.command, open.is_whole), ("event-1", None, true));
    /// log.append(&entry("deploy_finished").changing("started", "success"))?;
    /// assert_eq!(log.open_deploy_of(&repo, &sha)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_deploy_of(&self, repo: &Repo, sha: &Sha) -> Result<Option<OpenDeploy>, StateError> {
        let mark = self.end_mark()?;
        let mut open: Option<Started> = None;
        for line in self.lines()? {
            let line = match line {
                Ok(line) => Some(line),
                Err(error) if is_not_text(&error) => None,
                Err(error) => return Err(error.into()),
            };
            if let Some(Started { deploy, link, .. }) = &mut open {
                let fits = |line: &str| link.follow(line).is_ok() && !line.contains(IMPORTED);
                deploy.is_whole &= line.as_deref().is_some_and(fits);
            }
            let Some(line) = line.filter(|line| line.contains(sha.as_str())) else { continue };
            let Ok(entry) = serde_json::from_str::<Entry>(&line) else { continue };
            if entry.sha.as_ref() == Some(sha) && entry.repo.as_ref() == Some(repo) {
                follow(&mut open, entry, &line);
            }
        }
        let open = open.filter(|started| started.ended_by.is_empty());
        Ok(open.map(|Started { deploy, link, .. }| {
            let lacks_lines = mark.is_some_and(|mark| mark.is_beyond(&link));
            OpenDeploy { is_whole: deploy.is_whole && !lacks_lines, ..deploy }
        }))
    }
}

/// A deploy whose start is in the log, and what came after.
struct Started {
    deploy: OpenDeploy,
    link: Link,
    /// The lines that say how it ended, but for those that were taken back.
    ended_by: BTreeSet<u64>,
}

/// Goes on to a line about the commit.
fn follow(open: &mut Option<Started>, entry: Entry, line: &str) {
    let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    if entry.what == "deploy_started" {
        let link = Link::after(entry.seq, line);
        let delivery = text(&entry.after).unwrap_or_default();
        let deploy = OpenDeploy { delivery, before: entry.before, command: None, is_whole: true };
        *open = Some(Started { deploy, link, ended_by: BTreeSet::new() });
        return;
    }
    let Some(started) = open else { return };
    let is_of_it = |value| text(value).unwrap_or_default() == started.deploy.delivery;
    match entry.what.as_str() {
        "command_started" => started.deploy.command = Some(entry.after.unwrap_or_default()),
        // Who wrote the line before has seen since that it must not, and has not.
        "command_not_started" if is_of_it(&entry.before) => started.deploy.command = None,
        // Somebody who lost the lock may take back late what another has started since.
        "deploy_taken_back" if is_of_it(&entry.after) => *open = None,
        // What is recorded from elsewhere, even as pending, is about another deploy than this.
        "deploy_finished" | "resolved" | "recorded" => drop(started.ended_by.insert(entry.seq)),
        CHANGE_FAILED => {
            taken_back(&entry).map(|seq| started.ended_by.remove(&seq));
        }
        _ => {}
    }
}
