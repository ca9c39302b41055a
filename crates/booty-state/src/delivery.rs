//! Which deliveries were handled, and by what: plain data.

use std::{collections::HashMap, fmt};

use indexmap::IndexMap;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};
use state_store::Schema;

use crate::{DeliveryId, DeliveryKey, Repo, Sha, Subject, key::spelt};

/// The deliveries that were handled, as `delivery_ids.json` holds them, in order of arrival.
///
/// Entries of the old program whose key is not a [`DeliveryKey`] stay where they are, and
/// answer no question.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Deliveries(
    /// Keys of deliveries are as [`DeliveryKey`] prints them, so that one lookup is enough.
    IndexMap<String, String>,
);

/// The key that says that these came back from a backup, and may lack one. No delivery has it,
/// and the old program looks it up as little as we do.
const RESTORED: &str = "restored_from_backup";

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "only a new claim gives leave to deliver"]
pub enum Claim {
    /// Nobody had handled the delivery. It is the caller's now.
    New,
    /// It is handled already, or somebody is about to.
    Already {
        /// The delivery id that claimed it.
        by: String,
    },
}

/// How many deliveries are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All of them.
    All,
    /// The newest commits of each repository, and as many of what else is handled once there; 0
    /// means all.
    Newest(u32),
}

impl Keep {
    /// The largest number per [`Shelf`].
    pub(crate) fn limit(self) -> usize {
        match self {
            Keep::All | Keep::Newest(0) => usize::MAX,
            Keep::Newest(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        }
    }
}

impl Default for Keep {
    /// The newest 1,000: months of deploys, in a file of at most about 200 kB.
    fn default() -> Keep {
        Keep::Newest(1_000)
    }
}

/// One delivery that was handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What was delivered, and where.
    pub key: DeliveryKey,
    /// What it was handled by.
    pub id: String,
}

impl Deliveries {
    /// What handled the delivery, if it was handled.
    #[must_use]
    pub fn find(&self, key: &DeliveryKey) -> Option<&str> {
        let key = self.spelt(&key.to_string())?;
        self.0.get(&key).map(String::as_str)
    }

    /// The key as it is here, perhaps with another spelling of the repository. Where an old file has
    /// two, the very one that is asked for comes first.
    fn spelt(&self, key: &str) -> Option<String> {
        if self.0.contains_key(key) {
            return Some(key.to_owned());
        }
        spelt(self.0.keys(), key).cloned()
    }

    /// Checks and records in one step.
    pub fn claim(&mut self, key: &DeliveryKey, id: &DeliveryId) -> Claim {
        match self.find(key) {
            Some(by) => Claim::Already { by: by.to_owned() },
            None => {
                self.0.insert(key.to_string(), id.to_string());
                Claim::New
            }
        }
    }

    /// Records that `id` handled the delivery, whatever was there before. It becomes the
    /// newest.
    pub fn record(&mut self, key: &DeliveryKey, id: &DeliveryId) {
        self.renew(key.to_string(), id.to_string());
    }

    fn renew(&mut self, key: String, id: String) {
        let key = self.spelt(&key).unwrap_or(key);
        self.0.shift_remove(&key);
        self.0.insert(key, id);
    }

    /// Removes the claim of `id` on the delivery: it provably was not handled. Returns
    /// whether there was that claim; a claim of anybody else stays.
    pub fn give_back(&mut self, key: &DeliveryKey, id: &DeliveryId) -> bool {
        self.forget(&key.to_string(), id.as_str())
    }

    /// The deliveries, of one repository or all of them, in order of arrival.
    pub fn list(&self, repo: Option<&Repo>) -> impl Iterator<Item = Delivery> {
        self.0
            .iter()
            .filter_map(|(key, id)| Some(Delivery { key: key.parse().ok()?, id: id.clone() }))
            .filter(move |delivery| repo.is_none_or(|repo| delivery.key.repo() == repo))
    }

