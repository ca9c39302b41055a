//! The command line: global options, and the one `match` over the commands.

use std::path::PathBuf;

use anstream::ColorChoice;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::{
    commands,
    context::Context,
    duration::LockWait,
    exit::{CliError, Exit},
    output::Output,
};

/// Decide whether a release may go out, deploy it at most once, and remember it
///
/// Exit codes: 0 yes or done; 1 the answer is no and nothing was changed; 2 used wrongly;
/// 3 could not do it; 4 what was run failed; 5 somebody else holds the lock; 6 it is not
/// known whether the deploy went out: do not retry, resolve; 130 and 143 interrupted.
#[derive(Debug, Parser)]
#[command(name = "govctl", version, max_term_width = 100, subcommand_required = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command, before or after it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Where the state is [default: $RELEASE_GOVERNOR_STATE_DIR, else ~/.booty/state]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// The repository to work in: `.booty.yml` and git are read there
    #[arg(short = 'C', long, global = true, value_name = "DIR", default_value = ".")]
    pub(crate) workspace: PathBuf,
    /// Another config than `.booty.yml` of the workspace, or of the top of its work tree
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The repository's name [default: from the remote `origin`, else local/DIRECTORY]
    #[arg(long, global = true, value_name = "OWNER/NAME")]
    pub(crate) repo: Option<String>,
    /// Print JSON on stdout, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Write the JSON into a file, beside the text
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) json_file: Option<PathBuf>,
    /// No notes, only errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Log what happens on stderr; twice for more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// The form of log lines
    #[arg(long, global = true, value_name = "FORM", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
    /// How long to wait for a lock: 0, 500ms, 30s, 15m, forever
    #[arg(long, global = true, value_name = "DURATION", default_value = "30s")]
    pub(crate) lock_wait: LockWait,
    /// Pretend that it is this time, for tests and replays
    #[arg(long, global = true, value_name = "RFC3339")]
    pub(crate) now: Option<String>,
    /// Never ask anything [default without a terminal]
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
    /// Do not tell GitHub Actions: no outputs, no summary, no annotation
    #[arg(long, global = true)]
    pub(crate) no_github: bool,
    // Not 0, which would be a yes.
    /// The exit code for HOLD
    #[arg(
        long,
        global = true,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u8).range(1..)
    )]
    pub(crate) hold_exit_code: u8,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One readable line each.
    Text,
    /// One JSON object a line.
    Json,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal, unless the environment says otherwise.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Global {
    pub(crate) fn color(&self) -> ColorChoice {
        match self.color {
            // `anstream` knows NO_COLOR, CLICOLOR_FORCE, TERM=dumb and pipes.
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Status(commands::status::StatusArgs),
    #[command(visible_alias = "simulate")]
    Check(commands::check::CheckArgs),
    Explain(commands::explain::ExplainArgs),
    #[command(visible_alias = "trigger")]
    Deploy(commands::deploy::DeployArgs),
    Rollback(commands::rollback::RollbackArgs),
    Record(commands::record::RecordArgs),
    Resolve(commands::resolve::ResolveArgs),
    Approve(commands::approve::ApproveArgs),
    #[command(subcommand)]
    Approvals(commands::approvals::ApprovalsCommand),
    #[command(subcommand)]
    Freeze(commands::freeze::FreezeCommand),
    History(commands::history::HistoryArgs),
    Health(commands::health::HealthArgs),
    Verify(commands::verify::VerifyArgs),
    Wait(commands::wait::WaitArgs),
    #[command(subcommand)]
    Delivery(commands::delivery::DeliveryCommand),
    #[command(subcommand)]
    Ids(commands::ids::IdsCommand),
    Session(commands::session::SessionArgs),
    #[command(subcommand)]
    Breaker(commands::breaker::BreakerCommand),
    #[command(subcommand)]
    Lock(commands::lock::LockCommand),
    #[command(subcommand)]
    Config(commands::config::ConfigCommand),
    #[command(subcommand)]
    State(commands::state::StateCommand),
    Event(commands::event::EventArgs),
    Serve(commands::serve::ServeArgs),
    Init(commands::init::InitArgs),
    Doctor(commands::doctor::DoctorArgs),
    Demo(commands::demo::DemoArgs),
    Completions(commands::completions::CompletionsArgs),
}

impl Cli {
    pub(crate) fn run(&self, context: &Context, out: &Output) -> Result<Exit, CliError> {
        match &self.command {
            Command::Status(args) => commands::status::run(args, context, out),
            Command::Check(args) => commands::check::run(args, context, out),
            Command::Explain(args) => commands::explain::run(args, context, out),
            Command::Deploy(args) => commands::deploy::run(args, context, out),
            Command::Rollback(args) => commands::rollback::run(args, context, out),
            Command::Record(args) => commands::record::run(args, context, out),
            Command::Resolve(args) => commands::resolve::run(args, context, out),
            Command::Approve(args) => commands::approve::run(args, context, out),
            Command::Approvals(command) => commands::approvals::run(command, context, out),
            Command::Freeze(command) => commands::freeze::run(command, context, out),
            Command::History(args) => commands::history::run(args, context, out),
            Command::Health(args) => commands::health::run(args, context, out),
            Command::Verify(args) => commands::verify::run(args, context, out),
            Command::Wait(args) => commands::wait::run(args, context, out),
            Command::Delivery(command) => commands::delivery::run(command, context, out),
            Command::Ids(command) => commands::ids::run(command, context, out),
            Command::Session(args) => commands::session::run(args, context, out),
            Command::Breaker(command) => commands::breaker::run(command, context, out),
            Command::Lock(command) => commands::lock::run(command, context, out),
            Command::Config(command) => commands::config::run(command, context, out),
            Command::State(command) => commands::state::run(command, context, out),
            Command::Event(args) => commands::event::run(args, context, out),
            Command::Serve(args) => commands::serve::run(args, &self.global, context, out),
            Command::Init(args) => commands::init::run(args, context, out),
            Command::Doctor(args) => commands::doctor::run(args, context, out),
            Command::Demo(args) => commands::demo::run(args, context, out),
            Command::Completions(args) => commands::completions::run(args, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
