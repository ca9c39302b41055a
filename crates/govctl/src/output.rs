//! The only place that prints: answers on stdout, everything else on stderr.

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
    fmt::Display,
    io::{self, IsTerminal, Write},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use atomic_file::{HardLinks, Options, SharedDirectory};
use serde::Serialize;

use crate::{
    exit::{CliError, ErrorReport},
    github::{
        announcement::Announcement,
        escape::{annotation, inert, inert_json},
        surroundings::Surroundings,
    },
};

/// For ALLOW and what went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// For HOLD, failures and what needs attention.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Where answers and notes go, and in which form.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    json_file: Option<PathBuf>,
    quiet: bool,
    color: ColorChoice,
    /// The workflow step that we run in.
    step: Option<Surroundings>,
}

impl Output {
    pub(crate) fn new(
        json: bool,
        json_file: Option<PathBuf>,
        quiet: bool,
        color: ColorChoice,
    ) -> Output {
        Output { json, json_file, quiet, color, step: None }
    }

    /// Tells the workflow step around this run, too.
    pub(crate) fn in_step(self, step: Option<Surroundings>) -> Output {
        Output { step, ..self }
    }

    /// What the arguments ask for, where they could not be read as a command line.
    pub(crate) fn as_asked(args: impl IntoIterator<Item = OsString>) -> Output {
        let (mut json, mut json_file) = (false, None);
        // What follows belongs to the command that is to be run.
        let mut args = args.into_iter().take_while(|arg| arg != "--");
        while let Some(arg) = args.next() {
            if arg == "--json" {
                json = true;
            } else if arg == "--json-file" {
                json_file = args.next().map(PathBuf::from);
            } else if let Some(path) = arg.as_bytes().strip_prefix(b"--json-file=") {
                json_file = Some(PathBuf::from(OsStr::from_bytes(path)));
            }
        }
        Output::new(json, json_file, false, ColorChoice::Auto)
    }

    /// Whether stdout is for one JSON value and nothing else.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints the answer: `Display` for people, `Serialize` with `--json`. It is the same
    /// value, so the two cannot disagree.
    pub(crate) fn report(&self, report: &(impl Serialize + Display)) -> Result<(), CliError> {
        let filed = self.file(report);
        let text = self.shown(report)?;
        if self.json {
            // One value on stdout: the answer, or the error that there is none in the file.
            filed?;
            return self.print(&text);
        }
        self.print(&text).and(filed)
    }

    /// Prints the answer of a command that has acted. What was done stays done, and its exit
    /// code says so: an answer that cannot be printed is an error on stderr, with the answer.
    pub(crate) fn report_done(&self, report: &(impl Serialize + Display)) {
        if let Err(error) = self.file(report) {
            self.complain(&error);
        }
        if let Err(error) = self.shown(report).and_then(|text| self.print(&text)) {
            self.complain(&error);
            self.to_stderr(&report.to_string());
        }
    }

    /// Tells the workflow step around this run about a decision: outputs, summary, annotation.
    pub(crate) fn announce(&self, answer: &impl Serialize) -> Result<(), CliError> {
        let Some(step) = &self.step else { return Ok(()) };
        let answer = serde_json::to_value(answer)
            .map_err(|error| CliError::broken("cannot write the answer as JSON").because(&error))?;
        let said = Announcement::of(&answer);
        self.command(&said.annotation);
        step.write(&said)
    }

    /// As [`announce`](Output::announce), of a command that has acted: as
    /// [`report_done`](Output::report_done), what was done stays done.
    pub(crate) fn announce_done(&self, answer: &impl Serialize) {
        if let Err(error) = self.announce(answer) {
            self.complain(&error);
        }
    }

    /// A command to the runner of the workflow, on stderr, which it reads as it reads stdout:
    /// that one may be for JSON alone.
    fn command(&self, line: &str) {
        writeln!(io::stderr(), "{line}").ok(); // A closed stderr changes nothing.
    }

    fn shown(&self, report: &(impl Serialize + Display)) -> Result<String, CliError> {
        if self.json { json(report) } else { Ok(report.to_string()) }
    }

    fn file(&self, report: &impl Serialize) -> Result<(), CliError> {
        self.json_file.as_ref().map_or(Ok(()), |path| atomic_write(path, &json(report)?))
    }

    /// Prints lines for people that come before the answer, such as a decision that is
    /// about to be acted on. Nothing with `--json`.
    pub(crate) fn say(&self, lines: &impl Display) -> Result<(), CliError> {
        if self.json { Ok(()) } else { self.print(&lines.to_string()) }
    }

