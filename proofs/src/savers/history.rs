//! What was said and what was seen, and what may not be.

use std::collections::{HashMap, HashSet};

use crate::evidence::Tally;
use crate::savers::{Ledger, Report, Said};

/// Every report of a team, and every version that a reader found.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Who saved which serial number.
    saved: HashMap<u64, u64>,
    fenced: HashSet<u64>,
    refused: HashSet<u64>,
    unknown: u64,
    /// The largest serial number that was acknowledged, and the largest that was tried.
    pub(crate) newest_saved: u64,
    pub(crate) newest_tried: u64,
    /// Which attempt a reader found under which serial number.
    seen: HashMap<u64, u64>,
    pub(crate) newest_seen: u64,
}

impl History {
    /// Of what comes after this serial number.
    pub(crate) fn since(serial: u64) -> History {
        History { newest_saved: serial, newest_tried: serial, ..History::default() }
    }

    /// A report came in.
    pub(crate) fn heard(&mut self, report: Report, tally: &mut Tally) {
        let Report { said, attempt, serial } = report;
        match said {
            Said::Trying => self.newest_tried = self.newest_tried.max(serial),
            Said::Saved => {
                if let Some(other) = self.saved.insert(serial, attempt) {
                    tally.violation(|| {
                        format!("an update was lost: {other:#x} and {attempt:#x} saved {serial}")
                    });
                }
                self.newest_saved = self.newest_saved.max(serial);
            }
            Said::Fenced => _ = self.fenced.insert(attempt),
            Said::Refused => _ = self.refused.insert(attempt),
            Said::Unknown => self.unknown += 1,
        }
    }

    /// A reader found this version. `acknowledged` had been saved before it looked.
    pub(crate) fn saw(&mut self, ledger: &Ledger, acknowledged: u64, tally: &mut Tally) {
        let Ledger { serial, attempt, .. } = *ledger;
        if serial < self.newest_seen.max(acknowledged) {
            let newest = self.newest_seen;
            tally.violation(|| {
                format!("a reader went back: {serial}, after {newest}, {acknowledged} was saved")
            });
        }
        self.newest_seen = self.newest_seen.max(serial);
        let other = *self.seen.entry(serial).or_insert(attempt);
        if other != attempt {
            tally.violation(|| {
                format!("two versions with serial {serial}: {other:#x} and {attempt:#x}")
            });
        }
    }

    /// This is what is left now that nobody is at it.
    pub(crate) fn is_left(&mut self, last: &Ledger, tally: &mut Tally) {
        self.saw(last, self.newest_saved, tally);
        if last.serial > self.newest_tried {
            let (serial, tried) = (last.serial, self.newest_tried);
            tally.violation(|| format!("found {serial}, and nobody tried more than {tried}"));
        }
        let attempt = last.attempt;
        if self.refused.contains(&attempt) {
            let serial = last.serial;
            tally.violation(|| format!("{attempt:#x} was refused, and yet wrote {serial}"));
        }
    }

    /// All have ended for good, this is what is left, and the account is closed.
    pub(crate) fn ends_with(&mut self, last: &Ledger, tally: &mut Tally) {
        self.is_left(last, tally);
        for (serial, attempt) in &self.seen {
            if self.fenced.contains(attempt) {
                tally.violation(|| {
                    format!("{attempt:#x} was told that it is fenced, and yet wrote {serial}")
                });
            }
            if self.saved.get(serial).is_some_and(|saved| saved != attempt) {
                tally.violation(|| format!("another attempt was seen under serial {serial}"));
            }
        }
        self.count_into(tally);
    }

    /// Counts what was said.
    pub(crate) fn count_into(&self, tally: &mut Tally) {
        tally.count("acknowledged", self.count());
        let others = [("fenced", self.fenced()), ("refused", self.refused.len() as u64)];
        for (what, count) in others.into_iter().chain([("unknown", self.unknown)]) {
            if count > 0 {
                tally.count(what, count);
            }
        }
    }

    /// Every serial number that was acknowledged, and to whom.
    pub(crate) fn saved(&self) -> impl Iterator<Item = (u64, u64)> {
        self.saved.iter().map(|(serial, attempt)| (*serial, *attempt))
    }

    /// How many serial numbers were acknowledged.
    pub(crate) fn count(&self) -> u64 {
        self.saved.len() as u64
    }

    pub(crate) fn fenced(&self) -> u64 {
        self.fenced.len() as u64
    }
}
