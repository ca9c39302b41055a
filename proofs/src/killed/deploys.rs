//! Deploys that are killed at random moments: the command has started once at most, and what
//! is not known is said.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use system_tests::{Exit, Govctl, Random, Stage, eventually, govctl_binary, session_is_over};

use crate::evidence::{Evidence, Tally};
use crate::proof::Effort;
use crate::quick;

/// A repository and its state take so many deploys; then new ones are made.
const ROUNDS: u64 = 100;

/// Whether the governor remembers anything after a kill.
#[derive(Clone, Copy, PartialEq)]
enum Memory {
    Whole,
    /// The mutant: the state is lost with the process.
    Lost,
}

pub(super) fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    let cycles = effort.pick(60, 10_000);
    let place = quick::place();
    evidence.promise("deploys, killed", place, |tally| {
        let mut random = effort.random();
        let mut left = cycles;
        while left > 0 {
            let rounds = left.min(ROUNDS);
            kill_deploys(rounds, Memory::Whole, &mut random, tally)?;
            left -= rounds;
        }
        Ok(())
    })?;
    evidence.mutant("deploys, killed, and the claim is lost with them", place, |tally| {
        kill_deploys(effort.pick(30, ROUNDS), Memory::Lost, &mut effort.random(), tally)
    })
}

fn kill_deploys(rounds: u64, memory: Memory, random: &mut Random, tally: &mut Tally) -> Result<()> {
    govctl_binary(); // What building it takes is not the length of a deploy.
    let stage = Stage::new();
    let state = quick::dir()?;
    stage.repository.configure("max_deploys_per_hour: 1000000");
    // Some time before and after the line that it leaves, so that kills meet both.
    stage.script("slowly", "sleep 0.005; ran; sleep 0.005");
    let commits = stage.repository.commits(usize::try_from(rounds)? + 3);
    let (warm_up, commits) = commits.split_at(3);
    let scene = Scene { stage: &stage, state: state.path() };
    let mut longest = Duration::ZERO;
    for sha in warm_up {
        let start = Instant::now();
        scene.deploy(sha).run().whatever_is_said().exit(Exit::Yes);
        longest = longest.max(start.elapsed());
    }
    let mut sessions = Vec::new();
    for sha in commits {
        let victim = scene.deploy(sha).under(["setsid"]).start();
        sessions.push(victim.pid());
        let most = u64::try_from(longest.as_micros())?;
        thread::sleep(Duration::from_micros(random.below(most))); // The random moment.
        // All that it started dies with it, or goes on without it.
        if random.below(2) == 0 {
            victim.kill_session()
        } else {
            victim.signal(Signal::KILL)
        }
        let _killed = victim.wait();
        if memory == Memory::Lost {
            scene.forget()?;
        }
        tally.tried(1);
        scene.go_on(sha, tally)?;
    }
    for session in sessions {
        eventually("every command has ended", || session_is_over(session));
    }
    scene.count_runs(tally);
    Ok(())
}

/// A repository, and where the state of its deploys is.
pub(crate) struct Scene<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) state: &'a Path,
}

impl Scene<'_> {
    /// After a kill: the same order is refused as unknown, or is the first to run.
    pub(crate) fn go_on(&self, sha: &str, tally: &mut Tally) -> Result<()> {
        let had_run = self.stage.ran().iter().any(|ran| ran == sha);
        let mut again = self.deploy(sha).run().whatever_is_said();
        // A command that was left alive holds the next deploy, and these are short.
        eventually("its command has ended", || {
            let is_running = again.said().contains("\"deploy_in_progress\"") && again.code() == 1;
            if is_running {
                again = self.deploy(sha).run().whatever_is_said();
            }
            !is_running
        });
        match again.code() {
            0 => tally.count("known", 1),
            6 => {
                tally.count("reported as unknown", 1);
                let status = self.govctl("status --json").run().whatever_is_said();
                // What has run was written down as an intent before.
                if had_run && !status.said().contains(sha) {
                    tally.violation(|| format!("an open intent is not shown for {sha}"));
                }
                let resolve = format!("resolve {sha} --as success --reason seen");
                let resolved = self.govctl(&resolve).run().whatever_is_said();
                if resolved.code() != 0 {
                    bail!("cannot resolve: {}", resolved.shown());
                }
            }
            _ => tally.violation(|| format!("no way on after a kill: {}", again.shown())),
        }
        Ok(())
    }

    pub(crate) fn deploy(&self, sha: &str) -> Govctl {
        self.govctl(&format!("deploy --json {sha} -- slowly"))
    }

    /// Nothing has run twice.
    pub(crate) fn count_runs(&self, tally: &mut Tally) {
        let mut runs: BTreeMap<String, u64> = BTreeMap::new();
        for sha in self.stage.ran() {
            *runs.entry(sha).or_default() += 1;
        }
        for (sha, count) in &runs {
            if *count > 1 {
                tally.violation(|| format!("the command ran {count} times for {sha}"));
            }
        }
        tally.count("commands started", runs.len() as u64);
    }

    fn govctl(&self, words: &str) -> Govctl {
        let home = self.stage.dir.path();
        Govctl::new(words, self.stage.repository.path(), home)
            .option("--state-dir", self.state)
            .env("STAGE", home)
            .env("USER", "ana")
    }

    fn forget(&self) -> Result<()> {
        for entry in fs::read_dir(self.state)? {
            let path = entry?.path();
            let removed =
                if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.with_context(|| format!("cannot remove `{}`", path.display()))?;
        }
        Ok(())
    }
}
