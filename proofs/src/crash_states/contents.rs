//! What an unsynced file may hold after a power cut.

/// So much is written at once or not at all.
const BLOCK: usize = 4096;

/// Sizes are looked at one by one only where they are this close to each other.
const FINE: usize = 1024;

/// The contents of one file: those that are durable, and every version since, newest last.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    versions: Vec<Vec<u8>>,
    /// Something was appended to it.
    is_log: bool,
}

/// A new file: it is empty.
impl Default for Life {
    fn default() -> Life {
        Life::durable(Vec::new())
    }
}

impl Life {
    pub(crate) fn durable(bytes: Vec<u8>) -> Life {
        Life { versions: vec![bytes], is_log: false }
    }

    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8], is_appended: bool) {
        self.is_log |= is_appended;
        let mut new = self.newest().to_vec();
        new.resize(new.len().max(offset + bytes.len()), 0);
        new[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.versions.push(new);
    }

    pub(crate) fn resize(&mut self, length: usize) {
        let mut new = self.newest().to_vec();
        new.resize(length, 0);
        self.versions.push(new);
    }

    /// The newest version is durable now, and the ones before are gone.
    pub(crate) fn sync(&mut self) {
        self.versions.drain(..self.versions.len() - 1);
    }

    pub(crate) fn newest(&self) -> &[u8] {
        self.versions.last().map_or(&[], Vec::as_slice)
    }
}

/// Every content that a file may have: any size between those it had, and for each block that
/// of any version since the last sync. A block that was not durable before may also be zero,
/// or hold what an older file left there. The latter is left out for a log, where an unsynced
/// line would be anything: ext4 (but for `data=writeback`), XFS and Btrfs show no such blocks.
#[derive(Debug)]
pub(crate) struct Contents {
    /// Each size, with the number of contents of that size.
    sizes: Vec<(usize, u64)>,
    blocks: Vec<Vec<Vec<u8>>>,
}

impl Contents {
    pub(crate) fn of(life: &Life, stale: &[u8], size_step: usize) -> Contents {
        let longest = life.versions.iter().map(Vec::len).max().unwrap_or(0);
        let durable = life.versions.first().map_or(0, Vec::len);
        let blocks: Vec<Vec<Vec<u8>>> = (0..longest.div_ceil(BLOCK))
            .map(|at| {
                let mut choices: Vec<Vec<u8>> = Vec::new();
                let mut add = |block: Vec<u8>| {
                    if !choices.contains(&block) {
                        choices.push(block);
                    }
                };
                let is_durable = at < durable.div_ceil(BLOCK);
                let versions = life.versions.iter().filter(|it| it.len() > at * BLOCK);
                versions.for_each(|version| add(block(version, at)));
                if !is_durable {
                    add(vec![0; BLOCK]);
                    if !life.is_log {
                        add(block(stale, at));
                    }
                }
                choices
            })
            .collect();
        let mut sizes: Vec<usize> = life.versions.iter().map(Vec::len).collect();
        for (one, other) in life.versions.iter().zip(life.versions.iter().skip(1)) {
            let (low, high) = (one.len().min(other.len()), one.len().max(other.len()));
            sizes.extend((low.div_ceil(BLOCK)..=high / BLOCK).map(|at| at * BLOCK));
            if high - low <= FINE {
                sizes.extend((low..high).step_by(size_step));
            }
        }
        sizes.sort_unstable();
        sizes.dedup();
        let count = |size: usize| {
            let used = &blocks[..size.div_ceil(BLOCK)];
            used.iter().fold(1_u64, |all, block| all.saturating_mul(block.len() as u64))
        };
        Contents { sizes: sizes.into_iter().map(|size| (size, count(size))).collect(), blocks }
    }

    pub(crate) fn count(&self) -> u64 {
        self.sizes.iter().fold(0_u64, |all, (_, count)| all.saturating_add(*count))
    }

    /// One of them, by its number below the count.
    pub(crate) fn nth(&self, mut number: u64) -> Vec<u8> {
        let mut size = 0;
        for (this, count) in &self.sizes {
            size = *this;
            if number < *count {
                break;
            }
            number -= count;
        }
        let mut bytes = Vec::with_capacity(size.next_multiple_of(BLOCK));
        for block in &self.blocks[..size.div_ceil(BLOCK)] {
            let choices = block.len() as u64;
            bytes.extend_from_slice(&block[usize::try_from(number % choices).unwrap_or(0)]);
            number /= choices;
        }
        bytes.truncate(size);
        bytes
    }
}

/// One block of a file, with zeros behind its end.
fn block(bytes: &[u8], at: usize) -> Vec<u8> {
    let from = (at * BLOCK).min(bytes.len());
    let until = ((at + 1) * BLOCK).min(bytes.len());
    let mut block = bytes[from..until].to_vec();
    block.resize(BLOCK, 0);
    block
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{BLOCK, Contents, Life};

    fn all(life: &Life, stale: &[u8]) -> BTreeSet<Vec<u8>> {
        let contents = Contents::of(life, stale, 1);
        (0..contents.count()).map(|number| contents.nth(number)).collect()
    }

    #[test]
    fn what_was_synced_is_there_and_nothing_else() {
        let mut life = Life::default();
        life.write(0, b"abc", false);
        life.sync();
        assert_eq!(all(&life, b"xyz"), [b"abc".to_vec()].into());
    }

    #[test]
    fn a_new_file_has_any_size_and_new_or_no_or_older_contents() {
        let mut life = Life::default();
        life.write(0, b"ab", false);
        let expected = ["", "a", "ab", "\0", "\0\0", "x", "xy"];
        assert_eq!(all(&life, b"xyz"), expected.map(|it| it.as_bytes().to_vec()).into());
    }

    #[test]
    fn what_was_durable_is_never_zero() {
        let mut life = Life::durable(b"ab".to_vec());
        life.write(2, b"c", false);
        let expected = ["ab", "ab\0", "abc"];
        assert_eq!(all(&life, b"xyz"), expected.map(|it| it.as_bytes().to_vec()).into());
    }

    #[test]
    fn blocks_are_free_of_each_other() {
        let mut life = Life::durable(vec![1; 2 * BLOCK]);
        life.write(0, &vec![2; 2 * BLOCK], false);
        let found = all(&life, b"");
        let firsts: BTreeSet<[u8; 2]> = found.iter().map(|it| [it[0], it[BLOCK]]).collect();
        assert_eq!(firsts, [[1, 1], [1, 2], [2, 1], [2, 2]].into());
    }
}
