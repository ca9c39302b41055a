//! What a proof is.

use anyhow::Result;
use system_tests::Random;

use crate::evidence::Evidence;

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
}
