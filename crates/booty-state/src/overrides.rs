//! What the security agent says about a commit. It writes the file, this crate reads it.

use std::{collections::HashMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use state_store::{Document, Key, Schema, Store};

use crate::{DeliveryKey, Moment, Repo, Sha, StateError};

pub(crate) const KEY: Key = Key::fixed("security_overrides.json");

/// From this age on an override says nothing any more.
const LIFETIME: Duration = Duration::from_secs(14 * 24 * 3600);

/// The document `security_overrides.json`, which another program writes. It is never written
/// from here.
///
/// # Examples
///
/// ```
/// use booty_state::{Moment, SecurityOverrides};
/// use state_store::Store;
///
/// # let dir = tempfile::tempdir()?;
/// # let text = r#"{"acme/site:9f2c1ab5d0": {"reason": "secret", "created_at": "2026-11-19T00:00:00+00:00"}}"#;
/// # given(&dir.path().join("security_overrides.json"), text);
/// let overrides = SecurityOverrides::new(&Store::files(dir.path()));
/// let now: Moment = "2026-11-20T18:53:00Z".parse()?;
/// let found = overrides.find(&"acme/site".parse()?, &"9f2c1ab5d0".parse()?, now)?;
/// assert_eq!(found.unwrap().to_string(), "secret");
/// # #[expect(clippy::disallowed_methods, reason = "the other program")]
/// # fn given(path: &std::path::Path, text: &str) { std::fs::write(path, text).unwrap() }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SecurityOverrides {
    document: Document<Overrides>,
}

impl SecurityOverrides {
    /// The security overrides in `store`.
    #[must_use]
    pub fn new(store: &Store) -> SecurityOverrides {
        SecurityOverrides { document: store.document(KEY) }
    }

    /// Returns what is said about the commit, if it is younger than 14 days at `now`.
    ///
    /// In doubt it counts: with a `created_at` that is missing, unreadable or yet to come,
    /// and however the repository and the commit are capitalised.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: nobody knows whether there is one.
    pub fn find(
        &self,
        repo: &Repo,
        sha: &Sha,
        now: Moment,
    ) -> Result<Option<Override>, StateError> {
        let key = DeliveryKey::of(repo, sha).to_string();
        let overrides = self.document.load()?.unwrap_or_default().0.into_iter();
        let mut about_it = overrides.filter(|(about, _)| about.eq_ignore_ascii_case(&key));
        Ok(about_it.find(|(_, found)| found.counts_at(now)).map(|(_, found)| found))
    }
}

/// What the security agent says about one commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Override {
    /// All that it says: `created_at`, `reason`, `paths`, and whatever else.
    pub entry: Map<String, Value>,
}

impl Override {
    /// When it was made, if it says so.
    #[must_use]
    pub fn created_at(&self) -> Option<Moment> {
        self.text("created_at")?.parse().ok()
    }

    /// Why it was made, if it says so.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.text("reason")
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.entry.get(key)?.as_str()
    }

    fn counts_at(&self, now: Moment) -> bool {
        self.created_at().is_none_or(|created_at| now.since(created_at) < LIFETIME)
    }
}

/// The reason, or that there is none.
impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.reason().unwrap_or("no reason given"))
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Overrides(HashMap<String, Override>);

impl Schema for Overrides {
    /// The one that it lacks may be the one that is asked for.
    fn restored(&mut self) -> Result<(), String> {
        Err("it may lack an override".to_owned())
    }
}
