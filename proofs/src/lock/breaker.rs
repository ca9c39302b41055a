//! The steps of a breaker, from the gate to the lock file that it has put in place.

use super::{
    rules::Violation,
    state::{At, NONE, State},
    step::Me,
};

impl Me<'_> {
    pub(super) fn break_lock(&self, at: At, next: &mut State) -> (At, Option<Violation>) {
        let (process, rules) = (self.process, self.rules);
        let mine = self.state.processes[process];
        let to = match at {
            At::EnterGate if next.gate != NONE => self.goes_on_waiting(next),
            At::EnterGate => {
                next.gate = process as u8;
                self.first_look()
            }
            At::SeePath if next.path == mine.judged.0 => At::SeeRecord,
            At::SeeRecord if next.record[usize::from(mine.judged.0)] == mine.judged.1 => {
                At::SeeHeld
            }
            At::SeeHeld if next.owner[usize::from(mine.judged.0)] != NONE => At::Sweep,
            At::SeePath | At::SeeRecord | At::SeeHeld => At::GiveUpBreaking,
            At::Sweep => {
                next.on_its_way = [(NONE, NONE); 2];
                At::Make
            }
            At::Make => {
                let is_there = next.on_its_way.iter().any(|(token, _)| *token == mine.judged.1);
                let free = next.on_its_way.iter().position(|(token, _)| *token == NONE);
                match free.filter(|_| !is_there) {
                    None => At::GiveUpBreaking,
                    Some(free) => {
                        let token = next.new_token();
                        let inode = next.new_inode();
                        next.owner[usize::from(inode)] = process as u8;
                        next.record[usize::from(inode)] = token;
                        next.on_its_way[free] = (mine.judged.1, inode);
                        let me = &mut next.processes[process];
                        (me.token, me.made) = (token, inode);
                        At::Replace
                    }
                }
            }
            At::Replace => {
                let found = next.on_its_way.iter().position(|(token, _)| *token == mine.judged.1);
                match found {
                    None => {
                        // Somebody has removed it: the error is the caller's, who tries again.
                        next.owner[usize::from(mine.made)] = NONE;
                        let me = &mut next.processes[process];
                        (me.token, me.made) = (NONE, NONE);
                        At::GiveUpBreaking
                    }
                    Some(found) => {
                        let is_judged = next.path == mine.judged.0;
                        next.path = next.on_its_way[found].1;
                        next.on_its_way[found] = (NONE, NONE);
                        return (At::LeaveGate, (!is_judged).then_some(Violation::Unjudged));
                    }
                }
            }
            At::LeaveGate => {
                self.leave_gate(next);
                let me = &mut next.processes[process];
                (me.open, me.made, me.judged) = (me.made, NONE, (NONE, NONE));
                match (rules.slots || rules.links_are_leftovers, rules.list_first) {
                    (false, _) => At::Load,
                    (true, true) => At::List,
                    (true, false) => At::MakeSlot,
                }
            }
            At::GiveUpBreaking => {
                self.leave_gate(next);
                self.goes_on_waiting(next)
            }
            other => unreachable!("{other:?} is no step of a breaker"),
        };
        (to, None)
    }

    fn leave_gate(&self, next: &mut State) {
        if usize::from(next.gate) == self.process {
            next.gate = NONE;
        }
    }

    fn goes_on_waiting(&self, next: &mut State) -> At {
        next.processes[self.process].judged = (NONE, NONE);
        At::Lock
    }
}
