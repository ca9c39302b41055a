//! What of a log may be lost: everything since the last flush, in any combination.

use std::collections::HashSet;

use system_tests::Random;

use crate::disks::{Noted, Part, SECTOR};
use crate::savers::{Report, Said};

/// Where superblocks are, of ext4 and of Btrfs. They have a checksum and have to be written as a
/// whole: after a torn one nothing can be mounted before somebody has repaired it.
const SUPERBLOCKS: [usize; 2] = [1 << 10, 64 << 10];

/// What was written between two flushes, and what had been said by the end of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Epoch {
    /// Place in the log, counted from the beginning of this epoch, and number of sectors.
    pub(super) writes: Vec<(usize, usize)>,
    /// Those that may come apart.
    loose: Vec<(usize, usize)>,
    /// So many lines of the log, with the flush that ends it.
    pub(super) lines: usize,
    pub(super) said: Heard,
}

/// What a saver in lock step has said so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// What it tried last: serial number and attempt.
    pub(super) tried: Option<(u64, u64)>,
    /// What was acknowledged last.
    pub(super) saved: Option<(u64, u64)>,
}

impl Heard {
    pub(super) fn hear(&mut self, report: Report) {
        let Report { said, serial, attempt } = report;
        match said {
            Said::Trying => self.tried = Some((serial, attempt)),
            Said::Saved => self.saved = Some((serial, attempt)),
            Said::Fenced | Said::Unknown | Said::Refused => {}
        }
    }

    /// Whether this may be what is found: what was acknowledged last, or what was tried since.
    pub(super) fn allows(self, found: Option<(u64, u64)>) -> bool {
        found == self.saved || (found.is_some() && found == self.tried)
    }
}

/// Cuts a log into epochs. What a saver says counts from the moment at which it says it, however
/// little of what was written around it is there: so the power may be cut at the end of the
/// epoch, and take any of its writes.
pub(super) fn epochs(log: &[Noted], said: Heard) -> Vec<Epoch> {
    let mut all = Vec::new();
    let mut epoch = Epoch { said, ..Epoch::default() };
    for noted in log {
        match noted {
            Noted::Write { offset, sectors } => {
                let write = (epoch.lines, *sectors);
                epoch.writes.push(write);
                let range = *offset..offset + sectors * SECTOR;
                let is_loose = *sectors > 1 && !SUPERBLOCKS.iter().any(|at| range.contains(at));
                epoch.loose.extend(is_loose.then_some(write));
            }
            Noted::Mark(report) => epoch.said.hear(*report),
            Noted::Flush => {}
        }
        epoch.lines += 1;
        if *noted == Noted::Flush {
            let said = epoch.said;
            all.push(std::mem::replace(&mut epoch, Epoch { said, ..Epoch::default() }));
        }
    }
    all.push(epoch);
    all
}

impl Epoch {
    /// Every combination of its writes but all of them, which is where the next epoch begins; if
    /// there are more than `limit`, the first `n` of them for every `n`, and others by chance.
    pub(super) fn subsets(&self, limit: u64, random: &mut Random) -> Vec<Vec<Part>> {
        let count = self.writes.len();
        if count < 64 && (1_u64 << count) <= limit {
            let all = 0..(1_u64 << count) - 1;
            return all.map(|mask| self.parts(|at| mask >> at & 1 == 1)).collect();
        }
        let firsts = (0..count).map(|first| self.parts(|at| at < first));
        let mut subsets: Vec<Vec<Part>> =
            firsts.take(usize::try_from(limit / 2).unwrap_or(0)).collect();
        let mut known: HashSet<Vec<usize>> = subsets.iter().map(|parts| places(parts)).collect();
        while (subsets.len() as u64) < limit {
            let parts = match random.below(3) {
                // Nearly all and nearly none are as likely as half.
                0 => self.parts(|_| random.below(2) == 0),
                1 => self.parts(|_| random.below(8) > 0),
                _ => self.parts(|_| random.below(8) == 0),
            };
            if parts.len() < count && known.insert(places(&parts)) {
                subsets.push(parts);
            }
        }
        subsets
    }

