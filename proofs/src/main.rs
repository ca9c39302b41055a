//! `cargo xtask prove`: our promises, tried to destruction.
//!
//! A proof tries to break one promise in every way that it can think of, counts what it tried,
//! and then tries the same on *mutants*, where the line that keeps the promise is taken out: a
//! proof that does not catch those has shown nothing, and fails. What cannot run on a machine
//! says so and never counts as passed.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a table for the person who asked for it"
)]

mod block_cuts;
mod bytes;
mod careless;
mod crash_states;
mod damage;
mod disks;
mod dying_device;
mod each_call;
mod evidence;
mod faults;
mod fuzz;
mod killed;
mod life;
mod lock;
mod long_run;
mod no_space;
mod power_cuts;
mod proof;
mod quick;
mod report;
mod savers;
mod schedules;
mod tree;
mod worker;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use clap::Parser;

use crate::evidence::Evidence;
use crate::proof::{Effort, Length, Proof};
use crate::report::{Ended, Verdict};

/// Every proof, in the order in which they run.
const PROOFS: &[Proof] = &[
    crash_states::PROOF,
    faults::PROOF,
    faults::TWICE,
    each_call::PROOF,
    no_space::PROOF,
    killed::PROOF,
    life::PROOF,
    power_cuts::PROOF,
    block_cuts::PROOF,
    dying_device::PROOF,
    lock::PROOF,
    schedules::PROOF,
    long_run::PROOF,
    damage::PROOF,
    fuzz::PROOF,
];

/// Try to break what is promised
#[derive(Parser)]
#[command(name = "proofs", bin_name = "cargo xtask prove")]
struct Cli {
    /// What to prove; everything if none is named
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Try until the counts of the documentation are reached, instead of some seconds
    #[arg(long)]
    long: bool,
    /// Repeat the chance of an earlier run
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Only the rows of the table that have these words in their name and place
    #[arg(long, value_name = "WORDS")]
    only: Option<String>,
    /// Say what there is to prove, and run nothing
    #[arg(long)]
    list: bool,
    /// Be a process that a proof needs
    #[arg(long, hide = true, num_args = 1.., allow_hyphen_values = true, exclusive = true)]
    worker: Vec<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.worker.split_first() {
        Some((name, words)) => worker::work(name, words),
        None if cli.list => list(),
        None => prove(&cli),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            if cli.worker.is_empty() { ExitCode::FAILURE } else { worker::exit_code(&error).into() }
        }
    }
}

fn list() -> Result<()> {
    for Proof { name, claim, .. } in PROOFS {
        println!("{name:<14} {claim}.");
    }
    Ok(())
}

fn prove(cli: &Cli) -> Result<()> {
    let proofs = chosen(&cli.names)?;
    quick::be_quick();
    let length = if cli.long { Length::Long } else { Length::Short };
    let seed = cli.seed.unwrap_or_else(any_seed);
    let effort = Effort { length, seed };
    let all: Vec<Ended> =
        proofs.into_iter().map(|proof| run(proof, effort, cli.only.as_deref())).collect();

    println!("{}\n", facts(effort));
    println!("{}", report::table(&all));
    let mut failed = Vec::new();
    for ended in &all {
        let failures = ended.error.iter().cloned().chain(ended.evidence.failures());
        for failure in failures {
            println!("{}: {failure}\n", ended.name);
        }
        if ended.verdict() == Verdict::Failed {
            failed.push(ended.name);
        }
    }
    let count = |verdict| all.iter().filter(|ended| ended.verdict() == verdict).count();
    let (passed, skipped) = (count(Verdict::Passed), count(Verdict::Skipped));
    if let Some(words) = &cli.only {
        let has_rows = all.iter().any(|ended| !ended.evidence.rows.is_empty());
        ensure!(has_rows, "no row has the words {words:?} in it");
    }
    println!("proofs: {passed} passed, {} failed, {skipped} skipped", failed.len());
    if !failed.is_empty() {
        bail!("{} failed; repeat with --seed {seed}", failed.join(", "));
    }
    Ok(())
}

fn chosen(names: &[String]) -> Result<Vec<&'static Proof>> {
    if names.is_empty() {
        return Ok(PROOFS.iter().collect());
    }
    let mut chosen = Vec::new();
    for name in names {
        match PROOFS.iter().find(|proof| proof.name == name) {
            Some(proof) => chosen.push(proof),
            None => bail!("there is no proof `{name}`: `cargo xtask prove --list` has them all"),
        }
    }
    Ok(chosen)
}

/// Runs one proof. The kit panics where it cannot go on; the other proofs can.
fn run(proof: &'static Proof, effort: Effort, only: Option<&str>) -> Ended {
    eprintln!("{}: {}.", proof.name, proof.claim);
    let mut evidence = Evidence::only(only);
    let ran = catch_unwind(AssertUnwindSafe(|| (proof.run)(effort, &mut evidence)));
    let error = match ran {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("{error:#}")),
        Err(panic) => Some(words_of(panic.as_ref())),
    };
    Ended { name: proof.name, evidence, error }
}

fn words_of(panic: &dyn Any) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    words.or_else(|| panic.downcast_ref().copied()).unwrap_or("a panic without words").to_owned()
}

#[expect(clippy::disallowed_methods, reason = "a table says when it was measured")]
fn facts(Effort { length, seed }: Effort) -> String {
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    let day = jiff::Timestamp::now().strftime("%Y-%m-%d");
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let form = if length == Length::Long { "long" } else { "short" };
    format!("{day}, Linux {kernel}, {processors} processors, {form} form, seed {seed}")
}

fn any_seed() -> u64 {
    let mut bytes = [0; 4]; // Short enough to be typed.
    let flags = rustix::rand::GetRandomFlags::empty();
    rustix::rand::getrandom(&mut bytes[..], flags).expect("the kernel has random bytes");
    u32::from_ne_bytes(bytes).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::{Cli, PROOFS, chosen};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_proof_can_be_chosen_by_its_name() {
        let names: BTreeSet<&str> = PROOFS.iter().map(|proof| proof.name).collect();
        assert_eq!(names.len(), PROOFS.len());
        for name in names {
            assert_eq!(chosen(&[name.to_owned()]).unwrap()[0].name, name);
        }
        assert!(chosen(&["no such thing".to_owned()]).is_err());
    }
}
