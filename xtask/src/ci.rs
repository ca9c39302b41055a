//! `cargo xtask ci`: the gate.

use std::fmt;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::test::FEATURES;
use crate::{docs, layers, process, release_runs, setup, test, tidy};

/// The chance of the gate: what it finds must be about the change that is tried, so it is the same
/// each time. `cargo xtask test` and `prove` without a seed look elsewhere.
const SEED: &str = "20261121";

/// The steps of the gate, in the order in which they run: cheap and telling ones early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    Setup,
    Format,
    Lint,
    Test,
    Prove,
    Rustdoc,
    Tidy,
    Layers,
    Docs,
}

impl Step {
    /// Runs the step. The test step returns how many tests passed.
    fn run(self) -> Result<Option<usize>> {
        match self {
            Step::Setup => setup::run(),
            Step::Format => format(),
            Step::Lint => lint(),
            Step::Test => return test::run(Some(SEED)).map(Some),
            Step::Prove => release_runs::prove(&["--seed", SEED].map(str::to_owned)),
            Step::Rustdoc => rustdoc(),
            Step::Tidy => tidy::run(),
            Step::Layers => layers::run(),
            Step::Docs => docs::check(),
        }
        .map(|()| None)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no step is hidden from the command line");
        f.write_str(value.get_name())
    }
}

/// Runs `only` this step, or all of them.
///
/// The last line after a success is the true number of tests, if tests were run; the last
/// line after a failure names the step and how to repeat it.
pub(crate) fn run(only: Option<Step>) -> Result<()> {
    let steps = only.map_or(Step::value_variants().to_vec(), |step| vec![step]);
    if let Some(passed) = run_in_order(&steps, Step::run)? {
        println!("{passed} passed, 0 failed");
    }
    Ok(())
}

pub(crate) fn format() -> Result<()> {
    process::run(&["cargo", "fmt", "--all", "--check"], &[])
}

pub(crate) fn lint() -> Result<()> {
    let words = ["cargo", "clippy", "--workspace", "--all-targets", "--features", FEATURES];
    process::run(&[&words[..], &["--locked", "--", "-D", "warnings"]].concat(), &[])
}

pub(crate) fn rustdoc() -> Result<()> {
    let words = ["cargo", "doc", "--workspace", "--features", FEATURES, "--no-deps", "--locked"];
    process::run(&words, &[("RUSTDOCFLAGS", "-Dwarnings")])
}

fn run_in_order(
    steps: &[Step],
    mut run: impl FnMut(Step) -> Result<Option<usize>>,
) -> Result<Option<usize>> {
    let mut passed = None;
    for &step in steps {
        println!("\n== {step}");
        let start = Instant::now();
        let outcome = run(step);
        let took = start.elapsed().as_secs_f64();
        match outcome {
            Ok(count) => passed = passed.or(count),
            Err(error) => {
                eprintln!("error: {error:#}");
                bail!(
                    "the gate stopped at `{step}` after {took:.1} s; \
                     repeat it with `cargo xtask ci --only {step}`"
                );
            }
        }
        println!("== {step}: {took:.1} s");
    }
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::{Step, run_in_order};

    #[test]
    fn the_gate_stops_at_the_first_failure_and_names_it() {
        let mut ran = Vec::new();
        let outcome = run_in_order(&[Step::Format, Step::Lint, Step::Test], |step| {
            ran.push(step);
            if step == Step::Lint { bail!("a warning") } else { Ok(None) }
        });

        assert_eq!(ran, [Step::Format, Step::Lint]);
        let message = outcome.unwrap_err().to_string();
        assert!(message.starts_with("the gate stopped at `lint` after "), "{message}");
        assert!(message.ends_with("`cargo xtask ci --only lint`"), "{message}");
    }

    #[test]
    fn the_count_is_that_of_the_step_that_counts() {
        let count = |step| Ok((step == Step::Test).then_some(7));
        let passed = |steps| run_in_order(steps, count).unwrap();
        assert_eq!(passed(&[Step::Format, Step::Test, Step::Rustdoc]), Some(7));
        assert_eq!(
            passed(&[Step::Format, Step::Rustdoc]),
            None,
            "no tests, so no claim about them"
        );
    }
}
