//! `govctl completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

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
    out.raw(&script)?;
    Ok(Exit::Yes)
}
