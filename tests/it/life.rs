//! The whole life of a deploy: whatever is ordered and killed, nothing is deployed twice, and
//! nothing is forgotten.

use system_tests::{Flaw, Life, LifeCounts, Random};

/// How many lives, and of how many orders.
const LIVES: u64 = 6;
const STEPS: usize = 30;

#[test]
#[expect(clippy::print_stdout, reason = "how much of each there was, for who reads the log")]
fn whatever_is_ordered_and_killed_is_as_a_naive_model_says() {
    let mut random = Random::new();
    let mut counts = LifeCounts::new();
    let life = Life { steps: STEPS, flaw: Flaw::None };
    for _ in 0..LIVES {
        let seed = random.below(u64::MAX);
        life.live(seed, &mut counts).unwrap_or_else(|why| panic!("{why}"));
    }
    println!("{counts:#?}");
}
