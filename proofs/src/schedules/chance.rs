//! Who goes on: all that a seed decides.
//!
//! Half of the seeds walk at random: whoever is at it goes on for some calls, many or few, and then
//! anybody does. The other half is PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte: A randomized
//! scheduler with probabilistic guarantees of finding bugs, ASPLOS 2010): each task has a random
//! rank, the highest one that can go on does, and at `DEPTH - 1` random calls whoever is at it falls
//! to the end. A fault that takes `DEPTH` orders between calls is found with a probability of at
//! least 1 in `n * k^(DEPTH - 1)` for `n` tasks that make `k` calls.

use std::collections::BTreeMap;

use system_tests::Random;

use crate::schedules::task::Id;

/// How many orders between two calls a fault may take.
const DEPTH: usize = 3;
/// About as many calls as a schedule has: where its changes may be.
const USUAL: u64 = 250;

pub(super) struct Chance {
    random: Random,
    manner: Manner,
    current: Option<Id>,
    killed_at: Option<u64>,
}

enum Manner {
    /// Somebody else may go on after each call, one time of so many.
    Walk {
        one_of: u64,
    },
    Ranks(Ranks),
}

#[derive(Default)]
struct Ranks {
    ranks: BTreeMap<Id, i64>,
    /// At which calls somebody falls.
    falls: Vec<u64>,
    /// Below everybody.
    end: i64,
}

impl Chance {
    pub(super) fn of(seed: u64) -> Chance {
        let mut random = Random::from_seed(seed);
        let killed_at = if random.below(3) == 0 { Some(random.below(USUAL)) } else { None };
        let manner = if seed.is_multiple_of(2) {
            Manner::Walk { one_of: 2 << random.below(8) }
        } else {
            let falls = (1..DEPTH).map(|_| random.below(USUAL)).collect();
            Manner::Ranks(Ranks { falls, ..Ranks::default() })
        };
        Chance { random, manner, current: None, killed_at }
    }

    pub(super) fn savers(&mut self) -> usize {
        if self.random.below(2) == 0 { 2 } else { 3 }
    }

    /// Whether a wait ends by its limit although others could go on.
    pub(super) fn is_impatient(&mut self) -> bool {
        self.random.below(2) == 0
    }

    /// Whom to kill before the call of this number.
    pub(super) fn kills(&self, call: u64) -> Option<usize> {
        self.current.filter(|_| self.killed_at == Some(call)).map(|id| id.saver)
    }

    /// Who makes the call of this number: one of those who can, and there is one.
    pub(super) fn pick(&mut self, call: u64, able: &[Id]) -> Id {
        let Chance { random, manner, current, .. } = self;
        let picked = match manner {
            Manner::Walk { one_of } => {
                let goes_on = current.filter(|id| able.contains(id) && random.below(*one_of) > 0);
                goes_on.unwrap_or_else(|| able[index(random, able.len())])
            }
            Manner::Ranks(ranks) => {
                if let Some(id) = *current
                    && ranks.falls.contains(&call)
                {
                    ranks.fall(id);
                }
                ranks.highest(able, random)
            }
        };
        *current = Some(picked);
        picked
    }

    /// This one has waited in vain for long: others first.
    pub(super) fn step_back(&mut self, id: Id) {
        match &mut self.manner {
            Manner::Walk { .. } => self.current = None,
            Manner::Ranks(ranks) => ranks.fall(id),
        }
    }
}

impl Ranks {
    fn fall(&mut self, id: Id) {
        self.end -= 1;
        self.ranks.insert(id, self.end);
    }

    fn highest(&mut self, able: &[Id], random: &mut Random) -> Id {
        let mut rank = |id: &Id| {
            let any = || i64::from(u32::try_from(random.below(1 << 32)).expect("32 bits"));
            (*self.ranks.entry(*id).or_insert_with(any), *id)
        };
        able.iter().map(&mut rank).max().expect("somebody is able").1
    }
}

fn index(random: &mut Random, count: usize) -> usize {
    let count = u64::try_from(count).expect("there are a few tasks");
    usize::try_from(random.below(count)).expect("it is below a usize")
}

#[cfg(test)]
mod tests {
    use super::{Chance, Id};

    fn picks(seed: u64) -> Vec<Id> {
        let (mut chance, all) = (Chance::of(seed), [0, 1, 2].map(|saver| Id { saver, thread: 0 }));
        // Now and then one of them cannot go on.
        (0..300).map(|call| chance.pick(call, &all[usize::from(call % 7 == 0)..])).collect()
    }

    #[test]
    fn a_seed_decides_who_goes_on_and_seeds_differ() {
        for seed in 0..20 {
            assert_eq!(picks(seed), picks(seed));
            assert_ne!(picks(seed), picks(seed + 2));
        }
    }

    #[test]
    fn by_ranks_one_goes_on_until_it_cannot_or_falls() {
        for seed in (1..200).step_by(2) {
            let (mut chance, all) = (Chance::of(seed), [0, 1].map(|saver| Id { saver, thread: 0 }));
            let picks: Vec<Id> = (0..300).map(|call| chance.pick(call, &all)).collect();
            assert!(picks.chunk_by(|a, b| a == b).count() <= super::DEPTH, "seed {seed}");
            let first = chance.pick(300, &all);
            chance.step_back(first);
            assert_ne!(chance.pick(301, &all), first, "seed {seed}");
        }
    }
}
