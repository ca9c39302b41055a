//! What starting a program costs, from the call to its end.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::arena::Arena;
use crate::claim;
use crate::contest::{self, Contender, Pace};
use crate::gate::{Gate, Verdict};
use crate::report::{Row, Table, ratio, time};
use crate::workers::{self, Job};

const PACE: Pace = Pace { samples: 10, batch: 1 };
const LIMIT: Duration = Duration::from_secs(15);

const FLOOR: &str = "fn main() {} (floor)";
const STATUS: &str = "govctl status";
const CHECK: &str = "govctl check --paths-from";
const HAS: &str = "govctl delivery has, 1,000 entries";

const GIT: &str = "git rev-parse --show-toplevel";

const GATES: &[Gate] = &[Gate { of: HAS, to: FLOOR, at_most: 2.0 }];
/// These run git once to find out that they are not in a repository. Its time is git's own.
const RUN_GIT: &[&str] = &[STATUS, CHECK];
const RATIO_AT_MOST: f64 = 2.0;
const MEMORY_AT_MOST_MIB: f64 = 20.0;
const BINARY_AT_MOST_MIB: f64 = 7.0;
const CRATES_AT_MOST: f64 = 120.0;

pub(crate) fn run(arena: &Arena) -> Result<Vec<Table>> {
    let govctl = built("govctl", "govctl")?;
    Ok(vec![processes(arena, &govctl)?, weight(&govctl)?])
}

fn processes(arena: &Arena, govctl: &str) -> Result<Table> {
    let programs = programs(arena, govctl)?;
    let contenders =
        programs.iter().map(|(name, program)| Contender::timed(name, PACE, || program.once()));
    let standings = contest::hold(arena, LIMIT, contenders.collect())?;

    let columns = ["program", "median", "p99", "ratio", "memory", "gate"];
    let mut table = Table::new("startup: whole processes", &columns);
    for (name, program) in &programs {
        let Some(samples) = standings.samples(name) else { continue };
        let peak: Vec<Option<f64>> = workers::team(&[Job::Run(program.clone())])?;
        let cells = vec![
            (*name).to_owned(),
            time(samples.median()),
            time(samples.p99()),
            ratio(standings.ratio(name, FLOOR).unwrap_or(f64::NAN)),
            peak[0].map_or("-".to_owned(), |peak| format!("{peak:.1} MiB")),
        ];
        let mut verdicts = standings.verdicts(name, GATES);
        if let (true, Some(git), Some(floor)) =
            (RUN_GIT.contains(name), standings.samples(GIT), standings.samples(FLOOR))
        {
            let own = samples.without(git).ratio_to(floor);
            let text = format!("{own:.2}x with git aside, at most {RATIO_AT_MOST}x");
            verdicts.push(Verdict::new(own <= RATIO_AT_MOST, text));
        }
        if let (false, Some(peak)) = (verdicts.is_empty(), peak[0]) {
            verdicts.push(Verdict::at_most(peak, MEMORY_AT_MOST_MIB, " MiB"));
        }
        table.row(Row { cells, verdicts });
    }
    table.note("memory is the peak, and never less than the 3 MiB of the process that looks");
    Ok(table)
}

fn programs(arena: &Arena, govctl: &str) -> Result<Vec<(&'static str, Run)>> {
    let dir = arena.field("startup")?;
    let state = arena.field("startup-state")?;
    claim::cache(&state, 1)?;
    let paths = dir.join("paths");
    atomic_file::replace(&paths, b"M\tdocs/guide.md\n")?;
    let sha = "9f2c1ab5d0".repeat(4);
    let known = claim::key(0, claim::ENTRIES)?;
    let (repo, known) = (known.repo().as_str(), known.subject().to_string());
    let state = ["--state-dir", text(&state)?, "--repo", repo];
    // Whatever the arena is in, the root is in no repository.
    let outside = Path::new("/");
    let governed = |words: &[&str]| Run::new(outside, &[&[govctl], &state[..], words].concat());
    Ok(vec![
        (FLOOR, Run::new(outside, &[&built("bench", "nothing")?])),
        (STATUS, governed(&["status"])),
        (CHECK, governed(&["check", &sha, "--paths-from", text(&paths)?])),
        (HAS, governed(&["delivery", "has", repo, &known])),
        (GIT, Run::new(outside, &["git", "rev-parse", "--show-toplevel"]).ending_in(128)),
        ("flock -n FILE true", Run::new(&dir, &["flock", "-n", "lock", "true"])),
    ])
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is not UTF-8")
}

