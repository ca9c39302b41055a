//! The protocol with one step taken out, and what has to come of it.

use super::{
    rules::{Breaking, Rules, Unlink, Violation},
    state::Budget,
};

/// One protocol, where it is tried, and everything that goes wrong with it there.
pub(super) struct Mutant {
    pub(super) what: &'static str,
    pub(super) rules: Rules,
    pub(super) changes: [u8; 3],
    pub(super) left: Budget,
    /// Nothing: the step that it lacks is only good for something else, and it stays safe.
    pub(super) broken: &'static [Violation],
}

const OURS: Rules = Rules::ours();
const PLAIN: Rules = Rules::plain();

const NOTHING: Budget = Budget { breaks: 0, crashes: 0, orphans: 0, removals: 0 };
const ONE_BREAK: Budget = Budget { breaks: 1, ..NOTHING };
const TWO_BREAKS: Budget = Budget { breaks: 2, ..NOTHING };

const THREE: [u8; 3] = [1, 1, 1];
const FOUR: [u8; 3] = [2, 1, 1];

use Violation::{CommitAfterBreak, Leftover, LiveHolderFenced, LostUpdate, OldBackup, Unjudged};

/// Lost updates come with what leads to them, and with a change that is missing at the end.
const LOSES: &[Violation] = &[LostUpdate, CommitAfterBreak, Leftover];

pub(super) const MUTANTS: &[Mutant] = &[
    mutant("no slot: a temporary file", Rules { slots: false, ..OURS }, LOSES),
    mutant(
        "the same, and no second look at the document",
        Rules { slots: false, look_again: false, ..OURS },
        LOSES,
    ),
    mutant(
        "no check once the slot is made",
        Rules { check_slot: false, ..OURS },
        &[LiveHolderFenced],
    ),
    mutant(
        "no check before the backup is renamed",
        Rules { check_link: false, ..OURS },
        &[OldBackup],
    ),
    mutant(
        "leftovers listed after the check",
        Rules { list_first: false, ..OURS },
        &[LiveHolderFenced],
    ),
    mutant(
        "links of old holders are not removed",
        Rules { links_are_leftovers: false, ..OURS },
        &[OldBackup],
    ),
    mutant("no gate", Rules { gate: false, ..OURS }, &[Unjudged]),
    mutant("no second look behind the gate", Rules { judge_again: false, ..OURS }, &[Unjudged]),
    // A later check or the slot covers these; they make errors come early.
    mutant("no check right after locking", Rules { check_locked: false, ..OURS }, &[]),
    mutant("no check right before the commit", Rules { check_last: false, ..OURS }, &[]),
    mutant("no second look at the document", Rules { look_again: false, ..OURS }, &[]),
    // Lock files alone, with nothing that fences.
    plain("a lock file and nothing else, nothing is broken", PLAIN, NOTHING, &[]),
    plain(
        "unlinked after unlocking, with the check",
        Rules { unlink: Unlink::AfterUnlock, ..PLAIN },
        NOTHING,
        LOSES,
    ),
    plain(
        "unlinked while held, with the check",
        Rules { unlink: Unlink::WhileHeld, ..PLAIN },
        NOTHING,
        &[],
    ),
    plain(
        "unlinked while held, no check",
        Rules { unlink: Unlink::WhileHeld, check_locked: false, ..PLAIN },
        NOTHING,
        LOSES,
    ),
    plain("the Go program's lock", GO_PROGRAM, NOTHING, LOSES),
    plain("the Go program's lock, broken", GO_PROGRAM, ONE_BREAK, LOSES),
];

/// It unlinks the file after unlocking, checks nothing, and breaks a lock by unlinking it.
const GO_PROGRAM: Rules =
    Rules { unlink: Unlink::AfterUnlock, check_locked: false, breaking: Breaking::Remove, ..PLAIN };

const fn mutant(what: &'static str, rules: Rules, broken: &'static [Violation]) -> Mutant {
    Mutant { what, rules, changes: THREE, left: TWO_BREAKS, broken }
}

const fn plain(
    what: &'static str,
    rules: Rules,
    left: Budget,
    broken: &'static [Violation],
) -> Mutant {
    Mutant { what, rules, changes: FOUR, left, broken }
}
