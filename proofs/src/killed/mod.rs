//! Proof: processes that are killed, stopped and robbed of their locks at random lose nothing.

mod breakers;
mod deploys;
mod tormentor;
mod torture;

use std::time::Duration;

use anyhow::Result;

use crate::evidence::Evidence;
use crate::proof::{Effort, Proof};
use crate::savers::Flaw;

pub(crate) use breakers::{BREAKER, break_locks};
pub(crate) use deploys::Scene;
pub(crate) use torture::{Torture, Until, settle};

pub(crate) const PROOF: Proof = Proof {
    name: "killed-and-stopped",
    claim: "killed, stopped or fenced at any moment: no update is lost or undone, no deploy runs twice",
    run,
};

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    let place = crate::quick::place();
    let alone = Torture { savers: 1, ..Torture::default() };
    let crowd = Torture { savers: 4, ..Torture::default() };
    for (what, torture) in [("1 saver, killed", alone), ("4 savers, killed", crowd.clone())] {
        let torture = Torture { until: Until::Kills(effort.pick(300, 50_000)), ..torture };
        evidence.promise(what, place, |tally| torture.run(effort, tally))?;
    }

    let robbed = Torture { breakers: 2, ..crowd.clone() };
    let fenced = Until::Fenced(effort.pick(300, 20_000));
    evidence.promise("4 savers, killed, 2 breakers", place, |tally| {
        Torture { until: fenced, ..robbed.clone() }.run(effort, tally)
    })?;
    let stopped = Torture {
        teams: effort.pick(4, 16),
        stops: true,
        kills: false,
        break_after: Some(Duration::from_millis(1)),
        until: Until::Fenced(effort.pick(5, 100)),
        ..crowd.clone()
    };
    evidence.promise("4 savers, stopped while others wait", place, |tally| {
        stopped.run(effort, tally)
    })?;

    for (what, flaw, tortured) in [
        ("renames without a fence", Flaw::NoFence, &robbed),
        ("no lock", Flaw::NoLock, &crowd),
        ("written in place", Flaw::InPlace, &crowd),
    ] {
        let until = Until::Caught(effort.pick(10, 60));
        let mutant = Torture { flaw: Some(flaw), until, ..tortured.clone() };
        evidence.mutant(what, place, |tally| mutant.run(effort, tally))?;
    }

    deploys::run(effort, evidence)
}
