//! A line of the audit log comes before the change that it tells of, and another one takes it
//! back if that change was not made.

use serde_json::json;

use crate::{AuditLog, Entry, NewEntry, StateError};

/// What the line says that takes another one back.
pub(crate) const CHANGE_FAILED: &str = "change_failed";

/// Why a line is taken back whose change is decided on anew.
pub(crate) const FASTER: &str = "others were faster";

impl AuditLog {
    /// Writes `entry` down, and then makes the `change` that it tells of. If the change was
    /// provably not made, a line `change_failed` takes the first one back, and whoever asks the
    /// log leaves both out.
    ///
    /// Cut off in between, the line stays: see [`cut_off`](AuditLog::cut_off).
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: it is not written down, and the change was not tried; or what
    /// `change` returns. Where that [changed nothing](StateError::changed_nothing), and the
    /// second line could not be written either, an error event tells so, and the first one
    /// counts as one that was cut off.
    ///
    /// # Examples
    ///
    /// ```
    /// use booty_state::{AuditLog, DeployResult, LastDeploy, Moment, NewEntry, ReleaseStore};
    /// use state_store::Store;
    ///
    /// # let dir = tempfile::tempdir()?;
    /// let log = AuditLog::at(dir.path().join("audit.jsonl"));
    /// let releases = ReleaseStore::new(&Store::files(dir.path()));
    /// let (repo, sha) = ("acme/site".parse()?, "9f2c1ab5d0".parse()?);
    /// let now: Moment = "2026-11-20T18:53:00Z".parse()?;
    /// let entry = NewEntry::new(now, "ana@build-3", "recorded")
    ///     .about(&repo, &sha)
    ///     .changing("pending", "success");
    /// log.change(&entry, || releases.finished(&sha, DeployResult::Success, now))?;
    /// let known = log.last_deploy_of(&repo, &sha)?;
    /// assert_eq!(known, Some(LastDeploy::Ended(DeployResult::Success)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn change<T>(
        &self,
        entry: &NewEntry,
        change: impl FnOnce() -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let mut line = LineFirst::of(self);
        line.write(entry.clone())?;
        line.stands_if(change())
    }
}

/// The line about a change that is being made.
pub(crate) struct LineFirst<'a> {
    log: &'a AuditLog,
    written: Option<(u64, NewEntry)>,
}

impl LineFirst<'_> {
    pub(crate) fn of(log: &AuditLog) -> LineFirst<'_> {
        LineFirst { log, written: None }
    }

    /// Writes the line. One that was written before was about a change that others came before.
    pub(crate) fn write(&mut self, entry: NewEntry) -> Result<(), StateError> {
        self.take_back(FASTER);
        let seq = self.log.append(&entry)?;
        self.written = Some((seq, entry));
        Ok(())
    }

    /// What has come of the change. If nothing has, the line is taken back.
    pub(crate) fn stands_if<T>(mut self, made: Result<T, StateError>) -> Result<T, StateError> {
        made.inspect_err(|error| {
            if error.changed_nothing() {
                self.take_back(&error.to_string());
            }
        })
    }

    pub(crate) fn take_back(&mut self, why: &str) {
        let Some((seq, entry)) = self.written.take() else { return };
        let before = json!({ "seq": seq, "what": entry.what });
        let NewEntry { time, who, repo, sha, .. } = entry;
        let mut back = NewEntry::new(time, who, CHANGE_FAILED).because(why).changing(before, ());
        (back.repo, back.sha) = (repo, sha);
        if let Err(error) = self.log.append(&back) {
            tracing::error!(seq, %error, "a line of the audit log tells of a change that was not made");
        }
    }
}

/// Leaves out the lines whose change was not made, and those that say so.
pub(crate) fn made(entries: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let mut made: Vec<Entry> = Vec::new();
    for entry in entries {
        if entry.what != CHANGE_FAILED {
            made.push(entry);
        } else if let Some(seq) = taken_back(&entry)
            && let Some(line) = made.iter().rposition(|line| line.seq == seq)
        {
            made.remove(line);
        }
    }
    made
}

/// The number of the line that a line `change_failed` takes back.
pub(crate) fn taken_back(entry: &Entry) -> Option<u64> {
    entry.before.as_ref()?.get("seq")?.as_u64()
}
