//! `govctl completions`

use std::fmt;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde::Serialize;

use crate::{
    cli::Cli,
    exit::{CliError, Exit},
    output::Output,
};

/// Print a completion script for a shell
///
/// For bash: `govctl completions bash > ~/.local/share/bash-completion/completions/govctl`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, out: &Output) -> Result<Exit, CliError> {
    // Written at once: the generator itself panics when the reader has gone away.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "govctl", &mut script);
    let script = String::from_utf8(script)
        .map_err(|error| CliError::broken("the script is not UTF-8").because(&error))?;
    let shell = args.shell.to_string();
    out.report(&Report { schema: "govctl.completions/1", shell, script })?;
    Ok(Exit::Yes)
}

/// A completion script.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: &'static str,
    /// The shell that it is for.
    shell: String,
    /// The script itself.
    script: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.script)
    }
}
