//! What the audit log makes up for: documents that are not there, and changes that a kill has
//! prevented.

use super::Commit;
use super::disk::{Disk, End, Micro, Told, Try};
use super::story;

impl Disk {
    /// What the log tells about documents in which nothing was ever written, before this change
    /// is made to one of them: all of it, but for the line of the change itself.
    pub(super) fn taken_over_by(&self, micro: &Micro) -> Vec<(i64, Told)> {
        match micro {
            Micro::Open(about) | Micro::Finish(about, _) | Micro::Mark(about) => {
                self.told_of_deploys(Some(*about))
            }
            // What was not open was not written.
            Micro::Abandon(about) => {
                let told = self.told_of_deploys(Some(*about));
                let is_open = story::told(&told).open_try(*about).is_some();
                if is_open { told } else { Vec::new() }
            }
            Micro::Freeze { .. } => self.told_of_freezes(true),
            Micro::Thaw(_) => self.told_of_freezes(false),
            _ => Vec::new(),
        }
    }

    /// What is known, also where nothing was ever written.
    pub(super) fn known(&self) -> Disk {
        let mut known = self.clone();
        for (at, told) in self.told_of_deploys(None).into_iter().chain(self.told_of_freezes(false))
        {
            known.follow(&told, at);
        }
        known
    }

    fn told_of_deploys(&self, own: Option<Commit>) -> Vec<(i64, Told)> {
        let is_first = |told: &Told| match told {
            Told::Started { commit, .. } => Some(*commit),
            Told::Recorded(commit, _) | Told::Resolved(commit, _) | Told::RolledBack(commit) => {
                Some(*commit)
            }
            _ => None,
        };
        if !self.tries.is_empty() {
            return Vec::new();
        }
        let of_deploys = |told: &Told| told.is_of_deploys();
        let mut told: Vec<_> =
            self.log.iter().filter(|(_, told)| of_deploys(told)).cloned().collect();
        if own.is_some() && told.last().is_some_and(|(_, last)| is_first(last) == own) {
            told.pop();
        }
        told
    }

    fn told_of_freezes(&self, is_one_declared: bool) -> Vec<(i64, Told)> {
        if !self.freezes.is_empty() {
            return Vec::new();
        }
        let of_freezes = |told: &Told| matches!(told, Told::Frozen { .. } | Told::Thawed(_));
        let mut told: Vec<_> =
            self.log.iter().filter(|(_, told)| of_freezes(told)).cloned().collect();
        if is_one_declared {
            told.pop();
        }
        told
    }

    /// What a kill has left half done, which whoever has the deploy lock next ends first.
    pub(super) fn half_done(&self) -> Option<Micro> {
        let known = self.known();
        let telling = |told: &Told| told.is_of_deploys() || matches!(told, Told::Command(_));
        let (at, last) = self.log.iter().rev().find(|(_, told)| telling(told)).cloned()?;
        let newest = known.tries.last();
        let lacks = match &last {
            Told::Command(commit) => {
                let ended = newest.filter(|one| one.commit == *commit && one.end != End::Open);
                return ended
                    .filter(|one| one.at >= at)
                    .map(|one| Micro::Tell(Told::Found(*commit, one.end)));
            }
            Told::Recorded(commit, end) | Told::Resolved(commit, end) => {
                let made = Try { commit: *commit, at, end: *end };
                !known.tries.contains(&made) && newest.is_none_or(|one| one.at <= at)
            }
            Told::RolledBack(commit) => known.marks.get(commit) != Some(&at),
            _ => false,
        };
        lacks.then_some(Micro::Redo(at, last))
    }
}
