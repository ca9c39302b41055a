//! What verifying commits has found, in its document.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use state_store::{Change, Document, Key, Schema, Store};

use crate::{DeliveryKey, Moment, Repo, Sha, StateError};

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
    /// Keys that this version does not know, kept as they are.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
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
        Ok(results.get(&DeliveryKey::of(repo, sha).to_string()).cloned())
    }

    /// Records what verifying `sha` has found: what `failed`, or nothing.
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
        let key = DeliveryKey::of(repo, sha).to_string();
        let failed = failed.map(str::to_owned);
        Ok(self.document.update(|document| {
            let (passed, failed) = (failed.is_none(), failed.clone());
            document.results.shift_remove(&key);
            document
                .results
                .insert(key.clone(), VerifiedCommit { passed, at, failed, unknown: Map::new() });
            while document.results.len() > KEPT {
                document.results.shift_remove_index(0);
            }
            Change::Write(())
        })?)
    }
}
