//! `crash-states`: what a power cut may leave, enumerated from what a program really did.
//!
//! A victim runs under `strace`. From the calls it made, and from what file systems promise,
//! follows every state that may be on disk after a power cut at any moment. Each one is made
//! real in memory, read by the real loader and changed once more. Then the victim runs on it
//! again, and so on: a power cut while recovering from a power cut.

mod claims;
mod contents;
mod lines;
mod models;
mod mutants;
mod operation;
mod pages;
mod record;
mod scratch;

use std::collections::{HashMap, HashSet};

use anyhow::{Result, ensure};
use system_tests::Random;

use crate::crash_states::models::{Bounds, Model, each_crash};
use crate::crash_states::mutants::Mutant;
use crate::crash_states::record::Record;
use crate::evidence::{Evidence, Tally};
use crate::proof::{Effort, Length, Proof};
use crate::tree::Tree;

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
    Ok(())
}

fn examine(operation: &dyn Operation, effort: Effort, evidence: &mut Evidence) -> Result<()> {
    let plan = Plan {
        bounds: Bounds {
            most_names: effort.pick(32, 1024),
            most_contents: effort.pick(40, 400_000),
            size_step: effort.pick(97, 1),
        },
        nested: effort.pick(4, 400),
    };
    let mut scratch = Scratch::new()?;
    let top = scratch.clear()?;
    operation.prepare(top)?;
    let old = operation.read(top)?.generation;
    let record = {
        let _bystander = operation.bystander(top)?;
        Record::of(operation.victim(top)?, top)?
    };
    let places = Model::ALL.map(Model::name).join(", ");
    let mut outlines = HashMap::new();
    evidence.promise(operation.name(), places.clone(), |tally| {
        let mut examiner = Examiner::new(operation, &mut scratch, effort, plan.bounds, tally);
        examiner.all(&record, old, &mut outlines)
    })?;
    evidence.promise(format!("{}, twice", operation.name()), places.clone(), |tally| {
        twice(operation, &mut scratch, effort, plan, &outlines, tally)
    })?;
    // Of a take-over there are thousands of states, and its lines are those of an update.
    let mutants =
        if operation.is_large() && effort.length == Length::Short { &[][..] } else { &Mutant::ALL };
    for mutant in mutants {
        let Some(record) = mutant.of(&record) else { continue };
        let name = format!("{}: {}", operation.name(), mutant.name());
        evidence.mutant(name, places.clone(), |tally| {
            let bounds = Bounds { most_names: 32, most_contents: 40, size_step: 97 };
            let mut examiner = Examiner::new(operation, &mut scratch, effort, bounds, tally);
            examiner.all(&record, old, &mut HashMap::new())
        })?;
    }
    Ok(())
}

/// From every state that differs for a reader, the victim runs again, and every power cut of
/// that is looked at.
fn twice(
    operation: &dyn Operation,
    scratch: &mut Scratch,
    effort: Effort,
    plan: Plan,
    outlines: &HashMap<u64, (Tree, u64)>,
    tally: &mut Tally,
) -> Result<()> {
    let mut chosen: Vec<_> = outlines.iter().collect();
    chosen.sort_by_key(|(outline, _)| **outline);
    chosen.truncate(plan.nested);
    for (_, (tree, generation)) in chosen {
        let top = scratch.clear()?;
        tree.write(top)?;
        let record = {
            let _bystander = operation.bystander(top)?;
            Record::of(operation.victim(top)?, top)?
        };
        tally.count("runs", 1);
        let bounds = Bounds { most_contents: effort.pick(10, 2_000), ..plan.bounds };
        let mut examiner = Examiner::new(operation, scratch, effort, bounds, tally);
        examiner.all(&record, *generation, &mut HashMap::new())?;
    }
    Ok(())
}

/// Looks at states, each of them once.
struct Examiner<'a> {
    operation: &'a dyn Operation,
    scratch: &'a mut Scratch,
    random: Random,
    bounds: Bounds,
    tally: &'a mut Tally,
    seen: HashSet<(u64, bool)>,
}

impl<'a> Examiner<'a> {
    fn new(
        operation: &'a dyn Operation,
        scratch: &'a mut Scratch,
        effort: Effort,
        bounds: Bounds,
        tally: &'a mut Tally,
    ) -> Examiner<'a> {
        Examiner {
            operation,
            scratch,
            random: effort.random(),
            bounds,
            tally,
            seen: HashSet::new(),
        }
    }

    /// Every state under every model. Of those that look the same to a reader one is kept in
    /// `outlines`, with the generation that was read.
    fn all(
        &mut self,
        record: &Record,
        old: u64,
        outlines: &mut HashMap<u64, (Tree, u64)>,
    ) -> Result<()> {
        for model in Model::ALL {
            let mut random = self.random.clone();
            let sampled = each_crash(record, model, self.bounds, &mut random, |crash| {
                let fingerprint = crash.tree.fingerprint();
                if !self.seen.insert((fingerprint, crash.acknowledged)) {
                    return Ok(());
                }
                let top = self.scratch.clear()?;
                crash.tree.write(top)?;
                self.tally.tried(1);
                match verdict(self.operation, top, old, crash.acknowledged) {
                    Ok(generation) => {
                        outlines.entry(crash.tree.outline()).or_insert((crash.tree, generation));
                    }
                    Err(wrong) => {
                        let state = crash.tree.described();
                        self.tally.violation(|| format!("{}: {wrong}; {state}", model.name()));
                    }
                }
                Ok(())
            })?;
            if sampled > 0 {
                self.tally.count("sets sampled", sampled);
            }
        }
        ensure!(!self.seen.is_empty(), "a record without a state");
        Ok(())
    }
}
