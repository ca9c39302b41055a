//! What a proof is.

use std::panic::resume_unwind;
use std::thread;

use anyhow::Result;
use system_tests::Random;

use crate::evidence::{Evidence, Tally};

/// One promise, and the program that tries to break it.
pub(crate) struct Proof {
    pub(crate) name: &'static str,
    /// What holds if it passes, in one sentence.
    pub(crate) claim: &'static str,
    /// Tries to break it. A promise that breaks is a violation in the evidence; an error or a
    /// panic means that the proof itself could not go on, and fails it as well.
    pub(crate) run: fn(Effort, &mut Evidence) -> Result<()>,
}

/// How long to try, and with which chance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) length: Length,
    pub(crate) seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// Seconds: all short forms together are part of the gate.
    Short,
    /// As long as it takes to reach the counts that the documentation states.
    Long,
}

impl Effort {
    /// One of two amounts.
    pub(crate) fn pick<T>(self, short: T, long: T) -> T {
        match self.length {
            Length::Short => short,
            Length::Long => long,
        }
    }

    /// The stream of numbers of this run. Every row begins it anew, so that it can be repeated.
    pub(crate) fn random(self) -> Random {
        Random::from_seed(self.seed)
    }

    /// Lets so many threads try at once, each with a chance of its own, and adds up what they
    /// found.
    pub(crate) fn in_threads(
        self,
        count: usize,
        tally: &mut Tally,
        attempt: impl Fn(Effort, &mut Tally) -> Result<()> + Sync,
    ) -> Result<()> {
        let mut random = self.random();
        let efforts: Vec<Effort> =
            (0..count).map(|_| Effort { seed: random.below(u64::MAX), ..self }).collect();
        let alone = |effort| {
            let mut tally = Tally::default();
            attempt(effort, &mut tally).map(|()| tally)
        };
        let all: Vec<Result<Tally>> = thread::scope(|scope| {
            let start = |effort| scope.spawn(move || alone(effort));
            let threads: Vec<_> = efforts.into_iter().map(start).collect();
            let end = |thread: thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| resume_unwind(panic))
            };
            threads.into_iter().map(end).collect()
        });
        all.into_iter().try_for_each(|found| found.map(|found| tally.add(found)))
    }
}
