//! `govctl`: says ALLOW or HOLD and why, deploys at most once per commit, and remembers.

mod attempt;
mod breaker;
mod changes;
mod cli;
mod commands;
mod config_file;
mod context;
mod duration;
mod exit;
mod facts;
mod git;
mod log;
mod output;
mod process;
mod project;
#[cfg(test)]
mod schema;
mod view;

use std::{
    panic,
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use anstream::ColorChoice;
use clap::Parser;
use signal_hook::consts::SIGXFSZ;

use crate::{
    cli::Cli,
    context::Context,
    exit::{CliError, Kind},
    output::Output,
};

fn main() -> ExitCode {
    let ignored = Arc::new(AtomicBool::new(false));
    // A file that would grow over its limit (`ulimit -f`) is then an error of the write,
    // exit code 3, and does not end us between two steps.
    signal_hook::flag::register(SIGXFSZ, ignored).ok(); // Without it, it is as it was.
    // An unexpected end is exit code 3 like every other failure, never 1, which means no.
    panic::catch_unwind(run).unwrap_or_else(|_| {
        let error = CliError::broken("govctl found a fault in itself; the lines above say where");
        Output::new(false, None, false, ColorChoice::Auto).error(&error);
        ExitCode::from(error.kind.code())
    })
}

fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let global = &cli.global;
    let out = Output::new(global.json, global.json_file.clone(), global.quiet, global.color());
    log::start(global);
    match Context::new(global).and_then(|context| cli.run(&context, &out)) {
        Ok(exit) => exit.code(global.hold_exit_code),
        Err(error) => {
            out.error(&error);
            ExitCode::from(error.kind.code())
        }
    }
}

/// Prints help and version as clap does, and a wrong use as an error of ours if somebody
/// wants JSON.
fn usage(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|arg| arg == "--json");
    if error.use_stderr() && wants_json {
        let text = error.render().to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let error = CliError::new(Kind::Usage, message).hint("govctl help");
        Output::new(true, None, false, ColorChoice::Auto).error(&error);
    } else {
        error.print().ok(); // A closed pipe is not an error.
    }
    ExitCode::from(if error.use_stderr() { Kind::Usage.code() } else { 0 })
}
