//! `crash-states`: what a power cut may leave, enumerated from what a program really did.
//!
//! A victim runs under `strace`. From the calls it made, and from what file systems promise,
//! follows every state that may be on disk after a power cut at any moment. Each one is made
//! real in memory, read by the real loader and changed once more. Then the victim runs on it
//! again, and so on: a power cut while recovering from a power cut.

mod claims;
mod commands;
mod contents;
mod disk;
mod documents;
mod examiner;
mod judges;
mod lines;
mod models;
mod mutants;
mod operation;
mod pages;
mod record;
mod scratch;

use anyhow::Result;

use crate::crash_states::examiner::{Examiner, Met};
use crate::crash_states::judges::Judges;
use crate::crash_states::models::{Bounds, Model};
use crate::crash_states::mutants::Mutant;
use crate::crash_states::record::Record;
use crate::evidence::Evidence;
use crate::proof::{Effort, Length, Proof};

pub(crate) use claims::Claiming;
pub(crate) use lines::{LOG_LINE, Logging, log_line};
pub(crate) use operation::{Operation, Reading, verdict};
pub(crate) use pages::{
    HOLD_PAGES, How, NAME, Paging, TURN_PAGES, hold_pages, next_bytes, turn_pages,
};
pub(crate) use scratch::Scratch;

pub(crate) const PROOF: Proof = Proof {
    name: "crash-states",
    claim: "after a power cut at any moment of a change, the loader finds the old version or the \
            new one, what was acknowledged is there, and the next change works",
    run,
};

/// How much is tried.
#[derive(Clone, Copy)]
struct Plan {
    bounds: Bounds,
    /// States from which the victim runs once more, at most.
    nested: usize,
    nested_bounds: Bounds,
}

impl Plan {
    fn of(operation: &dyn Operation, effort: Effort) -> Plan {
        if effort.length == Length::Short {
            let nested_bounds = Bounds { most_contents: 10, ..Bounds::SHORT };
            return Plan { bounds: Bounds::SHORT, nested: 4, nested_bounds };
        }
        // A take-over has so many moments and sets of names that a few contents of each will do.
        let (most_names, most_contents) =
            if operation.is_large() { (128, 100) } else { (1024, 20_000) };
        let bounds = Bounds { most_names, most_contents, size_step: 1 };
        let nested_bounds = Bounds { most_names: 64, most_contents: 200, size_step: 1 };
        Plan { bounds, nested: if operation.is_large() { 10 } else { 100 }, nested_bounds }
    }
}

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    let is_long = effort.length == Length::Long;
    let sizes: &[usize] = if is_long { &[600, 10_000, 40_000] } else { &[600] };
    let ways = [How::Replace, How::ReplaceKeeping, How::Update, How::FallBack, How::TakeOver];
    for bytes in sizes.iter().copied() {
        for how in ways {
            examine(&Paging { how, bytes, before: 3 }, effort, evidence)?;
        }
    }
    for bytes in sizes.iter().copied() {
        examine(&Claiming { bytes }, effort, evidence)?;
    }
    // In the middle of a block, and across the end of one.
    for bytes in [600, 4200] {
        examine(&Logging { bytes }, effort, evidence)?;
    }
    for how in [How::Replace, How::Update] {
        examine(&Paging { how, bytes: sizes[0], before: 0 }, effort, evidence)?;
    }
    commands::run(effort, evidence)
}

fn examine(operation: &dyn Operation, effort: Effort, evidence: &mut Evidence) -> Result<()> {
    let plan = Plan::of(operation, effort);
    let mut judges = Judges::new()?;
    let top = judges.scratch().clear()?;
    operation.prepare(top)?;
    let old = operation.read(top)?.generation;
    let record = {
        let _bystander = operation.bystander(top)?;
        Record::of(operation.victim(top)?, top)?
    };
    let places = Model::ALL.map(Model::name).join(", ");
    let mut met = Met::default();
    let (judges, random) = (&mut judges, effort.random());
    evidence.promise(operation.name(), places.clone(), |tally| {
        let random = random.clone();
        let mut examiner = Examiner { operation, judges, random, tally, met: &mut met };
        examiner.all(&record, old, plan.bounds)
    })?;
    evidence.promise(format!("{}, twice", operation.name()), places.clone(), |tally| {
        let random = random.clone();
        twice(Examiner { operation, judges, random, tally, met: &mut met }, plan)
    })?;
    // Of a take-over there are thousands of states, and its lines are those of an update.
    let mutants =
        if operation.is_large() && effort.length == Length::Short { &[][..] } else { &Mutant::ALL };
    for mutant in mutants {
        let Some(record) = mutant.of(&record) else { continue };
        let name = format!("{}: {}", operation.name(), mutant.name());
        evidence.mutant(name, places.clone(), |tally| {
            let (random, met) = (random.clone(), &mut Met::default());
            let mut examiner = Examiner { operation, judges, random, tally, met };
            examiner.all(&record, old, Bounds::SHORT)
        })?;
    }
    Ok(())
}

/// From states that differ for a reader, the victim runs again, and every power cut of that is
/// looked at.
fn twice(mut examiner: Examiner<'_>, plan: Plan) -> Result<()> {
    let operation = examiner.operation;
    let mut first = std::mem::take(&mut examiner.met.first);
    for _ in 0..plan.nested.min(first.len()) {
        let at = examiner.random.below(u64::try_from(first.len())?);
        let (tree, generation) = first.swap_remove(usize::try_from(at)?);
        let top = examiner.judges.scratch().clear()?;
        tree.write(top)?;
        let record = {
            let _bystander = operation.bystander(top)?;
            Record::of(operation.victim(top)?, top)?
        };
        examiner.tally.count("runs", 1);
        examiner.all(&record, generation, plan.nested_bounds)?;
    }
    Ok(())
}
