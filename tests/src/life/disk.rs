//! What is on record, as a few maps, and how each small step of an order changes it.

use std::collections::BTreeMap;

use super::Commit;
use super::order::started;
use super::story;

/// How a deploy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Open,
    Success,
    Failure,
    /// It was begun anew before anybody knew.
    Superseded,
}

/// A deploy in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Try {
    pub(super) commit: Commit,
    pub(super) at: i64,
    pub(super) end: End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Approval {
    pub(super) commit: Commit,
    pub(super) given: i64,
    pub(super) until: i64,
    pub(super) revoked: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Freeze {
    pub(super) id: u64,
    pub(super) declared: i64,
    pub(super) from: Option<i64>,
    pub(super) until: Option<i64>,
    pub(super) ended: bool,
}

/// The breaker around deploys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breaker {
    Closed { failures: u64 },
    Open { retry: i64 },
    Trial,
}

/// What a line of the audit log tells. A delivery of a deploy is named by the line of its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    Started {
        commit: Commit,
        before: Option<String>,
    },
    Command(Commit),
    Finished(Commit, End),
    /// As that, by a later run: whoever saw it end was killed.
    Found(Commit, End),
    TakenBack {
        commit: Commit,
        delivery: String,
    },
    RolledBack(Commit),
    Approved {
        commit: Commit,
        until: i64,
    },
    Revoked(Commit),
    Frozen {
        id: u64,
        from: Option<i64>,
        until: Option<i64>,
    },
    Thawed(u64),
    Recorded(Commit, End),
    Resolved(Commit, End),
    Claimed {
        commit: Commit,
        delivery: String,
    },
}

/// One durable change. An order is a list of them, and what a kill leaves is the beginning of
/// that list.
#[derive(Debug, Clone)]
pub(super) enum Micro {
    Tell(Told),
    /// The change that a kill has prevented, of a line from then.
    Redo(i64, Told),
    Claim {
        commit: Commit,
        delivery: String,
    },
    Unclaim(Commit),
    Open(Commit),
    Abandon(Commit),
    /// The note that the command of this delivery waits, or that none does.
    Wait(Option<String>),
    /// The command starts, for the line of this number.
    Run(Commit, u64),
    Finish(Commit, End),
    Mark(Commit),
    Approve {
        commit: Commit,
        until: i64,
    },
    Revoke(Commit),
    Freeze {
        from: Option<i64>,
        until: Option<i64>,
    },
    Thaw(u64),
    AskBreaker,
    TellBreaker {
        success: bool,
    },
}

/// Everything that is on record, and what has run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) current: Option<Commit>,
    pub(super) previous: Option<Commit>,
    pub(super) tries: Vec<Try>,
    /// The commits that were taken back, and when.
    pub(super) marks: BTreeMap<Commit, i64>,
    pub(super) claims: BTreeMap<Commit, String>,
    pub(super) approvals: Vec<Approval>,
    pub(super) freezes: Vec<Freeze>,
    pub(super) breaker: Breaker,
    /// The delivery whose command waits, as the note says.
    pub(super) waits: Option<String>,
    /// Each start of the command, with its fence.
    pub(super) runs: Vec<(Commit, u64)>,
    pub(super) log: Vec<(i64, Told)>,
}

impl Disk {
    pub(super) fn empty() -> Disk {
        Disk {
            current: None,
            previous: None,
            tries: Vec::new(),
            marks: BTreeMap::new(),
            claims: BTreeMap::new(),
            approvals: Vec::new(),
            freezes: Vec::new(),
            breaker: Breaker::Closed { failures: 0 },
            waits: None,
            runs: Vec::new(),
            log: Vec::new(),
        }
    }

    pub(super) fn apply(&mut self, micro: &Micro, now: i64) {
        for (at, told) in self.taken_over_by(micro) {
            self.follow(&told, at);
        }
        self.make(micro, now);
    }

    /// The change that a line tells of.
    pub(super) fn follow(&mut self, told: &Told, at: i64) {
        if let Some(micro) = story::meant(told) {
            self.make(&micro, at);
        }
    }

    fn make(&mut self, micro: &Micro, now: i64) {
        match micro.clone() {
            Micro::Tell(told) => self.log.push((now, told)),
            Micro::Redo(at, told) => self.follow(&told, at),
            Micro::Claim { commit, delivery } => drop(self.claims.insert(commit, delivery)),
            Micro::Unclaim(commit) => drop(self.claims.remove(&commit)),
            Micro::Open(commit) => {
                if let Some(open) = self.open_try(commit) {
                    self.tries[open].end = End::Superseded;
                }
                self.tries.push(Try { commit, at: now, end: End::Open });
            }
            Micro::Abandon(commit) => {
                if let Some(open) = self.open_try(commit) {
                    self.tries.remove(open);
                }
            }
            Micro::Wait(delivery) => self.waits = delivery,
            Micro::Run(commit, fence) => self.runs.push((commit, fence)),
            Micro::Finish(commit, end) => self.finish(commit, end, now),
            Micro::Mark(commit) => drop(self.marks.insert(commit, now)),
            Micro::Approve { commit, until } => {
                self.approvals.push(Approval { commit, given: now, until, revoked: false });
            }
            Micro::Revoke(commit) => {
                let of_it = self.approvals.iter_mut().filter(|given| given.commit == commit);
                of_it.filter(|given| now < given.until).for_each(|given| given.revoked = true);
            }
            Micro::Freeze { from, until } => {
                let id = self.freezes.last().map_or(1, |freeze| freeze.id + 1);
                self.freezes.push(Freeze { id, declared: now, from, until, ended: false });
            }
            Micro::Thaw(id) => {
                let of_it = self.freezes.iter_mut().filter(|freeze| freeze.id == id);
                of_it.for_each(|freeze| freeze.ended = true);
            }
            Micro::AskBreaker => {
                if matches!(self.breaker, Breaker::Open { .. }) {
                    self.breaker = Breaker::Trial;
                }
            }
            Micro::TellBreaker { success: true } => self.breaker = Breaker::Closed { failures: 0 },
            Micro::TellBreaker { success: false } => {
                self.breaker = match self.breaker {
                    Breaker::Closed { failures } if failures < 4 => {
                        Breaker::Closed { failures: failures + 1 }
                    }
                    _ => Breaker::Open { retry: now + 600 },
                }
            }
        }
    }

