//! `schedules`: real processes that save, of which one goes on at a time, from one system call to
//! the next. Which one and how far is chance, and chance is a seed.
//!
//! A process that goes on for as long as it can, and is interrupted a few times where it hurts,
//! meets more than one that is interrupted all the time: so a schedule has few changes, each at a
//! random call. `strace` stops a process after each of its calls. What is not a call is not
//! scheduled: who waits for a lock looks ten times a second, and how often is a matter of time.

mod actor;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use state_store::{Breaking, Change, FileBackend, Store};
use system_tests::Random;

use crate::evidence::{Evidence, Tally};
use crate::killed::settle;
use crate::proof::{Effort, Proof};
use crate::quick;
use crate::savers::{Flaw, History, LEDGER, Ledger, Orders, Team};
use crate::schedules::actor::{Actor, Step};

pub(crate) const PROOF: Proof = Proof {
    name: "schedules",
    claim: "whichever process goes on at each system call, breaks a lock or is killed there: no \
            update is lost, no fenced one commits",
    run,
};

/// The versions before, so that there is a backup to be replaced.
const BEFORE: u64 = 2;
/// Updates that each process makes.
const COUNT: u64 = 2;
/// More calls than any schedule takes.
const MOST: usize = 20_000;
/// About as many calls as a schedule takes: where its changes may be.
const USUAL: u64 = 300;
/// So many looks at a lock that is held by somebody who is stopped are enough.
const PATIENT_LOOKS: usize = 3;

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    let what = "2 or 3 savers that break locks";
    let strace = Command::new("strace").arg("--version").output();
    if !strace.is_ok_and(|output| output.status.success()) {
        evidence.skip(what, quick::place(), "strace is missing: run `cargo xtask setup`");
        return Ok(());
    }
    let count = effort.pick(20, 3_000);
    evidence.promise(what, quick::place(), |tally| {
        for number in 0..count {
            let seed = effort.seed + number;
            let calls = explore(seed, None, tally)?;
            // Each seed that is given again has to lead to the same place.
            if number % 10 == 0 {
                let again = explore(seed, None, tally)?;
                tally.count("once more", 1);
                tally.count("alike", u64::from(again == calls));
            }
        }
        Ok(())
    })?;
    for (what, flaw) in [("renames without a fence", Flaw::NoFence), ("no lock", Flaw::NoLock)] {
        evidence.mutant(what, quick::place(), |tally| {
            for number in 0..effort.pick(300, 1_000) {
                explore(effort.seed + number, Some(flaw), tally)?;
                if tally.violations() > 0 {
                    break;
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Plays the schedule of a seed. Returns who made which call.
fn explore(seed: u64, flaw: Option<Flaw>, tally: &mut Tally) -> Result<Vec<(usize, String)>> {
    let mut random = Random::from_seed(seed);
    let dir = quick::dir()?;
    for _ in 0..BEFORE {
        turn_page(dir.path())?;
    }
    let mut history = History::since(BEFORE);
    let mut found = Tally::default();
    found.tried(1);

    let (team, mut ear) = Team::new()?;
    let count = 2 + usize::try_from(random.below(2))?;
    let mut actors = Vec::new();
    for number in 0..count {
        let orders = Orders {
            dir: dir.path().to_owned(),
            flaw,
            number: 1 + number as u64,
            count: COUNT,
            break_after: Some(Duration::ZERO),
            patience: 0,
        };
        actors.extend(Actor::start(&team, &orders)?);
    }
    ensure!(actors.len() == count, "a saver ends before it begins");
    let calls = play(&mut actors, &mut random, dir.path(), &mut history, &mut found)?;
    drop(actors);
    let complaints = team.closed();
    while let Some(report) = ear.hear()? {
        history.heard(report, &mut found);
    }
    if let Some(line) = complaints.read()?.lines().next() {
        found.violation(|| format!("a saver could not go on: {line}"));
    }
    if flaw.is_none() || found.violations() == 0 {
        settle(dir.path(), &mut history, &mut found)?;
    }
    if found.violations() > 0 {
        tally.violation(|| format!("repeat with --seed {seed}, after {} calls:", calls.len()));
    }
    tally.add(found);
    Ok(calls)
}

/// Lets one after the other go on until all have ended.
fn play(
    actors: &mut Vec<Actor>,
    random: &mut Random,
    dir: &Path,
    history: &mut History,
    tally: &mut Tally,
) -> Result<Vec<(usize, String)>> {
    let mut changes: Vec<u64> = (0..=random.below(4)).map(|_| random.below(USUAL)).collect();
    let killed_at = if random.below(3) == 0 { Some(random.below(USUAL)) } else { None };
    let mut calls = Vec::new();
    let (mut at, mut looks) = (pick(actors, random), 0);
    while !actors.is_empty() {
        ensure!(calls.len() < MOST, "there is no end to it");
        let now = calls.len() as u64;
        if killed_at == Some(now) {
            tally.count("killed", 1);
            actors.swap_remove(at).kill()?;
            at = pick(actors, random);
            calls.push((usize::MAX, "killed".to_owned()));
            continue;
        }
        let before = changes.len();
        changes.retain(|change| *change != now);
        if changes.len() < before || looks >= PATIENT_LOOKS {
            (at, looks) = (pick(actors, random), 0);
        }
        let actor = &mut actors[at];
        match actor.step()? {
            Step::Ended => {
                actors.swap_remove(at).ended()?;
                (at, looks) = (pick(actors, random), 0);
            }
            Step::Called { name, has_waited } => {
                looks += usize::from(has_waited);
                let is_seen = name == "renameat";
                calls.push((actor.number, name));
                if is_seen {
                    see(dir, history, tally);
                }
            }
        }
    }
    tally.count("calls", calls.len() as u64);
    Ok(calls)
}

/// Any of them, or none if there is none.
fn pick(actors: &[Actor], random: &mut Random) -> usize {
    let count = u64::try_from(actors.len()).expect("there are three at most");
    usize::try_from(random.below(count.max(1))).expect("there are three at most")
}

/// What a reader without a lock finds at this moment.
fn see(dir: &Path, history: &mut History, tally: &mut Tally) {
    match Store::files(dir).document::<Ledger>(LEDGER).load() {
        Ok(Some(ledger)) => history.saw(&ledger, BEFORE, tally),
        Ok(None) => tally.violation(|| "a reader found no document".to_owned()),
        Err(error) => tally.violation(|| format!("a reader found damage: {error}")),
    }
}

fn turn_page(dir: &Path) -> Result<()> {
    let store = Store::on(FileBackend::new(dir).breaking(Breaking::Never));
    store.document::<Ledger>(LEDGER).update(|ledger| {
        ledger.turn_page(1);
        Change::Write(())
    })?;
    // What is looked at is what the savers leave.
    ensure!(fs::exists(dir.join(LEDGER.as_str()))?, "nothing was written");
    Ok(())
}
