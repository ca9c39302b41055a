//! What the audit log knows that a document which came back from its backup does not.
//!
//! Such a document lacks one change. Every start of a deploy and every outcome is in the log,
//! too, so the log tells which one, if it is whole and knows what the document says last.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::Value;

use crate::{
    AuditLog, Deliveries, DeliveryKey, DeployResult, Entry, Keep, ReleaseState, Repo, Sha,
    StateError, delivery::Shelf, key::compared, line_first::made,
};

/// Why the audit log could not tell what a document lacks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoWitness {
    /// None was asked.
    #[error("no audit log was asked")]
    NotAsked,
    /// The log is damaged or could not be read.
    #[error("the audit log does not tell")]
    Untrusted(#[source] Box<StateError>),
    /// Nothing is in the log.
    #[error("the audit log `{log}` is empty")]
    Empty {
        /// The log.
        log: String,
    },
    /// The log does not know what the document says last, so something else writes it, too.
    #[error("the audit log `{log}` does not know {what}, which is the last that is on record")]
    Lacks {
        /// The log.
        log: String,
        /// What it should know.
        what: String,
    },
}

/// What stands for the id of a delivery that is in the log without one.
const WITHOUT_ID: &str = "audit.jsonl";

impl AuditLog {
    /// Adds to `deliveries` what they lack, of the newest that `keep` allows.
    pub(crate) fn complete(
        &self,
        deliveries: &mut Deliveries,
        keep: Keep,
    ) -> Result<(), NoWitness> {
        let handled = Handled::by(self.testimony()?);
        let newest = deliveries.list(None).last().map(|delivery| delivery.key.to_string());
        if let Some(what) = newest.filter(|key| !handled.knows(key)) {
            return Err(NoWitness::Lacks { log: self.place(), what: format!("`{what}`") });
        }
        for (key, id) in &handled.given_back {
            deliveries.forget(key, id);
        }
        // Those that were pruned are not to come back as the newest.
        let mut left = HashMap::new();
        let mut missing = Vec::new();
        for Claimed { key, id } in handled.claimed.into_values().rev() {
            let shelf = key.parse().ok().map(|key| Shelf::of(&key));
            let left = left.entry(shelf).or_insert(keep.limit());
            if *left > 0 && deliveries.lacks(&key, Some(&*id).filter(|id| *id != WITHOUT_ID)) {
                missing.push((key, id));
            }
            *left = left.saturating_sub(1);
        }
        deliveries.complete(missing.into_iter().rev());
        Ok(())
    }

    /// Makes of `state` what it was after the last transition in the log.
    pub(crate) fn catch_up(&self, state: &mut ReleaseState) -> Result<(), NoWitness> {
        let entries = self.testimony()?;
        let is_ours = |entry: &&Entry| {
            entry.sha.is_some() && (state.repo.is_none() || entry.repo == state.repo)
        };
        let ours: Vec<&Entry> = entries.iter().filter(is_ours).collect();
        let lost_from = match &state.last_deploy_attempt_sha {
            None => 0,
            Some(sha) => {
                let says_so = |entry: &&Entry| {
                    entry.sha.as_ref() == Some(sha)
                        && transition(entry) == Some(Some(state.last_deploy_result.clone()))
                };
                let last = ours.iter().rposition(says_so).ok_or_else(|| NoWitness::Lacks {
                    log: self.place(),
                    what: format!("{} of {}", state.last_deploy_result, sha.short()),
                })?;
                last + 1
            }
        };
        for entry in &ours[lost_from..] {
            replay(state, entry);
        }
        // The outcome that is lost may read like the one before the rollback, and was not gone
        // through again.
        let marked: Vec<Sha> = state.rolled_back.iter().map(|mark| mark.sha.clone()).collect();
        for sha in marked.iter().filter(|sha| has_ended_since_rollback(&ours, sha)) {
            state.forget_rollback(sha);
        }
        state.restored_from_backup = false;
        Ok(())
    }

