//! What verifying commits has found, in its document.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use state_store::{Change, Document, Key, Schema, Store};

use crate::{DeliveryKey, Moment, Repo, Sha, StateError, key::spelt};

const KEY: Key = Key::fixed("verifications.json");

/// How many results are kept, of all repositories together.
const KEPT: usize = 1000;

/// What verifying one commit has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerifiedCommit {
    /// Whether everything that was run has succeeded.
    pub passed: bool,
    /// When it ended.
    pub at: Moment,
    /// What failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// The newest run of a workflow that has said so, or did before it was verified here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<VerifiedBy>,
    /// Keys that this version does not know, kept as they are.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// An attempt of a workflow run, in the order in which they are begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VerifiedBy {
    /// The number of the run, which only rises.
    pub id: u64,
    /// Which attempt of it, from 1.
    pub attempt: u64,
}

/// The results, by repository and commit, the oldest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Results {
    #[serde(default)]
    results: IndexMap<String, VerifiedCommit>,
    /// Keys that this version does not know, kept as they are.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl Schema for Results {}

/// The document `verifications.json`: the newest result for each of the last 1,000 commits that
/// were verified.
///
/// # Limits
///
/// A result that was lost by a fall back to the backup reads as *not verified*, which holds
/// nothing: verify again.
///
/// # Examples
///
/// ```
/// use booty_state::{Repo, Sha, Verifications};
/// use state_store::Store;
///
/// # let dir = tempfile::tempdir()?;
/// let verifications = Verifications::new(&Store::files(dir.path()));
/// let (repo, sha): (Repo, Sha) = ("acme/site".parse()?, "9f2c1ab5d0".parse()?);
/// verifications.record(&repo, &sha, Some("test"), "2026-11-20T18:53:00Z".parse()?)?;
/// let found = verifications.find(&repo, &sha)?.unwrap();
/// assert_eq!((found.passed, found.failed.as_deref()), (false, Some("test")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
/// What an older attempt of a workflow run has found does not replace what a newer one has:
///
/// ```
/// # use booty_state::{Moment, Repo, Sha, Verifications, VerifiedBy};
/// # let dir = tempfile::tempdir()?;
/// # let verifications = Verifications::new(&state_store::Store::files(dir.path()));
/// # let (repo, sha): (Repo, Sha) = ("acme/site".parse()?, "9f2c1ab5d0".parse()?);
/// # let now: Moment = "2026-11-20T18:53:00Z".parse()?;
/// let attempt = |attempt| VerifiedBy { id: 30_433_642, attempt };
/// assert!(verifications.record_run(&repo, &sha, attempt(2), None, now)?);
/// assert!(!verifications.record_run(&repo, &sha, attempt(1), Some("test"), now)?);
/// assert!(verifications.find(&repo, &sha)?.unwrap().passed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Verifications {
    document: Document<Results>,
}

impl Verifications {
    /// The results in `store`.
    #[must_use]
    pub fn new(store: &Store) -> Verifications {
        Verifications { document: store.document(KEY) }
    }

    /// Returns the newest result about `sha`, if there is one.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: nobody knows whether it was verified.
    pub fn find(&self, repo: &Repo, sha: &Sha) -> Result<Option<VerifiedCommit>, StateError> {
        let results = self.document.load()?.unwrap_or_default().results;
        let key = spelt(results.keys(), &DeliveryKey::of(repo, sha).to_string());
        Ok(key.and_then(|key| results.get(key)).cloned())
    }

    /// Records what verifying `sha` here has found: what `failed`, or nothing.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: it is not recorded, except perhaps if the store says *unknown*.
    pub fn record(
        &self,
        repo: &Repo,
        sha: &Sha,
        failed: Option<&str>,
        at: Moment,
    ) -> Result<(), StateError> {
        self.found(repo, sha, None, failed, at).map(drop)
    }

    /// As [`record`](Verifications::record), what an attempt of a workflow run has found. Returns
    /// whether it is recorded: what a newer one has found stays.
    ///
    /// # Errors
    ///
    /// As [`record`](Verifications::record).
    pub fn record_run(
        &self,
        repo: &Repo,
        sha: &Sha,
        run: VerifiedBy,
        failed: Option<&str>,
        at: Moment,
    ) -> Result<bool, StateError> {
        self.found(repo, sha, Some(run), failed, at)
    }

    fn found(
        &self,
        repo: &Repo,
        sha: &Sha,
        by: Option<VerifiedBy>,
        failed: Option<&str>,
        at: Moment,
    ) -> Result<bool, StateError> {
        let key = DeliveryKey::of(repo, sha).to_string();
        Ok(self.document.update(|document| {
            let key = spelt(document.results.keys(), &key).unwrap_or(&key).clone();
            let newest = document.results.get(&key).and_then(|found| found.run);
            if newest.zip(by).is_some_and(|(newest, by)| newest > by) {
                return Change::Keep(false);
            }
            let (passed, failed) = (failed.is_none(), failed.map(str::to_owned));
            // A late word of an older run is one also after a look from here.
            let run = by.or(newest);
            document.results.shift_remove(&key);
            document.results.insert(
                key.clone(),
                VerifiedCommit { passed, at, failed, run, unknown: Map::new() },
            );
            while document.results.len() > KEPT {
                document.results.shift_remove_index(0);
            }
            Change::Write(true)
        })?)
    }
}
