//! What a person can order, as words for the command line and as the changes that it makes.

use jiff::Timestamp;

use super::Commit;
use super::disk::{Disk, End, Micro, Told};
use super::world::{Ask, is_brought_back, is_unrecorded, reason, way_back};

/// How the command of a deploy behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Works,
    Fails,
    /// It kills the program that waits for it, and works.
    CutsOff,
}

#[derive(Debug, Clone)]
pub(super) enum Order {
    Deploy { commit: Commit, command: Command, redeploy: bool },
    Rollback { to: Option<Commit>, command: Command },
    Approve { commit: Commit, ttl: i64 },
    Revoke { commit: Commit },
    Freeze { from: Option<i64>, until: Option<i64> },
    Thaw { id: u64 },
    Record { commit: Commit, end: End, delivery: Option<String> },
    Resolve { commit: Commit, end: Option<End> },
    Claim { commit: Commit, delivery: String },
}

/// What an order must do: its changes in this order, and how it must end.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) micros: Vec<Micro>,
    pub(super) code: i32,
    /// The reason in its answer, if it decides.
    pub(super) reason: Option<&'static str>,
}

/// 128 and the signal KILL.
pub(super) const KILLED: i32 = 137;

impl Order {
    /// The words, divided by spaces; `sha` names a commit.
    pub(super) fn words(&self, sha: impl Fn(Commit) -> String) -> String {
        let command = |command: &Command| match command {
            Command::Works => "works",
            Command::Fails => "fails",
            Command::CutsOff => "cuts-off",
        };
        match self {
            Order::Deploy { commit, command: run, redeploy } => {
                let order = if *redeploy { " --redeploy --reason again" } else { "" };
                format!("deploy --json {}{order} -- {}", sha(*commit), command(run))
            }
            Order::Rollback { to, command: run } => {
                let to = to.map(|to| format!(" --to {}", sha(to))).unwrap_or_default();
                format!("rollback --json{to} --reason worse -- {}", command(run))
            }
            Order::Approve { commit, ttl } => format!("approve {} --ttl {ttl}s", sha(*commit)),
            Order::Revoke { commit } => format!("approvals revoke {}", sha(*commit)),
            Order::Freeze { from, until } => {
                let bound = |name, at: &Option<i64>| {
                    at.map(|at| format!(" --{name} {}", rfc3339(at))).unwrap_or_default()
                };
                format!(
                    "freeze add --reason holidays{}{}",
                    bound("from", from),
                    bound("until", until)
                )
            }
            Order::Thaw { id } => format!("freeze end {id}"),
            Order::Record { commit, end, delivery } => {
                let id = delivery.as_ref().map(|id| format!(" --delivery-id {id}"));
                format!("record {} {}{}", sha(*commit), word(*end), id.unwrap_or_default())
            }
            Order::Resolve { commit, end } => {
                let said = end.map(|end| format!(" --as {}", word(end))).unwrap_or_default();
                format!("resolve {}{said}", sha(*commit))
            }
            Order::Claim { commit, delivery } => {
                format!("delivery claim local/shop {} {delivery}", sha(*commit))
            }
        }
    }

