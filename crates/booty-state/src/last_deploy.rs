//! What the audit log says became of a commit, which no pruning makes it forget.

use indexmap::IndexMap;
use serde_json::Value;

use crate::{
    AuditLog, DeployResult, Entry, Moment, Repo, Sha, StateError, audit_store::is_not_text,
    line_first::made,
};

/// What an [`AuditLog`] says about the last deploy of a commit that was not taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastDeploy {
    /// It was started, and nothing says how it ended.
    Open,
    /// It ended like this, or somebody said so.
    Ended(DeployResult),
}

impl AuditLog {
    /// Returns what became of the last deploy of `sha` to `repo`, or `None` if none was
    /// started, as far as the log goes back.
    ///
    /// A start that was taken back does not count: what was said before it stands.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: the log could not be read, so nobody knows.
    ///
    /// # Limits
    ///
    /// It reads the whole log: about a tenth of a second for a hundred thousand lines. A line
    /// that is no entry says nothing; [`verify`](AuditLog::verify) finds it.
    ///
    /// # Examples
    ///
    /// ```
    /// use booty_state::{AuditLog, LastDeploy, Moment, NewEntry, Repo, Sha};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// let log = AuditLog::at(dir.path().join("audit.jsonl"));
    /// let (repo, sha): (Repo, Sha) = ("acme/site".parse()?, "9f2c1ab5d0".parse()?);
    /// assert_eq!(log.last_deploy_of(&repo, &sha)?, None);
    /// let now: Moment = "2026-11-20T18:53:00Z".parse()?;
    /// log.append(&NewEntry::new(now, "ana@build-3", "deploy_started").about(&repo, &sha))?;
    /// assert_eq!(log.last_deploy_of(&repo, &sha)?, Some(LastDeploy::Open));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn last_deploy_of(&self, repo: &Repo, sha: &Sha) -> Result<Option<LastDeploy>, StateError> {
        let mut about = Vec::new();
        for line in self.lines()? {
            let line = match line {
                Ok(line) => line,
                Err(error) if is_not_text(&error) => continue,
                Err(error) => return Err(error.into()),
            };
            // Reading a line costs a hundred times what passing over it does.
            if !line.contains(sha.as_str()) {
                continue;
            }
            let Ok(entry) = serde_json::from_str::<Entry>(&line) else { continue };
            if entry.sha.as_ref() == Some(sha) && entry.repo.as_ref() == Some(repo) {
                about.push(entry);
            }
        }
        let mut trail = Trail::default();
        made(about).into_iter().for_each(|entry| trail.follow(entry));
        Ok(trail.last)
    }

    /// Every commit whose last deploy to `repo`, or to any if that is `None`, has no end, and
    /// when that was started; the oldest first.
    ///
    /// As far as the log goes back, and in one pass over it.
    pub(crate) fn open_deploys(
        &self,
        repo: Option<&Repo>,
    ) -> Result<Vec<(Sha, Moment)>, StateError> {
        let mut told = Vec::new();
        for line in self.lines()? {
            let line = match line {
                Ok(line) => line,
                Err(error) if is_not_text(&error) => continue,
                Err(error) => return Err(error.into()),
            };
            if !SAYS_SO.iter().any(|what| line.contains(what)) {
                continue;
            }
            told.extend(serde_json::from_str::<Entry>(&line).ok());
        }
        let mut trails: IndexMap<Sha, (Trail, Moment)> = IndexMap::new();
        for entry in made(told) {
            let Some(sha) = entry.sha.clone() else { continue };
            if repo.is_some_and(|repo| entry.repo.as_ref() != Some(repo)) {
                continue;
            }
            let (mut trail, mut since) =
                trails.shift_remove(&sha).unwrap_or_else(|| (Trail::default(), entry.time));
            if entry.what == "deploy_started" {
                since = entry.time;
            }
            trail.follow(entry);
            trails.insert(sha, (trail, since));
        }
        let is_open = |trail: &Trail| trail.last == Some(LastDeploy::Open);
        let open = trails.into_iter().filter(|(_, (trail, _))| is_open(trail));
        Ok(open.map(|(sha, (_, since))| (sha, since)).collect())
    }
}

/// What is in every line that begins or ends a deploy, or takes such a line back. Reading a line costs a hundred times what
/// passing over it does.
const SAYS_SO: [&str; 4] = ["\"deploy_", "\"recorded\"", "\"resolved\"", "\"change_failed\""];

/// What the lines so far say about one commit.
#[derive(Debug, Default)]
struct Trail {
    last: Option<LastDeploy>,
    /// The delivery that started it last, and what was known before.
    started: Option<(Option<Value>, Option<LastDeploy>)>,
}

impl Trail {
    fn follow(&mut self, entry: Entry) {
        match entry.what.as_str() {
            "deploy_started" => {
                let before = self.last.replace(LastDeploy::Open);
                self.started = Some((entry.after, before));
            }
            // Without a start of its own it takes nothing back: that line was never written.
            "deploy_taken_back" => {
                if let Some((delivery, before)) = self.started.take()
                    && delivery == entry.after
                {
                    self.last = before;
                }
            }
            "deploy_finished" | "recorded" | "resolved" => {
                self.started = None;
                let word = entry.after.as_ref().and_then(Value::as_str).unwrap_or_default();
                self.last = Some(match DeployResult::from(word.to_owned()) {
                    DeployResult::Pending => LastDeploy::Open,
                    result => LastDeploy::Ended(result),
                });
            }
            _ => {}
        }
    }
}
