//! The whole life of a deploy: random orders with kills in between, against a naive model.
//!
//! The model ([`disk`], [`world`], [`order`]) shares nothing with the product. An order is a
//! list of small durable changes; done, all of them are there, and killed, the first so many of
//! them. So after every step the files hold exactly what the model says, and where only a look
//! can tell how far a kill let it come, the model takes that from the files once and keeps it.
//! Beside that, the lines of the audit log are told once more ([`story`]), and must add up to
//! the same.

mod chance;
mod disk;
mod observed;
mod order;
mod play;
mod remembered;
mod story;
mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::Random;
use chance::Step;
use play::Play;

/// A commit, by its number in [`world::FILES`].
type Commit = usize;

/// What a sequence of orders came to: how often each thing was done, by its name.
pub type LifeCounts = BTreeMap<&'static str, u64>;

/// What is done to the product's memory to see whether anybody notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing: the product as it is.
    None,
    /// A change that was acknowledged is gone afterwards, with its line in the audit log.
    Forgets,
    /// The last line of the audit log is gone.
    LosesLines,
}

/// How many steps are repeated at most to find a short sequence that goes wrong.
const SHORTENING: usize = 400;

/// A life of so many orders.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    /// How many orders are given.
    pub steps: usize,
    /// What is wrong with it on purpose.
    pub flaw: Flaw,
}

impl Life {
    /// Lives it, as the seed decides, and adds up what was done.
    ///
    /// # Errors
    ///
    /// What was not as the model says, with the seed and the shortest list of commands that was
    /// found to lead to it.
    pub fn live(self, seed: u64, counts: &mut LifeCounts) -> Result<(), String> {
        let mut random = Random::from_seed(seed);
        let mut steps = Vec::new();
        let mut play = Play::new(self.flaw);
        let mut chance = chance::Chance::new(&mut random);
        for _ in 0..self.steps {
            let step = chance.step(play.disk(), play.now(), &mut random);
            steps.push(step.clone());
            if let Err(why) = play.step(&step, counts) {
                return Err(self.explained(seed, steps, why));
            }
        }
        Ok(())
    }

    fn explained(self, seed: u64, steps: Vec<Step>, why: String) -> String {
        let mut told = format!("seed {seed}, step {}: {why}\n", steps.len());
        let (steps, why, commands) = self.shortest(steps, why);
        write!(told, "\nat its shortest, {} steps: {why}\n{commands}", steps.len()).unwrap();
        told
    }

    /// Leaves steps out as long as it still goes wrong.
    fn shortest(self, mut steps: Vec<Step>, mut why: String) -> (Vec<Step>, String, String) {
        let mut left = SHORTENING;
        let mut commands = self.again(&steps).unwrap_or_else(|(_, lines)| lines);
        let mut from = steps.len();
        while from > 0 && left > 0 {
            from -= 1;
            left = left.saturating_sub(from);
            let mut fewer = steps.clone();
            let gone = fewer.remove(from);
            // Time passes all the same.
            if let Some(next) = fewer.get_mut(from) {
                next.later += gone.later;
            }
            if let Err((shorter, lines)) = self.again(&fewer) {
                (steps, why, commands) = (fewer, shorter, lines);
            }
        }
        (steps, why, commands)
    }

    fn again(self, steps: &[Step]) -> Result<String, (String, String)> {
        let mut play = Play::new(self.flaw);
        for step in steps {
            if let Err(why) = play.step(step, &mut LifeCounts::new()) {
                return Err((why, play.commands()));
            }
        }
        Ok(play.commands())
    }
}
