//! One attempt at a deploy: declare, act, result, each durable before the next.
//!
//! Killed at any point, the command has started at most once: before its process is on record
//! it cannot start, and whoever comes next takes the attempt back; from then on the next run
//! finds it running, or holds; after the result everything is said.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, stdin},
    process::{Child, Command},
    time::{Duration, Instant},
};

use booty_state::{DeliveryId, DeliveryKey, DeployResult, ReleaseState, Sha, StateError};
use circuit_breaker::{Event, Ticket};
use flock_guard::{LockError, LockGuard, Wait};
use serde_json::Value;

use crate::{
    breaker::Breaker,
    context::{Context, stdin_is_terminal},
    cut_off,
    exit::{CliError, Kind},
    gate::{self, Waiting},
    health::Check,
    intent::{Declared, Intent},
    output::Output,
    process::{self, Signals, Terms},
    project::Project,
    ran::{GivenUp, Health, Ran},
    waits::Waits,
};

/// What one attempt is about.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) context: &'a Context,
    pub(crate) project: &'a Project,
    pub(crate) sha: &'a Sha,
    /// A person's order to start the command once more for this commit.
    pub(crate) redeploy: Option<&'a str>,
    /// The event that it is for.
    pub(crate) event: Option<&'a str>,
    pub(crate) delivery_id: DeliveryId,
    /// Held from the decision to the recorded result.
    pub(crate) lock: &'a LockGuard,
    /// What has to be well afterwards for the deploy to be a success.
    pub(crate) health: Option<&'a Check>,
    pub(crate) breaking: Breaking,
}

/// What an attempt has to do with the breaker around deploys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breaking {
    /// It asks for leave, and tells how it went.
    Asked,
    /// It goes back, which the breaker neither holds nor counts: how that ends says nothing
    /// about the next new commit.
    PassedBy,
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Somebody else has claimed the commit in between: the command was not started.
    LostTo(String),
    /// We were asked to stop before the command was started: nothing has happened.
    NotStarted { signal: u8 },
    /// The command has run.
    Ran(Ran),
}

/// Takes the lock that a deploy holds to its end, and says who has it if we must wait. What a
/// kill has left half done is ended then.
pub(crate) fn lock(
    context: &Context,
    project: &Project,
    out: &Output,
) -> Result<LockGuard, CliError> {
    state_store::create_private_dir(&context.locks_dir())?;
    let lock = context.deploy_lock(project.environment());
    let failed = |error: LockError| {
        let message = format!("cannot take the deploy lock of {}", project.environment());
        let told = CliError::not_locked(message, &error);
        if told.kind == Kind::Busy { told.hint("govctl status") } else { told }
    };
    let lock = match lock.exclusive(Wait::Never) {
        Err(busy @ LockError::Busy { .. }) if context.lock_wait != Wait::Never => {
            out.note(&format!("waiting: {busy}"));
            lock.exclusive(context.lock_wait).map_err(failed)?
        }
        taken => taken.map_err(failed)?,
    };
    cut_off::end(context, project, out)?;
    Ok(lock)
}

