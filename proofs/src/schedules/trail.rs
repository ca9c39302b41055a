//! What happened in a schedule, to compare and to tell.

use std::fmt::{self, Write};

use crate::schedules::task::Id;

/// Who made which call, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Trail(Vec<(Id, &'static str)>);

/// In the place of a call.
const KILLED: &str = "killed";

impl Trail {
    pub(super) fn made(&mut self, id: Id, call: &'static str) {
        self.0.push((id, call));
    }

    pub(super) fn killed(&mut self, saver: usize) {
        self.0.push((Id { saver, thread: 0 }, KILLED));
    }

    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Where another one parts from it, in words.
    pub(super) fn parts_from(&self, other: &Trail) -> Option<String> {
        let length = self.0.len().max(other.0.len());
        let at = (0..length).find(|at| self.0.get(*at) != other.0.get(*at))?;
        let [ours, theirs] = [self, other].map(|trail| trail.0.get(at));
        Some(format!("at call {at}: {ours:?} and then {theirs:?}"))
    }
}

/// Who went on for how many calls: `A12 B7 B'1 A3`, and `B!` where it was killed.
impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for run in self.0.chunk_by(|a, b| a.0 == b.0 && a.1 != KILLED && b.1 != KILLED) {
            let (Id { saver, thread }, call) = run[0];
            let letter = char::from_digit(u32::try_from(10 + saver).unwrap_or(10), 36);
            f.write_char(letter.unwrap_or('?').to_ascii_uppercase())?;
            (0..thread).try_for_each(|_| f.write_char('\''))?;
            if call == KILLED { f.write_str("! ")? } else { write!(f, "{} ", run.len())? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Id, Trail};

    #[test]
    fn a_trail_says_who_went_on_for_how_many_calls() {
        let mut trail = Trail::default();
        for (saver, thread) in [(0, 0), (0, 0), (1, 0), (1, 2), (0, 0)] {
            trail.made(Id { saver, thread }, "read");
        }
        trail.killed(0);
        trail.killed(1);
        assert_eq!(trail.to_string(), "A2 B1 B''1 A1 A! B! ");
        assert_eq!(trail.len(), 7);
    }

    #[test]
    fn trails_that_differ_say_where() {
        let (mut first, mut second) = (Trail::default(), Trail::default());
        let id = Id { saver: 0, thread: 0 };
        first.made(id, "read");
        second.made(id, "read");
        assert_eq!(first.parts_from(&second), None);
        second.made(id, "write");
        let parting = first.parts_from(&second).unwrap();
        assert!(parting.starts_with("at call 1: None and then Some"), "{parting}");
    }
}
