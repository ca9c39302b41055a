//! Those who keep a file system busy, so that others are not alone in its journal.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Result, bail};
use system_tests::Random;

use crate::savers::die_with_the_proof;

/// The name of the job.
pub(crate) const BUSYBODY: &str = "busybody";

/// How many failures one bears, and then ends.
const PATIENCE: u64 = 40;

/// So many files each, so that a small disk is never full.
const FILES: u64 = 4;

/// Writes, syncs, renames and removes files of its own until that fails: `DIR NUMBER`.
pub(crate) fn keep_busy(words: &[String]) -> Result<()> {
    die_with_the_proof()?;
    let [dir, number] = words else { bail!("a busybody is given two words") };
    let number = number.parse()?;
    let mut random = Random::from_seed(number);
    let mut failures = 0;
    while failures < PATIENCE {
        let place = [number % FILES, random.below(FILES)].map(|part| part.to_string()).concat();
        let path = Path::new(dir).join(format!("busy-{place}"));
        failures += u64::from(do_something(&path, &mut random).is_err());
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "files that nobody misses, as others write them")]
fn do_something(path: &Path, random: &mut Random) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    let length = usize::try_from(random.below(1 << 15)).expect("a small number");
    file.write_all(&vec![1; length])?;
    match random.below(4) {
        0 => file.sync_all()?,
        1 => file.sync_data()?,
        _ => {}
    }
    match random.below(3) {
        0 => fs::remove_file(&beside),
        _ => fs::rename(&beside, path),
    }
}
