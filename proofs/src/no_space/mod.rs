//! `no-space`: where nothing more can be written, nothing is lost.

mod disk;
mod trial;

use std::path::Path;

use anyhow::Result;
use system_tests::Govctl;

use crate::careless;
use crate::evidence::Evidence;
use crate::no_space::disk::{Disk, Kind};
use crate::no_space::trial::{NEW, Trial, claim};
use crate::proof::{Effort, Proof};

pub(crate) const PROOF: Proof = Proof {
    name: "no-space",
    claim: "where nothing more can be written or opened, a change fails with its reason, and \
            what was there stays",
    run,
};

/// What is left on a full disk, in bytes, at most: more than a change here needs.
fn most_left(kind: Kind) -> u64 {
    match kind {
        // They take room in large pieces, and keep some for themselves.
        Kind::Xfs | Kind::BtrfsQuota => 512 * 1024,
        _ => 62 * 1024,
    }
}

const DISKS: [Kind; 5] = [Kind::Memory, Kind::Ext4, Kind::Xfs, Kind::Btrfs, Kind::BtrfsQuota];

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    for kind in DISKS {
        let trials = effort.pick(8, 280);
        on(kind, "a claim on a full disk", evidence, |disk, evidence, what| {
            let mut random = effort.random();
            evidence.promise(what, kind.name(), |tally| {
                (0..trials).try_for_each(|_| {
                    let left = random.below(most_left(kind));
                    Trial { disk, left: format!("{left} bytes") }.with(
                        || disk.fill(left),
                        claim,
                        tally,
                    )
                })
            })
        })?;
    }
    on(Kind::FewFiles, "a claim where few files can be made", evidence, |disk, evidence, what| {
        evidence.promise(what, Kind::FewFiles.name(), |tally| {
            (0..effort.pick(6, 200)).try_for_each(|number| {
                let left = number % 6;
                let trial = Trial { disk, left: format!("{left} files") };
                trial.with(|| disk.use_up_files(left), claim, tally)
            })
        })
    })?;
    limits(effort, evidence)?;
    on(Kind::Memory, "a failed write that nobody notices", evidence, |disk, evidence, what| {
        evidence.mutant(what, Kind::Memory.name(), |tally| {
            [0, 1024, 4096].into_iter().try_for_each(|left| {
                let trial = Trial { disk, left: format!("{left} bytes") };
                trial.with(|| disk.fill(left), |disk| carelessly(disk, careless::SIBLING), tally)
            })
        })
    })?;
    on(Kind::Memory, "a short write that nobody notices", evidence, |disk, evidence, what| {
        evidence.mutant(what, Kind::Memory.name(), |tally| {
            [4096, 8192].into_iter().try_for_each(|left| {
                let trial = Trial { disk, left: format!("{left} bytes") };
                trial.with(|| disk.fill(left), |disk| carelessly(disk, careless::SHORT), tally)
            })
        })
    })
}

/// What a process may not do: open more files, write larger ones, write at all.
fn limits(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    let most = effort.pick(10, 20);
    let repeated = effort.pick(1, 10);
    on(Kind::Directory, "a claim with few descriptors", evidence, |disk, evidence, what| {
        evidence.promise(what, "RLIMIT_NOFILE", |tally| {
            (0..most * repeated).try_for_each(|number| {
                let limit = 4 + number % most;
                let trial = Trial { disk, left: format!("{limit} descriptors") };
                trial.under(&["prlimit", &format!("--nofile={limit}")], tally)
            })
        })
    })?;
    on(Kind::Directory, "a claim with a limit on sizes", evidence, |disk, evidence, what| {
        evidence.promise(what, "RLIMIT_FSIZE", |tally| {
            (0..most * repeated).try_for_each(|number| {
                // What it says goes to a file, too.
                let limit = 1024 + 16 * 1024 * (number % most) / most;
                let trial = Trial { disk, left: format!("files of {limit} bytes") };
                trial.under(&["prlimit", &format!("--fsize={limit}")], tally)
            })
        })
    })?;
    on(Kind::Directory, "a claim by a stranger", evidence, |disk, evidence, what| {
        if !rustix::process::getuid().is_root() {
            evidence.skip(what, "another uid", "only root can be somebody else");
            return Ok(());
        }
        evidence.promise(what, "another uid", |tally| {
            let trial = Trial { disk, left: "no permission".to_owned() };
            trial.under(&["setpriv", "--reuid=65534", "--clear-groups"], tally)
        })
    })?;
    on(Kind::Memory, "a claim on a disk that is read-only", evidence, |disk, evidence, what| {
        evidence.promise(what, "tmpfs, ro", |tally| {
            (0..repeated).try_for_each(|_| {
                let trial = Trial { disk, left: "read-only".to_owned() };
                trial.with(|| Ok(disk.read_only()), claim, tally)
            })
        })
    })
}

/// Does it on a disk of this kind, or says why there is none.
fn on(
    kind: Kind,
    what: &str,
    evidence: &mut Evidence,
    attempt: impl FnOnce(&Disk, &mut Evidence, &str) -> Result<()>,
) -> Result<()> {
    match Disk::new(kind) {
        Ok(disk) => attempt(&disk, evidence, what),
        Err(why) => {
            evidence.skip(what, kind.name(), why);
            Ok(())
        }
    }
}

/// The mutant sees the disk as this process does.
fn carelessly(disk: &Disk, how: &str) -> Govctl {
    let path = disk.state().join("delivery_ids.json");
    let words = careless::start(how, &path, NEW);
    Govctl::new("", Path::new("/"), Path::new("/")).under(words)
}
