//! Where contests are held: a directory on a real file system, and how much time there is.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use tempfile::TempDir;

/// How much shorter everything is with `--quick`.
const QUICK: u32 = 8;

/// A directory of its own, removed at the end, and the limits of the run.
pub(crate) struct Arena {
    dir: TempDir,
    /// The same directory, to sync its file system by.
    fd: OwnedFd,
    effort: Effort,
    /// Only contenders with this in their name take part.
    only: Option<String>,
}

/// How much time a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Enough rounds for a number that may be quoted.
    Full,
    /// Enough to see that everything runs, and what is twice as slow.
    Quick,
}

impl Arena {
    /// Makes a new directory in `root`, which is created if it is missing.
    pub(crate) fn open(root: &Path, effort: Effort, only: Option<String>) -> Result<Arena> {
        let cannot = || format!("cannot work in `{}`", root.display());
        fs::create_dir_all(root).with_context(cannot)?;
        // Without the `..` that the default has: each lookup would pay for it.
        let root = fs::canonicalize(root).with_context(cannot)?;
        let dir = tempfile::Builder::new().prefix("run-").tempdir_in(root).with_context(cannot)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(dir.path(), flags, Mode::empty()).with_context(cannot)?;
        Ok(Arena { dir, fd, effort, only })
    }

    /// Makes an empty directory in the arena.
    pub(crate) fn field(&self, name: &str) -> Result<PathBuf> {
        let field = self.dir.path().join(name);
        fs::create_dir(&field).with_context(|| format!("cannot create `{}`", field.display()))?;
        Ok(field)
    }

    /// Writes out what earlier turns, and everybody else, left in memory: else the next
    /// turn would pay for it.
    pub(crate) fn settle(&self) -> Result<()> {
        rustix::fs::syncfs(&self.fd).context("cannot sync the file system")
    }

    pub(crate) fn shortened(&self, limit: Duration) -> Duration {
        match self.effort {
            Effort::Full => limit,
            Effort::Quick => limit / QUICK,
        }
    }

    /// Fewer rounds than this say nothing, however long they take.
    pub(crate) fn least_rounds(&self) -> usize {
        match self.effort {
            Effort::Full => 5,
            Effort::Quick => 3,
        }
    }

    pub(crate) fn wants(&self, contender: &str) -> bool {
        self.only.as_ref().is_none_or(|part| contender.contains(part.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Arena, Effort};

    #[test]
    fn nothing_is_left_when_the_arena_closes() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("target/bench");
        let arena = Arena::open(&target, Effort::Quick, None).unwrap();
        std::fs::read_dir(arena.field("a").unwrap()).unwrap();
        drop(arena);
        assert_eq!(std::fs::read_dir(&target).unwrap().count(), 0);
    }

    #[test]
    fn a_part_of_the_name_chooses_contenders() {
        let root = tempfile::tempdir().unwrap();
        let chosen = Arena::open(root.path(), Effort::Full, Some("flock".to_owned())).unwrap();
        assert!(chosen.wants("flock-guard"));
        assert!(!chosen.wants("fs4"));
        assert!(Arena::open(root.path(), Effort::Full, None).unwrap().wants("fs4"));
    }
}
