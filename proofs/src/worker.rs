//! Processes that a proof needs: this program again, with other orders.

use std::env::current_exe;
use std::ffi::OsString;

use anyhow::{Context, Error, Result, bail};
use atomic_file::ReplaceError;
use state_store::StoreError;

use crate::{
    careless, crash_states, disks, dying_device, faults, killed, long_run, power_cuts, savers,
    schedules,
};

/// What this program can be told to do. The words are whatever the proof gave it.
type Job = fn(words: &[String]) -> Result<()>;

const JOBS: &[(&str, Job)] = &[
    (careless::CARELESS, careless::careless),
    (disks::WATCHED_DISK, disks::be_watched_disk),
    (dying_device::BUSYBODY, dying_device::keep_busy),
    (power_cuts::CLAIMER, power_cuts::claim),
    (long_run::ALLOCATOR, long_run::allocate),
    (savers::READER, savers::read),
    (savers::SAVER, savers::save),
    (killed::BREAKER, killed::break_locks),
    (crash_states::TURN_PAGES, crash_states::turn_pages),
    (crash_states::HOLD_PAGES, crash_states::hold_pages),
    (crash_states::LOG_LINE, crash_states::log_line),
    (schedules::OBEDIENT, schedules::obey),
    (faults::REPLACE_CARELESSLY, faults::replace_carelessly),
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

/// What a worker stands for is govctl, and that says 3 if it could not do it, and 6 if nobody
/// knows whether it did.
pub(crate) fn exit_code(error: &Error) -> u8 {
    let of_a_file = matches!(error.downcast_ref(), Some(ReplaceError::NotDurable { .. }));
    let of_a_document = matches!(error.downcast_ref(), Some(StoreError::Unknown { .. }));
    if of_a_file || of_a_document { 6 } else { 3 }
}
