//! Proof: the whole life of deploys, ordered and killed at random, is as a naive model says.

use anyhow::Result;
use system_tests::{Flaw, Life, LifeCounts, Random};

use crate::evidence::{Evidence, Tally};
use crate::proof::{Effort, Proof};
use crate::quick;

pub(crate) const PROOF: Proof = Proof {
    name: "life",
    claim: "whatever is ordered and killed: no deploy runs twice, no hold is forgotten, the log explains it all",
    run,
};

/// How many orders one repository and its state take.
const STEPS: u64 = 40;

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    let place = quick::place();
    let mut random = effort.random();
    evidence.promise("orders of one life after the other", place, |tally| {
        for _ in 0..effort.pick(3, 500) {
            live(Flaw::None, &mut random, tally);
        }
        Ok(())
    })?;
    for (what, flaw) in [
        ("what was acknowledged is forgotten", Flaw::Forgets),
        ("the last line of the log is lost", Flaw::LosesLines),
    ] {
        evidence.mutant(what, place, |tally| {
            live(flaw, &mut random, tally);
            Ok(())
        })?;
    }
    Ok(())
}

fn live(flaw: Flaw, random: &mut Random, tally: &mut Tally) {
    let mut counts = LifeCounts::new();
    let life = Life { steps: usize::try_from(STEPS).expect("a small number"), flaw };
    if let Err(why) = life.live(random.below(u64::from(u32::MAX)), &mut counts) {
        tally.violation(|| why);
    }
    tally.tried(STEPS);
    for what in ["deploys", "rollbacks", "killed", "killed halfway"] {
        tally.count(what, counts.get(what).copied().unwrap_or_default());
    }
}
