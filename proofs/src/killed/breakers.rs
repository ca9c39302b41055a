//! A process that takes the lock from whoever holds it, one time in four.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use flock_guard::{LockError, LockFile};
use system_tests::Random;

use crate::savers::{LEDGER, die_with_the_proof};

/// The job of [`break_locks`].
pub(crate) const BREAKER: &str = "breaker";

/// Breaks the lock of the document in a directory again and again: `DIR SEED`.
pub(crate) fn break_locks(words: &[String]) -> Result<()> {
    die_with_the_proof()?;
    let [dir, seed] = words else { anyhow::bail!("a breaker is given two words") };
    let mut random = Random::from_seed(seed.parse()?);
    let lock = LockFile::beside(&Path::new(dir).join(LEDGER.as_str()));
    loop {
        let held = lock.status()?;
        let token = held.holder.filter(|_| held.held).and_then(|holder| holder.token);
        if let Some(token) = token
            && random.below(4) == 0
        {
            match lock.take_over(token) {
                Ok(guard) => guard.release(),
                // It has changed hands since.
                Err(LockError::Busy { .. }) => {}
                Err(error) => return Err(error).context("cannot break the lock"),
            }
        }
        thread::sleep(Duration::from_micros(random.below(1_000)));
    }
}