    /// Prints one line of an answer that is too long to be held whole: as it is for a program,
    /// cleaned for a terminal.
    pub(crate) fn line(&self, line: &str) -> Result<Reader, CliError> {
        let stdout = io::stdout();
        let line = if stdout.is_terminal() { clean(line) } else { Cow::Borrowed(line) };
        // Lines of JSON objects, or of text that came as one line.
        let line = if self.step.is_some() { inert_json(&line) } else { line };
        match writeln!(stdout.lock(), "{line}") {
            Ok(()) => Ok(Reader::Listens),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::IsGone),
            Err(error) => Err(CliError::broken("cannot print the answer").because(&error)),
        }
    }

    /// Prints a note for people on stderr, unless they asked for silence.
    pub(crate) fn note(&self, note: &impl Display) {
        if !self.quiet {
            self.to_stderr(&clean_lines(&note.to_string()));
        }
    }

    /// Prints an error, its causes and what to do next.
    pub(crate) fn error(&self, error: &CliError) {
        self.file_error(error);
        if self.json {
            // There is nobody left to tell.
            json(&ErrorReport::from(error)).and_then(|json| self.print(&json)).ok();
        }
        self.complain(error);
        if self.step.is_some() {
            let lines = std::iter::once(&error.message).chain(&error.causes);
            let text = lines.map(|line| clean_lines(line)).collect::<Vec<_>>().join("\n");
            self.command(&annotation("error", "govctl", &text));
        }
    }

    /// Writes an error into the file of the answer, if there is to be one.
    pub(crate) fn file_error(&self, error: &CliError) {
        self.file(&ErrorReport::from(error)).ok(); // As above.
    }

    /// Prints an error for people, on stderr alone.
    fn complain(&self, error: &CliError) {
        let mut text = format!("{BAD}error{BAD:#}: {}", clean(&error.message));
        for cause in &error.causes {
            text.push_str(&format!("\ncaused by: {}", clean_lines(cause)));
        }
        for hint in &error.hints {
            text.push_str(&format!("\nhint: {}", clean(hint)));
        }
        self.to_stderr(&text);
    }

    fn to_stderr(&self, text: &str) {
        // A closed stderr must not change what a deploy does.
        let text = if self.step.is_some() { inert(text) } else { Cow::Borrowed(text) };
        writeln!(AutoStream::new(io::stderr(), self.color).lock(), "{text}").ok();
    }

    fn print(&self, text: &str) -> Result<(), CliError> {
        if text.is_empty() {
            return Ok(());
        }
        let text = match (&self.step, self.json) {
            (None, _) => Cow::Borrowed(text),
            (Some(_), true) => inert_json(text),
            (Some(_), false) => inert(text),
        };
        let mut stdout = AutoStream::new(io::stdout(), self.color).lock();
        written(writeln!(stdout, "{}", text.trim_end_matches('\n')).and_then(|()| stdout.flush()))
    }
}

/// Whether anybody reads what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Somebody does, as far as we know.
    Listens,
    /// The pipe is closed: there is no use in printing more.
    IsGone,
}

fn json(value: &impl Serialize) -> Result<String, CliError> {
    serde_json::to_string_pretty(value)
        .map_err(|error| CliError::broken("cannot write the answer as JSON").because(&error))
}

/// A reader that has gone away is not an error: it has seen what it wanted.
fn written(result: io::Result<()>) -> Result<(), CliError> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(CliError::broken("cannot print the answer").because(&error)),
        Ok(()) => Ok(()),
    }
}

fn atomic_write(path: &std::path::Path, json: &str) -> Result<(), CliError> {
    // Where people want it, as with `>`: nothing rests on it that others could forge.
    let options =
        Options::new().shared_directory(SharedDirectory::Allow).hard_links(HardLinks::Split);
    options.replace(path, format!("{json}\n").as_bytes()).map_err(|error| {
        CliError::broken(format!("cannot write the answer to `{}`", path.display())).because(&error)
    })
}

/// Text from outside on its way to a terminal: every control character becomes visible, so
/// that a branch name cannot move the cursor or start an escape sequence.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unsafe) {
        Cow::Owned(
            text.chars().map(|char| if is_unsafe(char) { '\u{fffd}' } else { char }).collect(),
        )
    } else {
        Cow::Borrowed(text)
    }
}

/// As [`clean`], for text of several lines, such as a quoted source line with its marker.
fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n  ")
}

/// Control characters, and the invisible ones that reorder or divide what is shown.
fn is_unsafe(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_seen_in_arguments_that_cannot_be_read() {
        let asked = |args: &[&str]| {
            let out = Output::as_asked(args.iter().map(OsString::from));
            (out.json, out.json_file)
        };
        let file = || Some(PathBuf::from("x"));
        assert_eq!(asked(&["deploy", "--json"]), (true, None));
        assert_eq!(asked(&["deploy", "--json-file", "x"]), (false, file()));
        assert_eq!(asked(&["--json-file=x", "--json", "deploy"]), (true, file()));
        assert_eq!(asked(&["deploy", "--", "curl", "--json"]), (false, None));
    }

    #[test]
    fn control_characters_never_reach_a_terminal() {
        assert_eq!(
            clean("a\u{1b}[31mb\u{7}\r\n\u{202e}c\u{9b}\u{2028}"),
            "a\u{fffd}[31mb\u{fffd}\u{fffd}\u{fffd}\u{fffd}c\u{fffd}\u{fffd}"
        );
        assert!(matches!(clean("plain \u{e9}\u{1f980}"), Cow::Borrowed(_)));
    }
}
