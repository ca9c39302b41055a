//! What a power cut leaves of each command of ours that writes.
//!
//! Every state is read by the libraries: each document and each log is as it was at one moment of
//! the run, as it was at its end once the command has ended, and can be changed once more. Of the
//! states that differ for a reader some are given to the program itself, which has to find what
//! was acknowledged, do the rest, and start no deploy command a second time.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::{Context, Result};
use system_tests::Random;

use crate::crash_states::disk::Disk;
use crate::crash_states::documents::{self, Readings};
use crate::crash_states::judges::{AT_ONCE, Judges};
use crate::crash_states::models::{Bounds, Model, Told, each_crash};
use crate::crash_states::mutants::Mutant;
use crate::crash_states::record::Record;
use crate::evidence::{Evidence, Tally};
use crate::faults::{Arena, Subject, subjects};
use crate::proof::{Effort, Length};
use crate::tree::Tree;

/// Those of the short form: a document, a log, a whole deploy.
const SHORT: [&str; 3] = ["delivery claim", "session append", "deploy"];

/// Of a deploy without a sync there are so many states that they take half a minute.
const WITH_MUTANTS: [&str; 2] = ["delivery claim", "session append"];

const MUTANTS: [Mutant; 2] = [Mutant::NoFileSync, Mutant::NoDirectorySync];

pub(super) fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    let is_wanted = |name| effort.length == Length::Long || SHORT.contains(&name);
    for subject in subjects().filter(|it| !it.is_mutant && is_wanted(it.name)) {
        let places = Model::ALL.map(Model::name).join(", ");
        let what = format!("`govctl {}`", subject.name);
        let mut case = None;
        evidence.promise(what.clone(), places.clone(), |tally| {
            let case = case.insert(Case::of(subject)?);
            let bounds = Bounds {
                most_names: effort.pick(8, 256),
                most_contents: effort.pick(12, 1000),
                size_step: effort.pick(97, 1),
            };
            case.examine(&case.record.clone(), bounds, effort.random(), tally)?;
            case.go_on(effort.pick(3, 25), effort.random(), tally)
        })?;
        let Some(case) = &mut case else { continue };
        for mutant in MUTANTS.iter().filter(|_| WITH_MUTANTS.contains(&subject.name)) {
            let Some(record) = mutant.of(&case.record) else { continue };
            evidence.mutant(format!("{what}: {}", mutant.name()), places.clone(), |tally| {
                case.examine(&record, Bounds::SHORT, effort.random(), tally)
            })?;
        }
    }
    Ok(())
}

/// A command, what it did once, and what may be read of that.
struct Case<'a> {
    arena: Arena<'a>,
    judges: Judges,
    record: Record,
    /// What each document said at any moment of the run.
    history: BTreeMap<String, BTreeSet<String>>,
    end: Readings,
    /// Of the states in which the same is read the first one.
    first: Vec<(Tree, Told)>,
}

impl Case<'_> {
    fn of(subject: &Subject) -> Result<Case<'_>> {
        let arena = Arena::new(subject)?;
        let top = arena.stage.dir.join(subject.place);
        let dir = arena.stage.dir.join("recorded");
        std::fs::create_dir(&dir)?;
        let record = {
            let _bystander = (subject.bystander)(&arena.stage);
            let run = (subject.run)(&arena.stage).env("STAGE", &dir);
            Record::of_command(subject.yes, run, &top, &dir.join("ran"))?
        };
        let mut judges = Judges::new()?;
        let mut disk = Disk::new(&record.before, Model::Ordered);
        let mut moments = vec![disk.seen()];
        for step in &record.steps {
            disk.step(step);
            moments.push(disk.seen());
        }
        let readings = judges.judge(&moments.iter().collect::<Vec<_>>(), documents::read)?;
        let mut history = BTreeMap::<String, BTreeSet<String>>::new();
        let mut end = Readings::new();
        for reading in readings {
            end = reading.context("a moment of the run cannot be read")?;
            for (name, told) in &end {
                history.entry(name.clone()).or_default().insert(told.clone());
            }
        }
        Ok(Case { arena, judges, record, history, end, first: Vec::new() })
    }

    /// Every state under every model, read by the libraries.
    fn examine(
        &mut self,
        record: &Record,
        bounds: Bounds,
        random: Random,
        tally: &mut Tally,
    ) -> Result<()> {
        let (mut met, mut trees, mut read) = (HashSet::new(), HashSet::new(), HashSet::new());
        let mut waiting = Vec::new();
        for model in Model::ALL {
            let sampled = each_crash(record, model, bounds, &mut random.clone(), |tree, told| {
                let fingerprint = tree.fingerprint();
                if met.insert((fingerprint, told)) {
                    tally.tried(u64::from(trees.insert(fingerprint)));
                    waiting.push((tree.clone(), told, model));
                }
                if waiting.len() < AT_ONCE {
                    return Ok(());
                }
                self.judge(&mut waiting, &mut read, tally)
            })?;
            if sampled > 0 {
                tally.count("sets sampled", sampled);
            }
        }
        self.judge(&mut waiting, &mut read, tally)
    }

    fn judge(
        &mut self,
        waiting: &mut Vec<(Tree, Told, Model)>,
        met: &mut HashSet<(Readings, Told)>,
        tally: &mut Tally,
    ) -> Result<()> {
        let trees: Vec<&Tree> = waiting.iter().map(|(tree, ..)| tree).collect();
        let found = self.judges.judge(&trees, |top| {
            let readings = documents::read(top)?;
            documents::go_on(top, &readings).map(|()| readings)
        })?;
        for ((tree, told, model), found) in waiting.drain(..).zip(found) {
            let judged = found.map_err(|error| format!("{error:#}"));
            match judged.and_then(|it| self.is_due(&it, told).map(|()| it)) {
                Err(wrong) => {
                    let state = tree.described();
                    tally.violation(|| format!("{}: {wrong}; {state}", model.name()));
                }
                Ok(readings) => {
                    if met.insert((readings, told)) {
                        self.first.push((tree, told));
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether this may be read then.
    fn is_due(&self, readings: &Readings, told: Told) -> Result<(), String> {
        if told.acknowledged && *readings != self.end {
            return Err(format!("it had ended, and {readings:?} is read, not {:?}", self.end));
        }
        for (name, said) in readings {
            if !self.history.get(name).is_some_and(|all| all.contains(said)) {
                return Err(format!("{name} never was {said}"));
            }
        }
        Ok(())
    }

    /// Gives some of the states to the program.
    fn go_on(&mut self, most: usize, mut random: Random, tally: &mut Tally) -> Result<()> {
        for _ in 0..most.min(self.first.len()) {
            let at = random.below(u64::try_from(self.first.len())?);
            let (tree, told) = self.first.swap_remove(usize::try_from(at)?);
            self.arena.put(&tree)?;
            tally.count("continued", 1);
            if let Err(wrong) = self.continued(told) {
                let state = tree.described();
                tally.violation(|| format!("continued: {wrong}; {told:?}, {state}"));
            }
        }
        Ok(())
    }

    fn continued(&self, told: Told) -> Result<(), String> {
        let Arena { subject, stage, .. } = &self.arena;
        let _bystander = (subject.bystander)(stage);
        let is_done = (subject.effect)(stage)?;
        if told.acknowledged && !is_done {
            return Err("it was acknowledged, and is gone".to_owned());
        }
        self.arena.goes_on(is_done)?;
        let starts = stage.ran().len() + usize::from(told.started);
        if starts > 1 { Err(format!("the deploy command ran {starts} times")) } else { Ok(()) }
    }
}