    fn finish(&mut self, commit: Commit, end: End, now: i64) {
        if end == End::Success && self.current != Some(commit) {
            self.previous = self.current.replace(commit);
        }
        self.marks.remove(&commit);
        self.apply(&Micro::Abandon(commit), now);
        self.tries.push(Try { commit, at: now, end });
    }

    pub(super) fn open_try(&self, commit: Commit) -> Option<usize> {
        let last = self.tries.iter().rposition(|one| one.commit == commit)?;
        (self.tries[last].end == End::Open).then_some(last)
    }

    /// The commits of which nobody knows how their last deploy ended, oldest first.
    pub(super) fn unknown(&self) -> Vec<Commit> {
        let known = self.known();
        let open = known.tries.iter().filter(|one| one.end == End::Open);
        open.map(|one| one.commit).collect()
    }

    pub(super) fn next_freeze(&self) -> u64 {
        self.known().freezes.last().map_or(1, |freeze| freeze.id + 1)
    }

    pub(super) fn next_line(&self) -> u64 {
        self.log.len() as u64 + 1
    }

    /// The last thing in the log about deploys of the commit.
    pub(super) fn last_told(&self, commit: Commit) -> Option<(u64, &Told)> {
        let about = |told: &Told| match told {
            Told::Started { commit, .. } | Told::TakenBack { commit, .. } => Some(*commit),
            Told::Command(commit) => Some(*commit),
            Told::Finished(commit, _) | Told::Found(commit, _) => Some(*commit),
            Told::Recorded(commit, _) | Told::Resolved(commit, _) => Some(*commit),
            _ => None,
        };
        let lines = (1..).zip(&self.log).map(|(seq, (_, told))| (seq, told));
        lines.filter(|(_, told)| about(told) == Some(commit)).last()
    }

    /// The start of the last deploy of the commit, if its command provably never started: no
    /// line lets it go, or the note says that it waits.
    pub(super) fn never_started(&self, commit: Commit) -> Option<(u64, Option<String>)> {
        let is_start =
            |told: &Told| matches!(told, Told::Started { commit: about, .. } if *about == commit);
        let (seq, told) = match self.last_told(commit)? {
            (_, Told::Command(_)) => {
                let lines = (1..).zip(&self.log).map(|(seq, (_, told))| (seq, told));
                let start = lines.filter(|(_, told)| is_start(told)).last()?;
                (self.waits == Some(started(start.0))).then_some(start)?
            }
            last => last,
        };
        match told {
            Told::Started { before, .. } => Some((seq, before.clone())),
            _ => None,
        }
    }

    /// What the log has heard last of the commit.
    fn heard(&self, commit: Commit) -> Option<End> {
        let (mut last, mut before) = (None, None);
        for (_, told) in &self.log {
            match told {
                Told::Started { commit: about, .. } if *about == commit => {
                    before = Some(last.replace(End::Open));
                }
                Told::TakenBack { commit: about, .. } if *about == commit => {
                    last = before.take().unwrap_or(last);
                }
                Told::Finished(about, end)
                | Told::Found(about, end)
                | Told::Recorded(about, end)
                | Told::Resolved(about, end)
                    if *about == commit =>
                {
                    (last, before) = (Some(*end), None);
                }
                _ => {}
            }
        }
        last
    }

    /// How the last deploy of the commit ended: the history knows, or else the log.
    pub(super) fn word(&self, commit: Commit) -> Option<End> {
        let known = self.known();
        let last = known.tries.iter().rev().find(|one| one.commit == commit);
        last.map(|one| one.end).or_else(|| self.heard(commit))
    }

    /// Whether the commit was live at any time.
    pub(super) fn has_been_live(&self, commit: Commit) -> bool {
        let went_well = |one: &Try| one.commit == commit && one.end == End::Success;
        [self.current, self.previous].contains(&Some(commit)) || self.tries.iter().any(went_well)
    }
}

impl Told {
    pub(super) fn is_success_of(&self, commit: Commit) -> bool {
        let success = (commit, End::Success);
        matches!(self, Told::Finished(about, end) | Told::Found(about, end)
            | Told::Recorded(about, end) | Told::Resolved(about, end)
            if (*about, *end) == success)
    }

    /// Whether it says what the release state is to be.
    pub(super) fn is_of_deploys(&self) -> bool {
        matches!(
            self,
            Told::Started { .. }
                | Told::TakenBack { .. }
                | Told::Finished(..)
                | Told::Found(..)
                | Told::Recorded(..)
                | Told::Resolved(..)
                | Told::RolledBack(_)
        )
    }
}
