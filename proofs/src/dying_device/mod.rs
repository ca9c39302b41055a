//! `dying-device`: a disk that fails every write and every flush from some write on takes nothing
//! with it that was acknowledged.
//!
//! The disk is a file that a process of ours serves. It dies while savers are at it, and others
//! that keep the file system busy; they live on and try again. Then the file system is unmounted,
//! the disk is mended with what it had, and what is left is read.

mod busy;

use anyhow::Result;

use crate::disks::{BTRFS, Disk, EXT4, Ioctls, Kind, LANES, Trials, XFS, on_disks, with_disks};
use crate::evidence::Evidence;
use crate::proof::{Effort, Length, Proof};
use crate::savers::Flaw;

pub(crate) use busy::{BUSYBODY, keep_busy};

pub(crate) const PROOF: Proof = Proof {
    name: "dying-device",
    claim: "what was acknowledged is there after its disk has died, and what was refused is not",
    run,
};

const KINDS: [Kind; 3] =
    [EXT4.on_a_watched_disk(), XFS.on_a_watched_disk(), BTRFS.on_a_watched_disk()];

/// What is missing, and how it is caught in so many trials in the short and in the long form.
const MUTANTS: &[(&str, Flaw, [u64; 2])] = &[
    ("nothing is synced", Flaw::NoSync, [40, 100]),
    ("the directory is not synced", Flaw::NoDirectorySync, [40, 100]),
];

/// Savers bear so many failures, and then end.
const PATIENCE: u64 = 8;

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    with_disks("updates", evidence, |ioctls, evidence| kill_all(effort, ioctls, evidence))
}

fn kill_all(effort: Effort, ioctls: &mut Ioctls, evidence: &mut Evidence) -> Result<()> {
    let trials = Trials { patience: PATIENCE, others: Some(BUSYBODY), ..Trials::default() };
    let lanes = effort.pick(2, LANES);
    let count = effort.pick(26, 1_000) / lanes as u64;
    for kind in KINDS {
        let mut disk = match Disk::make(kind, ioctls) {
            Ok(disk) => disk,
            Err(why) => {
                evidence.skip("updates", kind.place(), why);
                continue;
            }
        };
        evidence.promise("updates", kind.place(), |tally| {
            on_disks(lanes, kind, effort, tally, |disk, ioctls, effort, tally| {
                Trials { count, ..trials }.run(disk, ioctls, effort, tally)
            })
        })?;
        for (what, flaw, [short, long]) in MUTANTS {
            evidence.mutant(*what, kind.place(), |tally| {
                let count = effort.pick(*short, *long);
                let mutant = Trials { count, flaw: Some(*flaw), ..trials };
                mutant.run(&mut disk, ioctls, effort, tally)
            })?;
        }
        // It loses one update in some 50 trials, on a busy XFS only.
        if kind.place() == XFS.place() && effort.length == Length::Long {
            evidence.mutant("the file is not synced after the rename", kind.place(), |tally| {
                let mutant = Trials { count, flaw: Some(Flaw::NoLastSync), ..trials };
                on_disks(lanes, kind, effort, tally, |disk, ioctls, effort, tally| {
                    mutant.run(disk, ioctls, effort, tally)
                })
            })?;
        }
    }
    Ok(())
}
