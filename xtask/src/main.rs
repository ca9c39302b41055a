//! `cargo xtask`: the workshop. `cargo xtask ci` is the gate, on the laptop and in CI.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a workshop talks to the person who runs it"
)]

mod ci;
mod docs;
mod layers;
mod process;
mod release_runs;
mod setup;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::ci::Step;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "The workshop of this repository"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gate: every step in order, stopping at the first failure
    Ci {
        /// Run this step and no other
        #[arg(long, value_name = "STEP")]
        only: Option<Step>,
    },
    /// Install what the tests need and this machine lacks
    Setup,
    /// Check the formatting
    Format,
    /// Run clippy with warnings denied
    Lint,
    /// Run all tests, then the examples in the documentation
    Test,
    /// Build the API documentation with warnings denied
    Rustdoc,
    /// Check the house rules that no compiler knows
    Tidy,
    /// Check that dependencies between crates only point down
    Layers,
    /// Generate docs/cli.md from the help of the real binary
    Docs {
        /// Compare instead of writing
        #[arg(long)]
        check: bool,
    },
    /// Run the benchmarks beside their peers
    Bench {
        /// Names and options for the benchmark program
        #[arg(value_name = "NAME", trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run the proofs: crash states, faults, full disks
    Prove {
        /// Names and options for the program; `--list` says what there is
        #[arg(value_name = "NAME", trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Ci { only } => ci::run(only),
        Command::Setup => setup::run(),
        Command::Format => ci::format(),
        Command::Lint => ci::lint(),
        Command::Test => test::run(None).map(|passed| println!("{passed} passed, 0 failed")),
        Command::Rustdoc => ci::rustdoc(),
        Command::Tidy => tidy::run(),
        Command::Layers => layers::run(),
        Command::Docs { check: false } => docs::write(),
        Command::Docs { check: true } => docs::check(),
        Command::Bench { args } => release_runs::bench(&args),
        Command::Prove { args } => release_runs::prove(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn every_step_of_the_gate_is_a_subcommand() {
        use clap::ValueEnum;
        let command = super::Cli::command();
        for step in super::Step::value_variants() {
            let name = step.to_string();
            assert!(command.find_subcommand(&name).is_some(), "`cargo xtask {name}` is missing");
        }
    }
}
