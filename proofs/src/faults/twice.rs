//! `two-faults`: two calls of one operation fail, one after the other, or the second one is the last.
//!
//! After a failure a program calls something else than without it, so what can fail then is taken
//! from the record of a run with that failure.

use std::panic::resume_unwind;
use std::path::Path;
use std::process::Command;
use std::thread::{self, ScopedJoinHandle};

use anyhow::{Context, Result, ensure};
use system_tests::{Answer, Random, Trace};

use crate::crash_states::{Claiming, How, Logging, Operation, Paging, Scratch, verdict};
use crate::evidence::{Evidence, Tally};
use crate::faults::calls::{Fault, Site, after_the_fault, all_calls, sites};
use crate::faults::careless::{Careless, Flaw};
use crate::faults::is_panic;
use crate::proof::{Effort, Length, Proof};
use crate::tree::Tree;

/// So many pairs of each operation are the short form.
const SAMPLE: usize = 40;

/// So many runs at once: most of the time each waits for the other one, or for `strace`.
const AT_ONCE: usize = 4;

const BYTES: usize = 600;

/// An operation, and what its errors mean.
struct Case {
    operation: Box<dyn Operation>,
    /// Whether "could not do it" means that nothing was done.
    is_strict: bool,
    /// A worker of ours does just the one thing, and does not cope with not being heard. A claim
    /// does: it also is done without its line in the audit log, and says so.
    is_worker: bool,
}

fn cases() -> Vec<Case> {
    let ways = [How::Replace, How::ReplaceKeeping, How::Update, How::FallBack, How::TakeOver];
    let worker = |operation, is_strict| Case { operation, is_strict, is_worker: true };
    let mut cases: Vec<Case> = ways
        .into_iter()
        .map(|how| worker(Box::new(Paging { how, bytes: BYTES, before: 3 }), true))
        .collect();
    // A line that was not acknowledged may be there.
    cases.push(worker(Box::new(Logging { bytes: BYTES }), false));
    let claim = Box::new(Claiming { bytes: BYTES });
    cases.push(Case { operation: claim, is_strict: true, is_worker: false });
    cases
}

pub(crate) const PROOF: Proof = Proof {
    name: "two-faults",
    claim: "whatever two system calls of one operation fail: it says so, the old contents or the \
            new are whole, what was acknowledged is there, and the next one leaves nothing behind",
    run,
};

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    if Command::new("strace").arg("--version").output().is_err() {
        evidence.skip("every operation", "strace", "strace is missing");
        return Ok(());
    }
    for case in cases() {
        let name = case.operation.name();
        evidence.promise(name, "strace", |tally| all(&case, effort, tally))?;
    }
    for flaw in Flaw::ALL {
        let paging = Paging { how: How::Replace, bytes: BYTES, before: 3 };
        let operation = Box::new(Careless { flaw, paging });
        let case = Case { operation, is_strict: true, is_worker: true };
        let name = case.operation.name();
        evidence.mutant(name, "strace", |tally| Pairs::new(&case)?.until_caught(effort, tally))?;
    }
    Ok(())
}

type Hit = (Site, Fault);

/// All pairs in the long form, by several at once; a sample in the short one.
fn all(case: &Case, effort: Effort, tally: &mut Tally) -> Result<()> {
    let mut random = effort.random();
    let mut pairs = Pairs::new(case)?;
    let mut firsts = pairs.firsts(&mut random)?;
    if effort.length == Length::Short {
        // Where somebody else has to be met, each run takes a wait.
        firsts.truncate(if case.operation.is_large() { SAMPLE / 4 } else { SAMPLE });
        return pairs.each(&firsts, 1, &mut random, tally);
    }
    let share = firsts.len().div_ceil(AT_ONCE);
    let found: Vec<Result<Tally>> = thread::scope(|scope| {
        let run = |firsts| {
            move || {
                let (mut tally, mut random) = (Tally::default(), effort.random());
                Pairs::new(case)?.each(firsts, usize::MAX, &mut random, &mut tally)?;
                Ok(tally)
            }
        };
        let all: Vec<_> = firsts.chunks(share).map(|firsts| scope.spawn(run(firsts))).collect();
        let join = |thread: ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        };
        all.into_iter().map(join).collect()
    });
    for found in found {
        tally.add(found?);
    }
    Ok(())
}

/// Every pair of faults of one operation, each from the same state.
struct Pairs<'a> {
    case: &'a Case,
    scratch: Scratch,
    before: Tree,
    old: u64,
}

