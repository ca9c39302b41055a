//! How a run can end: exit codes, and errors that a person can act on.

use std::{
    error::Error,
    fmt,
    io::{self, ErrorKind},
    process::ExitCode,
};

use booty_state::StateError;
use flock_guard::LockError;
use serde::Serialize;
use state_store::{NoFallback, StoreError};

use crate::documents;

/// The answer of a command, as its exit code. Errors have the other ones ([`Kind`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: yes, or done.
    Yes,
    /// 1: the answer is no; nothing was changed.
    No,
    /// As 1, or what `--hold-exit-code` says instead.
    Hold,
    /// 3: what was looked at is not as it must be, and the answer says what.
    Broken,
    /// 4: what was run failed.
    Failed,
    /// 6: it is not known whether the deploy went out. Do not retry, resolve.
    Unknown,
    /// The own code of what was run, where that is passed on.
    Passed(i32),
    /// 128 + signal: interrupted, after the command was stopped and the state written.
    Signal(u8),
}

impl Exit {
    pub(crate) fn code(self, hold: u8) -> ExitCode {
        ExitCode::from(match self {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::Hold => hold,
            Exit::Broken => 3,
            Exit::Failed => 4,
            Exit::Unknown => 6,
            // Every code that a process can end with fits.
            Exit::Passed(code) => u8::try_from(code).unwrap_or(u8::MAX),
            Exit::Signal(signal) => 128 + signal,
        })
    }
}

/// Why a command could not answer; the word in `error.kind` of the JSON form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// 1: the answer is no, and why; nothing was changed.
    Refused,
    /// 2: bad flag, bad `.booty.yml`, bad sha, bad environment value.
    Usage,
    /// 2, too: what was given to be read is not what it should be. It never will be.
    Payload,
    /// 3: I/O error, damaged state, git failure.
    Broken,
    /// 5: somebody else holds the lock.
    Busy,
    /// 6: it is not known whether the deploy went out.
    Unknown,
}

impl Kind {
    pub(crate) fn code(self) -> u8 {
        match self {
            Kind::Refused => 1,
            Kind::Usage | Kind::Payload => 2,
            Kind::Broken => 3,
            Kind::Busy => 5,
            Kind::Unknown => 6,
        }
    }
}

/// What helps against every lock that is busy.
const WAIT_LONGER: &str = "wait longer with --lock-wait 15m";

/// What could not be done and to what, why, and what the person can do next.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    /// Why, nearest cause first.
    pub(crate) causes: Vec<String>,
    /// Commands that can be pasted, or a sentence where there is none.
    pub(crate) hints: Vec<String>,
}

impl CliError {
    pub(crate) fn usage(message: impl Into<String>) -> CliError {
        CliError::new(Kind::Usage, message)
    }

