//! `govctl`: says ALLOW or HOLD and why, deploys at most once per commit, and remembers.

mod approved;
mod attempt;
mod breaker;
mod changes;
mod cli;
mod commands;
mod config_file;
mod context;
mod cut_off;
mod dispatch;
mod dispatched;
mod doctor;
mod documents;
mod duration;
mod evidence;
mod exit;
mod facts;
mod freezes;
mod gate;
mod git;
mod github;
mod health;
mod health_args;
mod http;
mod intent;
mod locks;
mod log;
mod lookup;
mod output;
mod process;
mod project;
mod ran;
mod reason;
#[cfg(test)]
mod schema;
mod serve;
mod settle;
mod view;
mod waits;

use std::{
    panic,
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
    thread,
};

use clap::{Parser, error::ErrorKind};
use signal_hook::consts::SIGXFSZ;

use crate::{
    cli::Cli,
    context::Context,
    exit::{CliError, Kind},
    output::{Output, clean},
};

fn main() -> ExitCode {
    if let Some(code) = gate::waits(std::env::args_os()) {
        return code;
    }
    let ignored = Arc::new(AtomicBool::new(false));
    // A file that would grow over its limit (`ulimit -f`) is then an error of the write,
    // exit code 3, and does not end us between two steps.
    signal_hook::flag::register(SIGXFSZ, ignored).ok(); // Without it, it is as it was.
    let out = Output::as_asked(std::env::args_os().skip(1));
    caught(panic::catch_unwind(|| run(&out)), &out)
}

/// An unexpected end is exit code 3 like every other failure, never 1, which means no.
fn caught(ended: thread::Result<ExitCode>, out: &Output) -> ExitCode {
    ended.unwrap_or_else(|_| {
        let error = CliError::broken("govctl found a fault in itself; the lines above say where");
        out.error(&error);
        ExitCode::from(error.kind.code())
    })
}

fn run(asked: &Output) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error, asked),
    };
    let global = &cli.global;
    let out = Output::new(global.json, global.json_file.clone(), global.quiet, global.color());
    log::start(global);
    let context = Context::new(global);
    let step = context.as_ref().ok().and_then(|context| context.step(global.no_github));
    let out = out.in_step(step);
    match context.and_then(|context| cli.run(&context, &out)) {
        Ok(exit) => exit.code(global.hold_exit_code),
        Err(error) => {
            out.error(&error);
            ExitCode::from(error.kind.code())
        }
    }
}

/// Prints help and version as clap does, and a wrong use as an error of ours if somebody
/// wants JSON.
fn usage(error: &clap::Error, out: &Output) -> ExitCode {
    if !error.use_stderr() {
        error.print().ok(); // A closed pipe is not an error.
        return ExitCode::SUCCESS;
    }
    let ours = wrong_use(error);
    if out.is_json() {
        out.error(&ours);
    } else {
        out.file_error(&ours);
        error.print().ok();
    }
    ExitCode::from(Kind::Usage.code())
}

/// A wrong use in our own words.
fn wrong_use(error: &clap::Error) -> CliError {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Its text is the help of the whole command, which explains no error.
        return CliError::usage("no command was given").hint("govctl help");
    }
    // The first paragraph is what is wrong, with the names of missing arguments one a line.
    let text = error.render().to_string();
    let (wrong, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    let words: Vec<_> = wrong.trim_start_matches("error: ").split_whitespace().collect();
    let mut ours = CliError::usage(words.join(" ")).hint("govctl help");
    let says = |line: &&str| !line.is_empty() && !line.starts_with("For more information");
    let lines = rest.lines().map(str::trim).filter(says);
    ours.causes = lines.map(|line| clean(line).into_owned()).collect();
    ours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_our_own_is_an_error_like_every_other() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("error.json");
        let out = Output::as_asked(["--json-file".into(), file.clone().into_os_string()]);
        let code = caught(panic::catch_unwind(|| panic!("on purpose")), &out);
        assert_eq!(code, ExitCode::from(3));
        let json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!(json["error"]["exit_code"], 3);
    }
}
