//! The protocol as the code does it, with each of its steps as a switch, and what must not happen.

/// Which steps the protocol has. [`Rules::ours`] is what the code does; a mutant lacks one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// The new contents wait in a slot, which a new holder removes.
    pub(super) slots: bool,
    /// Links on their way to `NAME.bak` are removed like slots.
    pub(super) links_are_leftovers: bool,
    /// Whether the path still names the locked file: after locking, once the slot is made,
    /// before the backup is renamed, before the slot is renamed.
    pub(super) check_locked: bool,
    pub(super) check_slot: bool,
    pub(super) check_link: bool,
    pub(super) check_last: bool,
    /// Leftovers are listed before the own slot is made and checked, not afterwards.
    pub(super) list_first: bool,
    /// Whether the document is looked at again before the commit.
    pub(super) look_again: bool,
    /// The version before is kept.
    pub(super) backup: bool,
    /// Breakers work one at a time, and look again whether the lock is what they judged.
    pub(super) gate: bool,
    pub(super) judge_again: bool,
    pub(super) unlink: Unlink,
    pub(super) breaking: Breaking,
}

/// When the lock file is removed by whoever releases it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unlink {
    Never,
    WhileHeld,
    AfterUnlock,
}

/// How a lock is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breaking {
    /// A new lock file, locked already, replaces the old one.
    Replace,
    /// The lock file is removed, and the breaker begins anew.
    Remove,
}

impl Rules {
    /// What the code does.
    pub(super) const fn ours() -> Rules {
        Rules {
            slots: true,
            links_are_leftovers: true,
            check_locked: true,
            check_slot: true,
            check_link: true,
            check_last: true,
            list_first: true,
            look_again: true,
            backup: true,
            gate: true,
            judge_again: true,
            unlink: Unlink::Never,
            breaking: Breaking::Replace,
        }
    }

    /// A lock file, and a temporary file that is renamed: no slot, no check, no backup.
    pub(super) const fn plain() -> Rules {
        Rules {
            slots: false,
            links_are_leftovers: false,
            check_slot: false,
            check_link: false,
            check_last: false,
            look_again: false,
            backup: false,
            ..Rules::ours()
        }
    }
}

/// What must not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Violation {
    /// A commit replaced a version that it had not loaded.
    LostUpdate,
    /// A holder committed although another one had taken the lock and loaded.
    CommitAfterBreak,
    /// The slot or link of a holder was removed although nobody had taken its lock.
    LiveHolderFenced,
    /// The backup went back, or is older than one version after a commit.
    OldBackup,
    /// A lock file was replaced that its breaker had not judged.
    Unjudged,
    /// Nobody can go on, and somebody is not done.
    Deadlock,
    /// Everybody is done, and a change is missing, or a file is left that no crash explains.
    Leftover,
}

impl Violation {
    /// What a shortest way to it is counted as.
    pub(super) fn steps_to(self) -> &'static str {
        match self {
            Violation::LostUpdate => "steps to a lost update",
            Violation::CommitAfterBreak => "steps to the commit of a fenced holder",
            Violation::LiveHolderFenced => "steps to fencing a live holder",
            Violation::OldBackup => "steps to a backup that is too old",
            Violation::Unjudged => "steps to breaking what was not judged",
            Violation::Deadlock => "steps to a deadlock",
            Violation::Leftover => "steps to an end with something missing or left",
        }
    }
}
