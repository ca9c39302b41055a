//! How fast and how fairly a lock goes from process to process when all want it.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use flock_guard::{LockFile, Wait};
use serde::{Deserialize, Serialize};

use crate::arena::Arena;
use crate::contest::{self, Contender};
use crate::floor::RawLock;
use crate::gate::{Gate, Verdict};
use crate::report::{Row, Table, ratio, time};
use crate::statistics::median;
use crate::workers::{self, Job, now, processor_time};

const TEAMS: &[usize] = &[2, 4, 8, 32];
/// How long one team contends in one turn.
const RUN: Duration = Duration::from_millis(600);
/// What a holder does with the lock.
const WORK_NANOSECONDS: u64 = 2_000_000;
/// What it does without the lock before it asks again. Who asks again at once finds the lock
/// free before those who sleep have woken up, and has it most of the time, whatever the lock.
const ELSEWHERE: Duration = Duration::from_millis(1);

const FLOOR: &str = "raw flock, blocking (floor)";
const OURS: &str = "flock-guard, wait limit";
const GATE: Gate = Gate { of: OURS, to: FLOOR, at_most: 10.0 };
const FAIRNESS_AT_LEAST: f64 = 0.5;
const PROCESSOR_AT_MOST_PERCENT: f64 = 10.0;

/// How a worker gets the lock.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Way {
    Blocking,
    Guard,
    /// What a caller writes who wants a limit and has only `try_lock`.
    TryEvery10Ms,
}

const WAYS: &[(&str, Way)] =
    &[(FLOOR, Way::Blocking), (OURS, Way::Guard), ("raw, try every 10 ms", Way::TryEvery10Ms)];

pub(crate) fn run(arena: &Arena) -> Result<Vec<Table>> {
    TEAMS.iter().map(|&size| contest(arena, size)).collect()
}

fn contest(arena: &Arena, size: usize) -> Result<Table> {
    let lock = arena.field(&format!("handover-{size}"))?.join("lock");
    let runs: Vec<RefCell<Vec<Run>>> = WAYS.iter().map(|_| RefCell::default()).collect();
    let contenders = WAYS.iter().zip(&runs).map(|(&(name, way), runs)| {
        let job = Job::Contend(Contend { lock: lock.clone(), way, run: arena.shortened(RUN) });
        Contender::new(name, move || {
            let run = Run::of(&workers::team(&vec![job.clone(); size])?)?;
            let latencies = run.latencies.clone();
            runs.borrow_mut().push(run);
            Ok(latencies)
        })
    });
    let standings = contest::hold(arena, Duration::ZERO, contenders.collect())?;

    let title = format!("handover: {size} processes, 2 ms of work each, 1 ms apart");
    let columns = ["contender", "median", "p99", "ratio", "fairness", "processor", "gate"];
    let mut table = Table::new(title, &columns);
    for (&(name, _), runs) in WAYS.iter().zip(&runs) {
        let Some(samples) = standings.samples(name) else { continue };
        let of_runs = |measure: fn(&Run) -> f64| {
            median(&runs.borrow().iter().map(measure).collect::<Vec<_>>())
        };
        let (fairness, percent) = (of_runs(|run| run.fairness), of_runs(|run| run.percent));
        let to_floor = standings.ratio(name, FLOOR).unwrap_or(f64::NAN);
        let cells = vec![
            name.to_owned(),
            time(samples.median()),
            time(samples.p99()),
            ratio(to_floor),
            format!("{fairness:.2}"),
            format!("{percent:.1} %"),
        ];
        let verdicts = vec![
            GATE.judge(to_floor),
            Verdict::at_least(fairness, FAIRNESS_AT_LEAST, ""),
            Verdict::at_most(percent, PROCESSOR_AT_MOST_PERCENT, " %"),
        ];
        let is_ours = name == OURS;
        table.row(Row { cells, verdicts: if is_ours { verdicts } else { Vec::new() } });
    }
    Ok(table)
}

/// The job of one worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Contend {
    lock: PathBuf,
    way: Way,
    run: Duration,
}

/// What one worker did.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Log {
    holds: Vec<Hold>,
    /// Processor time for getting the lock and giving it back.
    locking: u64,
}

/// One time of holding the lock, on the clock of all.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Hold {
    asked: u64,
    had: u64,
    /// Before releasing, so that the cost of the release counts as waiting.
    let_go: u64,
}

