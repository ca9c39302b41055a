//! What was found, and what to do about it.

use std::error::Error;

use serde::Serialize;

use crate::exit::{CliError, Kind};

/// What is to be thought of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// As it should be.
    Ok,
    /// It works, and there is something to know or to tidy.
    Warn,
    /// govctl cannot keep its promises here, or cannot work at all.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Finding {
    /// What was looked at, as one word.
    pub(crate) check: &'static str,
    /// What is to be thought of it.
    pub(crate) status: Status,
    /// What was found, in one line.
    pub(crate) detail: String,
    /// What to do: commands that can be pasted, or a sentence where there is none.
    pub(crate) hints: Vec<String>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, detail: impl Into<String>) -> Finding {
        Finding { check, status: Status::Ok, detail: detail.into(), hints: Vec::new() }
    }

    pub(crate) fn warn(check: &'static str, detail: impl Into<String>) -> Finding {
        Finding { status: Status::Warn, ..Finding::ok(check, detail) }
    }

    pub(crate) fn fail(check: &'static str, detail: impl Into<String>) -> Finding {
        Finding { status: Status::Fail, ..Finding::ok(check, detail) }
    }

    /// A failure, with what the operating system or a library says of it.
    pub(crate) fn failed(check: &'static str, what: &str, error: &dyn Error) -> Finding {
        Finding::of_error(check, &CliError::broken(what).because(error))
    }

    /// What made another command stop would make this one stop as well.
    pub(crate) fn of_error(check: &'static str, error: &CliError) -> Finding {
        let causes = error.causes.iter().map(String::as_str);
        let detail = [error.message.as_str()].into_iter().chain(causes).collect::<Vec<_>>();
        let detail = detail.join(": ");
        let found = Finding { hints: error.hints.clone(), ..Finding::fail(check, detail) };
        // Somebody is at work: that is no fault.
        if error.kind == Kind::Busy { Finding { status: Status::Warn, ..found } } else { found }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Finding {
        self.hints.push(hint.into());
        self
    }
}
