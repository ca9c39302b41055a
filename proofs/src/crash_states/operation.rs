//! What is interrupted by a power cut: one change of something that has a generation.

use std::fs;
use std::path::Path;

use anyhow::Result;
use system_tests::{Govctl, Victim};

/// A change from one generation to the next, made by a process and read by the real loader.
pub(crate) trait Operation: Sync {
    /// What it is, for the table.
    fn name(&self) -> String;

    /// Whether it has so many states that the short form has to leave out some.
    fn is_large(&self) -> bool {
        false
    }

    /// Puts the state before into an empty directory.
    fn prepare(&self, top: &Path) -> Result<()>;

    /// Starts whoever else has to be there.
    fn bystander(&self, _top: &Path) -> Result<Option<Victim>> {
        Ok(None)
    }

    /// The run that makes the change and says so.
    fn victim(&self, top: &Path) -> Result<Govctl>;

    /// Reads with the code that everybody reads with. An error is what is unreadable.
    fn read(&self, top: &Path) -> Result<Reading>;

    /// Removes what the dead have left, where the next change leaves that to a sweep. Returns
    /// whether nothing is left.
    fn sweep(&self, top: &Path) -> Result<bool> {
        Ok(!has_leftovers(top)?)
    }

    /// Makes the next change, in this process. An error says why it does not work.
    fn change(&self, top: &Path) -> Result<()>;
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// 0 if there is nothing.
    pub(crate) generation: u64,
    /// That of the backup, where one is promised.
    pub(crate) backup: Option<u64>,
    /// Whether nothing was left behind, where that is promised.
    pub(crate) is_clean: bool,
}

/// Reads the state that a power cut has left, and goes on from there. Returns what is wrong.
pub(crate) fn verdict(
    operation: &dyn Operation,
    top: &Path,
    old: u64,
    acknowledged: bool,
) -> Result<u64, String> {
    let generation = goes_on(operation, top)?;
    is_due(generation, old, acknowledged)?;
    Ok(generation)
}

/// Reads the state, makes the next change and reads again. Returns the generation that it had.
pub(crate) fn goes_on(operation: &dyn Operation, top: &Path) -> Result<u64, String> {
    let found = operation.read(top).map_err(|error| format!("it cannot be read: {error:#}"))?;
    let generation = found.generation;
    check_backup(found)?;
    let changed = operation.change(top);
    changed.map_err(|error| format!("the next change fails: {error:#}"))?;
    let next = operation.read(top).map_err(|error| format!("after the next: {error:#}"))?;
    if next.generation != generation + 1 {
        return Err(format!("the next change makes {} of {generation}", next.generation));
    }
    check_backup(next)?;
    if !next.is_clean {
        return Err("the next change leaves something behind".to_owned());
    }
    Ok(generation)
}

/// Whether this generation may be there.
pub(crate) fn is_due(generation: u64, old: u64, acknowledged: bool) -> Result<(), String> {
    if acknowledged && generation != old + 1 {
        return Err(format!("{} was acknowledged, and {generation} is there", old + 1));
    }
    if generation != old && generation != old + 1 {
        return Err(format!("neither {old} nor {} but {generation} is there", old + 1));
    }
    Ok(())
}

/// A backup is the version before, or, between the two renames, the same version.
fn check_backup(found: Reading) -> Result<(), String> {
    let Some(backup) = found.backup else { return Ok(()) };
    if backup + 1 < found.generation || backup > found.generation {
        return Err(format!("the backup is {backup}, and {} is there", found.generation));
    }
    Ok(())
}

/// A size in the words of the table.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        _ => format!("{} kB", bytes / 1000),
    }
}

/// Whether there are hidden files, but for the lock that a dead breaker had made: the next one
/// to break a lock removes it.
pub(crate) fn has_leftovers(top: &Path) -> Result<bool> {
    for entry in fs::read_dir(top)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') && !name.ends_with(".lk") {
            return Ok(true);
        }
    }
    Ok(false)
}