impl Contend {
    pub(crate) fn work(&self, start: u64) -> Result<Log> {
        let raw = RawLock::open(&self.lock)?;
        let guarded = LockFile::new(&self.lock);
        let end = start + u64::try_from(self.run.as_nanos())?;
        let mut log = Log { holds: Vec::new(), locking: 0 };
        workers::sleep_until(start);
        loop {
            let (asked, before) = (now(), processor_time());
            let guard = match self.way {
                Way::Blocking => raw.lock().map(|()| None)?,
                Way::Guard => Some(guarded.exclusive(Wait::UpTo(Duration::from_secs(60)))?),
                Way::TryEvery10Ms => {
                    while !raw.try_lock()? {
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    None
                }
            };
            let had = now();
            let getting = processor_time() - before;
            let is_over = had >= end;
            while !is_over && now() < had + WORK_NANOSECONDS {
                std::hint::spin_loop();
            }
            let (let_go, before) = (now(), processor_time());
            match guard {
                Some(guard) => guard.release(),
                None => raw.unlock()?,
            }
            if is_over {
                return Ok(log);
            }
            log.locking += getting + (processor_time() - before);
            log.holds.push(Hold { asked, had, let_go });
            std::thread::sleep(ELSEWHERE);
        }
    }
}

/// What one team did in one turn.
#[derive(Debug)]
struct Run {
    /// From the moment the holder lets go until one who already waited has the lock.
    latencies: Vec<f64>,
    /// How often the unluckiest had the lock, for each time that the luckiest had it.
    fairness: f64,
    /// How much of one processor all of them together used for anything but their work.
    percent: f64,
}

impl Run {
    fn of(logs: &[Log]) -> Result<Run> {
        let mut holds: Vec<Hold> = logs.iter().flat_map(|log| log.holds.clone()).collect();
        holds.sort_by_key(|hold| hold.had);
        let mut latencies = Vec::new();
        for pair in holds.windows(2) {
            let [last, next] = pair else { continue };
            ensure!(next.had >= last.let_go, "two processes had the lock at once");
            if next.asked < last.let_go {
                latencies.push(nanoseconds(next.had - last.let_go));
            }
        }
        let counts = || logs.iter().map(|log| log.holds.len());
        let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
        let first = holds.first().map_or(0, |hold| hold.had);
        let last = holds.last().map_or(0, |hold| hold.let_go);
        let locking: u64 = logs.iter().map(|log| log.locking).sum();
        Ok(Run {
            latencies,
            fairness: nanoseconds(least as u64) / nanoseconds(most as u64),
            percent: 100.0 * nanoseconds(locking) / nanoseconds(last - first),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a run is shorter than 2^53 nanoseconds")]
fn nanoseconds(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::{Hold, Log, Run};

    fn log(locking: u64, holds: &[(u64, u64, u64)]) -> Log {
        let hold = |&(asked, had, let_go)| Hold { asked, had, let_go };
        Log { holds: holds.iter().map(hold).collect(), locking }
    }

    #[test]
    fn a_latency_is_that_of_somebody_who_already_waited() {
        let ours = log(5, &[(0, 10, 100), (101, 135, 200)]);
        let theirs = log(5, &[(20, 107, 130), (250, 251, 300)]);
        let run = Run::of(&[ours, theirs]).unwrap();
        assert_eq!(run.latencies, [7.0, 5.0], "the last hold began when nobody had the lock");
    }

    #[test]
    fn who_asked_first_may_be_served_last() {
        let logs = [log(0, &[(0, 50, 60)]), log(0, &[(5, 10, 20)]), log(0, &[(6, 23, 40)])];
        assert_eq!(Run::of(&logs).unwrap().latencies, [3.0, 10.0]);
    }

    #[test]
    fn fairness_is_the_least_for_each_of_the_most() {
        let often = log(20, &[(0, 10, 20), (20, 30, 40), (40, 50, 60), (60, 70, 110)]);
        let run = Run::of(&[often, log(5, &[(0, 21, 29)])]).unwrap();
        assert_eq!(run.fairness, 0.25);
        assert_eq!(run.percent, 25.0, "25 of the 100 from the first hold to the last");
    }

    #[test]
    fn two_holders_at_once_end_the_contest() {
        let error = Run::of(&[log(0, &[(0, 10, 100)]), log(0, &[(0, 99, 120)])]).unwrap_err();
        assert_eq!(error.to_string(), "two processes had the lock at once");
    }
}
