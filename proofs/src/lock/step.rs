//! What can happen next: one step is one system call of one process, or one blow from outside.
//!
//! A process that is stopped is one whose next step does not come, so stops need no step of
//! their own. Merged into one step are calls that nobody else can come between: what is done
//! to a file before it has a name that others use, the write into a slot (whoever has it open
//! can write it, removed or not), and the try and unlock by which a breaker sees that a lock
//! is held.

use super::{
    rules::{Breaking, Rules, Unlink, Violation},
    state::{At, CHILD, FIRST_VERSION, NONE, State},
};

/// What happened: who, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Action {
    pub(super) process: u8,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// Its next system call.
    Call(At),
    /// It sees that its lock file was replaced, and opens the new one.
    Reopen,
    /// It judges the lock that it waits for as stale.
    Judge,
    Killed,
    /// Killed, and a child goes on with its descriptors.
    KilledButForChild,
    ChildEnds,
    LockFileRemoved,
}

/// Calls `found` with every state that may come next.
pub(super) fn next(
    state: &State,
    rules: &Rules,
    found: &mut impl FnMut(Action, State, Option<Violation>),
) {
    for process in 0..state.processes.len() {
        let me = Me { state, rules, process };
        me.call(found);
        me.wait(found);
        me.die(found);
    }
    outside(state, found);
}

fn outside(state: &State, found: &mut impl FnMut(Action, State, Option<Violation>)) {
    for inode in 0..state.owner.len() {
        if state.owner[inode] == CHILD {
            let mut next = *state;
            next.owner[inode] = NONE;
            next.forget_unused();
            found(Action { process: NONE, what: What::ChildEnds }, next, None);
        }
    }
    if state.left.removals > 0 && state.path != NONE {
        let mut next = *state;
        next.left.removals -= 1;
        next.path = NONE;
        next.forget_unused();
        found(Action { process: NONE, what: What::LockFileRemoved }, next, None);
    }
}

/// One process in one state.
pub(super) struct Me<'a> {
    pub(super) state: &'a State,
    pub(super) rules: &'a Rules,
    pub(super) process: usize,
}

