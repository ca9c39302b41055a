//! What is on record before a command starts, each durable before the next, and how that is
//! taken back: the line of the start, the claim, the pending deploy, the line of the process.

use booty_state::{Claim, DeliveryId, DeliveryKey, NewEntry, Sha, StateError};
use flock_guard::{Machine, Sighting};
use serde_json::{Value, json};

use crate::{
    context::{Context, rfc3339},
    exit::CliError,
    output::Output,
    project::Project,
    waits::Waits,
};

/// A deploy of one commit, for one delivery.
#[derive(Debug)]
pub(crate) struct Intent<'a> {
    pub(crate) context: &'a Context,
    pub(crate) project: &'a Project,
    pub(crate) sha: &'a Sha,
    pub(crate) delivery_id: &'a DeliveryId,
    /// The delivery that had handled the commit before a person ordered it once more.
    pub(crate) before: Option<DeliveryId>,
}

/// Who has the commit now.
#[derive(Debug)]
pub(crate) enum Declared {
    /// We have. The fence is the number of the line in the audit log, which only rises.
    Ours { fence: u64 },
    /// This delivery had it already.
    LostTo(String),
}

/// In the line of a start: its command waits for a line of its own before it starts, so that
/// without that line it provably never did.
const WAITS: &str = "not_started";

impl Intent<'_> {
    /// Declares the deploy: from here on nobody else starts one of this commit. The line says
    /// `why`, if no order to do it once more says so.
    pub(crate) fn declare(
        &self,
        redeploy: Option<&str>,
        why: Option<&str>,
        out: &Output,
    ) -> Result<Declared, CliError> {
        let mut start = self.entry("deploy_started").changing(
            json!({"command": WAITS, "delivery_id": self.before.as_ref().map(ToString::to_string)}),
            self.delivery_id.to_string(),
        );
        start.why = redeploy.or(why).map(str::to_owned);
        let fence = self.context.audit().append(&start)?;
        let deliveries = self.context.deliveries();
        let claimed = match redeploy {
            Some(_) => deliveries.record(&self.key(), self.delivery_id).map(|()| Claim::New),
            None => deliveries.claim(&self.key(), self.delivery_id),
        };
        let claimed = claimed.inspect_err(|_| self.take_back("the claim failed", out))?;
        // A cache that just came back from its backup has learnt of this delivery from that line.
        let by_another = |by: &String| *by != self.delivery_id.to_string();
        if let Claim::Already { by } = claimed
            && by_another(&by)
        {
            self.take_back("another delivery was faster", out);
            return Ok(Declared::LostTo(by));
        }
        let pending = self
            .context
            .releases(self.project)
            .attempt_started(self.sha, self.context.now().into());
        pending.inspect_err(|_| self.take_back("the intent could not be written", out))?;
        Ok(Declared::Ours { fence })
    }

    /// The note that its command waits.
    pub(crate) fn waits(&self) -> Waits {
        Waits::of(self.context, self.project.environment())
    }

    /// Writes down which process is about to become the command, and before that the note that
    /// this process takes away when it does.
    pub(crate) fn name_process(&self, pid: u32) -> Result<(), CliError> {
        let Machine { machine_id, boot_id, pid_namespace } = Machine::here();
        let start_time = match Sighting::of(pid) {
            Sighting::Running { start_time } => Some(start_time),
            _ => None,
        };
        // The words of a lock's record, so that life is judged in the same way.
        let process = json!({
            "pid": pid,
            "created": rfc3339(self.context.now()),
            "hostname": rustix::system::uname().nodename().to_string_lossy(),
            "start_time": start_time,
            "boot_id": boot_id,
            "machine_id": machine_id,
            "pid_namespace": pid_namespace,
        });
        let waits = self.waits();
        waits.say(self.delivery_id.as_str()).map_err(|error| {
            let path = waits.path().display();
            CliError::broken(format!("cannot write `{path}`")).because(&error)
        })?;
        let entry = self.entry("command_started").changing(self.delivery_id.to_string(), process);
        self.context.audit().append(&entry)?;
        Ok(())
    }

    /// Takes everything back after another error, beside which it can only be noted that this
    /// has failed, too.
    pub(crate) fn take_back(&self, why: &str, out: &Output) {
        if let Err(failed) = self.taken_back(why) {
            let causes = failed.causes.iter().map(String::as_str);
            let told: Vec<&str> = std::iter::once(failed.message.as_str()).chain(causes).collect();
            out.note(&format!("note: {}", told.join(": ")));
        }
    }

    /// Takes everything back, because the command provably never started.
    pub(crate) fn taken_back(&self, why: &str) -> Result<(), CliError> {
        let deliveries = self.context.deliveries();
        let but = |what: &str| {
            let message = what.to_owned();
            move |error: StateError| {
                let CliError { kind, message: cause, mut causes, hints } = error.into();
                causes.insert(0, cause);
                CliError { kind, message, causes, hints }
            }
        };
        // In this order, and no further than it goes: what is not taken back still holds.
        let abandoned = self.context.releases(self.project).abandon(self.sha);
        abandoned.map_err(but("the intent could not be taken back"))?;
        let is_ours = || Ok(deliveries.find(&self.key())? == Some(self.delivery_id.to_string()));
        match &self.before {
            Some(before) => is_ours().and_then(|ours| match ours {
                true => deliveries.record(&self.key(), before),
                false => Ok(()),
            }),
            None => deliveries.give_back(&self.key(), self.delivery_id).map(drop),
        }
        .map_err(but("the claim could not be taken back"))?;
        let entry = self.entry("deploy_taken_back").because(why);
        let entry = entry.changing(Value::Null, self.delivery_id.to_string());
        let written = self.context.audit().append(&entry).map(drop);
        written.map_err(but("it was taken back, but its line in the audit log is missing"))?;
        self.waits().forget(self.delivery_id.as_str());
        Ok(())
    }

    /// A line of the audit log about it.
    pub(crate) fn entry(&self, what: &'static str) -> NewEntry {
        NewEntry::new(self.context.now().into(), self.context.who(), what)
            .about(&self.project.repo, self.sha)
    }

    fn key(&self) -> DeliveryKey {
        DeliveryKey::of(&self.project.repo, self.sha)
    }
}

/// What the line of a start says: that its command waits for a line of its own, and which
/// delivery had handled the commit before. `None` if it says no such thing.
pub(crate) fn declared(before: Option<&Value>) -> Option<Option<DeliveryId>> {
    let before = before?;
    if before.get("command").and_then(Value::as_str) != Some(WAITS) {
        return None;
    }
    match before.get("delivery_id") {
        None | Some(Value::Null) => Some(None),
        // An id that cannot be written back is not taken back either.
        Some(id) => id.as_str()?.parse().ok().map(Some),
    }
}
