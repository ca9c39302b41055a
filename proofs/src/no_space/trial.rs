//! One claim where something has run out.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use system_tests::{Answer, Exit, Govctl};

use crate::evidence::Tally;
use crate::no_space::disk::Disk;

/// The key that is claimed.
pub(super) const NEW: &str = "deploy_run_1000";

/// What the kernel says when something has run out, in the words of libc.
const REASONS: [&str; 7] = [
    "No space left",
    "quota exceeded",
    "Too many open files",
    "File too large",
    "Permission denied",
    "Read-only file system",
    "not permitted",
];

/// A claim by somebody who has not much left: it is recorded and says so, or it is not and says
/// why. Either way what was recorded before stays, and it works once there is enough again.
pub(super) struct Trial<'a> {
    pub(super) disk: &'a Disk,
    /// What is left, for messages.
    pub(super) left: String,
}

/// The claim, by us.
pub(super) fn claim(disk: &Disk) -> Govctl {
    disk.govctl(&format!("delivery claim acme/site {NEW} event-1"))
}

impl Trial<'_> {
    /// Takes something away from everybody, until what is returned is dropped.
    pub(super) fn with<T>(
        &self,
        take_away: impl FnOnce() -> Result<T>,
        claim_by: impl Fn(&Disk) -> Govctl,
        tally: &mut Tally,
    ) -> Result<()> {
        let old = self.disk.begin_anew()?;
        let taken = take_away()?;
        let answer = run_of(claim_by(self.disk));
        self.judge(&old, &answer, tally, || drop(taken), claim_by)
    }

    /// Takes something away from the claim alone.
    pub(super) fn under(&self, words: &[&str], tally: &mut Tally) -> Result<()> {
        let old = self.disk.begin_anew()?;
        let answer = run_of(claim(self.disk).under(words.iter().copied()));
        self.judge(&old, &answer, tally, || (), claim)
    }

    fn judge(
        &self,
        old: &BTreeSet<String>,
        answer: &Answer,
        tally: &mut Tally,
        give_back: impl FnOnce(),
        claim_by: impl Fn(&Disk) -> Govctl,
    ) -> Result<()> {
        let said = || format!("with {} left\n{}", self.left, answer.shown());
        tally.tried(1);
        let found = list(self.disk);
        let recorded = found.as_ref().is_ok_and(|keys| keys.contains(NEW));
        match &found {
            Ok(keys) if keys.is_superset(old) => {}
            Ok(_) => tally.violation(|| format!("claims from before are gone, {}", said())),
            Err(error) => tally.violation(|| format!("{error:#}, {}", said())),
        }
        let has_reason = REASONS.iter().any(|reason| answer.shown().contains(reason));
        match (answer.code(), recorded) {
            (0, true) => tally.count("recorded", 1),
            (3, false) if has_reason => tally.count("refused", 1),
            // The loader of the system finds no descriptor for its own libraries.
            (127, false) if has_reason => tally.count("not even started", 1),
            _ => tally.violation(|| format!("recorded is {recorded}, {}", said())),
        }
        let leftovers = self.disk.leftovers()?;
        if !leftovers.is_empty() {
            tally.violation(|| format!("left behind: {leftovers:?}, {}", said()));
        }
        give_back();
        let again = run_of(claim_by(self.disk));
        if again.code() != i32::from(recorded) {
            tally.violation(|| format!("then, with enough again:\n{}\n{}", again.shown(), said()));
        }
        Ok(())
    }
}

/// The keys that are recorded.
fn list(disk: &Disk) -> Result<BTreeSet<String>> {
    let answer = run_of(disk.govctl("delivery list --json"));
    ensure!(answer.code() == 0, "it cannot be read: {}", answer.shown());
    let list = answer.json(Exit::Yes);
    let list = list.as_array().context("a list of deliveries")?;
    Ok(list.iter().filter_map(|entry| entry["sha"].as_str().map(str::to_owned)).collect())
}

fn run_of(run: Govctl) -> Answer {
    run.run().whatever_is_said()
}
