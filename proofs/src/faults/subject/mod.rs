//! The commands that write, and how to see what they did.

mod deliveries;
mod documents;
mod events;
mod release;
mod tools;

use std::any::Any;

use system_tests::{Exit, Govctl, Stage};

/// A command that writes.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// Whether it is part of the short form.
    pub(crate) is_short: bool,
    pub(crate) is_mutant: bool,
    /// Whether "could not do it" means that nothing was done. Elsewhere it may also mean that it
    /// could not be said, and to do it again does no harm.
    pub(crate) is_strict: bool,
    /// Whether it is there to remove what others have left, and may fail to.
    pub(crate) is_sweep: bool,
    /// The exit code that says that it was done.
    pub(crate) yes: i32,
    /// What it says where that code is another program's, and yet it was not done.
    pub(crate) owns_up: Option<&'static str>,
    /// The directory that it changes.
    pub(crate) place: &'static str,
    /// Makes a state that can be lost.
    pub(crate) prepare: fn(&Stage),
    /// What has to be there besides, for as long as it is looked at.
    pub(crate) bystander: fn(&Stage) -> Option<Box<dyn Any>>,
    pub(crate) run: fn(&Stage) -> Govctl,
    /// Whether it was done. An error says what is damaged or gone.
    pub(crate) effect: fn(&Stage) -> Result<bool, String>,
    /// Runs it once more, which works.
    pub(crate) again: fn(&Stage, is_done: bool) -> Result<(), String>,
}

/// The state that every other subject differs from.
const PLAIN: Subject = Subject {
    name: "",
    is_short: false,
    is_mutant: false,
    is_strict: false,
    is_sweep: false,
    yes: 0,
    owns_up: None,
    place: "state",
    prepare: |_| (),
    bystander: |_| None,
    run: |stage| stage.govctl(""),
    effect: |_| Ok(true),
    again: |_, _| Ok(()),
};

pub(crate) fn subjects() -> impl Iterator<Item = &'static Subject> {
    let small = [tools::SUBJECTS, documents::SUBJECTS, events::SUBJECTS];
    small.into_iter().chain([deliveries::SUBJECTS, release::SUBJECTS]).flatten()
}

fn works(stage: &Stage, words: &str) {
    stage.govctl(words).run().whatever_is_said().exit(Exit::Yes);
}

fn runs(run: Govctl, code: i32) -> Result<(), String> {
    let answer = run.run().whatever_is_said();
    if answer.code() == code { Ok(()) } else { Err(format!("then\n{}", answer.shown())) }
}

/// Runs it once more, where what was done already cannot be done twice.
fn runs_unless(is_done: bool, run: Govctl) -> Result<(), String> {
    let answer = run.run().whatever_is_said();
    let is_right = answer.code() == 0 || is_done;
    if is_right { Ok(()) } else { Err(format!("then\n{}", answer.shown())) }
}

fn is_yes(stage: &Stage, words: &str) -> Result<bool, String> {
    let answer = stage.govctl(words).run().whatever_is_said();
    match answer.code() {
        0 => Ok(true),
        1 => Ok(false),
        _ => Err(format!("it cannot be read\n{}", answer.shown())),
    }
}

/// Whether these words are in what it says, which it must say.
fn says(stage: &Stage, words: &str, text: &str) -> Result<bool, String> {
    let answer = stage.govctl(words).run().whatever_is_said();
    match answer.code() {
        0 => Ok(answer.said().contains(text)),
        _ => Err(format!("it cannot be read\n{}", answer.shown())),
    }
}
