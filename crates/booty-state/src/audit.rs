//! One line of the audit log, and how it is chained to the one before.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{ChainBreak, Moment, Repo, Sha};

/// A change that is about to be written down.
///
/// Nothing but what the caller puts in gets in: a secret must not be among it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// When it happened.
    pub time: Moment,
    /// Who did it: `ana@build-3 pid 4711`.
    pub who: String,
    /// What was done, as a verb of the log: `deploy_started`, `delivery_claimed`.
    pub what: String,
    /// In which repository.
    pub repo: Option<Repo>,
    /// About which commit.
    pub sha: Option<Sha>,
    /// Why, in the words of whoever did it.
    pub why: Option<String>,
    /// What was there before, as far as it matters.
    pub before: Option<Value>,
    /// What is there now.
    pub after: Option<Value>,
}

impl NewEntry {
    /// That `who` did `what`, now.
    pub fn new(now: Moment, who: impl Into<String>, what: impl Into<String>) -> NewEntry {
        NewEntry {
            time: now,
            who: who.into(),
            what: what.into(),
            repo: None,
            sha: None,
            why: None,
            before: None,
            after: None,
        }
    }

    /// Says what it was about.
    #[must_use]
    pub fn about(self, repo: &Repo, sha: &Sha) -> NewEntry {
        NewEntry { repo: Some(repo.clone()), sha: Some(sha.clone()), ..self }
    }

    /// Says why it was done.
    #[must_use]
    pub fn because(self, why: impl Into<String>) -> NewEntry {
        NewEntry { why: Some(why.into()), ..self }
    }

    /// Says what was there before, and what is there now.
    #[must_use]
    pub fn changing(self, before: impl Into<Value>, after: impl Into<Value>) -> NewEntry {
        NewEntry { before: Some(before.into()), after: Some(after.into()), ..self }
    }
}

/// A change that was written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Entry {
    /// The number of its line, counted from 1.
    pub seq: u64,
    /// When it happened.
    pub time: Moment,
    /// Who did it.
    pub who: String,
    /// What was done.
    pub what: String,
    /// In which repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<Repo>,
    /// About which commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha: Option<Sha>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What was there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What was there after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// The SHA-256 of the line before, without its newline; 64 zeros in the first line.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[0-9a-f]{64}$")))]
    pub prev: String,
    /// The SHA-256 of this line up to the comma before this key.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[0-9a-f]{64}$")))]
    pub hash: String,
}

/// What the first line has instead of the hash of a line before it.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How a line ends, around its own hash.
const HASH_START: &str = ",\"hash\":\"";
const HASH_END: &str = "\"}";

/// Where the chain has got to: everything that the next line depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    #[serde(rename = "seq")]
    pub(crate) lines: u64,
    pub(crate) head: String,
}

impl Link {
    /// Before the first line.
    pub(crate) fn beginning() -> Link {
        Link { lines: 0, head: BEGINNING.to_owned() }
    }

    /// After `line`, which is the `number`th.
    pub(crate) fn after(number: u64, line: &str) -> Link {
        Link { lines: number, head: digest(line) }
    }

    /// Where it had got to by the `mark` of the log.
    pub(crate) fn marked(mark: &str) -> Option<Link> {
        serde_json::from_str(mark).ok()
    }

    /// What the mark of the log says.
    pub(crate) fn mark(&self) -> String {
        serde_json::to_string(self).expect("a number and a text can be written")
    }

    /// Whether a log that has got to `log` lacks the line that is meant here.
    pub(crate) fn is_beyond(&self, log: &Link) -> bool {
        self.lines >= log.lines && self != log
    }

    /// The number of the line that comes next. A garbled line before it can claim any
    /// number, and must not keep the log from going on.
    pub(crate) fn next(&self) -> u64 {
        self.lines.saturating_add(1)
    }

    /// The line that comes next.
    pub(crate) fn line_for(&self, new: NewEntry) -> String {
        let NewEntry { time, who, what, repo, sha, why, before, after } = new;
        let (seq, prev, hash) = (self.next(), self.head.clone(), String::new());
        let entry = Entry { seq, time, who, what, repo, sha, why, before, after, prev, hash };
        let line = serde_json::to_string(&entry).expect("a JSON value and texts can be written");
        let body = line.strip_suffix(HASH_END).and_then(|line| line.strip_suffix(HASH_START));
        let body = body.expect("the hash is the last key, and empty so far");
        format!("{body}{HASH_START}{}{HASH_END}", digest(body))
    }

    /// Checks that `line` comes next, and goes on to it.
    pub(crate) fn follow(&mut self, line: &str) -> Result<(), ChainBreak> {
        let entry: Entry = serde_json::from_str(line).map_err(ChainBreak::Unreadable)?;
        let end = format!("{HASH_START}{}{HASH_END}", entry.hash);
        if line.strip_suffix(&end).is_none_or(|body| digest(body) != entry.hash) {
            return Err(ChainBreak::Changed);
        }
        let expected = self.next();
        if entry.seq != expected {
            return Err(ChainBreak::Number { found: entry.seq, expected });
        }
        if entry.prev != self.head {
            return Err(ChainBreak::Chain);
        }
        *self = Link::after(expected, line);
        Ok(())
    }
}

fn digest(text: &str) -> String {
    let mut hex = String::with_capacity(BEGINNING.len());
    for byte in Sha256::digest(text) {
        write!(hex, "{byte:02x}").expect("a string takes everything");
    }
    hex
}
