//! What the audit log proves about a deploy that has a beginning and no end.

use serde_json::Value;

use crate::{AuditLog, Entry, Repo, Sha, StateError, audit::Link, audit_store::is_not_text};

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
        let mut open: Option<(OpenDeploy, Link)> = None;
        for line in self.lines()? {
            let line = match line {
                Ok(line) => Some(line),
                Err(error) if is_not_text(&error) => None,
                Err(error) => return Err(error.into()),
            };
            if let Some((deploy, link)) = &mut open {
                let fits = |line: &str| link.follow(line).is_ok() && !line.contains(IMPORTED);
                deploy.is_whole &= line.as_deref().is_some_and(fits);
            }
            let Some(line) = line.filter(|line| line.contains(sha.as_str())) else { continue };
            let Ok(entry) = serde_json::from_str::<Entry>(&line) else { continue };
            if entry.sha.as_ref() == Some(sha) && entry.repo.as_ref() == Some(repo) {
                follow(&mut open, entry, &line);
            }
        }
        Ok(open.map(|(deploy, link)| {
            let lacks_lines = mark.is_some_and(|mark| mark.is_beyond(&link));
            OpenDeploy { is_whole: deploy.is_whole && !lacks_lines, ..deploy }
        }))
    }
}

/// Goes on to a line about the commit.
fn follow(open: &mut Option<(OpenDeploy, Link)>, entry: Entry, line: &str) {
    let text = |value: Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    match entry.what.as_str() {
        "deploy_started" => {
            let link = Link::after(entry.seq, line);
            let delivery = text(entry.after).unwrap_or_default();
            let deploy =
                OpenDeploy { delivery, before: entry.before, command: None, is_whole: true };
            *open = Some((deploy, link));
        }
        "command_started" => {
            if let Some((deploy, _)) = open {
                deploy.command = Some(entry.after.unwrap_or_default());
            }
        }
        // Who wrote the line before has seen since that it must not, and has not.
        "command_not_started" => {
            let delivery = text(entry.before).unwrap_or_default();
            if let Some((deploy, _)) = open
                && deploy.delivery == delivery
            {
                deploy.command = None;
            }
        }
        // Somebody who lost the lock may take back late what another has started since.
        "deploy_taken_back" => {
            let taken_back = text(entry.after).unwrap_or_default();
            if open.as_ref().is_some_and(|(deploy, _)| deploy.delivery == taken_back) {
                *open = None;
            }
        }
        // What is recorded from elsewhere, even as pending, is about another deploy than this.
        "deploy_finished" | "resolved" | "recorded" => *open = None,
        _ => {}
    }
}
