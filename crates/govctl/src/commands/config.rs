//! `govctl config`

use std::{fmt, path::PathBuf};

use clap::Subcommand;
use release_policy::{Setting, Value};
use serde::Serialize;

use crate::{
    context::Context,
    exit::{CliError, Exit},
    output::{Output, clean},
    project::governor,
};

/// Check and show the configuration
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the configuration and the variables that override it
    ///
    /// Exits 0 if all of it can be read and 2 if not, with line, column and the source line.
    Check,
    /// Show each value and where it came from
    Show,
}

pub(crate) fn run(
    command: &ConfigCommand,
    context: &Context,
    out: &Output,
) -> Result<Exit, CliError> {
    let (governor, file) = governor(context, context.git().top_level()?.as_deref(), out)?;
    let report = Report {
        schema: "govctl.config/1",
        file,
        enabled: governor.is_enabled(),
        settings: governor.settings(),
        show: matches!(command, ConfigCommand::Show),
    };
    out.report(&report)?;
    Ok(Exit::Yes)
}

/// What is configured, by whom.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: &'static str,
    /// The file; `null` if there is none, so that the defaults are in force.
    file: Option<PathBuf>,
    /// Whether the governor governs here.
    enabled: bool,
    /// Every value and where it came from.
    settings: Vec<Setting>,
    #[serde(skip)]
    show: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.enabled { "enabled" } else { "disabled" };
        match &self.file {
            Some(file) => writeln!(
                f,
                "{} is valid; the governor is {state}",
                clean(&file.display().to_string())
            )?,
            None => writeln!(
                f,
                "no .booty.yml here: the defaults are in force; the governor is {state}"
            )?,
        }
        if self.show {
            writeln!(f)?;
            for setting in &self.settings {
                let value = spoken(&setting.value);
                writeln!(
                    f,
                    "  {:<34} {:<24} ({})",
                    setting.field.key(),
                    clean(&value),
                    setting.origin
                )?;
            }
        }
        Ok(())
    }
}

fn spoken(value: &Value) -> String {
    match value {
        Value::Absent => "none".to_owned(),
        Value::List(items) if items.is_empty() => "none".to_owned(),
        Value::List(items) => items.join(", "),
        Value::Text(text) => text.clone(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Time(time) => crate::context::rfc3339(*time),
    }
}