    /// Makes of `state`, which knows of no deploy at all, what the log tells: it may have been lost
    /// with its backup. The last line is left out if it is the one about the change of `except`
    /// that is being made.
    pub(crate) fn remember(
        &self,
        state: &mut ReleaseState,
        repo: Option<&Repo>,
        except: Option<&Sha>,
    ) -> Result<(), NoWitness> {
        let entries = match self.testimony() {
            Ok(entries) => entries,
            Err(NoWitness::Empty { .. }) => return Ok(()),
            // What was live cannot be told, and to say that nothing was would let anything out.
            Err(error) if self.tells_of_success(repo)? => return Err(error),
            Err(_) => return self.remind(state, repo, except).map_err(untrusted),
        };
        let is_ours = |entry: &&Entry| {
            let is_of_it = repo.is_none_or(|repo| entry.repo.as_ref() == Some(repo));
            is_of_it && (transition(entry).is_some() || entry.what == "rolled_back")
        };
        let mut ours: Vec<&Entry> = entries.iter().filter(is_ours).collect();
        let is_being_made = |entry: &&&Entry| {
            let is_first = ["deploy_started", "recorded", "resolved", "rolled_back"];
            except.is_some() && entry.sha.as_ref() == except && is_first.contains(&&*entry.what)
        };
        if ours.last().as_ref().is_some_and(is_being_made) {
            ours.pop();
        }
        ours.iter().for_each(|entry| replay(state, entry));
        if state.production_sha_current.is_some() || state.last_deploy_result.is_settled() {
            let log = self.place();
            tracing::error!(
                log,
                "the release state is missing; what the audit log tells takes its place"
            );
        }
        Ok(())
    }

    /// Adds every open deploy, but for that of `except`: also in a log with a flaw, what it still
    /// says was started holds.
    fn remind(
        &self,
        state: &mut ReleaseState,
        repo: Option<&Repo>,
        except: Option<&Sha>,
    ) -> Result<(), StateError> {
        let open = self.open_deploys(repo)?.into_iter();
        for (sha, since) in open.filter(|(sha, _)| Some(sha) != except) {
            state.attempt_started(&sha, since);
        }
        Ok(())
    }

    /// Whether any deploy to `repo` has gone well, by a log that may have flaws.
    fn tells_of_success(&self, repo: Option<&Repo>) -> Result<bool, NoWitness> {
        let entries = self.entries().and_then(Iterator::collect::<Result<Vec<Entry>, _>>);
        let went_well = |entry: &Entry| {
            let is_of_it = repo.is_none_or(|repo| entry.repo.as_ref() == Some(repo));
            is_of_it && transition(entry) == Some(Some(DeployResult::Success))
        };
        Ok(made(entries.map_err(untrusted)?).iter().any(went_well))
    }

    /// All entries whose change may have been made, if not one was changed, removed or moved.
    fn testimony(&self) -> Result<Vec<Entry>, NoWitness> {
        if self.verify().map_err(untrusted)?.entries == 0 {
            return Err(NoWitness::Empty { log: self.place() });
        }
        let entries = self.entries().map_err(untrusted)?;
        let entries: Vec<Entry> = entries.collect::<Result<_, _>>().map_err(untrusted)?;
        Ok(made(entries))
    }
}

fn untrusted(error: StateError) -> NoWitness {
    NoWitness::Untrusted(Box::new(error))
}

/// Makes the transition of which an entry tells, if it does.
pub(crate) fn replay(state: &mut ReleaseState, entry: &Entry) {
    let Some(sha) = &entry.sha else { return };
    if entry.what == "rolled_back" {
        state.take_back(sha, entry.why.as_deref(), entry.time);
    }
    match transition(entry) {
        Some(Some(DeployResult::Pending)) => state.attempt_started(sha, entry.time),
        Some(Some(result)) => state.finished(sha, result, entry.time),
        Some(None) => drop(state.abandon(sha)),
        None => {}
    }
}

