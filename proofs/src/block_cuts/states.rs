//! Records a saver, and looks at each state that its disk may be in.

use anyhow::{Context, Result};
use system_tests::Random;

use crate::block_cuts::epochs::{Epoch, Heard, epochs};
use crate::disks::{Disk, Ioctls};
use crate::evidence::Tally;
use crate::proof::Effort;
use crate::savers::{Flaw, Orders, Report, document, forget, look, try_to_save, update};

/// One state in so many is also written to.
const UPDATED: u64 = 8;

/// So many torn states for each flush, where there is a write that can come apart.
const TORN: u64 = 2;

/// The check itself writes under a name that no saver has.
const OURS: u64 = 1 << 62;

/// How long to search, and for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    /// `None` is the real store.
    pub(super) flaw: Option<Flaw>,
    /// When it is enough.
    pub(super) states: u64,
    pub(super) violations: u64,
    /// How many updates are recorded at once.
    pub(super) updates: u64,
    /// More combinations of the writes of one epoch are chosen by chance.
    pub(super) states_of_an_epoch: u64,
}

impl Search {
    /// Searches on one file system that is never made anew.
    pub(super) fn run(
        self,
        disk: &mut Disk,
        ioctls: &mut Ioctls,
        effort: Effort,
        tally: &mut Tally,
    ) -> Result<()> {
        let mut random = effort.random();
        disk.mount(ioctls)?;
        forget(disk.path())?;
        disk.unmount()?;
        let mut said = Heard::default();
        let mut next = 0;
        while !self.is_enough(tally) {
            self.record(disk, ioctls, &mut next)?;
            let log = disk.watched().log()?;
            for epoch in epochs(&log, said) {
                if !self.is_enough(tally) {
                    self.lose(&epoch, disk, ioctls, &mut random, tally)?;
                }
                disk.watched().settle(epoch.lines)?;
                said = epoch.said;
            }
        }
        tally.count("acknowledged", next);
        Ok(())
    }

    fn is_enough(self, tally: &Tally) -> bool {
        tally.attempts() >= self.states || tally.violations() >= self.violations
    }

    /// Lets a saver make its updates, and the disk write down what that was.
    fn record(self, disk: &mut Disk, ioctls: &mut Ioctls, next: &mut u64) -> Result<()> {
        disk.mount(ioctls)?;
        disk.watched().record()?;
        let document = document(&Orders {
            dir: disk.path().to_owned(),
            flaw: self.flaw,
            number: 0,
            count: self.updates,
            break_after: None,
            patience: 0,
        });
        for _ in 0..self.updates {
            *next += 1;
            let mut tell = |report: Report| disk.watched().mark(report);
            let refusal = try_to_save(&document, *next, &mut tell)?;
            refusal.map_or(Ok(()), Err).context("nothing was in the way of an update")?;
        }
        disk.unmount()
    }

    /// Looks at all states of an epoch.
    fn lose(
        self,
        epoch: &Epoch,
        disk: &mut Disk,
        ioctls: &mut Ioctls,
        random: &mut Random,
        tally: &mut Tally,
    ) -> Result<()> {
        tally.count("flushes", 1);
        tally.count("writes", epoch.writes.len() as u64);
        let mut states = epoch.subsets(self.states_of_an_epoch, random);
        let torn: Vec<_> = (0..TORN).filter_map(|_| epoch.torn(random)).collect();
        tally.count("torn", torn.len() as u64);
        states.extend(torn);
        for parts in states {
            let words = |why: &str| format!("{why}; of {:?} only {parts:?}", epoch.writes);
            disk.watched().show(parts.clone())?;
            tally.tried(1);
            match self.look(epoch, disk, ioctls, random) {
                Ok(()) => {}
                Err(why) => tally.violation(|| words(&why)),
            }
        }
        Ok(())
    }

    fn look(
        self,
        epoch: &Epoch,
        disk: &mut Disk,
        ioctls: &mut Ioctls,
        random: &mut Random,
    ) -> Result<(), String> {
        disk.mount(ioctls).map_err(|error| format!("{error:#}"))?;
        let looked = look(disk.path(), self.flaw).and_then(|last| {
            let found = last.map(|last| (last.serial, last.attempt));
            if !epoch.said.allows(found) {
                return Err(format!("found {found:?} after {:?}", epoch.said));
            }
            match random.below(UPDATED) {
                0 => update(disk.path(), OURS).map(drop),
                _ => Ok(()),
            }
        });
        disk.unmount().map_err(|error| format!("{error:#}"))?;
        looked
    }
}
