//! One attempt at a deploy: claim, intent, act, result, each durable before the next.
//!
//! Killed at any point, the command has started at most once: before the claim nothing has
//! happened; between claim and result the next run finds the claim or the pending intent and
//! holds; after the result everything is said. Only what provably never started is taken back.

use std::{
    ffi::OsString,
    io,
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use booty_state::{Claim, DeliveryId, DeliveryKey, DeployResult, NewEntry, Sha, StateError};
use circuit_breaker::{Event, Ticket};
use flock_guard::{LockError, LockGuard, Wait};
use serde_json::Value;

use crate::{
    breaker::Breaker,
    context::{Context, stdin_is_terminal},
    exit::{CliError, Kind},
    output::Output,
    process::{self, Ended, Signals},
    project::Project,
};

/// What one attempt is about.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) context: &'a Context,
    pub(crate) project: &'a Project,
    pub(crate) sha: &'a Sha,
    /// A person's order to start the command once more for this commit.
    pub(crate) redeploy: Option<&'a str>,
    pub(crate) delivery_id: DeliveryId,
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Somebody else has claimed the commit in between: the command was not started.
    LostTo(String),
    /// We were asked to stop before the command was started: nothing has happened.
    NotStarted { signal: u8 },
    /// The command has run.
    Ran { ended: Ended, took: Duration },
}

/// Who has the commit after a claim.
#[derive(Debug)]
enum Claimed {
    /// We have.
    Ours {
        /// The delivery that had handled it before a person ordered it once more.
        before: Option<DeliveryId>,
    },
    /// This delivery had it already.
    LostTo(String),
}

/// Takes the lock that a deploy holds to its end, and says who has it if we must wait.
pub(crate) fn lock(
    context: &Context,
    project: &Project,
    out: &Output,
) -> Result<LockGuard, CliError> {
    state_store::create_private_dir(&context.locks_dir())?;
    let lock = context.deploy_lock(project.environment());
    let failed = |error: LockError| {
        let message = format!("cannot take the deploy lock of {}", project.environment());
        match error {
            LockError::Busy { .. } => CliError::new(Kind::Busy, message)
                .because(&error)
                .hint("wait longer with --lock-wait 15m")
                .hint("govctl status"),
            _ => CliError::broken(message).because(&error),
        }
    };
    match lock.exclusive(Wait::Never) {
        Err(busy @ LockError::Busy { .. }) if context.lock_wait != Wait::Never => {
            out.note(&format!("waiting: {busy}"));
            lock.exclusive(context.lock_wait).map_err(failed)
        }
        taken => taken.map_err(failed),
    }
}

