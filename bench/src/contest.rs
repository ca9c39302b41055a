//! The method: contenders in turn, the file system synced before each turn, ratios round by round.
//!
//! This machine is never quiet, so no time of one contender means anything by itself. A
//! round is one turn of each contender, one right after the other and in an order that
//! rotates; a ratio compares turns of the same round.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::arena::Arena;
use crate::gate::{Gate, Verdict};
use crate::report::{Row, Table, ratio, time};
use crate::statistics::{Samples, rotation};

/// One of several ways to do the same work.
pub(crate) struct Contender<'a> {
    name: &'static str,
    turn: Turn<'a>,
}

/// Does the work some times and returns how long each took, in nanoseconds.
type Turn<'a> = Box<dyn FnMut() -> Result<Vec<f64>> + 'a>;

/// How often the work is done in one turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// So many times are taken in a turn.
    pub(crate) samples: u32,
    /// Each of so many operations in a row: above one where a single one takes little
    /// longer than looking at the clock.
    pub(crate) batch: u32,
}

impl<'a> Contender<'a> {
    /// A contender that measures its turns itself.
    pub(crate) fn new(
        name: &'static str,
        turn: impl FnMut() -> Result<Vec<f64>> + 'a,
    ) -> Contender<'a> {
        Contender { name, turn: Box::new(turn) }
    }

    /// A contender whose `operation` is timed. Once before its first turn it runs untimed.
    pub(crate) fn timed(
        name: &'static str,
        pace: Pace,
        mut operation: impl FnMut() -> Result<()> + 'a,
    ) -> Contender<'a> {
        let mut is_warm = false;
        Contender::new(name, move || {
            if !is_warm {
                operation()?;
                is_warm = true;
            }
            let mut times = Vec::new();
            for _ in 0..pace.samples {
                let start = Instant::now();
                for _ in 0..pace.batch {
                    operation()?;
                }
                let nanoseconds = start.elapsed().as_secs_f64() * 1e9;
                times.push(nanoseconds / f64::from(pace.batch));
            }
            Ok(times)
        })
    }
}

/// How all contenders of a contest did. The first of them is the floor.
pub(crate) struct Standings {
    places: Vec<(&'static str, Samples)>,
}

/// Lets the contenders do their work in turn until `limit` has passed.
pub(crate) fn hold(
    arena: &Arena,
    limit: Duration,
    contenders: Vec<Contender<'_>>,
) -> Result<Standings> {
    let mut contenders: Vec<_> =
        contenders.into_iter().filter(|contender| arena.wants(contender.name)).collect();
    let mut places: Vec<_> =
        contenders.iter().map(|contender| (contender.name, Samples::default())).collect();
    let limit = arena.shortened(limit);
    let start = Instant::now();
    for round in 0.. {
        let is_enough = round >= arena.least_rounds() && start.elapsed() >= limit;
        if is_enough || contenders.is_empty() {
            break;
        }
        for at in rotation(round, contenders.len()) {
            arena.settle()?;
            let Contender { name, turn } = &mut contenders[at];
            places[at].1.push_round(turn().with_context(|| format!("`{name}` gave up"))?);
        }
    }
    Ok(Standings { places })
}

impl Standings {
    /// One row for each contender: median, 99th percentile, ratio to the floor, gates.
    pub(crate) fn table(&self, title: impl Into<String>, gates: &[Gate]) -> Table {
        let mut table = Table::new(title, &["contender", "median", "p99", "ratio", "gate"]);
        let rounds = self.places.first().map_or(0, |(_, samples)| samples.rounds());
        table.note(format!("{rounds} rounds"));
        for (name, samples) in &self.places {
            let (median, p99) = (time(samples.median()), time(samples.p99()));
            let cells = vec![(*name).to_owned(), median, p99, ratio(self.to_floor(samples))];
            table.row(Row { cells, verdicts: self.verdicts(name, gates) });
        }
        table
    }

    /// The ratio of one contender to another, if both took part.
    pub(crate) fn ratio(&self, of: &str, to: &str) -> Option<f64> {
        Some(self.samples(of)?.ratio_to(self.samples(to)?))
    }

    pub(crate) fn samples(&self, name: &str) -> Option<&Samples> {
        self.places.iter().find(|(place, _)| *place == name).map(|(_, samples)| samples)
    }

    fn to_floor(&self, samples: &Samples) -> f64 {
        self.places.first().map_or(f64::NAN, |(_, floor)| samples.ratio_to(floor))
    }

    pub(crate) fn verdicts(&self, name: &str, gates: &[Gate]) -> Vec<Verdict> {
        let gates = gates.iter().filter(|gate| gate.of == name);
        gates.filter_map(|gate| Some(gate.judge(self.ratio(gate.of, gate.to)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use super::{Contender, Pace, Standings, hold};
    use crate::arena::{Arena, Effort};
    use crate::gate::Gate;
    use crate::report::Format;

    fn contest(only: Option<&str>, contenders: Vec<Contender<'_>>) -> Standings {
        let root = tempfile::tempdir().unwrap();
        let arena = Arena::open(root.path(), Effort::Full, only.map(str::to_owned)).unwrap();
        hold(&arena, Duration::ZERO, contenders).unwrap()
    }

    #[test]
    fn contenders_take_turns_and_change_places() {
        let turns = RefCell::new(String::new());
        let contender = |name: &'static str| {
            let turns = &turns;
            Contender::new(name, move || {
                turns.borrow_mut().push_str(name);
                Ok(vec![1.0])
            })
        };
        contest(None, ["A", "B", "C"].map(contender).into());
        assert_eq!(*turns.borrow(), "ABCBCACABABCBCA");
    }

    #[test]
    fn a_timed_contender_warms_up_once() {
        let operations = RefCell::new(0);
        let pace = Pace { samples: 2, batch: 3 };
        let contender = Contender::timed("A", pace, || {
            *operations.borrow_mut() += 1;
            Ok(())
        });
        let standings = contest(None, vec![contender]);
        assert_eq!(*operations.borrow(), 1 + 5 * 6);
        assert_eq!(standings.samples("A").unwrap().rounds(), 5);
    }

    #[test]
    fn the_first_contender_is_the_floor_and_gates_name_their_own() {
        let contender = |name, time| Contender::new(name, move || Ok(vec![time]));
        let standings = contest(
            None,
            vec![contender("floor", 100.0), contender("a", 300.0), contender("b", 200.0)],
        );
        let gates = [
            Gate { of: "a", to: "floor", at_most: 2.5 },
            Gate { of: "a", to: "b", at_most: 2.5 },
            Gate { of: "a", to: "somebody who is not here", at_most: 1.0 },
        ];
        let expected = "\
a contest
  contender  median     p99  ratio  gate
  floor      100 ns  100 ns  1.00x
  a          300 ns  300 ns  3.00x  MISSED (3.00x of `floor`, at most 2.5x); pass (1.50x of `b`, at most 2.5x)
  b          200 ns  200 ns  2.00x
  5 rounds
";
        assert_eq!(standings.table("a contest", &gates).print(Format::Text), expected);
    }

    #[test]
    fn a_part_of_a_name_leaves_the_others_out() {
        let contender = |name| Contender::new(name, || Ok(vec![1.0]));
        let standings = contest(Some("our"), vec![contender("floor"), contender("ours")]);
        assert!(standings.samples("floor").is_none());
        assert!(standings.samples("ours").is_some());
    }
}
