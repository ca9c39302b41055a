//! Disks on loop devices that can be made to fail, and savers on them.

mod disk;
mod ioctls;
mod servant;
mod updates;
mod watched;

use std::thread;

use anyhow::{Error, Result};

use crate::evidence::{Evidence, Tally};
use crate::proof::Effort;

pub(crate) use disk::{Disk, Kind};
pub(crate) use ioctls::Ioctls;
pub(crate) use updates::{CAUGHT, Trials, cut_team};
pub(crate) use watched::{Noted, Part, SECTOR, WATCHED_DISK, be_watched_disk};

pub(crate) const EXT4: Kind = Kind::new("ext4", "", &[]);
pub(crate) const XFS: Kind = Kind::new("xfs", "", &[]);
pub(crate) const BTRFS: Kind = Kind::new("btrfs", "", &[]);

/// So many disks at once: a mount waits most of its time, above all on a busy machine.
pub(crate) const LANES: usize = 8;

/// Does it on so many disks of one kind at once.
pub(crate) fn on_disks(
    count: usize,
    kind: Kind,
    effort: Effort,
    tally: &mut Tally,
    attempt: impl Fn(&mut Disk, &mut Ioctls, Effort, &mut Tally) -> Result<()> + Sync,
) -> Result<()> {
    effort.in_threads(count, tally, |effort, tally| {
        let mut ioctls = Ioctls::start()?;
        let mut disk = Disk::make(kind, &mut ioctls).map_err(Error::msg)?;
        attempt(&mut disk, &mut ioctls, effort, tally)
    })
}

/// Does it in a thread of its own, whose mounts nobody else sees and which go with it; or says
/// that it cannot be done, and why.
pub(crate) fn with_disks(
    what: &str,
    evidence: &mut Evidence,
    attempt: impl FnOnce(&mut Ioctls, &mut Evidence) -> Result<()> + Send,
) -> Result<()> {
    const PLACES: &str = "ext4, xfs, btrfs";
    if !rustix::process::geteuid().is_root() {
        evidence.skip(what, PLACES, "only root may mount a file system");
        return Ok(());
    }
    thread::scope(|scope| {
        let proof = scope.spawn(|| {
            // Who makes the calls has to see the same mounts.
            match disk::with_mounts_of_my_own().and_then(|()| Ioctls::start()) {
                Ok(mut ioctls) => attempt(&mut ioctls, evidence)?,
                Err(why) => evidence.skip(what, PLACES, format!("{why:#}")),
            }
            Ok(())
        });
        proof.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
