//! When nothing is to go out, and why: plain data.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use state_store::Schema;

use crate::{Moment, Withdrawn};

/// The freezes, as `freezes.json` holds them, in the order in which they were declared.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Freezes {
    /// The number of the newest. No number is given twice, also when old freezes are gone.
    last_id: u64,
    freezes: Vec<Freeze>,
    /// Keys that this version does not know, kept as they are.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// A time in which nothing goes out, as it was declared. When that is exactly, on which clock
/// and in which zone, is for the reader to work out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Freeze {
    /// Its number.
    pub id: u64,
    /// Why.
    pub reason: String,
    /// Who declared it.
    pub by: String,
    /// When.
    pub added_at: Moment,
    /// Nothing before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Moment>,
    /// Nothing from this moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// Only in these windows, if there are any: `Fri 16:00-Mon 08:00`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weekly: Vec<String>,
    /// Where the clock hangs that they go by: `Europe/Berlin`.
    pub time_zone: String,
    /// That somebody ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Withdrawn>,
    /// Keys that this version does not know, kept as they are.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// How many of those that are over are kept for people to look at. The audit log has all of
/// them.
const OVER_KEPT: usize = 100;

impl Freeze {
    /// Whether it can never hold anything again: somebody ended it, or its last moment is gone.
    /// Seen from before it was ended it is not over, so that a clock that goes back lets nothing
    /// through.
    #[must_use]
    pub fn is_over(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| until <= now)
            || self.ended.as_ref().is_some_and(|ended| ended.at <= now)
    }
}

impl Freezes {
    /// All of them that are kept, oldest first.
    #[must_use]
    pub fn list(&self) -> &[Freeze] {
        &self.freezes
    }

    /// Those that are not over at `now`, oldest first.
    pub fn standing(&self, now: Moment) -> impl Iterator<Item = &Freeze> {
        self.freezes.iter().filter(move |freeze| !freeze.is_over(now))
    }

    /// The number that the next one will have.
    #[must_use]
    pub fn next_id(&self) -> u64 {
        self.last_id.saturating_add(1)
    }

    /// Somebody declares it. Returns the number that it is given instead of its own.
    pub fn add(&mut self, freeze: Freeze) -> u64 {
        let (id, now) = (self.next_id(), freeze.added_at);
        self.last_id = id;
        self.freezes.push(Freeze { id, ..freeze });
        self.prune(now);
        id
    }

    /// It was declared with this number, unless that is taken.
    pub(crate) fn add_as(&mut self, freeze: Freeze) {
        self.last_id = self.last_id.max(freeze.id.saturating_sub(1));
        self.add(freeze);
    }

    /// Somebody ends it. Returns it as it is now, or nothing if there is none with that number
    /// that is not over.
    pub fn end(&mut self, id: u64, ended: &Withdrawn) -> Option<Freeze> {
        let freeze = self.freezes.iter_mut().find(|freeze| freeze.id == id)?;
        if freeze.ended.is_some() || freeze.is_over(ended.at) {
            return None;
        }
        freeze.ended = Some(ended.clone());
        Some(freeze.clone())
    }

    fn prune(&mut self, now: Moment) {
        let over = self.freezes.iter().filter(|freeze| freeze.is_over(now)).count();
        let mut surplus = over.saturating_sub(OVER_KEPT);
        self.freezes.retain(|freeze| {
            let goes = surplus > 0 && freeze.is_over(now);
            surplus -= usize::from(goes);
            !goes
        });
    }
}

impl Schema for Freezes {
    /// What it lacks may be the freeze that holds now.
    fn restored(&mut self) -> Result<(), String> {
        Err("it may lack a freeze".to_owned())
    }

    fn check(&self) -> Result<(), String> {
        let mut before = 0;
        for freeze in &self.freezes {
            let id = freeze.id;
            if id <= before || id > self.last_id {
                return Err(format!(
                    "freeze {id} is out of order, or has a number that was not given"
                ));
            }
            before = id;
            if freeze.reason.trim().is_empty() {
                return Err(format!("freeze {id} has no reason"));
            }
            if let (Some(from), Some(until)) = (freeze.from, freeze.until)
                && until <= from
            {
                return Err(format!("freeze {id} ends before it begins"));
            }
        }
        Ok(())
    }
}