    /// What it must do to what is on record.
    pub(super) fn expected(&self, disk: &Disk, now: i64) -> Expected {
        let plain = |micros, code| Expected { micros, code, reason: None };
        match self.clone() {
            Order::Deploy { commit, command, redeploy } => {
                let mut plan = Plan::under_lock(disk, now);
                let unrecorded = is_unrecorded(&plan.disk, commit).then_some(commit);
                plan.settle(plan.disk.unknown().into_iter().chain(unrecorded));
                let reason = reason(&plan.disk, commit, now, Ask { redeploy });
                let is_unknown = is_unrecorded(&plan.disk, commit);
                let is_ordered = redeploy || is_brought_back(&plan.disk, commit, now);
                let code = match reason {
                    "already_deployed" => 0,
                    "outcome_unknown" if is_unknown => 6,
                    reason if reason.starts_with("allow") => {
                        plan.run(commit, command, is_ordered, true)
                    }
                    _ => 1,
                };
                Expected { micros: plan.micros, code, reason: Some(reason) }
            }
            Order::Rollback { to, command } => {
                let mut plan = Plan::under_lock(disk, now);
                plan.settle(plan.disk.unknown());
                let Some((bad, good, reason)) = way_back(&plan.disk, to, now) else {
                    return plain(plan.micros, 1);
                };
                let is_unknown = is_unrecorded(&plan.disk, good);
                let code = match reason {
                    "already_deployed" => 0,
                    "outcome_unknown" if is_unknown => 6,
                    "allow_rollback" => {
                        if let Some(bad) = bad {
                            plan.does([Micro::Tell(Told::RolledBack(bad)), Micro::Mark(bad)]);
                        }
                        plan.run(good, command, true, false)
                    }
                    _ => 1,
                };
                Expected { micros: plan.micros, code, reason: Some(reason) }
            }
            Order::Approve { commit, ttl } => {
                let until = now + ttl;
                let told = Told::Approved { commit, until };
                plain(vec![Micro::Tell(told), Micro::Approve { commit, until }], 0)
            }
            Order::Revoke { commit } => {
                let counts = disk
                    .approvals
                    .iter()
                    .any(|given| given.commit == commit && !given.revoked && now < given.until);
                let micros = vec![Micro::Tell(Told::Revoked(commit)), Micro::Revoke(commit)];
                if counts { plain(micros, 0) } else { plain(vec![], 1) }
            }
            Order::Freeze { from, until } => {
                let told = Told::Frozen { id: disk.next_freeze(), from, until };
                plain(vec![Micro::Tell(told), Micro::Freeze { from, until }], 0)
            }
            Order::Thaw { id } => {
                let stands = disk.known().freezes.iter().any(|freeze| {
                    freeze.id == id && !freeze.ended && freeze.until.is_none_or(|until| now < until)
                });
                let micros = vec![Micro::Tell(Told::Thawed(id)), Micro::Thaw(id)];
                if stands { plain(micros, 0) } else { plain(vec![], 1) }
            }
            Order::Record { commit, end, delivery } => {
                let told = Micro::Tell(Told::Recorded(commit, end));
                let claim = delivery.map(|delivery| Micro::Claim { commit, delivery });
                let ended = match end {
                    End::Open => Micro::Open(commit),
                    end => Micro::Finish(commit, end),
                };
                let mut plan = Plan::under_lock(disk, now);
                plan.does([told].into_iter().chain(claim).chain([ended]));
                plain(plan.micros, 0)
            }
            Order::Resolve { commit, end } => {
                let mut plan = Plan::under_lock(disk, now);
                if !is_unrecorded(&plan.disk, commit) {
                    return plain(plan.micros, 1);
                }
                // What provably never started has not gone well, whoever says so.
                if end == Some(End::Success) && plan.disk.never_started(commit).is_some() {
                    return plain(plan.micros, 1);
                }
                let before = plan.micros.len();
                plan.settle([commit]);
                let code = match end {
                    _ if plan.micros.len() > before => 0,
                    None => 6,
                    Some(end) => {
                        let told = Micro::Tell(Told::Resolved(commit, end));
                        plan.does([told, Micro::Finish(commit, end)]);
                        0
                    }
                };
                plain(plan.micros, code)
            }
            Order::Claim { commit, delivery } => {
                if disk.claims.contains_key(&commit) {
                    return plain(vec![], 1);
                }
                let told = Told::Claimed { commit, delivery: delivery.clone() };
                plain(vec![Micro::Claim { commit, delivery }, Micro::Tell(told)], 0)
            }
        }
    }
}

/// Changes, and what will be on record after them.
struct Plan {
    disk: Disk,
    now: i64,
    micros: Vec<Micro>,
}

impl Plan {
    /// Who has the deploy lock ends first what a kill has left half done.
    fn under_lock(disk: &Disk, now: i64) -> Plan {
        let mut plan = Plan { disk: disk.clone(), now, micros: Vec::new() };
        plan.does(disk.half_done());
        plan
    }

    fn does(&mut self, micros: impl IntoIterator<Item = Micro>) {
        for micro in micros {
            self.disk.apply(&micro, self.now);
            self.micros.push(micro);
        }
    }

    /// What was cut off before its command was started is taken back.
    fn settle(&mut self, unknown: impl IntoIterator<Item = Commit>) {
        let mut settled = Vec::new();
        for commit in unknown {
            if settled.contains(&commit) {
                continue;
            }
            settled.push(commit);
            let Some((seq, before)) = self.disk.never_started(commit) else { continue };
            let delivery = started(seq);
            let is_ours = self.disk.claims.get(&commit) == Some(&delivery);
            self.does([Micro::Abandon(commit)]);
            self.does(is_ours.then_some(match before {
                Some(delivery) => Micro::Claim { commit, delivery },
                None => Micro::Unclaim(commit),
            }));
            let is_noted = self.disk.waits.as_ref() == Some(&delivery);
            self.does([Micro::Tell(Told::TakenBack { commit, delivery })]);
            self.does(is_noted.then_some(Micro::Wait(None)));
        }
    }

    /// Runs the command. Returns the exit code.
    fn run(&mut self, commit: Commit, command: Command, ordered: bool, breaker: bool) -> i32 {
        let seq = self.disk.next_line();
        let before = self.disk.claims.get(&commit).filter(|_| ordered).cloned();
        self.does([
            Micro::Tell(Told::Started { commit, before }),
            Micro::Claim { commit, delivery: started(seq) },
            Micro::Open(commit),
        ]);
        self.does(breaker.then_some(Micro::AskBreaker));
        self.does([
            Micro::Wait(None),
            Micro::Wait(Some(started(seq))),
            Micro::Tell(Told::Command(commit)),
            Micro::Wait(None),
            Micro::Run(commit, seq),
        ]);
        if command == Command::CutsOff {
            return KILLED;
        }
        let success = command == Command::Works;
        let end = if success { End::Success } else { End::Failure };
        self.does([Micro::Finish(commit, end), Micro::Tell(Told::Finished(commit, end))]);
        self.does(breaker.then_some(Micro::TellBreaker { success }));
        if success { 0 } else { 4 }
    }
}

/// The name of the delivery whose start is this line of the log.
pub(super) fn started(seq: u64) -> String {
    format!("line-{seq}")
}

pub(super) fn word(end: End) -> &'static str {
    match end {
        End::Open => "pending",
        End::Success => "success",
        End::Failure => "failure",
        End::Superseded => "unknown",
    }
}

pub(super) fn rfc3339(second: i64) -> String {
    Timestamp::from_second(second).unwrap().to_string()
}