    /// Forgets the oldest deliveries of every repository that has more than `keep` allows.
    /// Returns how many.
    pub fn prune(&mut self, keep: Keep) -> usize {
        let mut surplus: HashMap<Shelf, usize> = HashMap::new();
        for delivery in self.list(None) {
            *surplus.entry(Shelf::of(&delivery.key)).or_default() += 1;
        }
        surplus.retain(|_, count| {
            *count = count.saturating_sub(keep.limit());
            *count > 0
        });
        let shelves = surplus.into_iter();
        shelves.map(|(shelf, count)| self.forget_oldest(&shelf, count)).sum()
    }

    /// As [`prune`](Deliveries::prune), for the one shelf that has just grown.
    pub(crate) fn prune_beside(&mut self, key: &DeliveryKey, keep: Keep) -> usize {
        let shelf = Shelf::of(key);
        let count = self.0.keys().filter(|key| shelf.has(key)).count();
        self.forget_oldest(&shelf, count.saturating_sub(keep.limit()))
    }

    /// Whether they may lack a delivery, because they came back from a backup and nobody has
    /// looked for what that lacks. Then one that is not found may have been handled.
    #[must_use]
    pub fn may_lack_one(&self) -> bool {
        self.0.contains_key(RESTORED)
    }

    /// Whether nobody, or another than `id`, handled `key`, as [`DeliveryKey`] prints it. That
    /// somebody did whose id is not on record says nothing new about a key that is.
    pub(crate) fn lacks(&self, key: &str, id: Option<&str>) -> bool {
        let known = self.spelt(key).and_then(|key| self.0.get(&key));
        known.is_none_or(|known| id.is_some_and(|id| id != known))
    }

    /// Adds what was missing; now none is.
    pub(crate) fn complete(&mut self, missing: impl Iterator<Item = (String, String)>) {
        self.accepted();
        for (key, id) in missing {
            self.renew(key, id);
        }
    }

    /// Takes the claim of `id` away. Returns whether there was that claim.
    pub(crate) fn forget(&mut self, key: &str, id: &str) -> bool {
        let key = self.spelt(key).filter(|key| self.0.get(key).is_some_and(|by| by == id));
        key.is_some_and(|key| self.0.shift_remove(&key).is_some())
    }

    fn forget_oldest(&mut self, shelf: &Shelf, count: usize) -> usize {
        let mut left = count;
        if count > 0 {
            self.0.retain(|key, _| {
                let is_forgotten = left > 0 && shelf.has(key);
                left -= usize::from(is_forgotten);
                !is_forgotten
            });
        }
        count - left
    }
}

/// What shares a bound: the commits of a repository, or what else is handled once there. Events
/// come by the thousand, and must not push out that a commit was handled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Shelf {
    repo: Repo,
    is_of_commits: bool,
}

impl Shelf {
    pub(crate) fn of(key: &DeliveryKey) -> Shelf {
        Shelf { repo: key.repo().clone(), is_of_commits: key.sha().is_some() }
    }

    /// Whether `key` is the key of a delivery on it.
    fn has(&self, key: &str) -> bool {
        key.split_once(':').is_some_and(|(repo, subject)| {
            repo.eq_ignore_ascii_case(self.repo.as_str())
                && Subject::is_one(subject)
                && subject.parse::<Sha>().is_ok() == self.is_of_commits
        })
    }
}

impl Schema for Deliveries {
    /// Every key but the store's own is a delivery's.
    const FORMAT: Option<u64> = None;

    fn restored(&mut self) -> Result<(), String> {
        self.0.insert(RESTORED.to_owned(), "a delivery may be missing".to_owned());
        Ok(())
    }

    fn accepted(&mut self) {
        self.0.shift_remove(RESTORED);
    }
}

impl<'de> Deserialize<'de> for Deliveries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Deliveries, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Deliveries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of delivery ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Deliveries, A::Error> {
        let mut entries = IndexMap::new();
        while let Some((key, id)) = map.next_entry::<String, String>()? {
            entries.entry(as_printed(key)).or_insert(id);
        }
        Ok(Deliveries(entries))
    }
}

/// A key as [`DeliveryKey`] prints it. The old program took commit ids as they came, and one
/// in capitals must not make its delivery look new.
fn as_printed(key: String) -> String {
    let subject = key.rsplit(':').next().unwrap_or_default();
    if !subject.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return key;
    }
    key.parse::<DeliveryKey>().map_or(key, |parsed| parsed.to_string())
}
