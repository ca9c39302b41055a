//! The lock protocol: first every interleaving of a model of it, then the real code, stopped at
//! each of its system calls.

mod breaker;
mod checker;
mod mutants;
mod rules;
mod search;
mod state;
mod step;
mod stopped;

use anyhow::{Result, bail};

use crate::evidence::{Evidence, Tally};
use crate::proof::{Effort, Proof};
use mutants::{MUTANTS, Mutant};
use rules::{Rules, Violation};
use search::{Found, search};
use state::{Budget, State};

pub(crate) const PROOF: Proof = Proof {
    name: "lock",
    claim: "Whatever is stopped, killed or broken, no update is lost and no fenced holder commits",
    run,
};

const MODEL: &str = "model";

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    for scenario in effort.pick(SHORT, LONG) {
        explore(scenario, evidence)?;
    }
    for mutant in MUTANTS {
        try_mutant(mutant, evidence)?;
    }
    stopped::run(effort, evidence)
}

/// So many processes with so many changes each, and what happens to them.
struct Scenario {
    changes: [u8; 3],
    left: Budget,
    /// Whether the other checker counts the states, too.
    count_again: bool,
}

/// Changes of each process; breaks, crashes, crashes that leave a child, removals by hand.
const fn scenario(changes: [u8; 3], left: [u8; 4], count_again: bool) -> Scenario {
    let [breaks, crashes, orphans, removals] = left;
    let left = Budget { breaks, crashes, orphans, removals };
    Scenario { changes, left, count_again }
}

const SHORT: &[Scenario] = &[
    scenario([2, 2, 0], [1, 1, 0, 0], true),
    scenario([2, 2, 0], [2, 0, 1, 0], false),
    scenario([2, 2, 0], [1, 0, 0, 1], false),
    scenario([3, 3, 0], [3, 0, 0, 0], false),
    scenario([1, 1, 1], [1, 1, 0, 0], false),
    scenario([1, 1, 1], [2, 0, 0, 0], true),
];

const LONG: &[Scenario] = &[
    scenario([3, 3, 0], [3, 1, 0, 0], true),
    scenario([2, 2, 0], [2, 1, 1, 0], false),
    scenario([1, 1, 1], [2, 1, 0, 0], false),
    scenario([1, 1, 1], [2, 0, 0, 1], false),
    scenario([1, 1, 1], [2, 0, 1, 0], false),
    scenario([2, 1, 1], [2, 1, 0, 0], false),
];

impl Scenario {
    fn name(&self) -> String {
        let processes = self.changes.iter().filter(|changes| **changes > 0).count();
        let changes: u8 = self.changes.iter().sum();
        let Budget { breaks, crashes, orphans, removals } = self.left;
        let mut name = format!("{processes} processes, {changes} changes, {breaks} breaks");
        for (count, what) in [
            (crashes, "kills"),
            (orphans, "kills that leave a child"),
            (removals, "lock files removed by hand"),
        ] {
            if count > 0 {
                name.push_str(&format!(", {count} {what}"));
            }
        }
        name
    }
}

fn explore(scenario: &Scenario, evidence: &mut Evidence) -> Result<()> {
    let first = State::first(scenario.changes, scenario.left);
    let mut states = 0;
    evidence.promise(scenario.name(), MODEL, |tally| {
        let found = search(first, &Rules::ours());
        states = found.states;
        tell(&found, tally);
        for (violation, way) in &found.violations {
            // A file that appears while it is being broken was made after somebody removed the
            // judged one by hand. Its holder is fenced like any other.
            if *violation != Violation::Unjudged || scenario.left.removals == 0 {
                tally.violation(|| search::words(*violation, way));
            }
        }
        Ok(())
    })?;
    if !scenario.count_again {
        return Ok(());
    }
    evidence.promise(format!("{}: counted again", scenario.name()), "stateright", |tally| {
        let again = checker::states(first, Rules::ours());
        tally.tried(again);
        if again != states {
            tally.violation(|| format!("{states} states here and {again} there"));
        }
        Ok(())
    })
}

/// A mutant has to break what it is said to break, and nothing else.
fn try_mutant(mutant: &Mutant, evidence: &mut Evidence) -> Result<()> {
    let mut kinds = Vec::new();
    let mut attempt = |tally: &mut Tally| {
        let found = search(State::first(mutant.changes, mutant.left), &mutant.rules);
        tell(&found, tally);
        for (violation, way) in &found.violations {
            kinds.push(*violation);
            tally.violation(|| search::words(*violation, way));
            tally.count(violation.steps_to(), way.len() as u64);
        }
        Ok(())
    };
    if mutant.broken.is_empty() {
        evidence.promise(format!("{} (stays safe)", mutant.what), MODEL, attempt)?;
    } else {
        evidence.mutant(mutant.what, MODEL, &mut attempt)?;
    }
    let expected: Vec<_> = {
        let mut expected = mutant.broken.to_vec();
        expected.sort_unstable();
        expected
    };
    kinds.sort_unstable();
    if kinds != expected {
        bail!("`{}` was expected to break {expected:?} and breaks {kinds:?}", mutant.what);
    }
    Ok(())
}

fn tell(found: &Found, tally: &mut Tally) {
    tally.tried(found.states);
    tally.count("transitions", found.transitions);
    tally.count("steps deep", found.depth.into());
}

#[cfg(test)]
mod tests {
    use super::{Budget, MUTANTS, Rules, State, Violation, checker, search};

    const BREAK: Budget = Budget { breaks: 1, crashes: 0, orphans: 0, removals: 0 };

    #[test]
    fn both_checkers_meet_the_same_states() {
        let first = State::first([2, 1, 0], BREAK);
        let found = search(first, &Rules::ours());
        assert!(found.violations.is_empty(), "{:?}", found.violations.keys());
        assert_eq!((found.states, checker::states(first, Rules::ours())), (5_623, 5_623));
    }

    #[test]
    fn a_way_to_a_violation_can_be_gone_step_by_step() {
        let mutant = MUTANTS.iter().find(|mutant| mutant.what.starts_with("no slot")).unwrap();
        let found = search(State::first([1, 1, 0], BREAK), &mutant.rules);
        let way = &found.violations[&Violation::LostUpdate];
        let words = search::words(Violation::LostUpdate, way);
        assert_eq!(words.lines().count(), way.len() + 1);
        assert!(words.ends_with("Call(Commit)"), "{words}");
    }
}
