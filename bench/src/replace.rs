//! What replacing a file costs, from 1 KB to 10 MB, with and without the version before.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use atomic_file::{Backup, Options};

use crate::arena::Arena;
use crate::contest::{self, Contender, Pace};
use crate::floor::{Extra, RawFile};
use crate::gate::Gate;
use crate::report::Table;

const FLOOR: &str = "raw, 3 syncs (floor)";
const FLOOR_OF_PEERS: &str = "raw, 2 syncs";
const FLOOR_WITH_BACKUP: &str = "raw with .bak, 4 syncs";
const OURS: &str = "atomic-file";
const OURS_WITH_BACKUP: &str = "atomic-file with .bak";

const GATES: &[Gate] = &[
    Gate { of: OURS, to: FLOOR, at_most: 1.10 },
    Gate { of: OURS_WITH_BACKUP, to: OURS, at_most: 1.15 },
];

/// Title, size, how many are timed in a turn, and for how long.
const SIZES: &[(&str, usize, u32, u64)] = &[
    ("1 KB", 1 << 10, 4, 8),
    ("64 KB", 64 << 10, 4, 8),
    ("1 MB", 1 << 20, 2, 8),
    ("10 MB", 10 << 20, 1, 12),
];

pub(crate) fn run(arena: &Arena) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for &(title, bytes, samples, seconds) in SIZES {
        let dir = arena.field(&format!("replace-{bytes}"))?;
        let contents = noise(bytes);
        let contenders = contenders(&dir, &contents, Pace { samples, batch: 1 });
        let standings = contest::hold(arena, Duration::from_secs(seconds), contenders)?;
        all_hold(&dir, &contents)?;
        let mut table = standings.table(format!("replace: {title}, durable"), GATES);
        for (of, to) in [(FLOOR_WITH_BACKUP, FLOOR), (OURS_WITH_BACKUP, FLOOR_WITH_BACKUP)] {
            if let Some(ratio) = standings.ratio(of, to) {
                table.note(format!("`{of}` takes {ratio:.2}x of `{to}`"));
            }
        }
        tables.push(table);
    }
    Ok(tables)
}

fn contenders<'a>(dir: &'a Path, contents: &'a [u8], pace: Pace) -> Vec<Contender<'a>> {
    let raw = |name, file: &str, extra| {
        let file = RawFile::new(dir, file);
        Contender::timed(name, pace, move || Ok(file.replace(contents, extra)?))
    };
    let ours = dir.join("ours");
    let backed_up = dir.join("ours-backed-up");
    let options = Options::new().backup(Backup::Beside);
    let contenders =
        vec![
            raw(FLOOR, "raw", Extra::LastSync),
            Contender::timed(OURS, pace, move || Ok(atomic_file::replace(&ours, contents)?)),
            raw(FLOOR_WITH_BACKUP, "raw-backed-up", Extra::StrictBackup),
            Contender::timed(OURS_WITH_BACKUP, pace, move || {
                Ok(options.replace(&backed_up, contents)?)
            }),
            raw("raw with .bak, 3 syncs, not strict", "raw-loose", Extra::LooseBackup),
            raw(FLOOR_OF_PEERS, "raw-as-peers", Extra::Nothing),
        ];
    #[cfg(feature = "peers")]
    let contenders =
        [contenders, crate::peers::replacing(dir, contents, pace)].into_iter().flatten().collect();
    contenders
}

/// Whoever is fast because it does not do the work has no time.
fn all_hold(dir: &Path, contents: &[u8]) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        ensure!(std::fs::read(&path)? == contents, "`{}` is not what was written", path.display());
    }
    Ok(())
}

/// Bytes that no file system can make smaller.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let next = || {
        // xorshift64: enough to look random to a compressor.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::{all_hold, contenders, noise};
    use crate::arena::{Arena, Effort};
    use crate::contest::{self, Pace};

    #[test]
    fn every_contender_replaces_the_file_and_leaves_no_other() {
        let root = tempfile::tempdir().unwrap();
        let arena = Arena::open(root.path(), Effort::Quick, None).unwrap();
        let dir = arena.field("replace").unwrap();
        let contents = noise(100);
        let pace = Pace { samples: 1, batch: 1 };
        contest::hold(&arena, std::time::Duration::ZERO, contenders(&dir, &contents, pace))
            .unwrap();
        all_hold(&dir, &contents).unwrap();
        atomic_file::replace(dir.join("other"), b"other").unwrap();
        assert!(all_hold(&dir, &contents).is_err());
    }

    #[test]
    fn noise_has_its_length_and_does_not_repeat() {
        let noise = noise(1001);
        assert_eq!(noise.len(), 1001);
        assert_ne!(noise[..100], noise[100..200]);
    }
}
