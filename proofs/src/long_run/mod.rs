//! `long-run`: many processes at once, for long: every update counts once, every number is
//! handed out once, and nobody who looks sees less than before.

mod ids;

use std::time::Duration;

use anyhow::Result;

use crate::evidence::Evidence;
use crate::killed::{Torture, Until};
use crate::proof::{Effort, Proof};
use crate::quick;
use crate::savers::Flaw;

pub(crate) use ids::{ALLOCATOR, allocate};

pub(crate) const PROOF: Proof = Proof {
    name: "long-run",
    claim: "of many processes no update is lost or counted twice, no number is handed out twice, \
            and no reader goes back",
    run,
};

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    let (savers, readers, count) = effort.pick((8, 2, 150), (100, 10, 1_000));
    let crowd = Torture {
        savers,
        readers,
        count: Some(count),
        kills: false,
        until: Until::Ended,
        ..Torture::default()
    };
    let what = format!("{savers} processes save {count} times, {readers} read");
    evidence.promise(&what, quick::place(), |tally| crowd.run(effort, tally))?;
    let few = Torture { count: Some(effort.pick(10, 100)), on_disk: true, ..crowd.clone() };
    let what = format!("{savers} processes save {} times, {readers} read", effort.pick(10, 100));
    evidence.promise(what, "disk", |tally| few.run(effort, tally))?;

    let time = Duration::from_secs(effort.pick(4, 600));
    let soak = Torture { savers: 8, readers, until: Until::Over(time), ..Torture::default() };
    evidence.promise("8 processes save and are killed, some read", quick::place(), |tally| {
        soak.run(effort, tally)
    })?;
    let mutant = Torture { flaw: Some(Flaw::NoLock), count: Some(100), ..crowd };
    evidence.mutant("no lock", quick::place(), |tally| mutant.run(effort, tally))?;

    evidence.promise("numbers, killed and restored", quick::place(), |tally| {
        ids::hand_out(effort.pick(1_000, 1_000_000), ids::Backup::Real, effort, tally)
    })?;
    evidence.mutant("numbers, and the backup lies", quick::place(), |tally| {
        // It ends when it is caught; a short one could miss it by chance.
        ids::hand_out(20_000, ids::Backup::Old, effort, tally)
    })
}
