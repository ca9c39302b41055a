//! What a closed circuit breaker costs each call that goes well.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use circuit_breaker::{CircuitBreaker, Stored};
use state_store::{Key, Store};

use crate::arena::Arena;
use crate::contest::{self, Contender};
use crate::gate::{Gate, Verdict};
use crate::report::Table;

const FLOOR: &str = "one atomic load (floor)";
const OURS: &str = "circuit-breaker";
const STORED: &str = "circuit-breaker, in a file";
pub(crate) const RECLOSER: &str = "recloser";
pub(crate) const FAILSAFE: &str = "failsafe";

const GATES: &[Gate] =
    &[Gate { of: OURS, to: RECLOSER, at_most: 1.0 }, Gate { of: OURS, to: FAILSAFE, at_most: 1.0 }];
const STORED_AT_MOST_NANOSECONDS: f64 = 100.0;

const THREADS: &[u32] = &[1, 2, 8];
/// Long enough for every thread to get its share of the processors.
const TURN: Duration = Duration::from_millis(40);
/// So many calls between two looks at the clock.
const BATCH: u32 = 2000;
const LIMIT: Duration = Duration::from_secs(4);

pub(crate) fn run(arena: &Arena) -> Result<Vec<Table>> {
    THREADS.iter().map(|&threads| calls(arena, threads)).collect()
}

fn calls(arena: &Arena, threads: u32) -> Result<Table> {
    let store = Store::files(arena.field(&format!("breaker-{threads}"))?);
    let in_memory = CircuitBreaker::default();
    let stored = Stored::new(&store, Key::fixed("breaker.json"));
    let stored = CircuitBreaker::builder().stored(stored).build()?;
    let word = AtomicU64::new(0);
    let contenders = vec![
        contender(FLOOR, threads, || word.load(Ordering::Acquire) == 0 && work().is_ok()),
        contender(OURS, threads, || in_memory.call(work).is_ok()),
        contender(STORED, threads, || stored.call(work).is_ok()),
    ];
    #[cfg(feature = "peers")]
    let contenders = [contenders, crate::peers::breaking(threads)].into_iter().flatten().collect();
    let standings = contest::hold(arena, LIMIT, contenders)?;
    let mut table = standings.table(format!("breaker: closed, {threads} at once"), GATES);
    if let Some(stored) = standings.samples(STORED) {
        let verdict = Verdict::at_most(stored.median(), STORED_AT_MOST_NANOSECONDS, " ns");
        table.verdict(STORED, verdict);
    }
    table.note("each time is the mean of all calls of 40 ms, on one processor");
    Ok(table)
}

/// What is called: it always goes well, and no compiler may know it.
pub(crate) fn work() -> Result<u64, u64> {
    black_box(Ok(1))
}

/// Lets so many threads call for a while. A time is that of one call on one processor.
pub(crate) fn contender<'a>(
    name: &'static str,
    threads: u32,
    call: impl Fn() -> bool + Sync + 'a,
) -> Contender<'a> {
    let processors =
        available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1));
    let busy = f64::from(threads.min(processors));
    Contender::new(name, move || {
        let start = Instant::now();
        let each = || {
            let mut calls = 0;
            while start.elapsed() < TURN {
                for _ in 0..BATCH {
                    ensure!(black_box(call()), "a closed breaker refused a call");
                }
                calls += BATCH;
            }
            Ok(f64::from(calls))
        };
        let calls: Result<f64> = thread::scope(|scope| {
            let all: Vec<_> = (0..threads).map(|_| scope.spawn(each)).collect();
            all.into_iter().map(|thread| thread.join().expect("a call does not panic")).sum()
        });
        Ok(vec![start.elapsed().as_secs_f64() * 1e9 * busy / calls?])
    })
}
