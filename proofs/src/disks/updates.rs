//! Savers whose disk fails under them, again and again.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use system_tests::Random;

use crate::disks::{Disk, Ioctls};
use crate::evidence::Tally;
use crate::proof::Effort;
use crate::savers::{
    Flaw, History, Ledger, Orders, Report, Said, Saver, Team, forget, look, update,
};

/// A mutant that was caught so often is let go.
pub(crate) const CAUGHT: u64 = 10;

/// The check itself makes an update each time, under names that no saver has.
const OURS: u64 = 1 << 62;

/// Lets a disk fail under savers, on one file system that is never made anew.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trials {
    /// `None` is the real store.
    pub(crate) flaw: Option<Flaw>,
    pub(crate) count: u64,
    /// How many failures each saver bears before it ends.
    pub(crate) patience: u64,
    /// Who writes besides the savers: a job that is told a directory and a number.
    pub(crate) others: Option<&'static str>,
}

impl Trials {
    pub(crate) fn run(
        self,
        disk: &mut Disk,
        ioctls: &mut Ioctls,
        effort: Effort,
        tally: &mut Tally,
    ) -> Result<()> {
        let mut random = effort.random();
        let mut history = History::default();
        let mut next = 0;
        for trial in 0..self.count {
            disk.mount(ioctls)?;
            let before = tally.violations();
            look_and_update(disk.path(), self.flaw, OURS + trial, &mut history, tally);
            if tally.violations() > before {
                // A new account, or this loss would be counted again after every trial.
                history.count_into(tally);
                history = History::default();
                forget(disk.path())?;
            }
            if self.flaw.is_some() && tally.violations() >= CAUGHT {
                disk.unmount()?;
                break;
            }
            let dir = disk.path().to_owned();
            let start = |team: &Team, place| {
                next += 1;
                if let Some(job) = self.others.filter(|_| place % 2 == 1) {
                    let words = [dir.display().to_string(), next.to_string()];
                    return team.start_job(job, &words);
                }
                team.start(&Orders {
                    dir: dir.clone(),
                    flaw: self.flaw,
                    number: next,
                    count: 1 << 20,
                    break_after: None,
                    patience: self.patience,
                })
            };
            let members = 1 + random.below(4) + u64::from(self.others.is_some());
            cut_team(disk, ioctls, members, start, &mut random, |report| {
                history.heard(report, tally);
            })?;
            tally.tried(1);
            disk.unmount()?;
        }
        history.count_into(tally);
        Ok(())
    }
}

/// Starts a team, lets its disk fail at a random moment, and hears it to its end.
pub(crate) fn cut_team(
    disk: &mut Disk,
    ioctls: &mut Ioctls,
    members: u64,
    mut start: impl FnMut(&Team, u64) -> Result<Saver>,
    random: &mut Random,
    mut heard: impl FnMut(Report),
) -> Result<()> {
    let (team, mut ear) = Team::new()?;
    let all = (0..members).map(|place| start(&team, place)).collect::<Result<Vec<_>>>()?;
    let _complaints = team.closed(); // That they could not go on is what a failure is for.
    // Half of the failures come once they are at it; the others also meet their first steps.
    if random.below(2) == 0
        && let Some(report) = ear.hear()?
    {
        heard(report);
    }
    thread::sleep(Duration::from_micros(1_500 + random.below(14_500)));
    disk.cut(ioctls, random)?;
    while let Some(report) = ear.hear()? {
        heard(report);
    }
    drop(all);
    Ok(())
}

/// After a failure: what is left is whole and no older than what was acknowledged, and the next
/// update works.
fn look_and_update(
    dir: &Path,
    flaw: Option<Flaw>,
    attempt: u64,
    history: &mut History,
    tally: &mut Tally,
) {
    let last = match look(dir, flaw) {
        Ok(Some(last)) => last,
        Ok(None) if history.newest_saved == 0 => Ledger::default(),
        Ok(None) => return tally.violation(|| "there is no document any more".to_owned()),
        Err(why) => return tally.violation(|| why),
    };
    history.is_left(&last, tally);
    match update(dir, attempt) {
        Ok(serial) => {
            let report = |said| Report { said, attempt, serial };
            history.heard(report(Said::Trying), tally);
            history.heard(report(Said::Saved), tally);
        }
        Err(why) => tally.violation(|| why),
    }
}
