//! `faults`: every system call of a command fails once in each way, and is the last one once.

mod calls;
mod careless;
mod subject;
mod twice;

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Error, Result};
use system_tests::{Answer, Stage, Trace};

use crate::evidence::{Evidence, Tally};
use crate::faults::calls::{Fault, Site, all_calls, sites};
use crate::proof::{Effort, Length, Proof};
use crate::tree::Tree;

pub(crate) use careless::{REPLACE_CARELESSLY, replace_carelessly};
pub(crate) use subject::{Subject, subjects};
pub(crate) use twice::PROOF as TWICE;

pub(crate) const PROOF: Proof = Proof {
    name: "faults",
    claim: "whatever system call fails or is the last one: a command says so, what was there or \
            what it wrote is whole, and the next one works and leaves nothing behind",
    run,
};

fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    if Command::new("strace").arg("--version").output().is_err() {
        evidence.skip("every command", "strace", "strace is missing");
        return Ok(());
    }
    for subject in subjects() {
        let is_wanted = subject.is_short || effort.length == Length::Long;
        if is_wanted && !subject.is_mutant {
            evidence.promise(subject.name, "strace", |tally| sweep(subject, effort, tally))?;
        }
    }
    for subject in subjects().filter(|subject| subject.is_mutant) {
        evidence.mutant(subject.name, "strace", |tally| sweep(subject, effort, tally))?;
    }
    Ok(())
}

/// Every call of the subject, in every way that it can fail, each time from the same state.
fn sweep(subject: &Subject, effort: Effort, tally: &mut Tally) -> Result<()> {
    let arena = Arena::new(subject)?;
    let trace = arena.undisturbed().map_err(Error::msg).context(subject.name)?;
    for site in sites(&trace) {
        let Site { name, nth, .. } = site;
        // In the short form every call is the last one once, and fails in one way.
        let is_wanted = |fault: &Fault| {
            effort.length == Length::Long || matches!(fault, Fault::Kill | Fault::Error("EIO"))
        };
        for fault in site.faults().filter(is_wanted) {
            let fault_words = fault.words();
            let words =
                [format!("--trace={name}"), format!("--inject={name}:{fault_words}:when={nth}")];
            arena.restore()?;
            let _bystander = (subject.bystander)(&arena.stage);
            let (trace, answer) = arena.traced(&words);
            if !trace.was_hit() {
                tally.count("not met", 1);
                continue;
            }
            tally.tried(1);
            let shown = answer.shown();
            let judged = match is_panic(&shown) {
                true => Err("it panics".to_owned()),
                false => arena.judge(fault == Fault::Kill, &answer),
            };
            if let Err(wrong) = judged {
                tally.violation(|| format!("{fault_words} at {name} {nth}: {wrong}\n{shown}"));
            }
        }
    }
    for run in arena.ran.borrow().iter().filter(|run| run.count() > 1) {
        tally.violation(|| format!("{}: the deploy command ran {} times", run.fault, run.count()));
    }
    Ok(())
}

/// A panic ends with an exit code like other failures, and is none.
fn is_panic(shown: &str) -> bool {
    shown.contains("panicked at")
}

/// A stage that can be put back to what it was.
pub(crate) struct Arena<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) stage: Stage,
    before: Tree,
    /// A command outlives a govctl that is killed, so they are counted at the end.
    ran: RefCell<Vec<Ran>>,
}

/// How often the deploy command ran in one run and the one after it.
struct Ran {
    /// The fault of that run.
    fault: String,
    /// Where the command leaves its line.
    lines: PathBuf,
    /// How many lines the run after it left.
    again: usize,
}

impl Ran {
    fn count(&self) -> usize {
        fs::read_to_string(&self.lines).unwrap_or_default().lines().count() + self.again
    }
}