/// How large the program is, and how many crates it is made of.
fn weight(govctl: &str) -> Result<Table> {
    let mut table = Table::new("startup: the program", &["measure", "value", "gate"]);
    #[expect(clippy::cast_precision_loss, reason = "a program is smaller than 2^53 bytes")]
    let size = fs::metadata(govctl)?.len() as f64 / f64::from(1 << 20);
    let cells = vec!["size of `govctl`, stripped".to_owned(), format!("{size:.2} MiB")];
    let verdicts = vec![Verdict::at_most(size, BINARY_AT_MOST_MIB, " MiB")];
    table.row(Row { cells, verdicts });

    let words = ["tree", "--locked", "-p", "govctl", "-e", "normal", "--prefix", "none"];
    let tree = Command::new("cargo").args(words).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let tree = tree.context("cannot start `cargo`")?;
    ensure!(tree.status.success(), "`cargo tree` ended with {}", tree.status);
    let crates = crates_in(&String::from_utf8_lossy(&tree.stdout));
    let cells = vec!["crates in its tree, itself included".to_owned(), crates.to_string()];
    let verdicts = vec![Verdict::at_most(f64::from(crates), CRATES_AT_MOST, " crates")];
    table.row(Row { cells, verdicts });
    Ok(table)
}

/// Counts the different `name version` of `cargo tree`, which repeats what several need.
fn crates_in(tree: &str) -> u32 {
    let package = |line: &str| line.split(' ').take(2).map(str::to_owned).collect::<Vec<_>>();
    let packages: BTreeSet<_> = tree.lines().filter(|line| !line.is_empty()).map(package).collect();
    u32::try_from(packages.len()).expect("no program has that many crates")
}

/// Builds a program as it is released, and returns where it is.
fn built(package: &str, name: &str) -> Result<String> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--quiet", "-p", package, "--bin", name]);
    if cfg!(feature = "peers") && package == "bench" {
        cargo.args(["--features", "peers"]); // Else all of its dependencies are built once more.
    }
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    let status = status.context("cannot start `cargo`")?;
    ensure!(status.success(), "cannot build `{name}`");
    let beside_us = std::env::current_exe()?.with_file_name(name);
    ensure!(beside_us.is_file(), "there is no `{}`", beside_us.display());
    Ok(text(&beside_us)?.to_owned())
}

/// A program with its arguments. It is also the job of a worker: to say how much memory it
/// takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    dir: PathBuf,
    words: Vec<String>,
    code: i32,
}

impl Run {
    fn new(dir: &Path, words: &[&str]) -> Run {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        Run { dir: dir.to_owned(), words, code: 0 }
    }

    fn ending_in(self, code: i32) -> Run {
        Run { code, ..self }
    }

    /// Starts it and waits for its end.
    fn once(&self) -> Result<()> {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).current_dir(&self.dir);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status =
            command.status().with_context(|| format!("cannot start `{}`", self.words[0]))?;
        ensure!(status.code() == Some(self.code), "`{}` ended with {status}", self.words.join(" "));
        Ok(())
    }

    /// Returns the most memory in MiB that it used, if that can be found out.
    pub(crate) fn work(&self) -> Result<Option<f64>> {
        self.once()?;
        #[cfg(feature = "peers")]
        return crate::peers::peak_of_children().map(Some);
        #[cfg(not(feature = "peers"))]
        return Ok(None);
    }
}

#[cfg(test)]
mod tests {
    use super::crates_in;

    #[test]
    fn a_crate_that_two_need_counts_once_and_two_versions_count_twice() {
        let tree = "govctl v0.1.0 (/src/govctl)\nserde v1.0.1\nsyn v2.0.1\nsyn v3.0.0\n\n\
                    serde v1.0.1 (*)\n";
        assert_eq!(crates_in(tree), 4);
    }
}
