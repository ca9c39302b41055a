//! `block-cuts`: every state in which a disk can be after a power cut, as far as it was told to
//! flush.
//!
//! The disk is a file that a process of ours serves, and that writes down each write and each
//! flush while a saver works, together with what the saver says. What was written before a flush
//! is there; of what came after it any subset is, and of one write perhaps some sectors only. Each
//! of these states is mounted, read and, one time in eight, written.

mod epochs;
mod states;

use anyhow::Result;

use crate::block_cuts::states::Search;
use crate::disks::{BTRFS, CAUGHT, Disk, EXT4, Ioctls, Kind, LANES, XFS, on_disks, with_disks};
use crate::evidence::Evidence;
use crate::proof::{Effort, Proof};
use crate::savers::Flaw;

pub(crate) const PROOF: Proof = Proof {
    name: "block-cuts",
    claim: "what was acknowledged is there, whichever of the blocks that nobody flushed are not",
    run,
};

/// Where, and how many states at least in the short and in the long form.
const KINDS: [(Kind, [u64; 2]); 3] = [
    (EXT4.on_a_watched_disk(), [120, 35_000]),
    (XFS.on_a_watched_disk(), [120, 35_000]),
    (BTRFS.on_a_watched_disk(), [120, 35_000]),
];

const MUTANTS: [(&str, Flaw); 2] =
    [("nothing is synced", Flaw::NoSync), ("the directory is not synced", Flaw::NoDirectorySync)];

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    with_disks("updates", evidence, |ioctls, evidence| search_all(effort, ioctls, evidence))
}

fn search_all(effort: Effort, ioctls: &mut Ioctls, evidence: &mut Evidence) -> Result<()> {
    for (kind, counts) in KINDS {
        let mut disk = match Disk::make(kind, ioctls) {
            Ok(disk) => disk,
            Err(why) => {
                evidence.skip("updates", kind.place(), why);
                continue;
            }
        };
        let [short, long] = counts;
        let lanes = effort.pick(2, LANES);
        let search = Search {
            flaw: None,
            states: effort.pick(short, long) / lanes as u64,
            violations: u64::MAX,
            updates: effort.pick(4, 40),
            states_of_an_epoch: effort.pick(1 << 4, 1 << 10),
        };
        evidence.promise("updates", kind.place(), |tally| {
            on_disks(lanes, kind, effort, tally, |disk, ioctls, effort, tally| {
                search.run(disk, ioctls, effort, tally)
            })
        })?;
        for (what, flaw) in MUTANTS {
            evidence.mutant(what, kind.place(), |tally| {
                let mutant =
                    Search { flaw: Some(flaw), states: short, violations: CAUGHT, ..search };
                mutant.run(&mut disk, ioctls, effort, tally)
            })?;
        }
    }
    Ok(())
}
