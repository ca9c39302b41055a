//! What a safe change of a small document costs: lock, load, check, change, replace.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atomic_file::{Backup, Options};
use serde::{Deserialize, Serialize};
use state_store::{Change, Document, Key, Schema, Store};

use crate::arena::Arena;
use crate::contest::{self, Contender, Pace};
use crate::floor::{Extra, RawFile};
use crate::gate::Gate;
use crate::report::{Row, Table};
use crate::workers::{self, Job};

/// The size of the document, near enough.
pub(crate) const KILOBYTE: usize = 1024;

const FLOOR: &str = "raw with .bak, 4 syncs (floor)";
const OURS: &str = "state-store update";
const REPLACE: &str = "atomic-file with .bak";

const GATES: &[Gate] = &[Gate { of: OURS, to: FLOOR, at_most: 1.5 }];
const PACE: Pace = Pace { samples: 4, batch: 1 };
const LIMIT: Duration = Duration::from_secs(12);

/// A document of a kilobyte.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Notes {
    pub(crate) serial: u64,
    #[serde(default)]
    lines: Vec<String>,
}

impl Schema for Notes {}

/// The document in `dir`.
pub(crate) fn notes(dir: &Path) -> Document<Notes> {
    Store::files(dir).document(Key::fixed("notes.json"))
}

pub(crate) fn run(arena: &Arena) -> Result<Vec<Table>> {
    Ok(vec![time(arena)?, memory(arena)?])
}

fn time(arena: &Arena) -> Result<Table> {
    let dir = arena.field("update")?;
    let document = notes(&dir);
    fill(&document)?;
    let contents = fs::read(dir.join("notes.json"))?;
    ensure!(contents.len().abs_diff(KILOBYTE) < 100, "the document has {} bytes", contents.len());

    let raw = RawFile::new(&dir, "raw.json");
    let replaced = dir.join("replaced.json");
    let options = Options::new().backup(Backup::Beside);
    let in_memory = Store::memory().document(Key::fixed("notes.json"));
    fill(&in_memory)?;
    let contenders = vec![
        Contender::timed(FLOOR, PACE, || Ok(raw.replace(&contents, Extra::StrictBackup)?)),
        Contender::timed(OURS, PACE, || count(&document)),
        Contender::timed(REPLACE, PACE, || Ok(options.replace(&replaced, &contents)?)),
        Contender::timed("update in memory: no lock, no file", PACE, || count(&in_memory)),
    ];
    let standings = contest::hold(arena, LIMIT, contenders)?;
    let mut table = standings.table("update: a document of 1 KB, durable", GATES);
    if let Some(ratio) = standings.ratio(OURS, REPLACE) {
        table.note(format!("`{OURS}` takes {ratio:.2}x of `{REPLACE}`"));
    }
    Ok(table)
}

/// The most memory of fresh processes that do nothing else.
fn memory(arena: &Arena) -> Result<Table> {
    let mut table = Table::new("update: memory of 100 in a row", &["process", "peak", "gate"]);
    let ways = [("nothing", Way::Nothing), (REPLACE, Way::Replace), (OURS, Way::Update)];
    for (at, (name, way)) in ways.into_iter().enumerate() {
        if !arena.wants(name) {
            continue;
        }
        let dir = arena.field(&format!("update-memory-{at}"))?;
        fill(&notes(&dir))?;
        let peak: Vec<u64> = workers::team(&[Job::Remember(Remember { dir, way })])?;
        let cells = vec![name.to_owned(), format!("{} KiB", peak[0])];
        table.row(Row { cells, verdicts: Vec::new() });
    }
    Ok(table)
}

/// Makes it as large as it will be.
pub(crate) fn fill(document: &Document<Notes>) -> Result<()> {
    document.update(|notes| {
        notes.lines = (0..24).map(|at| format!("line {at:>2} of a document of a KB")).collect();
        Change::Write(())
    })?;
    Ok(())
}

fn count(document: &Document<Notes>) -> Result<()> {
    document.update(|notes| {
        notes.serial += 1;
        Change::Write(())
    })?;
    Ok(())
}

/// The job of one worker: do this a hundred times and look at the memory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Remember {
    dir: PathBuf,
    way: Way,
}

/// What it does.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Way {
    Nothing,
    Replace,
    Update,
}

impl Remember {
    /// Returns the most memory that this process ever used, in KiB.
    pub(crate) fn work(&self) -> Result<u64> {
        let document = notes(&self.dir);
        let options = Options::new().backup(Backup::Beside);
        for _ in 0..100 {
            match self.way {
                Way::Nothing => {}
                Way::Replace => options.replace(self.dir.join("replaced"), &[b' '; KILOBYTE])?,
                Way::Update => count(&document)?,
            }
        }
        let status = fs::read_to_string("/proc/self/status")?;
        peak_in(&status).context("`/proc/self/status` does not say how much memory was used")
    }
}

/// Reads `VmHWM:      2048 kB`.
fn peak_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{KILOBYTE, fill, notes, peak_in};

    #[test]
    fn the_document_has_a_kilobyte() {
        let dir = tempfile::tempdir().unwrap();
        fill(&notes(dir.path())).unwrap();
        let size = std::fs::read(dir.path().join("notes.json")).unwrap().len();
        assert!(size.abs_diff(KILOBYTE) < 100, "{size}");
    }

    #[test]
    fn the_peak_is_the_high_water_mark() {
        let status = "Name:\tbench\nVmPeak:\t  9000 kB\nVmHWM:\t  2048 kB\nVmRSS:\t 1000 kB\n";
        assert_eq!(peak_in(status), Some(2048));
        assert_eq!(peak_in("Name:\tbench\n"), None);
    }
}
