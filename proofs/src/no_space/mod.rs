//! `no-space`: where nothing more can be written, nothing is lost.

mod careless;
mod disk;

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use system_tests::{Answer, Exit, Govctl};

use crate::evidence::{Evidence, Tally};
use crate::no_space::disk::Disk;
use crate::proof::{Effort, Proof};

pub(crate) use careless::{CARELESS, careless};

pub(crate) const PROOF: Proof = Proof {
    name: "no-space",
    claim: "where nothing more can be written, a change fails with its reason, and what was \
            there stays",
    run,
};

/// What is left on a full disk, in bytes, at most: more than any change here needs.
const MOST_LEFT: u64 = 62 * 1024;

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    let disk = match Disk::in_memory() {
        Ok(disk) => disk,
        Err(why) => {
            evidence.skip("a claim on a full disk", "tmpfs", why);
            return Ok(());
        }
    };
    let trials = effort.pick(20, 300);
    let mut random = effort.random();
    evidence.promise("a claim on a full disk", "tmpfs", |tally| {
        (0..trials).try_for_each(|_| on_full_disk(&disk, random.below(MOST_LEFT), claim, tally))
    })?;
    evidence.mutant("a failed write that nobody notices", "tmpfs", |tally| {
        let left = [0, 1024, 4096];
        left.into_iter().try_for_each(|left| on_full_disk(&disk, left, careless::claim, tally))
    })
}

/// A claim of this key, by us or by a mutant.
type ClaimBy = fn(&Disk, key: &str) -> Result<Govctl>;

fn claim(disk: &Disk, key: &str) -> Result<Govctl> {
    Ok(disk.govctl(&format!("delivery claim acme/site {key} event-1")))
}

/// A claim with so many bytes left: it is recorded and says so, or it is not and says why.
/// Either way what was recorded before stays, and it works once there is room again.
fn on_full_disk(disk: &Disk, left: u64, claim_by: ClaimBy, tally: &mut Tally) -> Result<()> {
    let old = disk.begin_anew()?;
    let filler = disk.fill(left)?;
    let answer = run_of(claim_by(disk, NEW)?);
    let said = || format!("with {left} bytes left\n{}", answer.shown());
    tally.tried(1);

    let recorded = match list(disk) {
        Ok(keys) => {
            if !keys.is_superset(&old) {
                tally.violation(|| format!("claims from before are gone, {}", said()));
            }
            keys.contains(NEW)
        }
        Err(error) => {
            tally.violation(|| format!("{error:#}, {}", said()));
            return Ok(());
        }
    };
    match (answer.code(), recorded) {
        (0, true) => tally.count("recorded", 1),
        (3, false) if answer.shown().contains("No space left") => tally.count("refused", 1),
        _ => tally.violation(|| format!("recorded is {recorded}, {}", said())),
    }
    let leftovers = disk.leftovers()?;
    if !leftovers.is_empty() {
        tally.violation(|| format!("left behind: {leftovers:?}, {}", said()));
    }
    drop(filler);
    let again = run_of(claim_by(disk, NEW)?);
    if again.code() != i32::from(recorded) {
        tally.violation(|| format!("then, with room again:\n{}\n{}", again.shown(), said()));
    }
    Ok(())
}

/// The key that is claimed when there is no room.
const NEW: &str = "deploy_run_1000";

/// The keys that are recorded.
fn list(disk: &Disk) -> Result<BTreeSet<String>> {
    let answer = run_of(disk.govctl("delivery list --json"));
    ensure!(answer.code() == 0, "it cannot be read: {}", answer.shown());
    let list = answer.json(Exit::Yes);
    let list = list.as_array().context("a list of deliveries")?;
    Ok(list.iter().filter_map(|entry| entry["sha"].as_str().map(str::to_owned)).collect())
}

fn run_of(run: Govctl) -> Answer {
    run.run().whatever_is_said()
}
