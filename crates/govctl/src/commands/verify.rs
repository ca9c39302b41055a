//! `govctl verify`

use std::{
    fmt, io,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use booty_state::{NewEntry, Sha, VerifiedBy};
use clap::Args;
use release_policy::VerifySettings;
use serde::Serialize;

use crate::{
    context::{Context, stdin_is_terminal},
    exit::{CliError, Exit},
    output::{BAD, GOOD, Output, clean},
    process::{self, Ended, RunError, Signals},
    project::{self, Project},
    view::{counted, short},
};

/// Run the setup, install and test commands of `.booty.yml`
///
/// Each is one line for `sh -c`, run in the workspace as a process group of its own: at its limit
/// the whole group gets TERM and, after 10 s, KILL. The limits are 300 s for `setup_command`, 600 s
/// for `install_command` and `timeout_seconds` for `test_command`. The first that fails ends it.
///
/// The result is recorded for the commit, and `verification_failed` holds its deploy until it
/// passes. It is recorded only if the work tree is at that commit, without changes.
///
/// Exits 0 when everything passed, 4 when something failed.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The commit that is checked out
    #[arg(default_value = "HEAD")]
    sha: String,
}

const SETUP_LIMIT: Duration = Duration::from_secs(300);
const INSTALL_LIMIT: Duration = Duration::from_secs(600);

pub(crate) fn run(args: &VerifyArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let project = Project::open(context, out)?;
    let settings = project::verify_settings(context, &project)?;
    let plan = settings.as_ref().map(plan).unwrap_or_default();
    if plan.is_empty() {
        return Err(CliError::usage("the configuration has no command to verify with")
            .hint("set `test_command` in .booty.yml"));
    }
    let sha = project.commit(&args.sha)?;
    let is_clean = is_clean(&project, &sha, out)?;
    let mut signals = Signals::listen()
        .map_err(|error| CliError::broken("cannot listen for signals").because(&error))?;
    let mut report = Report::of(&project, &sha);
    for (name, command, limit) in plan {
        let (step, ended) = step(name, command, limit, context, out, &mut signals)?;
        report.steps.push(step);
        if let Ended::Interrupted { signal, .. } = ended {
            // Half a look is none.
            out.report(&report)?;
            return Ok(Exit::Signal(signal));
        }
        if !ended.is_success() {
            report.failed = Some(format!("{name}: it {ended}"));
            break;
        }
    }
    report.passed = report.failed.is_none();
    if is_clean && is_still_at(&project, &sha, out)? {
        record(context, &project, &sha, None, report.failed.as_deref())?;
        report.recorded = true;
    }
    out.report(&report)?;
    Ok(if report.passed { Exit::Yes } else { Exit::Failed })
}

/// What is to be run, in order, each with its limit.
fn plan(settings: &VerifySettings) -> Vec<(&'static str, &str, Duration)> {
    let commands = [
        ("setup_command", &settings.setup_command, SETUP_LIMIT),
        ("install_command", &settings.install_command, INSTALL_LIMIT),
        ("test_command", &settings.test_command, settings.timeout),
    ];
    let given = commands.into_iter();
    given.filter_map(|(name, command, limit)| Some((name, command.as_deref()?, limit))).collect()
}

/// Whether what is about to be run is `sha` and nothing else.
fn is_clean(project: &Project, sha: &Sha, out: &Output) -> Result<bool, CliError> {
    if !project.has_git {
        return Ok(true); // Whoever names the commit answers for what is there.
    }
    let head = project.git.commit("HEAD")?;
    if head != *sha {
        let message = format!("the work tree is at {}, not at {}", head.short(), sha.short());
        return Err(CliError::usage(message).hint(format!("git checkout {}", sha.short())));
    }
    let is_clean = project.git.is_clean()?;
    if !is_clean {
        out.note(&format!(
            "note: the work tree has changes that are not in {}, so the result is not recorded",
            sha.short()
        ));
    }
    Ok(is_clean)
}

/// Whether the commands have left the work tree at `sha`: what they looked at is else not known.
fn is_still_at(project: &Project, sha: &Sha, out: &Output) -> Result<bool, CliError> {
    if !project.has_git {
        return Ok(true);
    }
    let head = project.git.commit("HEAD")?;
    if head != *sha {
        out.note(&format!(
            "note: the work tree went from {} to {} meanwhile, so the result is not recorded",
            sha.short(),
            head.short()
        ));
    }
    Ok(head == *sha)
}

