//! `each-call`: every system call of a deploy, a rollback and a resolution is the last one once,
//! and every one meets TERM, INT and HUP.
//!
//! All of them, those that only read and those of the loader as well: of the first thread, of
//! the others, and of the process that waits to become the command.

mod judge;
mod scene;
mod subject;

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;
use system_tests::{Blow, Kind, Signal, Whom};

use crate::each_call::scene::Scene;
use crate::each_call::subject::{SUBJECTS, Subject};
use crate::evidence::{Evidence, Tally};
use crate::proof::{Effort, Length, Proof};

pub(crate) const PROOF: Proof = Proof {
    name: "each-call",
    claim: "whatever system call of a deploy is the last one or meets a signal: the command starts \
            once at most, what can be known is known, nobody is left behind",
    run,
};

/// So many calls of each row are tried in the short form, spread over all of them.
const SAMPLE: usize = 8;

/// What is done at a call.
#[derive(Debug, Clone, Copy)]
struct Deed {
    what: &'static str,
    /// At whose calls.
    kinds: &'static [Kind],
    signal: Signal,
    whom: Whom,
    /// At so many of the last calls only.
    last: Option<usize>,
    /// Whether it is part of the short form.
    is_short: bool,
}

/// In so many of its last calls a deploy has started its command; in half of them the end of that
/// is on record.
const MUTANT_CALLS: usize = 130;

const OURS: &[Kind] = &[Kind::Program, Kind::Thread];
const ALL: &[Kind] = &[Kind::Program, Kind::Thread, Kind::Gate];

const KILL: Deed = Deed {
    what: "KILL",
    kinds: OURS,
    signal: Signal::SIGKILL,
    whom: Whom::Process,
    last: None,
    is_short: true,
};
const KILL_GATE: Deed =
    Deed { what: "KILL of what waits to be the command", kinds: &[Kind::Gate], ..KILL };
const TERM: Deed = Deed { what: "TERM", signal: Signal::SIGTERM, ..KILL };
const INT: Deed = Deed { what: "INT", signal: Signal::SIGINT, is_short: false, ..KILL };
const HUP: Deed = Deed { what: "HUP", signal: Signal::SIGHUP, is_short: false, ..KILL };
const INT_ALL: Deed = Deed { what: "INT to the group", kinds: ALL, whom: Whom::Group, ..INT };

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    for deed in [KILL, KILL_GATE, TERM, INT, HUP, INT_ALL] {
        let is_wanted = deed.is_short || effort.length == Length::Long;
        let is_gate = deed.kinds == [Kind::Gate];
        let is_stop = deed.signal != Signal::SIGKILL;
        for subject in SUBJECTS.iter().filter(|_| is_wanted) {
            // What only settles a deploy starts nothing that could be left behind.
            if subject.has_command || !(is_gate || is_stop) {
                evidence.promise(subject.name, deed.what, |tally| {
                    walk(subject, &deed, Memory::Whole, effort, tally)
                })?;
            }
        }
    }
    let [deploy, ..] = SUBJECTS;
    for (what, memory) in [
        ("deploy, and the state is lost with it", Memory::Lost),
        ("deploy, and what is asked to stop is killed", Memory::Stopped),
    ] {
        let mutant = Deed { last: Some(MUTANT_CALLS), kinds: &[Kind::Program], ..KILL };
        evidence.mutant(what, "KILL", |tally| walk(deploy, &mutant, memory, effort, tally))?;
    }
    Ok(())
}

/// What the state is afterwards, and how it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    Whole,
    /// The mutant: nothing is remembered.
    Lost,
    /// The mutant: who was killed is judged as if he had been asked to stop.
    Stopped,
}

/// Hits the subject at every call, each time from the same state.
fn walk(
    subject: &Subject,
    deed: &Deed,
    memory: Memory,
    effort: Effort,
    tally: &mut Tally,
) -> Result<()> {
    let scene = Scene::new(subject)?;
    let mut places = scene.places(deed.kinds)?;
    places.drain(..deed.last.map_or(0, |last| places.len().saturating_sub(last)));
    tally.count("calls", places.len() as u64);
    let wanted = chosen(&places, effort);
    let (next, all) = (AtomicUsize::new(0), Mutex::new(std::mem::take(tally)));
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let work = |mut scene: Scene<'_>| -> Result<()> {
            while let Some(&(task, nth)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                let Deed { signal, whom, .. } = *deed;
                let blow = Blow { task, nth, signal, whom };
                let mut mine = Tally::default();
                scene.strike(blow, memory, &mut mine)?;
                all.lock().expect("nobody panics while counting").add(mine);
            }
            Ok(())
        };
        let threads: Vec<_> =
            (0..workers).map(|_| scope.spawn(move || work(Scene::new(subject)?))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    })?;
    *tally = all.into_inner().expect("nobody panics while counting");
    Ok(())
}

/// All of them, or some, by chance.
fn chosen(places: &[(usize, usize)], effort: Effort) -> Vec<(usize, usize)> {
    if effort.length == Length::Long || places.len() <= SAMPLE {
        return places.to_vec();
    }
    let stride = places.len() / SAMPLE;
    let first = usize::try_from(effort.random().below(stride as u64)).expect("a small number");
    places.iter().copied().skip(first).step_by(stride).collect()
}