impl Me<'_> {
    fn done(
        &self,
        what: What,
        mut next: State,
        violation: Option<Violation>,
        found: &mut impl FnMut(Action, State, Option<Violation>),
    ) {
        next.forget_unused();
        found(Action { process: self.process as u8, what }, next, violation);
    }

    /// Whether `NAME.lock` names the file that it has locked.
    fn is_at_path(&self) -> bool {
        let mine = &self.state.processes[self.process];
        self.state.path == mine.open
    }

    /// What a waiter does beside waiting: it looks at the path, and judges the holder.
    fn wait(&self, found: &mut impl FnMut(Action, State, Option<Violation>)) {
        let mine = &self.state.processes[self.process];
        if mine.at != At::Lock || self.state.owner[usize::from(mine.open)] == NONE {
            return;
        }
        if self.state.path != mine.open {
            let mut next = *self.state;
            let me = &mut next.processes[self.process];
            (me.open, me.at) = (NONE, At::Idle);
            self.done(What::Reopen, next, None, found);
        }
        if self.state.left.breaks == 0 || self.state.path == NONE {
            return;
        }
        let mut next = *self.state;
        next.left.breaks -= 1;
        match self.rules.breaking {
            Breaking::Replace => {
                // The record is read from whatever the path names by then.
                let token = self.state.record[usize::from(self.state.path)];
                if token == NONE {
                    return;
                }
                let me = &mut next.processes[self.process];
                me.judged = (mine.open, token);
                me.at = if self.rules.gate { At::EnterGate } else { self.first_look() };
            }
            Breaking::Remove => {
                next.path = NONE;
                let me = &mut next.processes[self.process];
                (me.open, me.at) = (NONE, At::Idle);
            }
        }
        self.done(What::Judge, next, None, found);
    }

    pub(super) fn first_look(&self) -> At {
        if self.rules.judge_again { At::SeePath } else { At::Sweep }
    }

    fn die(&self, found: &mut impl FnMut(Action, State, Option<Violation>)) {
        let mine = &self.state.processes[self.process];
        if mine.at == At::Idle {
            return;
        }
        let die = |heir: u8| {
            let mut next = *self.state;
            for owner in &mut next.owner {
                if usize::from(*owner) == self.process {
                    *owner = heir;
                }
            }
            if usize::from(next.gate) == self.process {
                next.gate = NONE;
            }
            // Whoever comes in its place has the same to do.
            let fresh = State::first([mine.changes; 3], next.left);
            next.processes[self.process] = fresh.processes[0];
            next
        };
        if self.state.left.crashes > 0 {
            let mut next = die(NONE);
            next.left.crashes -= 1;
            self.done(What::Killed, next, None, found);
        }
        let holds = self.state.owner.iter().any(|owner| usize::from(*owner) == self.process);
        if self.state.left.orphans > 0 && holds {
            let mut next = die(CHILD);
            next.left.orphans -= 1;
            self.done(What::KilledButForChild, next, None, found);
        }
    }

    /// Its next system call.
    fn call(&self, found: &mut impl FnMut(Action, State, Option<Violation>)) {
        let (process, rules) = (self.process, self.rules);
        let mine = self.state.processes[process];
        let open = usize::from(mine.open);
        let bit = if mine.token == NONE { 0 } else { 1_u16 << mine.token };
        let mut next = *self.state;
        let mut violation = None;
        let after_slot = if rules.check_slot { At::CheckSlot } else { self.after_check_slot() };
        let give_up = if rules.slots { At::DropSlot } else { At::MarkReleased };
        let to = match mine.at {
            At::Idle => {
                if mine.changes == 0 {
                    return;
                }
                if next.path == NONE {
                    next.path = next.new_inode();
                }
                next.processes[process].open = next.path;
                At::Lock
            }
            At::Lock => {
                if next.owner[open] != NONE {
                    return;
                }
                next.owner[open] = process as u8;
                if rules.check_locked { At::CheckLocked } else { At::Sign }
            }
            At::CheckLocked if self.is_at_path() => At::Sign,
            At::CheckLocked => At::UnlockStranger,
            At::UnlockStranger => {
                next.owner[open] = NONE;
                next.processes[process].open = NONE;
                At::Idle
            }
            At::Sign => {
                let token = next.new_token();
                next.processes[process].token = token;
                next.record[open] = token;
                match (rules.slots || rules.links_are_leftovers, rules.list_first) {
                    (false, _) => At::Load,
                    (true, true) => At::List,
                    (true, false) => At::MakeSlot,
                }
            }
            At::List => {
                let links = &self.state.links;
                let me = &mut next.processes[process];
                if rules.slots {
                    me.listed_slots = self.state.slots & !bit;
                }
                if rules.links_are_leftovers {
                    let left = (0..links.len()).filter(|token| links[*token] != 0);
                    me.listed_links = left.fold(0, |all, token| all | (1 << token)) & !bit;
                }
                match (rules.list_first, rules.slots) {
                    (true, true) => At::MakeSlot,
                    (true, false) => after_slot,
                    (false, _) => self.remove_or_load(&next),
                }
            }
            At::MakeSlot => {
                if rules.slots {
                    next.slots |= bit;
                }
                after_slot
            }
            At::CheckSlot if self.is_at_path() => self.after_check_slot_in(&next),
            At::CheckSlot => give_up,
            At::Remove => {
                let me = &mut next.processes[process];
                if me.listed_slots != 0 {
                    let gone = me.listed_slots.trailing_zeros();
                    me.listed_slots &= !(1 << gone);
                    next.slots &= !(1 << gone);
                } else {
                    let gone = me.listed_links.trailing_zeros();
                    me.listed_links &= !(1 << gone);
                    next.links[gone as usize] = 0;
                }
                self.remove_or_load(&next)
            }
            At::Load => {
                next.processes[process].loaded = next.target;
                match (rules.look_again, rules.backup) {
                    (true, _) => At::LookAgain,
                    (false, true) => At::Link,
                    (false, false) if rules.check_last => At::CheckLast,
                    (false, false) => At::Commit,
                }
            }
            At::LookAgain if next.target != mine.loaded => give_up,
            At::LookAgain if rules.backup => At::Link,
            At::LookAgain => At::CheckLast,
            At::Link => {
                next.links[usize::from(mine.token)] = next.target;
                if rules.check_link { At::CheckLink } else { At::KeepBackup }
            }
            At::CheckLink if self.is_at_path() => At::KeepBackup,
            At::CheckLink => At::DropLink,
            At::DropLink => {
                next.links[usize::from(mine.token)] = 0;
                give_up
            }
            At::KeepBackup => {
                let version = next.links[usize::from(mine.token)];
                if version == 0 {
                    violation = self.is_at_path().then_some(Violation::LiveHolderFenced);
                    give_up
                } else if version == next.backup {
                    // A rename between two links to one file does nothing.
                    At::UnlinkKept
                } else {
                    violation = (version < next.backup).then_some(Violation::OldBackup);
                    next.backup = version;
                    next.links[usize::from(mine.token)] = 0;
                    At::UnlinkKept
                }
            }
            At::UnlinkKept => {
                next.links[usize::from(mine.token)] = 0;
                if rules.check_last { At::CheckLast } else { At::Commit }
            }
            At::CheckLast if self.is_at_path() => At::Commit,
            At::CheckLast => give_up,
            At::Commit if rules.slots && next.slots & bit == 0 => {
                violation = self.is_at_path().then_some(Violation::LiveHolderFenced);
                At::MarkReleased
            }
            At::Commit => {
                violation = self.commits(&mut next);
                next.slots &= !bit;
                At::MarkReleased
            }
            At::DropSlot => {
                next.slots &= !bit;
                At::MarkReleased
            }
            At::MarkReleased => {
                next.record[open] = NONE;
                match rules.unlink {
                    Unlink::WhileHeld => At::UnlinkLockHeld,
                    Unlink::Never | Unlink::AfterUnlock => At::Unlock,
                }
            }
            At::UnlinkLockHeld => {
                next.path = NONE;
                At::Unlock
            }
            At::Unlock => {
                next.owner[open] = NONE;
                self.forget(&mut next);
                match rules.unlink {
                    Unlink::AfterUnlock => At::UnlinkLock,
                    Unlink::Never | Unlink::WhileHeld => At::Idle,
                }
            }
            At::UnlinkLock => {
                next.path = NONE;
                At::Idle
            }
            breaking => {
                let (to, broken) = self.break_lock(breaking, &mut next);
                violation = broken;
                to
            }
        };
        next.processes[process].at = to;
        self.done(What::Call(mine.at), next, violation, found);
    }

    /// Replaces the document.
    fn commits(&self, next: &mut State) -> Option<Violation> {
        let mine = &self.state.processes[self.process];
        // Whoever has the lock that the path names, and has read what it is going to change.
        let is_superseded = self.state.processes.iter().any(|other| {
            other.open == self.state.path && (At::LookAgain..=At::Commit).contains(&other.at)
        });
        let is_lost = next.target != mine.loaded;
        next.target = mine.loaded + 1;
        next.processes[self.process].changes -= 1;
        if is_lost {
            Some(Violation::LostUpdate)
        } else if is_superseded && !self.is_at_path() {
            Some(Violation::CommitAfterBreak)
        } else if self.rules.backup && next.backup + 1 != next.target {
            Some(Violation::OldBackup)
        } else {
            None
        }
    }

    fn forget(&self, next: &mut State) {
        let me = &mut next.processes[self.process];
        (me.open, me.token, me.loaded) = (NONE, NONE, 0);
        (me.listed_slots, me.listed_links) = (0, 0);
    }

    fn after_check_slot(&self) -> At {
        self.after_check_slot_in(self.state)
    }

    fn after_check_slot_in(&self, state: &State) -> At {
        if self.rules.list_first { self.remove_or_load(state) } else { At::List }
    }

    fn remove_or_load(&self, state: &State) -> At {
        let me = &state.processes[self.process];
        if me.listed_slots | me.listed_links == 0 { At::Load } else { At::Remove }
    }
}

/// What is wrong with a state in which nothing can happen any more.
pub(super) fn at_the_end(state: &State, first: &State) -> Option<Violation> {
    if !state.is_over() {
        return Some(Violation::Deadlock);
    }
    let made = state.target - FIRST_VERSION;
    let asked: u8 = first.processes.iter().map(|process| process.changes).sum();
    let has_left = state.slots != 0
        || state.links.iter().any(|version| *version != 0)
        || state.on_its_way.iter().any(|(token, _)| *token != NONE);
    let is_explained = first.left.crashes + first.left.orphans > 0;
    (made != asked || (has_left && !is_explained)).then_some(Violation::Leftover)
}