    /// A combination by chance in which one write has come apart: its beginning is there, its
    /// end, or all but the middle. `None` if no write can.
    pub(super) fn torn(&self, random: &mut Random) -> Option<Vec<Part>> {
        let which = random.below(u64::try_from(self.loose.len()).ok()?.max(1));
        let (torn, sectors) = *self.loose.get(usize::try_from(which).ok()?)?;
        let mut parts = self.parts(|_| random.below(2) == 0);
        parts.retain(|part| part.write != torn);
        let mut cut = || 1 + usize::try_from(random.below(sectors as u64 - 1)).expect("it was one");
        let (first, second) = (cut(), cut());
        let part = |from, to| Part { write: torn, from, to };
        match random.below(3) {
            0 => parts.push(part(0, first)),
            1 => parts.push(part(first, sectors)),
            _ => {
                parts.push(part(0, first.min(second)));
                // At least one sector is missing.
                parts.push(part(first.max(second).max(first.min(second) + 1), sectors));
            }
        }
        parts.sort_by_key(|part| part.write);
        Some(parts)
    }

    fn parts(&self, mut is_there: impl FnMut(usize) -> bool) -> Vec<Part> {
        let there = self.writes.iter().enumerate().filter(|(at, _)| is_there(*at));
        there.map(|(_, (write, sectors))| Part { write: *write, from: 0, to: *sectors }).collect()
    }
}

fn places(parts: &[Part]) -> Vec<usize> {
    parts.iter().map(|part| part.write).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use system_tests::Random;

    use super::{Epoch, Heard, epochs, places};
    use crate::disks::Noted;
    use crate::savers::{Report, Said};

    fn write(sectors: usize) -> Noted {
        Noted::Write { offset: 4096, sectors }
    }

    fn said(said: Said, serial: u64) -> Noted {
        Noted::Mark(Report { said, serial, attempt: serial + 100 })
    }

    #[test]
    fn an_epoch_ends_with_a_flush_and_knows_all_that_was_said_by_then() {
        let log = [
            said(Said::Trying, 1),
            write(8),
            Noted::Flush,
            said(Said::Saved, 1),
            write(2),
            said(Said::Trying, 2),
            Noted::Flush,
            write(1),
        ];
        let trying = Heard { tried: Some((1, 101)), saved: None };
        let second = Heard { tried: Some((2, 102)), saved: Some((1, 101)) };
        let epoch = |writes: &[(usize, usize)], lines, said| {
            let writes = writes.to_vec();
            let loose = writes.iter().copied().filter(|(_, sectors)| *sectors > 1).collect();
            Epoch { writes, loose, lines, said }
        };
        let expected =
            [epoch(&[(1, 8)], 3, trying), epoch(&[(1, 2)], 4, second), epoch(&[(0, 1)], 1, second)];
        assert_eq!(epochs(&log, Heard::default()), expected);
    }

    #[test]
    fn what_was_acknowledged_may_not_be_missing_and_what_was_tried_may() {
        let [none, first, second, other] = [None, Some((1, 101)), Some((2, 102)), Some((2, 9))];
        let table = [
            (none, none, none, true),
            (first, none, none, true),
            (first, none, first, true),
            (first, first, none, false),
            (second, first, first, true),
            (second, first, second, true),
            (second, second, first, false),
            (second, first, other, false),
        ];
        for (tried, saved, found, allowed) in table {
            let heard = Heard { tried, saved };
            assert_eq!(heard.allows(found), allowed, "{heard:?}, {found:?}");
        }
    }

    #[test]
    fn few_writes_are_left_out_in_every_combination_and_many_in_different_ones() {
        let mut random = Random::from_seed(1);
        for (count, limit, expected) in [(0, 16, 0), (1, 16, 1), (4, 16, 15), (9, 100, 100)] {
            let writes = (0..count).map(|at| (2 * at, 8)).collect();
            let epoch = Epoch { writes, ..Epoch::default() };
            let subsets = epoch.subsets(limit, &mut random);
            let different: HashSet<_> = subsets.iter().map(|parts| places(parts)).collect();
            assert_eq!((subsets.len(), different.len()), (expected, expected), "{count} writes");
            assert!(different.iter().all(|places| places.len() < count), "{count} writes");
        }
    }

    #[test]
    fn a_torn_write_lacks_some_of_its_sectors() {
        let mut random = Random::from_seed(1);
        let superblock = Noted::Write { offset: 0, sectors: 8 };
        let log = [write(1), superblock, superblock, write(8)];
        let epoch = &epochs(&log, Heard::default())[0];
        for _ in 0..200 {
            let parts = epoch.torn(&mut random).unwrap();
            let torn = parts.iter().filter(|part| part.write == 3);
            let sectors: usize = torn.map(|part| part.to - part.from).sum();
            assert!((1..8).contains(&sectors), "{parts:?}");
        }
        let whole = &epochs(&log[..3], Heard::default())[0];
        assert_eq!(whole.torn(&mut random), None);
    }
}