impl Attempt<'_> {
    /// Declares the deploy, runs the command and records the result.
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
        let intent = self.intent()?;
        let fence = match intent.declare(self.redeploy, self.event, out)? {
            Declared::Ours { fence } => fence,
            Declared::LostTo(by) => return Ok(Outcome::LostTo(by)),
        };
        if let Some(signal) = signals.arrived() {
            intent.take_back("interrupted before the command was started", out);
            return Ok(Outcome::NotStarted { signal });
        }
        let ticket = self.ask_breaker().inspect_err(|_| {
            intent.take_back("the breaker let nothing through", out);
        })?;
        command.env("GOVCTL_FENCE", fence.to_string());
        let child = match self.start(command, &intent, argv, &mut signals) {
            Ok(child) => child,
            Err(stopped) => {
                if stopped.is_ours {
                    intent.take_back(stopped.why, out);
                }
                self.tell_breaker(ticket.map(Event::GivenBack), out);
                return stopped.outcome;
            }
        };
        let started = Instant::now();
        let terms = Terms { limit, lock: Some(self.lock) };
        let ended =
            process::watch(child, terms, &mut signals).map_err(|error| self.lost(&error))?;
        let took = started.elapsed();
        let health = ended.is_success().then(|| self.health(&mut signals)).flatten();
        let ran = Ran { ended, took, health };
        let recorded = self.record(&intent, &ran);
        let told = if ran.is_success() { Event::Success } else { Event::Failure };
        self.tell_breaker(ticket.map(told), out);
        recorded?;
        Ok(Outcome::Ran(ran))
    }

    /// Starts the command: first its process, which waits, then the line that names it, then
    /// the command itself.
    fn start(
        &self,
        command: Command,
        intent: &Intent<'_>,
        argv: &[OsString],
        signals: &mut Signals,
    ) -> Result<Child, Stopped> {
        let cannot_start = |error: io::Error| {
            Stopped::by("the command could not be started", self.cannot_start(argv, &error))
        };
        let input = self.input().map_err(cannot_start)?;
        let waiting = Waiting::start(command).map_err(cannot_start)?;
        let named = intent.name_process(waiting.pid());
        named.map_err(|error| Stopped::by("its process could not be written down", error))?;
        // After that line: who breaks the lock and reads the log later finds the process, and
        // who did so before is found here.
        self.lock.check().map_err(|error| {
            // What is on record may be theirs.
            Stopped { why: "", is_ours: false, outcome: Err(self.robbed(&error)) }
        })?;
        if let Some(signal) = signals.arrived() {
            let why = "interrupted before the command was started";
            return Err(Stopped {
                why,
                is_ours: true,
                outcome: Ok(Outcome::NotStarted { signal }),
            });
        }
        let still_waits = || intent.waits().says(self.delivery_id.as_str());
        match input {
            Some(file) => waiting.open(file, still_waits),
            None => waiting.open(stdin(), still_waits),
        }
        .map_err(cannot_start)
    }

    /// The deploy as it is to be declared.
    pub(crate) fn intent(&self) -> Result<Intent<'_>, CliError> {
        let Attempt { context, project, sha, delivery_id, .. } = self;
        let key = DeliveryKey::of(&project.repo, sha);
        // An id in an old file that could not be written today is not written back either.
        let before = match self.redeploy {
            Some(_) => context.deliveries().find(&key)?.and_then(|id| id.parse().ok()),
            None => None,
        };
        Ok(Intent { context, project, sha, delivery_id, before })
    }

    /// Asks for the right to run the command; half-open, this is the trial.
    ///
    /// The decision has looked at the breaker already, so it says no only if somebody has opened
    /// it in between.
    pub(crate) fn ask_breaker(&self) -> Result<Option<Ticket>, CliError> {
        if self.breaking == Breaking::PassedBy {
            return Ok(None);
        }
        let breaker = Breaker::of_deploys(self.context, self.project.environment())?;
        breaker.ask(self.context.now())?.map(Some).map_err(|refused| {
            let message = format!("the breaker `{}` has just opened", breaker.name);
            CliError::new(Kind::Refused, message)
                .because(&refused)
                .hint(format!("govctl breaker status {}", breaker.name))
        })
    }

    /// Tells the breaker how it went. That it could not be told changes no outcome.
    pub(crate) fn tell_breaker(&self, event: Option<Event>, out: &Output) {
        let Some(event) = event else { return };
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

    /// Checks the health of what runs now, if that was asked for.
    pub(crate) fn health(&self, signals: &mut Signals) -> Option<Health> {
        let check = self.health?;
        tracing::info!(url = %check.url, "checking health");
        let found = check.run(|| {
            let interrupted = signals.arrived().map(|signal| GivenUp::Interrupted { signal });
            let is_lost = || matches!(self.lock.check(), Err(LockError::Lost { .. }));
            interrupted.or_else(|| is_lost().then_some(GivenUp::LockLost))
        });
        Some(found.map_or_else(Health::GivenUp, Health::Found))
    }

    fn record(&self, intent: &Intent<'_>, ran: &Ran) -> Result<(), CliError> {
        let result = if ran.is_success() { DeployResult::Success } else { DeployResult::Failure };
        let why = format!("{ran}, after {:.1} s", ran.took.as_secs_f64());
        let recorded = self.record_result(intent, &result, &why);
        if recorded.is_ok() {
            self.record_health(ran.is_healthy());
        }
        recorded
    }

    /// Records what a health check after the deploy has found, if there was one.
    pub(crate) fn record_health(&self, healthy: Option<bool>) {
        let Some(healthy) = healthy else { return };
        let now = self.context.now().into();
        if let Err(error) = self.context.releases(self.project).health_found(healthy, now) {
            tracing::error!(%error, "the result is recorded, but what the health check found is not");
        }
    }

    /// Records how the deploy ended, and why we say so; not over what somebody else has said
    /// who took the lock away.
    pub(crate) fn record_result(
        &self,
        intent: &Intent<'_>,
        result: &DeployResult,
        why: &str,
    ) -> Result<(), CliError> {
        let now = self.context.now();
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
        let finished = releases.finished_if(self.sha, result.clone(), now.into(), |state| {
            self.is_ours_to_record(state)
        });
        if finished.map_err(|error| unrecorded(error.into()))?.is_none() {
            return Err(self.overtaken(intent, &word, why));
        }
        let entry = intent.entry("deploy_finished").because(why).changing("started", word);
        if let Err(error) = self.context.audit().append(&entry) {
            // The outcome itself is recorded; a missing line must not turn it into another.
            tracing::error!(%error, "the result is recorded, but its line in the audit log is missing");
        }
        Ok(())
    }

    /// Whether what is on record is this very attempt, and nobody has said more since. While the
    /// lock is ours, nobody can have.
    fn is_ours_to_record(&self, state: &ReleaseState) -> Result<bool, StateError> {
        if self.lock.check().is_ok() {
            return Ok(true);
        }
        let is_last = state.last_deploy_attempt_sha.as_ref() == Some(self.sha)
            && !state.last_deploy_result.is_settled();
        // Whoever has the lock now writes a line before each change.
        let open = self.context.audit().open_deploy_of(&self.project.repo, self.sha)?;
        Ok(is_last && open.is_some_and(|open| open.delivery == self.delivery_id.as_str()))
    }

    /// Somebody has taken the lock away, and said since how it ended, or deployed something else.
    fn overtaken(&self, intent: &Intent<'_>, word: &str, why: &str) -> CliError {
        let entry = intent.entry("result_not_recorded").because(why).changing(Value::Null, word);
        if let Err(error) = self.context.audit().append(&entry) {
            tracing::error!(%error, "what came of it is not in the audit log");
        }
        let (sha, short) = (self.sha, self.sha.short());
        let message = format!("the deploy of {short} ended with {word}, which is not recorded");
        let mut error = CliError::new(Kind::Unknown, message);
        let since = "its lock was taken away, and what is on record was changed since";
        error.causes.push(since.to_owned());
        error.hint("govctl status").hint(format!("govctl history --sha {sha}"))
    }

    fn command(&self, argv: &[OsString], out: &Output) -> Result<Command, CliError> {
        if argv.is_empty() {
            return Err(CliError::usage("no command"));
        }
        let live = self.context.releases(self.project).load()?.production_sha_current;
        let waits = Waits::of(self.context, self.project.environment());
        let mut command = gate::command(argv, waits.path());
        command
            .current_dir(&self.context.workspace)
            .env("DEPLOY_SHA", self.sha.to_string())
            .env("DEPLOY_REPO", self.project.repo.to_string())
            .env("DEPLOY_ENVIRONMENT", self.project.environment())
            .env("DEPLOY_PREVIOUS_SHA", live.map(|sha| sha.to_string()).unwrap_or_default());
        if out.is_json() {
            command.stdout(io::stderr());
        }
        Ok(command)
    }

    /// What the command reads, if that is not what we could.
    fn input(&self) -> io::Result<Option<File>> {
        // In a session of its own a command cannot read from the terminal.
        stdin_is_terminal().then(|| File::open("/dev/null")).transpose()
    }

    fn cannot_start(&self, argv: &[OsString], error: &io::Error) -> CliError {
        let program = argv.first().map(|program| program.display().to_string()).unwrap_or_default();
        CliError::broken(format!("cannot start `{program}`; nothing was deployed"))
            .because(error)
            .hint("the commit can be tried again once the command can be started")
    }

    /// Somebody has taken the lock away, and may have started a deploy of their own by now.
    pub(crate) fn robbed(&self, error: &LockError) -> CliError {
        let message = format!("nothing was deployed: {} was about to start", self.sha.short());
        CliError::broken(message).because(error).hint("govctl status")
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

/// An attempt that ended before its command was started.
struct Stopped {
    why: &'static str,
    /// What is on record about it is ours to take back.
    is_ours: bool,
    outcome: Result<Outcome, CliError>,
}

impl Stopped {
    fn by(why: &'static str, error: CliError) -> Stopped {
        Stopped { why, is_ours: true, outcome: Err(error) }
    }
}