impl Attempt<'_> {
    /// Claims the commit, writes the intent, runs the command and records the result.
    pub(crate) fn run(
        &self,
        argv: &[OsString],
        limit: Option<Duration>,
        out: &Output,
    ) -> Result<Outcome, CliError> {
        // From here on a signal is a byte in a pipe and cannot end us between two steps.
        let mut signals = Signals::listen()
            .map_err(|error| CliError::broken("cannot listen for signals").because(&error))?;
        // Whatever can fail without touching anything comes first.
        let mut command = self.command(argv, out)?;
        let claimed = match self.claim()? {
            Claimed::Ours { before } => before,
            Claimed::LostTo(by) => return Ok(Outcome::LostTo(by)),
        };
        let fence = self.write_intent().inspect_err(|_| {
            self.take_back(&claimed, "the intent could not be written", out);
        })?;
        if let Some(signal) = signals.arrived() {
            self.take_back(&claimed, "interrupted before the command was started", out);
            return Ok(Outcome::NotStarted { signal });
        }
        let ticket = self.ask_breaker().inspect_err(|_| {
            self.take_back(&claimed, "the breaker let nothing through", out);
        })?;
        command.env("GOVCTL_FENCE", fence.to_string());
        let started = Instant::now();
        let ended = process::run(command, limit, &mut signals).map_err(|error| match error {
            process::RunError::NotStarted(error) => {
                self.take_back(&claimed, "the command could not be started", out);
                self.tell_breaker(Event::GivenBack(ticket), out);
                self.cannot_start(argv, &error)
            }
            process::RunError::Lost(error) => self.lost(&error),
        })?;
        let took = started.elapsed();
        let recorded = self.record(ended, took);
        let told = if ended.is_success() { Event::Success } else { Event::Failure };
        self.tell_breaker(told(ticket), out);
        recorded?;
        Ok(Outcome::Ran { ended, took })
    }

    /// Asks for the right to run the command; half-open, this is the trial.
    ///
    /// The decision has looked at the breaker already, so it says no only if somebody has opened
    /// it in between.
    fn ask_breaker(&self) -> Result<Ticket, CliError> {
        let breaker = Breaker::of_deploys(self.context, self.project.environment())?;
        breaker.ask(self.context.now())?.map_err(|refused| {
            let message = format!("the breaker `{}` has just opened", breaker.name);
            CliError::new(Kind::Refused, message)
                .because(&refused)
                .hint(format!("govctl breaker status {}", breaker.name))
        })
    }

    /// Tells the breaker how it went. That it could not be told changes no outcome.
    fn tell_breaker(&self, event: Event, out: &Output) {
        let told =
            Breaker::of_deploys(self.context, self.project.environment()).and_then(|breaker| {
                Ok((breaker.tell(|_| event.clone(), self.context.now())?, breaker))
            });
        match told {
            Ok((told, breaker)) => {
                if let Some(transition) = told.transition {
                    out.note(&format!("note: the breaker `{}` {transition}", breaker.name));
                }
            }
            Err(error) => tracing::error!(%error, "the breaker around deploys could not be told"),
        }
    }

    /// Claims the commit, or names the delivery that has handled it already.
    fn claim(&self) -> Result<Claimed, CliError> {
        let key = self.key();
        let deliveries = self.context.deliveries();
        if self.redeploy.is_some() {
            // An id in an old file that could not be written today is not written back either.
            let before = deliveries.find(&key)?.and_then(|id| id.parse().ok());
            deliveries.record(&key, &self.delivery_id)?;
            return Ok(Claimed::Ours { before });
        }
        Ok(match deliveries.claim(&key, &self.delivery_id)? {
            Claim::New => Claimed::Ours { before: None },
            Claim::Already { by } => Claimed::LostTo(by),
        })
    }

    /// Writes down that the command is about to start. Returns the number of that line in
    /// the audit log, which only rises: the fence that the command gets.
    fn write_intent(&self) -> Result<u64, CliError> {
        let now = self.context.now();
        self.context.releases(self.project).attempt_started(self.sha, now.into())?;
        let mut entry = self.entry("deploy_started", now);
        entry.why = self.redeploy.map(str::to_owned);
        Ok(self.context.audit().append(&entry)?)
    }

    /// Gives the claim and the intent back, because the command provably never started.
    fn take_back(&self, before: &Option<DeliveryId>, why: &str, out: &Output) {
        let now = self.context.now();
        let deliveries = self.context.deliveries();
        let but = |what| move |error: StateError| format!("{what}: {error}");
        // In this order, and no further than it goes: what is not taken back still holds.
        let taken_back = || -> Result<(), String> {
            let abandoned = self.context.releases(self.project).abandon(self.sha);
            abandoned.map_err(but("the intent could not be taken back"))?;
            match before {
                Some(before) => deliveries.record(&self.key(), before),
                None => deliveries.give_back(&self.key(), &self.delivery_id).map(drop),
            }
            .map_err(but("the claim could not be taken back"))?;
            let entry = self.entry("deploy_taken_back", now).because(why);
            let written = self.context.audit().append(&entry).map(drop);
            written.map_err(but("it was taken back, but its line in the audit log is missing"))
        };
        if let Err(failed) = taken_back() {
            out.note(&format!("note: {failed}"));
        }
    }

    fn record(&self, ended: Ended, took: Duration) -> Result<(), CliError> {
        let now = self.context.now();
        let result = if ended.is_success() { DeployResult::Success } else { DeployResult::Failure };
        let word = result.to_string();
        let unrecorded = |error: CliError| CliError {
            kind: Kind::Unknown,
            message: format!(
                "the deploy of {} ended with {word}, but that could not be recorded",
                self.sha.short()
            ),
            causes: std::iter::once(error.message).chain(error.causes).collect(),
            hints: vec![format!(
                "govctl resolve {} --as {word} --reason \"seen in the log\"",
                self.sha
            )],
        };
        let releases = self.context.releases(self.project);
        releases
            .finished(self.sha, result, now.into())
            .map_err(|error| unrecorded(error.into()))?;
        let entry = self
            .entry("deploy_finished", now)
            .because(format!("the command {ended} after {:.1} s", took.as_secs_f64()))
            .changing("started", word);
        if let Err(error) = self.context.audit().append(&entry) {
            // The outcome itself is recorded; a missing line must not turn it into another.
            tracing::error!(%error, "the result is recorded, but its line in the audit log is missing");
        }
        Ok(())
    }

    fn command(&self, argv: &[OsString], out: &Output) -> Result<Command, CliError> {
        let (program, args) = argv.split_first().ok_or_else(|| CliError::usage("no command"))?;
        let live = self.context.releases(self.project).load()?.production_sha_current;
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(&self.context.workspace)
            .env("DEPLOY_SHA", self.sha.to_string())
            .env("DEPLOY_REPO", self.project.repo.to_string())
            .env("DEPLOY_ENVIRONMENT", self.project.environment())
            .env("DEPLOY_PREVIOUS_SHA", live.map(|sha| sha.to_string()).unwrap_or_default());
        if stdin_is_terminal() {
            // In a group of its own a command that reads from the terminal would be stopped.
            command.stdin(Stdio::null());
        }
        if out.is_json() {
            command.stdout(io::stderr());
        }
        Ok(command)
    }

    fn key(&self) -> DeliveryKey {
        DeliveryKey::of(&self.project.repo, self.sha)
    }

    fn entry(&self, what: &'static str, now: SystemTime) -> NewEntry {
        NewEntry::new(now.into(), self.context.who(), what)
            .about(&self.project.repo, self.sha)
            .changing(Value::Null, self.delivery_id.to_string())
    }

    fn cannot_start(&self, argv: &[OsString], error: &io::Error) -> CliError {
        let program = argv.first().map(|program| program.display().to_string()).unwrap_or_default();
        CliError::broken(format!("cannot start `{program}`; nothing was deployed"))
            .because(error)
            .hint("the commit can be tried again once the command can be started")
    }

    /// The command has started, and we cannot see how it ended.
    fn lost(&self, error: &io::Error) -> CliError {
        let (sha, short) = (self.sha, self.sha.short());
        CliError::new(Kind::Unknown, format!("lost sight of the command that deploys {short}"))
            .because(error)
            .hint(format!("govctl resolve {sha} --as success --reason \"...\""))
            .hint(format!("govctl resolve {sha} --as failure --reason \"...\""))
    }
}