impl Arena<'_> {
    pub(crate) fn new(subject: &Subject) -> Result<Arena<'_>> {
        let stage = Stage::new();
        stage.repository.configure("max_deploys_per_hour: 1000000");
        stage.script("die", "kill -9 $PPID");
        (subject.prepare)(&stage);
        let before = Tree::read(&stage.dir.join(subject.place)).context("the state before")?;
        Ok(Arena { subject, stage, before, ran: RefCell::default() })
    }

    fn restore(&self) -> Result<()> {
        self.put(&self.before)
    }

    /// Makes its place this, before any command has run.
    pub(crate) fn put(&self, tree: &Tree) -> Result<()> {
        let place = self.stage.dir.join(self.subject.place);
        fs::remove_dir_all(&place)?;
        fs::create_dir(&place)?;
        fs::remove_file(self.stage.dir.join("ran")).ok(); // It may not be there.
        tree.write(&place)
    }

    /// What it calls if nothing fails. It has to do then what it is judged by.
    fn undisturbed(&self) -> Result<Trace, String> {
        // What was run to prepare it is not counted.
        fs::remove_file(self.stage.dir.join("ran")).ok();
        let _bystander = (self.subject.bystander)(&self.stage);
        let (trace, answer) = self.traced(&[all_calls()]);
        self.judge(false, &answer)?;
        match answer.code() == self.subject.yes {
            true => Ok(trace),
            false => Err(format!("the run without a fault fails\n{}", answer.shown())),
        }
    }

    fn traced(&self, words: &[String]) -> (Trace, Answer) {
        let number = self.ran.borrow().len();
        let dir = self.stage.dir.join(&format!("run-{number}"));
        fs::create_dir(&dir).expect("a directory of our own takes one more");
        let (fault, lines) = (words.join(" "), dir.join("ran"));
        self.ran.borrow_mut().push(Ran { fault, lines, again: 0 });
        let run = (self.subject.run)(&self.stage).env("STAGE", dir);
        let (trace, answer) = Trace::of(run, words);
        (trace, answer.whatever_is_said())
    }

    /// What is there now, and what happens next.
    fn judge(&self, was_killed: bool, answer: &Answer) -> Result<(), String> {
        let Subject { effect, yes, owns_up, .. } = self.subject;
        let is_done = effect(&self.stage)?;
        match answer.code() {
            137 if was_killed => {}
            code if code == *yes && is_done => {}
            code if code == *yes && owns_up.is_some_and(|it| answer.shown().contains(it)) => {}
            code if code == *yes => return Err("it says that it is done, and it is not".to_owned()),
            3 | 5 if is_done && self.subject.is_strict => {
                return Err("it says that it did not do it, and it did".to_owned());
            }
            3 | 5 | 6 => {}
            code => return Err(format!("exit code {code}")),
        }
        // Who only failed cleans up behind himself; who was killed leaves it to the next one.
        if !was_killed && !self.subject.is_sweep {
            self.no_leftovers()?;
        }
        self.goes_on(is_done)?;
        if let Some(ran) = self.ran.borrow_mut().last_mut() {
            ran.again = self.stage.ran().len();
        }
        Ok(())
    }

    /// The command once more, or what is documented to come next: it works, and cleans up.
    pub(crate) fn goes_on(&self, is_done: bool) -> Result<(), String> {
        (self.subject.again)(&self.stage, is_done)?;
        if !(self.subject.effect)(&self.stage)? {
            return Err("then it works, and has done nothing".to_owned());
        }
        self.no_leftovers().map_err(|names| format!("after the next run: {names}"))?;
        let verify = self.stage.govctl("history --verify --limit 0").run().whatever_is_said();
        if verify.code() != 0 {
            return Err(format!("then\n{}", verify.shown()));
        }
        Ok(())
    }

    fn no_leftovers(&self) -> Result<(), String> {
        let names = self.stage.dir.names(self.subject.place);
        // In a repository there is more that is hidden than what we hide.
        let is_ours = |part: &str| part.len() == 32 && part.bytes().all(|b| b.is_ascii_hexdigit());
        let is_left = |name: &&String| {
            let is_hidden = name.rsplit('/').next().is_some_and(|it| it.starts_with('.'));
            is_hidden && (self.subject.place == "state" || name.split('.').any(is_ours))
        };
        let hidden: Vec<&String> = names.iter().filter(is_left).collect();
        if hidden.is_empty() { Ok(()) } else { Err(format!("left behind: {hidden:?}")) }
    }
}