impl Pairs<'_> {
    fn new(case: &Case) -> Result<Pairs<'_>> {
        let mut scratch = Scratch::new()?;
        let top = scratch.clear()?;
        case.operation.prepare(top)?;
        let before = Tree::read(top)?;
        let old = case.operation.read(top)?.generation;
        Ok(Pairs { case, scratch, before, old })
    }

    /// In a random order, as far as it takes.
    fn until_caught(&mut self, effort: Effort, tally: &mut Tally) -> Result<()> {
        let random = &mut effort.random();
        for first in self.firsts(random)? {
            let seconds = self.seconds(first, random, tally)?;
            for second in seconds {
                if tally.violations() > 0 {
                    return Ok(());
                }
                self.pair(first, second, tally)?;
            }
        }
        Ok(())
    }

    /// Each of these first faults with so many second ones.
    fn each(
        &mut self,
        firsts: &[Hit],
        most: usize,
        random: &mut Random,
        tally: &mut Tally,
    ) -> Result<()> {
        for first in firsts {
            let seconds = self.seconds(*first, random, tally)?;
            for second in seconds.into_iter().take(most) {
                self.pair(*first, second, tally)?;
            }
        }
        Ok(())
    }

    /// Every way in which it fails first.
    fn firsts(&mut self, random: &mut Random) -> Result<Vec<Hit>> {
        let (trace, answer) = self.run(&[])?;
        ensure!(answer.code() == 0, "the run without a fault fails\n{}", answer.shown());
        let mut firsts = self.hits(&sites(&trace));
        firsts.retain(|(_, fault)| *fault != Fault::Kill); // Nothing comes after that.
        shuffle(&mut firsts, random);
        Ok(firsts)
    }

    /// Every way in which it fails after that.
    fn seconds(&mut self, first: Hit, random: &mut Random, tally: &mut Tally) -> Result<Vec<Hit>> {
        let Some(after) = self.attempt(&[first], tally)? else { return Ok(Vec::new()) };
        tally.count("first faults", 1);
        let mut seconds = self.hits(&after);
        // `strace` fails all calls of one name in one way.
        seconds.retain(|second| second.0.name != first.0.name || second.1 == first.1);
        shuffle(&mut seconds, random);
        Ok(seconds)
    }

    fn pair(&mut self, first: Hit, second: Hit, tally: &mut Tally) -> Result<()> {
        if self.attempt(&[first, second], tally)?.is_some() {
            tally.tried(1);
        }
        Ok(())
    }

    fn hits(&self, sites: &[Site]) -> Vec<Hit> {
        let is_wanted = |site: &&Site| !self.case.is_worker || !site.is_said;
        let sites = sites.iter().filter(is_wanted);
        sites.flat_map(|site| site.faults().map(|fault| (*site, fault))).collect()
    }

    /// Returns what was called after the first fault, or `None` if not all faults were met.
    fn attempt(&mut self, hits: &[Hit], tally: &mut Tally) -> Result<Option<Vec<Site>>> {
        let (trace, answer) = self.run(hits)?;
        if trace.hits() < hits.len() {
            tally.count("not met", 1);
            return Ok(None);
        }
        if let Err(wrong) = self.judge(hits, &answer) {
            let shown = answer.shown();
            tally.violation(|| format!("{}: {wrong}\n{shown}", described(hits)));
        }
        Ok(Some(after_the_fault(&trace).unwrap_or_default()))
    }

    fn run(&mut self, hits: &[Hit]) -> Result<(Trace, Answer)> {
        let operation = &self.case.operation;
        let top = self.scratch.clear()?;
        self.before.write(top).context("cannot write the state before")?;
        let _bystander = operation.bystander(top)?;
        let (trace, answer) = Trace::of(operation.victim(top)?, &words(hits));
        Ok((trace, answer.whatever_is_said()))
    }

    /// What is there now, and what happens next.
    fn judge(&mut self, hits: &[Hit], answer: &Answer) -> Result<(), String> {
        let operation = &self.case.operation;
        let top = self.scratch.path();
        let was_killed = hits.iter().any(|(_, fault)| *fault == Fault::Kill);
        let unsynced = hits.iter().find(|hit| self.case.is_worker && is_sync(hit));
        let found = operation.read(top).map_err(|error| format!("unreadable: {error:#}"))?;
        let is_done = found.generation == self.old + 1;
        match (answer.code(), unsynced) {
            _ if is_panic(&answer.shown()) => return Err("it panics".to_owned()),
            (137, _) if was_killed => {}
            (0, Some((site, _))) => return Err(format!("{} failed, and it is done", site.name)),
            (3 | 5, _) if is_done && self.case.is_strict => {
                return Err("it says that it did not do it, and it did".to_owned());
            }
            (0 | 3 | 5 | 6, _) => {}
            (code, _) => return Err(format!("exit code {code}")),
        }
        let is_told = was_killed && !answer.said().is_empty();
        verdict(operation.as_ref(), top, self.old, answer.code() == 0 || is_told)?;
        is_swept(operation.as_ref(), top)
    }
}

fn is_swept(operation: &dyn Operation, top: &Path) -> Result<(), String> {
    match operation.sweep(top) {
        Ok(true) => Ok(()),
        Ok(false) => Err("after the next change something is left".to_owned()),
        Err(error) => Err(format!("it cannot be swept: {error:#}")),
    }
}

/// A failed sync has lost data, which a file system of this test has not.
fn is_sync((site, fault): &Hit) -> bool {
    matches!(site.name, "fsync" | "fdatasync") && *fault != Fault::Kill
}

fn words(hits: &[Hit]) -> Vec<String> {
    let inject = |(site, fault): &Hit, when: String| {
        format!("--inject={}:{}:when={when}", site.name, fault.words())
    };
    let mut words = match hits {
        [(first, _), (second, _)] => vec![format!("--trace={},{}", first.name, second.name)],
        _ => vec![all_calls()],
    };
    if hits.len() == 2 && hits.iter().all(|(_, fault)| *fault != Fault::Kill) {
        // Calls that nobody looks at cost nothing then, but nobody is killed either.
        words.extend(["--follow-forks", "--seccomp-bpf"].map(str::to_owned));
    }
    match hits {
        [first, second] if first.0.name == second.0.name => {
            let (from, to) = (first.0.nth, second.0.nth);
            words.push(inject(first, format!("{from}..{to}+{}", to - from)));
        }
        hits => words.extend(hits.iter().map(|hit| inject(hit, hit.0.nth.to_string()))),
    }
    words
}

fn described(hits: &[Hit]) -> String {
    let one = |(site, fault): &Hit| format!("{} at {} {}", fault.words(), site.name, site.nth);
    hits.iter().map(one).collect::<Vec<_>>().join(", then ")
}

fn shuffle<T>(all: &mut [T], random: &mut Random) {
    for end in (1..all.len()).rev() {
        let limit = u64::try_from(end + 1).expect("a length fits");
        let at = usize::try_from(random.below(limit)).expect("it is below a length");
        all.swap(end, at);
    }
}
