//! `cargo xtask bench`: what our promises cost, beside the bare system calls and beside others.
//!
//! [`contest`] has the method. A missed gate is reported and fails nothing, because a time
//! depends on the weather; only a benchmark that cannot run fails.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tables for the person who asked for them"
)]

mod append;
mod arena;
mod breaker;
mod claim;
mod contest;
mod floor;
mod gate;
mod handover;
mod lock;
mod machine;
#[cfg(feature = "peers")]
mod peers;
mod replace;
mod report;
mod startup;
mod statistics;
mod update;
mod workers;
mod writers;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};

use crate::arena::{Arena, Effort};
use crate::machine::Machine;
use crate::report::{Format, Table};

/// Where the files go, unless told otherwise: where the build is, hence on a real disk.
const DEFAULT_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench");

/// Measure what our promises cost, beside the bare system calls and beside others
#[derive(Parser)]
#[command(name = "bench", bin_name = "cargo xtask bench")]
struct Cli {
    /// What to measure; everything if none is named
    #[arg(value_enum, value_name = "NAME")]
    names: Vec<Benchmark>,
    /// See in half a minute that everything runs; the numbers are rough
    #[arg(long)]
    quick: bool,
    /// Print a page instead of plain tables
    #[arg(long)]
    markdown: bool,
    /// Where the files go: on a real disk, or a sync costs nothing
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR, hide_default_value = true)]
    dir: PathBuf,
    /// Let only contenders take part that have this in their name: for a profiler
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Do one job and print what was found
    #[arg(long, hide = true)]
    worker: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Benchmark {
    /// Replace a file, from 1 KB to 10 MB
    Replace,
    /// Take and release a lock that nobody else wants
    Lock,
    /// Hand a lock over from process to process
    Handover,
    /// Update a document of 1 KB
    Update,
    /// Claim a delivery among 1,000 and more
    Claim,
    /// Update one document from eight processes
    Writers,
    /// Append a message to a session
    Append,
    /// Call through a circuit breaker
    Breaker,
    /// Start a program
    Startup,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.worker {
        Some(job) => workers::work(job).map(|found| println!("{found}")),
        None => measure(&cli),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(cli: &Cli) -> Result<()> {
    let effort = if cli.quick { Effort::Quick } else { Effort::Full };
    let format = if cli.markdown { Format::Markdown } else { Format::Text };
    let names = if cli.names.is_empty() { Benchmark::value_variants() } else { &cli.names };

    print_facts(cli, names, format)?;
    let (mut passed, mut missed) = (0, 0);
    for name in names {
        let arena = Arena::open(&cli.dir, effort, cli.only.clone())?;
        let tables = name.run(&arena).with_context(|| format!("cannot measure `{name}`"))?;
        let mut tables = tables.into_iter().filter(|table| !table.is_empty()).peekable();
        ensure!(tables.peek().is_some(), "no contender of `{name}` has that in its name");
        for table in tables {
            println!("\n{}", table.print(format).trim_end());
            passed += table.verdicts().filter(|verdict| verdict.passed).count();
            missed += table.verdicts().filter(|verdict| !verdict.passed).count();
        }
    }
    println!("\n{passed} gates passed, {missed} missed; the load is {} now", machine::load());
    Ok(())
}

fn print_facts(cli: &Cli, names: &[Benchmark], format: Format) -> Result<()> {
    let mut command = "cargo xtask bench".to_owned();
    if names.len() < Benchmark::value_variants().len() {
        command.extend(names.iter().map(|name| format!(" {name}")));
    }
    if cli.quick {
        command.push_str(" --quick");
    }
    std::fs::create_dir_all(&cli.dir)?;
    let machine = Machine::look(&cli.dir)?;
    let facts = [machine.facts(), machine::versions_of_peers()];
    println!("{}", format.page(&command, &facts));
    if machine.forgets() {
        eprintln!("warning: `{}` is in memory, where a sync costs nothing", cli.dir.display());
    }
    Ok(())
}

impl fmt::Display for Benchmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no benchmark is hidden from the command line");
        f.write_str(value.get_name())
    }
}

impl Benchmark {
    fn run(self, arena: &Arena) -> Result<Vec<Table>> {
        match self {
            Benchmark::Replace => replace::run(arena),
            Benchmark::Lock => lock::run(arena),
            Benchmark::Handover => handover::run(arena),
            Benchmark::Update => update::run(arena),
            Benchmark::Claim => claim::run(arena),
            Benchmark::Writers => writers::run(arena),
            Benchmark::Append => append::run(arena),
            Benchmark::Breaker => breaker::run(arena),
            Benchmark::Startup => startup::run(arena),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
