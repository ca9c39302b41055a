//! What `govctl event` claims, so that each event is handled once and none is lost.
//!
//! Whoever handles an event holds a lock, and leaves a line in the audit log at its end. So a
//! claim without that line, under a lock that is free, is of one that was cut off: the same
//! delivery may have it once more. That nothing is dispatched twice is not kept here, but by the
//! claim of the commit.

use booty_state::{Claim, DeliveryId, DeliveryKey, NewEntry, Subject};
use flock_guard::LockGuard;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    breaker::Name, commands::delivery, context::Context, exit::CliError, github::event::Event,
    output::Output, project::Project,
};

/// What is claimed for an event: its delivery, if it has an id, and its run. Nothing for one that
/// does not matter here.
pub(super) fn keys(
    project: &Project,
    event: &Event,
    id: Option<&str>,
) -> Result<Vec<DeliveryKey>, CliError> {
    let run = match event {
        Event::Ignored { .. } => return Ok(Vec::new()),
        Event::Verified { run, attempt, .. } => format!("verify_run_{run}_{attempt}"),
        Event::Deployed { run, attempt, .. } => format!("deploy_run_{}_{attempt}", run.id),
    };
    let words = id.map(|id| format!("event_{id}")).into_iter().chain([run]);
    let keys = words.map(|word| {
        let subject: Subject = word.parse().map_err(|error| {
            CliError::usage("the id of the delivery is not one of GitHub").because(&error)
        })?;
        Ok(DeliveryKey::new(project.repo.clone(), subject))
    });
    keys.collect()
}

/// Claims that are ours.
#[derive(Debug)]
#[must_use = "say how it ended: a claim without an end counts as cut off"]
pub(super) struct Claimed<'a> {
    context: &'a Context,
    by: DeliveryId,
    keys: Vec<DeliveryKey>,
    /// Held to the end: who waited for it sees how the event was handled.
    _turn: LockGuard,
}

impl<'a> Claimed<'a> {
    /// Claims all of `keys`, or none and `None` if one was handled before.
    pub(super) fn of(
        context: &'a Context,
        keys: Vec<DeliveryKey>,
        id: Option<&str>,
        out: &Output,
    ) -> Result<Option<Claimed<'a>>, CliError> {
        let by: DeliveryId =
            format!("event-{}", id.unwrap_or("without-an-id")).parse().map_err(|error| {
                CliError::usage("the id of the delivery cannot be kept").because(&error)
            })?;
        let turn = turn(context, &keys)?;
        let claimed = Claimed { context, by, keys, _turn: turn };
        let mut before = Vec::new();
        for key in &claimed.keys {
            before.extend(context.deliveries().find(key)?);
        }
        let is_ours = |by: &String| *by == claimed.by.as_str();
        let is_again = !before.is_empty();
        if is_again && (!before.iter().all(is_ours) || claimed.was_handled()?) {
            return Ok(None);
        }
        if is_again {
            out.note(&format!("note: going on with {}, which was cut off", claimed.by.as_str()));
        }
        let mut held = Vec::new();
        for key in &claimed.keys {
            let claim = context.deliveries().claim(key, &claimed.by);
            match claim.inspect_err(|_| claimed.give_back_some(&held))? {
                Claim::New => {
                    // Who asks the log what a restored cache lacks has to find what it says last.
                    delivery::note(context, "delivery_claimed", key, &claimed.by);
                    held.push(key);
                }
                Claim::Already { by } if is_again && is_ours(&by) => {}
                // Another delivery of the same run was faster.
                Claim::Already { .. } => {
                    claimed.give_back_some(&held);
                    return Ok(None);
                }
            }
        }
        Ok(Some(claimed))
    }

    /// Nothing is left to do about it.
    pub(super) fn has_ended(self) {
        if let Err(error) = self.context.audit().append(&self.end()) {
            // At worst it is handled once more, and dispatches nothing then.
            tracing::error!(%error, "that the event was handled is not in the audit log");
        }
    }

    /// Lets the event come again. That this fails, too, is not told: it is an error already.
    pub(super) fn give_back(self) {
        self.give_back_some(&self.keys.iter().collect::<Vec<_>>());
    }

    fn give_back_some(&self, keys: &[&DeliveryKey]) {
        for key in keys {
            if self.context.deliveries().give_back(key, &self.by).is_ok() {
                // Or a cache that falls back later would learn of the claim and not of its end.
                delivery::note(self.context, "delivery_given_back", key, &self.by);
            }
        }
    }

    /// Whether somebody has come to the end of it before.
    fn was_handled(&self) -> Result<bool, CliError> {
        let (end, by) = (self.end(), self.by.as_str());
        let lines = self.context.audit().entries_with(&[by])?;
        Ok(lines.iter().any(|line| line.what == end.what && line.after == end.after))
    }

    fn end(&self) -> NewEntry {
        let run = self.keys.last().map(ToString::to_string);
        NewEntry::new(self.context.now().into(), self.context.who(), "event_handled")
            .changing(Value::Null, json!({ "key": run, "delivery_id": self.by.as_str() }))
    }
}

/// How many locks all events share: none is ever removed, and events are without end.
const LOCKS: u8 = 64;

/// Waits until nobody else handles this event. The kernel lets a process go that was killed.
fn turn(context: &Context, keys: &[DeliveryKey]) -> Result<LockGuard, CliError> {
    // The run, which every delivery of it has.
    let run = keys.last().map(ToString::to_string).unwrap_or_default();
    let number = Sha256::digest(run).first().map_or(0, |byte| byte % LOCKS);
    let name: Name = format!("event-{number:02}").parse().expect("letters and digits are a name");
    state_store::create_private_dir(&context.locks_dir())?;
    context.lock(&name).exclusive(context.lock_wait).map_err(|error| {
        CliError::not_locked("the event may be handled at the moment", &error)
            .hint(format!("govctl lock status {name}"))
    })
}
