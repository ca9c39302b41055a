//! `schedules`: real processes that save, of which one thread goes on at a time, from one system
//! call to the next. Which one and how far is chance, and chance is a seed.
//!
//! A seccomp filter stops each thread before each call that touches a file or a lock, and `ptrace`
//! lets one of them go on. Nobody is ever blocked in the kernel, and no time passes: who queues for
//! a lock that is taken, or waits for a word in memory that has not changed, is left where it is,
//! and a wait that has a limit ends when the schedule says so. So a seed decides everything.

mod calls;
mod chance;
mod crew;
mod explore;
mod obey;
mod task;
mod tasks;
mod trail;

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::available_parallelism;

use anyhow::Result;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::evidence::{Evidence, Tally};
use crate::proof::{Effort, Proof};
use crate::quick;
use crate::savers::Flaw;
use crate::schedules::crew::Crew;
use crate::schedules::explore::explore;

pub(crate) use obey::{OBEDIENT, obey};

pub(crate) const PROOF: Proof = Proof {
    name: "schedules",
    claim: "whichever process goes on at each system call, breaks a lock or is killed there: no \
            update is lost, no fenced one commits",
    run,
};

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    let what = "2 or 3 savers that break locks";
    if calls::CALLS.is_empty() {
        evidence.skip(what, quick::place(), "the registers of this architecture are not known");
        return Ok(());
    }
    let count = effort.pick(400, 1_000_000);
    let again_each = effort.pick(10, 100);
    evidence.promise(what, quick::place(), |tally| {
        let (next, core) = (AtomicU64::new(0), AtomicUsize::new(0));
        let threads = available_parallelism().map_or(1, NonZero::get);
        effort.in_threads(threads, tally, |_, tally| {
            stay_on(core.fetch_add(1, Ordering::Relaxed))?;
            let mut crew = Crew::new()?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok(());
                }
                let seed = effort.seed.wrapping_add(number);
                explore_twice(&mut crew, seed, number.is_multiple_of(again_each), tally)?;
            }
        })
    })?;
    for (what, flaw) in [("renames without a fence", Flaw::NoFence), ("no lock", Flaw::NoLock)] {
        evidence.mutant(what, quick::place(), |tally| {
            let mut crew = Crew::new()?;
            for number in 0..effort.pick(1_000, 10_000) {
                explore(&mut crew, effort.seed.wrapping_add(number), Some(flaw), tally)?;
                if tally.violations() > 0 {
                    break;
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// A seed that is given again has to lead to the very same calls.
fn explore_twice(crew: &mut Crew, seed: u64, twice: bool, tally: &mut Tally) -> Result<()> {
    let calls = explore(crew, seed, None, tally)?;
    if twice {
        let again = explore(crew, seed, None, tally)?;
        tally.count("once more, alike", 1);
        if let Some(parting) = calls.parts_from(&again) {
            tally.violation(|| format!("--seed {seed} does not lead to the same calls: {parting}"));
        }
    }
    Ok(())
}

/// Keeps this thread, and all that it starts, on one processor: who goes on next then need not be
/// woken up on another.
fn stay_on(number: usize) -> Result<()> {
    let allowed = sched_getaffinity(None)?;
    let all: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
    let mut one = CpuSet::new();
    if let Some(cpu) = all.get(number % all.len().max(1)) {
        one.set(*cpu);
        sched_setaffinity(None, &one)?;
    }
    Ok(())
}
