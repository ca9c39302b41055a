//! Looks at the states of a record, at each of them once.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use system_tests::Random;

use crate::crash_states::judges::{AT_ONCE, Judges};
use crate::crash_states::models::{Bounds, Model, Told, each_crash};
use crate::crash_states::operation::{Operation, goes_on, is_due};
use crate::crash_states::record::Record;
use crate::evidence::Tally;
use crate::tree::Tree;

/// What was met so far, of one run and of those that follow it.
#[derive(Default)]
pub(super) struct Met {
    /// The states by their fingerprints: these are counted.
    trees: HashSet<u64>,
    /// The states with what was due there.
    judged: HashSet<(u64, u64, Told)>,
    outlines: HashSet<u64>,
    /// Of those that look the same to a reader the first one, with the generation that was read.
    pub(super) first: Vec<(Tree, u64)>,
}

pub(super) struct Examiner<'a> {
    pub(super) operation: &'a dyn Operation,
    pub(super) judges: &'a mut Judges,
    pub(super) random: Random,
    pub(super) tally: &'a mut Tally,
    pub(super) met: &'a mut Met,
}

/// A state that is to be judged.
struct Crash {
    tree: Tree,
    told: Told,
    model: Model,
}

impl Examiner<'_> {
    /// Every state under every model. A state is judged once, however many models, moments and
    /// runs lead to it.
    pub(super) fn all(&mut self, record: &Record, old: u64, bounds: Bounds) -> Result<()> {
        let mut waiting = Vec::new();
        for model in Model::ALL {
            let mut random = self.random.clone();
            let sampled = each_crash(record, model, bounds, &mut random, |tree, told| {
                let fingerprint = tree.fingerprint();
                if self.met.judged.insert((fingerprint, old, told)) {
                    self.tally.tried(u64::from(self.met.trees.insert(fingerprint)));
                    waiting.push(Crash { tree: tree.clone(), told, model });
                }
                if waiting.len() < AT_ONCE { Ok(()) } else { self.judge(&mut waiting, old) }
            })?;
            if sampled > 0 {
                self.tally.count("sets sampled", sampled);
            }
        }
        ensure!(!self.met.judged.is_empty(), "a record without a state");
        self.judge(&mut waiting, old)
    }

    fn judge(&mut self, waiting: &mut Vec<Crash>, old: u64) -> Result<()> {
        let trees: Vec<&Tree> = waiting.iter().map(|crash| &crash.tree).collect();
        let found = self.judges.judge(&trees, |top| goes_on(self.operation, top))?;
        for (Crash { tree, told, model }, found) in waiting.drain(..).zip(found) {
            let judged = found.and_then(|generation| {
                is_due(generation, old, told.acknowledged).map(|()| generation)
            });
            match judged {
                Err(wrong) => {
                    let state = tree.described();
                    self.tally.violation(|| format!("{}: {wrong}; {state}", model.name()));
                }
                Ok(generation) if self.met.outlines.insert(tree.outline()) => {
                    self.met.first.push((tree, generation));
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }
}
