//! `fuzz`: inputs that nobody would write, as many as the time allows.

mod inputs;

use std::panic;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use flock_guard::Holder;
use system_tests::Random;

use crate::damage::{Kind, Reading, kinds, read_damaged};
use crate::evidence::{Evidence, Tally};
use crate::proof::{Effort, Proof};
use inputs::Inputs;

pub(crate) const PROOF: Proof = Proof {
    name: "fuzz",
    claim: "no input makes a reader panic or hang, and none that was not written is taken for \
            what was",
    run,
};

/// So many inputs between two looks at the clock.
const BATCH: u64 = 500;

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    let time = Duration::from_millis(effort.pick(400, 60_000));
    for kind in kinds()?.into_iter().chain(more_kinds()) {
        evidence.promise(kind.name, "random inputs", |tally| fuzz(&kind, time, effort, tally))?;
    }
    let believing = Kind {
        name: "a reader that believes what is JSON",
        written: kinds()?.swap_remove(0).written,
        read: |bytes, _| match serde_json::from_slice::<serde_json::Value>(bytes) {
            Ok(value) if value["checksum"].is_string() => Reading::Wrong("believed".to_owned()),
            _ => Reading::Right,
        },
    };
    let unwrapping = Kind {
        name: "a reader that trusts its input to be text",
        written: believing.written.clone(),
        read: |bytes, _| match std::str::from_utf8(bytes) {
            Ok(_) => Reading::Right,
            Err(error) => panic!("{error}"),
        },
    };
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {})); // Thousands of panics that are expected.
    let caught = [believing, unwrapping].iter().try_for_each(|kind| {
        evidence.mutant(kind.name, "random inputs", |tally| fuzz(kind, time / 4, effort, tally))
    });
    panic::set_hook(hook);
    caught
}

/// What has no document of its own.
fn more_kinds() -> Vec<Kind> {
    let record = br#"{"pid":4711,"created":"2026-11-20T18:53:00Z","hostname":"build-3","token":"00112233445566778899aabbccddeeff","released":false}"#;
    let names =
        b"acme/site:9f2c1ab5d0 acme/site:run_12 TASK-E01-b2c4 2026-11-20T18:53:00.123+02:00";
    vec![
        Kind { name: "a holder as JSON", written: record.to_vec(), read: holder },
        Kind { name: "names and times", written: names.to_vec(), read: names_and_times },
    ]
}

fn holder(bytes: &[u8], _: &[u8]) -> Reading {
    serde_json::from_slice::<Holder>(bytes).ok();
    Reading::Right
}

/// What is accepted is printed so that it is accepted again, as the same.
fn names_and_times(bytes: &[u8], _: &[u8]) -> Reading {
    fn same<T: std::str::FromStr + ToString + PartialEq>(word: &str) -> bool {
        word.parse::<T>().is_ok_and(|it| it.to_string().parse::<T>().ok() != Some(it))
    }
    let text = String::from_utf8_lossy(bytes);
    for word in text.split(' ') {
        let wrong = same::<booty_state::Repo>(word)
            || same::<booty_state::Sha>(word)
            || same::<booty_state::DeliveryKey>(word)
            || same::<booty_state::DeliveryId>(word)
            || same::<booty_state::Moment>(word)
            || same::<external_ids::InternalId>(word)
            || same::<flock_guard::Token>(word);
        if wrong {
            return Reading::Broken(format!("{word:?} does not come back"));
        }
    }
    Reading::Right
}

/// On every processor, until the time is over.
fn fuzz(kind: &Kind, time: Duration, effort: Effort, tally: &mut Tally) -> Result<()> {
    let count = thread::available_parallelism().map_or(1, usize::from);
    let mut random = effort.random();
    let found: Vec<Tally> = thread::scope(|scope| {
        let start = |seed| scope.spawn(move || fuzz_alone(kind, time, Random::from_seed(seed)));
        let threads = (0..count).map(|_| start(random.below(u64::MAX)));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().expect("panics are caught")).collect()
    });
    found.into_iter().for_each(|found| tally.add(found));
    Ok(())
}

fn fuzz_alone(kind: &Kind, time: Duration, random: Random) -> Tally {
    let mut tally = Tally::default();
    let mut inputs = Inputs::new(&kind.written, random);
    let start = Instant::now();
    while start.elapsed() < time {
        for _ in 0..BATCH {
            let input = inputs.next();
            tally.tried(1);
            if let Some(words) = read_damaged(kind, input, kind.allows_nothing(input)) {
                tally.violation(|| format!("{}: {words}\n{}", kind.name, input.escape_ascii()));
            }
        }
    }
    tally
}
