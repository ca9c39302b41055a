//! `power-cuts`: what was acknowledged is there after the file system has lost its power.
//!
//! A file system on a loop device is shut down while savers write, by the call that it has for
//! tests: nothing that is not on the device yet gets there. Then it is mounted again, which
//! replays its journal, and read. Where a file system has no such call (Btrfs), or also where
//! it has, the *disk* is cut instead: a file on another file system, which is shut down with
//! all that it had not been told to flush.

mod claims;
mod deploys;

use anyhow::Result;

use crate::disks::{BTRFS, Disk, EXT4, Ioctls, Kind, Trials, XFS, with_disks};
use crate::evidence::Evidence;
use crate::proof::{Effort, Proof};
use crate::savers::Flaw;

pub(crate) use claims::{CLAIMER, claim};

pub(crate) const PROOF: Proof = Proof {
    name: "power-cuts",
    claim: "what was acknowledged is there after a power cut, and nothing is half there",
    run,
};

/// It has no call that cuts it.
const CUT_BTRFS: Kind = BTRFS.on_a_disk_that_is_cut();

/// Where savers work, and how many cuts in the short and in the long form.
const KINDS: &[(Kind, u64, u64)] = &[
    (EXT4, 40, 2_500),
    (Kind::new("ext4", "data=writeback", &[]), 20, 2_500),
    (Kind::new("ext4", "noauto_da_alloc", &[]), 20, 2_500),
    (Kind::new("ext4", "data=journal", &[]), 20, 2_500),
    (Kind::new("ext4", "", &["-O", "fast_commit"]), 20, 2_500),
    (XFS, 40, 10_000),
    (CUT_BTRFS, 20, 2_000),
    (EXT4.on_a_disk_that_is_cut(), 20, 1_000),
    (XFS.on_a_disk_that_is_cut(), 20, 1_000),
];

const MUTANTS: &[(&str, Flaw, Kind)] = &[
    ("nothing is synced", Flaw::NoSync, EXT4),
    ("the directory is not synced", Flaw::NoDirectorySync, EXT4),
    ("nothing is synced", Flaw::NoSync, XFS),
    ("the directory is not synced", Flaw::NoDirectorySync, XFS),
    ("the directory is not synced", Flaw::NoDirectorySync, CUT_BTRFS),
];

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    with_disks("updates", evidence, |ioctls, evidence| cut_all(effort, ioctls, evidence))
}

fn cut_all(effort: Effort, ioctls: &mut Ioctls, evidence: &mut Evidence) -> Result<()> {
    for (kind, short, long) in KINDS {
        match Disk::make(*kind, ioctls) {
            Err(why) => evidence.skip("updates", kind.place(), why),
            Ok(mut disk) => evidence.promise("updates", kind.place(), |tally| {
                let count = effort.pick(*short, *long);
                Trials { count, ..Trials::default() }.run(&mut disk, ioctls, effort, tally)
            })?,
        }
    }
    for (what, flaw, kind) in MUTANTS {
        // What is missing was said above.
        let Ok(mut disk) = Disk::make(*kind, ioctls) else { continue };
        evidence.mutant(*what, kind.place(), |tally| {
            let count = effort.pick(40, 100);
            let trials = Trials { count, flaw: Some(*flaw), ..Trials::default() };
            trials.run(&mut disk, ioctls, effort, tally)
        })?;
    }
    for kind in [EXT4, XFS, CUT_BTRFS] {
        let Ok(mut disk) = Disk::make(kind, ioctls) else { continue };
        evidence.promise("claims", kind.place(), |tally| {
            claims::cut_claims(&mut disk, ioctls, effort.pick(15, 500), effort, tally)
        })?;
        evidence.promise("deploys", kind.place(), |tally| {
            deploys::cut_deploys(&mut disk, ioctls, effort.pick(5, 200), effort, tally)
        })?;
    }
    Ok(())
}