    pub(crate) fn broken(message: impl Into<String>) -> CliError {
        CliError::new(Kind::Broken, message)
    }

    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> CliError {
        CliError { kind, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// What somebody was going to do under a lock, and why he did not get it.
    pub(crate) fn not_locked(message: impl Into<String>, error: &LockError) -> CliError {
        match error {
            LockError::Busy { .. } => {
                CliError::new(Kind::Busy, message).because(error).hint(WAIT_LONGER)
            }
            _ => CliError::broken(message).because(error),
        }
    }

    /// A file that somebody has named cannot be read. A wrong name or wrong contents are wrong use;
    /// a disk or a pipe that fails is not.
    pub(crate) fn unreadable(message: impl Into<String>, error: &io::Error) -> CliError {
        let kind = match error.kind() {
            ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidData => Kind::Usage,
            _ => Kind::Broken,
        };
        CliError::new(kind, message).because(error)
    }

    /// An error that is said as it is.
    pub(crate) fn from_error(kind: Kind, error: &dyn Error) -> CliError {
        CliError::new(kind, error.to_string()).with_causes(chain(error.source()))
    }

    /// An error and its causes, in one line.
    pub(crate) fn told(error: &dyn Error) -> String {
        let causes = chain(error.source());
        std::iter::once(error.to_string()).chain(causes).collect::<Vec<_>>().join(": ")
    }

    pub(crate) fn because(self, source: &dyn Error) -> CliError {
        CliError { causes: chain(Some(source)), ..self }
    }

    fn with_causes(self, causes: Vec<String>) -> CliError {
        CliError { causes, ..self }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> CliError {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// An error as programs see it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ErrorReport<'a> {
    schema: &'static str,
    /// What could not be done, and why.
    error: Body<'a>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Body<'a> {
    /// Why, as one word.
    kind: Kind,
    /// What could not be done and to what, in one line.
    message: &'a str,
    /// The exit code of the process.
    exit_code: u8,
    /// Why, nearest cause first.
    causes: &'a [String],
    /// Commands that can be pasted, or a sentence where there is none.
    hints: &'a [String],
}

impl<'a> From<&'a CliError> for ErrorReport<'a> {
    fn from(error: &'a CliError) -> ErrorReport<'a> {
        let CliError { kind, message, causes, hints } = error;
        let exit_code = kind.code();
        let error = Body { kind: *kind, message, exit_code, causes, hints };
        ErrorReport { schema: "govctl.error/1", error }
    }
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> CliError {
        match error {
            StateError::Store(error) => error.into(),
            error @ StateError::Foreign { .. } => CliError::usage(error.to_string())
                .hint("give each repository and environment a state of its own: govctl --state-dir DIR status")
                .hint("if it is the same repository under another name: govctl --repo OWNER/NAME status"),
            StateError::OneChangeOld { ref place, .. } => {
                let told = CliError::from_error(Kind::Broken, &error);
                told.hint("what happened last: govctl history --limit 5")
                    .hint("put a lost delivery back: govctl delivery record OWNER/NAME SHA ID")
                    .hint(about("once nothing is missing", "accept", place))
            }
            StateError::Lost { .. } => CliError::from_error(Kind::Broken, &error)
                .hint("what is wrong with the log: govctl history --verify")
                .hint("bring the document back from a copy, or all of it: govctl state import FILE"),
            other => CliError::broken(other.to_string()).with_causes(chain(other.source())),
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> CliError {
        let kind = match &error {
            StoreError::Locked { source: LockError::Busy { .. }, .. } => Kind::Busy,
            StoreError::Unknown { .. } => Kind::Unknown,
            _ => Kind::Broken,
        };
        CliError {
            kind,
            message: error.to_string(),
            causes: chain(error.source()),
            hints: hints(&error),
        }
    }
}

/// An error and its causes, as texts.
fn chain(mut error: Option<&dyn Error>) -> Vec<String> {
    let mut causes = Vec::new();
    while let Some(cause) = error {
        causes.push(cause.to_string());
        error = cause.source();
    }
    causes
}

fn hints(error: &StoreError) -> Vec<String> {
    match error {
        StoreError::Damaged { place, .. } if place.ends_with("security_overrides.json") => {
            return vec!["have the program that writes it write it anew".into()];
        }
        StoreError::Damaged { place, backup, .. } => {
            let mut hints = vec![about("mend it", "edit", place)];
            if let NoFallback::Refused { .. } = backup {
                hints.push(about("take the version before nevertheless", "restore --force", place));
            }
            return hints;
        }
        StoreError::ChangedOutside { place } => {
            return vec![
                about("if the change is right", "accept", place),
                about("to go back to the version before", "restore", place),
            ];
        }
        _ => {}
    }
    let hints: &[&str] = match error {
        StoreError::Locked { source: LockError::Busy { .. }, .. } => {
            &[WAIT_LONGER, "see who holds it: govctl lock status"]
        }
        StoreError::NewerFormat { .. } => &["run the newer govctl that wrote it"],
        StoreError::Unknown { .. } => &["govctl status"],
        StoreError::Unwritten { .. } => &["govctl doctor"],
        StoreError::Contended { .. } | StoreError::Fenced { .. } => &["run the same command again"],
        _ => &[],
    };
    hints.iter().map(ToString::to_string).collect()
}

/// A command about the document at `place`, and when to run it.
pub(crate) fn about(when: &str, command: &str, place: &str) -> String {
    match documents::parted(place) {
        // A name of the directory that is no text is not known here any more.
        Some((dir, name)) if dir.contains(char::REPLACEMENT_CHARACTER) => {
            format!("{when}, with the same state directory: govctl state {command} {name}")
        }
        Some((dir, name)) => {
            format!("{when}: govctl --state-dir {} state {command} {name}", quoted(&dir))
        }
        None => format!("{when}: govctl state {command} FILE"),
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@:,=".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
