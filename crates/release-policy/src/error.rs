//! What can be wrong with a policy before anything is decided.

use std::fmt;

/// Why a policy could not be made out of what was given.
///
/// Deciding itself cannot fail: everything that can be wrong is found here, before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The text of the configuration file has to be mended.
    #[error("{}{problem}", place(*at))]
    Config {
        /// Where, if it is in one place.
        at: Option<Position>,
        /// What is wrong there.
        problem: String,
        /// The line of the file at that place, without its end.
        source_line: Option<String>,
        /// The known name nearest to an unknown one.
        suggestion: Option<String>,
    },
    /// A variable holds something that cannot be read.
    #[error("`{name}` is `{value}`, but must be {accepted}")]
    Variable {
        /// The name of the variable.
        name: String,
        /// What it holds; bytes that are not UTF-8 are replaced.
        value: String,
        /// What would be accepted.
        accepted: String,
    },
    /// A pattern that could never match as its author meant it.
    #[error("the pattern `{pattern}` {problem}")]
    Pattern {
        /// The pattern as it was given.
        pattern: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Why a freeze could not be made out of what a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// It is not a time zone.
    #[error("`{found}` is not a time zone of the IANA database, such as Europe/Berlin")]
    Zone {
        /// What was given.
        found: String,
    },
    /// It is not a moment.
    #[error(
        "`{found}` is not a time, such as 2026-12-24T18:00:00Z, or 2026-12-24 18:00 in a time zone"
    )]
    Moment {
        /// What was given.
        found: String,
    },
    /// It is not a weekly window.
    #[error("`{found}` is not a weekly window, such as Fri 16:00-Mon 08:00")]
    Weekly {
        /// What was given.
        found: String,
    },
    /// A window without an end that comes within a week of its start.
    #[error(
        "`{found}` has to end later than it starts, and within a week; name the day it ends on"
    )]
    Length {
        /// What was given.
        found: String,
    },
}

impl PolicyError {
    /// Returns the source line with a caret under the place, for a terminal.
    ///
    /// Two lines, or `None` if the error has no place in a file. A long line is cut to what
    /// surrounds the place; tabs and other control characters appear as blanks, so that the
    /// caret stays where it belongs.
    pub fn snippet(&self) -> Option<String> {
        const BEFORE: usize = 60;
        const WIDTH: usize = 100;
        let Self::Config { at: Some(at), source_line: Some(line), .. } = self else { return None };
        let column = usize::try_from(at.column).unwrap_or(usize::MAX).saturating_sub(1);
        let start = column.saturating_sub(BEFORE).min(line.chars().count());
        let shown: String = line
            .chars()
            .skip(start)
            .take(WIDTH)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let margin = at.line.to_string();
        let caret = (column - start).min(WIDTH);
        Some(format!("{margin} | {shown}\n{:width$} | {:caret$}^", "", "", width = margin.len()))
    }

    /// Returns what to do about it, if there is something better than reading the message.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config { suggestion: Some(name), .. } => Some(format!("did you mean `{name}`?")),
            _ => None,
        }
    }
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, counted from 1.
    pub line: u64,
    /// The character in the line, counted from 1.
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

fn place(at: Option<Position>) -> String {
    at.map(|at| format!("{at}: ")).unwrap_or_default()
}
