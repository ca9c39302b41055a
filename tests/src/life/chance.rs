//! Which order comes next: mostly one that makes sense, now and then any.

use super::Commit;
use super::disk::{Disk, End};
use super::order::{Command, Order};
use super::world::FILES;
use crate::Random;

/// One order, when it is given after the one before, and how it is killed.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) later: i64,
    pub(super) order: Order,
    pub(super) kill: Option<Kill>,
    /// The commits about which a decision is asked afterwards.
    pub(super) asked: [Commit; 2],
}

/// How a run is killed.
#[derive(Debug, Clone)]
pub(super) enum Kill {
    /// The program alone, as it makes this system call for so many times.
    AtCall { call: &'static str, nth: u64 },
    /// The program and all that it started, after so many microseconds.
    Everything { after: u64 },
}

/// The temper of one life.
pub(super) struct Chance {
    fails: u64,
    kills: u64,
    deliveries: u64,
}

impl Chance {
    pub(super) fn new(random: &mut Random) -> Chance {
        let fails = [15, 15, 40, 85][index(random, 4)];
        let kills = [0, 30, 45][index(random, 3)];
        Chance { fails, kills, deliveries: 0 }
    }

    pub(super) fn step(&mut self, disk: &Disk, now: i64, random: &mut Random) -> Step {
        const LATER: [i64; 8] = [0, 1, 60, 60, 660, 1_900, 3_700, 8_000];
        let later = LATER[index(random, LATER.len())];
        let order = self.order(disk, now + later, random);
        let kill = (random.below(100) < self.kills).then(|| kill(random));
        Step { later, order, kill, asked: [any(random), any(random)] }
    }

    fn order(&mut self, disk: &Disk, now: i64, random: &mut Random) -> Order {
        let unknown = disk.unknown();
        // Otherwise most of a life is waiting for somebody to say what happened.
        if let Some(commit) = unknown.first().filter(|_| random.below(3) == 0) {
            let end = [None, Some(End::Success), Some(End::Failure)][index(random, 3)];
            return Order::Resolve { commit: *commit, end };
        }
        if random.below(4) == 0 && disk.freezes.iter().any(|freeze| !freeze.ended) {
            let id = 1 + random.below(disk.next_freeze());
            return Order::Thaw { id };
        }
        let commit = self.likely(disk, random);
        match random.below(100) {
            0..45 => Order::Deploy {
                commit,
                command: self.command(random),
                redeploy: random.below(4) == 0,
            },
            45..58 => {
                let to = (random.below(4) == 0).then(|| any(random));
                Order::Rollback { to, command: self.command(random) }
            }
            58..76 => {
                let ttl = [60, 1_800, 7_200, 20_000][index(random, 4)];
                Order::Approve { commit, ttl }
            }
            76..82 => {
                let given = disk.approvals.last().map_or(commit, |given| given.commit);
                Order::Revoke { commit: given }
            }
            82..87 => {
                let from = (random.below(3) == 0).then(|| now + 600);
                let until = (random.below(4) > 0).then(|| now + 601 + word(random, 4_000));
                Order::Freeze { from, until }
            }
            87..94 => {
                let end = [End::Open, End::Success, End::Failure][index(random, 3)];
                let delivery = (random.below(2) == 0).then(|| self.delivery());
                Order::Record { commit, end, delivery }
            }
            94..97 => Order::Resolve { commit: any(random), end: Some(End::Success) },
            _ => Order::Claim { commit: any(random), delivery: self.delivery() },
        }
    }

    fn command(&self, random: &mut Random) -> Command {
        match random.below(100) {
            chance if chance < self.fails => Command::Fails,
            chance if chance >= 92 => Command::CutsOff,
            _ => Command::Works,
        }
    }

    /// The commit after the one that is live, or any.
    fn likely(&self, disk: &Disk, random: &mut Random) -> Commit {
        let next = disk.current.map_or(0, |live| (live + 1) % FILES.len());
        if random.below(3) > 0 { next } else { any(random) }
    }

    fn delivery(&mut self) -> String {
        self.deliveries += 1;
        format!("event-{}", self.deliveries)
    }
}

fn kill(random: &mut Random) -> Kill {
    const CALLS: [(&str, u64); 12] = [
        ("openat", 40),
        ("openat", 20),
        ("write", 9),
        ("write", 4),
        ("pwrite64", 14),
        ("pwrite64", 5),
        ("fsync", 13),
        ("fsync", 4),
        ("fdatasync", 3),
        ("renameat", 4),
        ("linkat", 3),
        ("flock", 14),
    ];
    if random.below(4) == 0 {
        return Kill::Everything { after: random.below(90_000) };
    }
    let (call, most) = CALLS[index(random, CALLS.len())];
    Kill::AtCall { call, nth: 1 + random.below(most) }
}

fn any(random: &mut Random) -> Commit {
    index(random, FILES.len())
}

fn index(random: &mut Random, length: usize) -> usize {
    usize::try_from(random.below(length as u64)).unwrap()
}

fn word(random: &mut Random, below: u64) -> i64 {
    i64::try_from(random.below(below)).unwrap()
}
