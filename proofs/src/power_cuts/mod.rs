//! `power-cuts`: what was acknowledged is there after the file system has lost its power.
//!
//! A file system on a loop device is shut down while savers write, by the call that it has for
//! tests: nothing that is not on the device yet gets there. Then it is mounted again, which
//! replays its journal, and read. Where a file system has no such call (Btrfs), or also where
//! it has, the *disk* is cut instead: a file on another file system, which is shut down with
//! all that it had not been told to flush.

mod cutter;
mod deploys;
mod disk;
mod savers;

use std::thread;

use anyhow::Result;

use crate::evidence::Evidence;
use crate::power_cuts::cutter::Cutter;
use crate::power_cuts::disk::{Disk, Kind};
use crate::proof::{Effort, Proof};
use crate::savers::Flaw;

pub(crate) use savers::{CLAIMER, claim};

pub(crate) const PROOF: Proof = Proof {
    name: "power-cuts",
    claim: "what was acknowledged is there after a power cut, and nothing is half there",
    run,
};

const EXT4: Kind = Kind::new("ext4", "", &[]);
const XFS: Kind = Kind::new("xfs", "", &[]);
const BTRFS: Kind = Kind::new("btrfs", "", &[]).on_a_disk_that_is_cut();

/// Where savers work, and how many cuts in the short and in the long form.
const KINDS: &[(Kind, u64, u64)] = &[
    (EXT4, 40, 2_500),
    (Kind::new("ext4", "data=writeback", &[]), 20, 2_500),
    (Kind::new("ext4", "noauto_da_alloc", &[]), 20, 2_500),
    (Kind::new("ext4", "data=journal", &[]), 20, 2_500),
    (Kind::new("ext4", "", &["-O", "fast_commit"]), 20, 2_500),
    (XFS, 40, 10_000),
    (BTRFS, 20, 2_000),
    (EXT4.on_a_disk_that_is_cut(), 20, 1_000),
    (XFS.on_a_disk_that_is_cut(), 20, 1_000),
];

const MUTANTS: &[(&str, Flaw, Kind)] = &[
    ("nothing is synced", Flaw::NoSync, EXT4),
    ("the directory is not synced", Flaw::NoDirectorySync, EXT4),
    ("nothing is synced", Flaw::NoSync, XFS),
    ("the directory is not synced", Flaw::NoDirectorySync, XFS),
    ("the directory is not synced", Flaw::NoDirectorySync, BTRFS),
];

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        evidence.skip("updates", "ext4, xfs, btrfs", "only root may mount a file system");
        return Ok(());
    }
    // In a thread of its own, which sees mounts that nobody else sees and that go with it.
    thread::scope(|scope| {
        let proof = scope.spawn(|| {
            // What cuts has to see the same mounts.
            match disk::with_mounts_of_my_own().and_then(|()| Cutter::start()) {
                Ok(mut cutter) => cut_all(effort, &mut cutter, evidence)?,
                Err(why) => evidence.skip("updates", "ext4, xfs, btrfs", format!("{why:#}")),
            }
            Ok(())
        });
        proof.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn cut_all(effort: Effort, cutter: &mut Cutter, evidence: &mut Evidence) -> Result<()> {
    for (kind, short, long) in KINDS {
        match Disk::make(*kind) {
            Err(why) => evidence.skip("updates", kind.place(), why),
            Ok(mut disk) => evidence.promise("updates", kind.place(), |tally| {
                let count = effort.pick(*short, *long);
                savers::cut_updates(&mut disk, cutter, None, count, effort, tally)
            })?,
        }
    }
    for (what, flaw, kind) in MUTANTS {
        // What is missing was said above.
        let Ok(mut disk) = Disk::make(*kind) else { continue };
        evidence.mutant(*what, kind.place(), |tally| {
            let count = effort.pick(40, 100);
            savers::cut_updates(&mut disk, cutter, Some(*flaw), count, effort, tally)
        })?;
    }
    for kind in [EXT4, XFS, BTRFS] {
        let Ok(mut disk) = Disk::make(kind) else { continue };
        evidence.promise("claims", kind.place(), |tally| {
            savers::cut_claims(&mut disk, cutter, effort.pick(15, 500), effort, tally)
        })?;
        evidence.promise("deploys", kind.place(), |tally| {
            deploys::cut_deploys(&mut disk, cutter, effort.pick(5, 200), effort, tally)
        })?;
    }
    Ok(())
}
