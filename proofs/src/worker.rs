//! Processes that a proof needs: this program again, with other orders.

use std::env::current_exe;
use std::ffi::OsString;

use anyhow::{Context, Result, bail};

use crate::{careless, crash_states, killed, long_run, power_cuts, savers};

/// What this program can be told to do. The words are whatever the proof gave it.
type Job = fn(words: &[String]) -> Result<()>;

const JOBS: &[(&str, Job)] = &[
    (careless::CARELESS, careless::careless),
    (power_cuts::CLAIMER, power_cuts::claim),
    (long_run::ALLOCATOR, long_run::allocate),
    (savers::READER, savers::read),
    (savers::SAVER, savers::save),
    (killed::BREAKER, killed::break_locks),
    (crash_states::TURN_PAGES, crash_states::turn_pages),
    (crash_states::HOLD_PAGES, crash_states::hold_pages),
    (crash_states::LOG_LINE, crash_states::log_line),
];

/// The words that start this program for a job; those of the job come after them.
pub(crate) fn start(job: &str) -> Result<Vec<OsString>> {
    let program = current_exe().context("cannot find this program")?;
    Ok(vec![program.into(), "--worker".into(), job.into()])
}

/// Does a job, as the process that a proof has started.
pub(crate) fn work(name: &str, words: &[String]) -> Result<()> {
    match JOBS.iter().find(|(job, _)| *job == name) {
        Some((_, job)) => job(words),
        None => bail!("there is no job `{name}`"),
    }
}