fn step(
    name: &'static str,
    line: &str,
    limit: Duration,
    context: &Context,
    out: &Output,
    signals: &mut Signals,
) -> Result<(Step, Ended), CliError> {
    let mut command = Command::new("sh");
    command.arg("-c").arg(line).current_dir(&context.workspace);
    if stdin_is_terminal() {
        command.stdin(Stdio::null());
    }
    if out.is_json() {
        command.stdout(io::stderr());
    }
    let started = Instant::now();
    let ended = process::run(command, Some(limit), signals).map_err(|error| {
        let (RunError::NotStarted(error) | RunError::Lost(error)) = error;
        CliError::broken(format!("cannot run `{name}`")).because(&error)
    })?;
    let step = Step {
        name,
        command: line.to_owned(),
        exit_code: ended.code(),
        duration_ms: started.elapsed().as_millis(),
        timed_out: matches!(ended, Ended::TimedOut { .. }),
    };
    Ok((step, ended))
}

/// Records what verifying a commit has found: what `failed`, or nothing. Returns whether it is
/// recorded: what a newer attempt of a workflow has found stays.
pub(super) fn record(
    context: &Context,
    project: &Project,
    sha: &Sha,
    by: Option<VerifiedBy>,
    failed: Option<&str>,
) -> Result<bool, CliError> {
    let now = context.now();
    let verifications = context.verifications();
    let word = |passed| if passed { "passed" } else { "failed" };
    let known = verifications.find(&project.repo, sha)?;
    let newest = known.as_ref().and_then(|found| found.run);
    if let (Some(newest), Some(by)) = (newest, by) {
        let is_known =
            newest == by && known.as_ref().is_some_and(|found| found.failed.as_deref() == failed);
        if is_known || newest > by {
            return Ok(is_known);
        }
    }
    let before = known.map(|found| word(found.passed));
    let mut entry = NewEntry::new(now.into(), context.who(), "verified")
        .about(&project.repo, sha)
        .changing(before, word(failed.is_none()));
    entry.why = match (by, failed) {
        (None, failed) => failed.map(str::to_owned),
        (Some(VerifiedBy { id, attempt }), failed) => {
            let how = failed.unwrap_or("the verification ended with success");
            Some(format!("{how}: run {id}, attempt {attempt}"))
        }
    };
    Ok(context.audit().change(&entry, || match by {
        None => verifications.record(&project.repo, sha, failed, now.into()).map(|()| true),
        Some(by) => verifications.record_run(&project.repo, sha, by, failed, now.into()),
    })?)
}

/// What verifying a commit has found.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: &'static str,
    /// The repository, as `owner/name`.
    repo: String,
    /// The commit.
    sha: Sha,
    /// Whether everything has succeeded.
    passed: bool,
    /// What was run, in order.
    steps: Vec<Step>,
    /// Which step failed and how; `null` if none did.
    failed: Option<String>,
    /// Whether the result is on record for the commit.
    recorded: bool,
}

/// One command that was run.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Step {
    /// The key of the configuration.
    name: &'static str,
    /// Its value, as `sh -c` got it.
    command: String,
    /// The exit code as a shell reports it.
    exit_code: i32,
    /// How long it took.
    duration_ms: u128,
    /// Whether it was stopped at its limit.
    timed_out: bool,
}

impl Report {
    fn of(project: &Project, sha: &Sha) -> Report {
        Report {
            schema: "govctl.verify/1",
            repo: project.repo.to_string(),
            sha: sha.clone(),
            passed: false,
            steps: Vec::new(),
            failed: None,
            recorded: false,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sha = short(self.sha.as_str());
        let steps = counted(self.steps.len(), "step");
        match &self.failed {
            None if self.passed => write!(f, "{GOOD}VERIFIED{GOOD:#}  {sha}  {steps} passed"),
            None => write!(f, "{BAD}INTERRUPTED{BAD:#}  {sha}  after {steps}"),
            Some(failed) => write!(f, "{BAD}FAILED{BAD:#}  {sha}  {}", clean(failed)),
        }
    }
}