/// Whether the log has an outcome of `sha` that is newer than its last rollback.
fn has_ended_since_rollback(entries: &[&Entry], sha: &Sha) -> bool {
    let mut of_it = entries.iter().filter(|entry| entry.sha.as_ref() == Some(sha)).rev();
    let telling = of_it.find_map(|entry| match transition(entry) {
        Some(Some(result)) if result != DeployResult::Pending => Some(true),
        _ => (entry.what == "rolled_back").then_some(false),
    });
    telling == Some(true)
}

/// What an entry says about the deploy of its commit: the result that is on record after it, or
/// `Some(None)` that its start was taken back. `None`: nothing.
fn transition(entry: &Entry) -> Option<Option<DeployResult>> {
    match entry.what.as_str() {
        "deploy_started" => Some(Some(DeployResult::Pending)),
        "deploy_taken_back" => Some(None),
        "deploy_finished" | "recorded" | "resolved" => {
            let word = entry.after.as_ref().and_then(Value::as_str)?;
            Some(Some(DeployResult::from(word.to_owned())))
        }
        _ => None,
    }
}

/// The deliveries as the log has seen them, by their keys as they are compared.
#[derive(Debug, Default)]
struct Handled {
    /// In the order in which they were claimed last.
    claimed: IndexMap<String, Claimed>,
    given_back: HashMap<String, String>,
    /// Which delivery had it before the last start of it.
    before: HashMap<String, Option<String>>,
}

/// A claim, its key as [`DeliveryKey`] printed it.
#[derive(Debug)]
struct Claimed {
    key: String,
    id: String,
}

impl Handled {
    fn by(entries: Vec<Entry>) -> Handled {
        let mut handled = Handled::default();
        for entry in entries {
            handled.follow(&entry);
        }
        handled
    }

    fn knows(&self, key: &str) -> bool {
        let key = compared(key);
        self.claimed.contains_key(&key) || self.given_back.contains_key(&key)
    }

    /// Who has it now.
    fn by_whom(&self, key: &str) -> Option<&str> {
        self.claimed.get(&compared(key)).map(|claim| claim.id.as_str())
    }

    fn follow(&mut self, entry: &Entry) {
        let after = entry.after.as_ref();
        let id = || after.and_then(Value::as_str).unwrap_or(WITHOUT_ID).to_owned();
        let about = entry.repo.as_ref().zip(entry.sha.as_ref());
        let key = about.map(|(repo, sha)| DeliveryKey::of(repo, sha).to_string());
        match (entry.what.as_str(), key) {
            ("deploy_started", Some(key)) => {
                let before = self.claim(key.clone(), id());
                self.before.insert(compared(&key), before);
            }
            ("deploy_taken_back", Some(key)) if self.by_whom(&key) == Some(&id()) => {
                self.claimed.shift_remove(&compared(&key));
                match self.before.remove(&compared(&key)).flatten() {
                    Some(before) => drop(self.claim(key, before)),
                    None => drop(self.given_back.insert(compared(&key), id())),
                }
            }
            ("deploy_finished" | "recorded" | "resolved", Some(key))
                if self.by_whom(&key).is_none() =>
            {
                self.claim(key, WITHOUT_ID.to_owned());
            }
            (what @ ("delivery_claimed" | "delivery_recorded" | "delivery_given_back"), _) => {
                let text = |key| after?.get(key)?.as_str();
                let Some((key, id)) = text("key").zip(text("delivery_id")) else { return };
                if what != "delivery_given_back" {
                    self.claim(key.to_owned(), id.to_owned());
                } else if self.by_whom(key) == Some(id) {
                    self.claimed.shift_remove(&compared(key));
                    self.given_back.insert(compared(key), id.to_owned());
                }
            }
            _ => {}
        }
    }

    /// Returns who had it before.
    fn claim(&mut self, key: String, id: String) -> Option<String> {
        let one = compared(&key);
        self.given_back.remove(&one);
        let before = self.claimed.shift_remove(&one);
        self.claimed.insert(one, Claimed { key, id });
        before.map(|claim| claim.id)
    }
}
