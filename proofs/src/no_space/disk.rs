//! A small disk with the state of govctl on it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::io::Errno;
use system_tests::{Govctl, Mount, TestDir};

/// A disk that is easily filled.
pub(super) struct Disk {
    dir: TestDir,
    mount: Mount,
}

/// Gives its room back when it is dropped.
pub(super) struct Filler {
    path: PathBuf,
}

/// Room for some documents and their backups.
const BYTES: u64 = 512 * 1024;

/// So many claims are on the disk before it is full: a document of several blocks.
const CLAIMS: usize = 300;

impl Disk {
    /// One that is no disk at all.
    ///
    /// # Errors
    ///
    /// A sentence, if this machine lets nobody mount one.
    pub(super) fn in_memory() -> Result<Disk, String> {
        let dir = TestDir::new();
        let mount = Mount::small_disk(&dir.join("disk"), BYTES)?;
        Ok(Disk { dir, mount })
    }

    /// A run of govctl with its state on this disk.
    pub(super) fn govctl(&self, words: &str) -> Govctl {
        let run = Govctl::new(words, self.dir.path(), self.dir.path());
        self.mount.seen_by(run.option("--state-dir", self.dir.join("disk/state")))
    }

    /// The state, as this process sees it.
    pub(super) fn state(&self) -> PathBuf {
        self.top().join("state")
    }

    /// Empties the disk and puts a document with claims on it, as an older program wrote it.
    /// Returns their keys.
    pub(super) fn begin_anew(&self) -> Result<BTreeSet<String>> {
        let state = self.state();
        match fs::remove_dir_all(&state) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => fs::create_dir(&state)?,
        }
        let keys: Vec<String> = (0..CLAIMS).map(|number| format!("deploy_run_{number}")).collect();
        let lines: Vec<String> =
            keys.iter().map(|key| format!("  \"acme/site:{key}\": \"event-0\"")).collect();
        let text = format!("{{\n{}\n}}\n", lines.join(",\n"));
        write(&state.join("delivery_ids.json"), text.as_bytes())?;
        Ok(keys.into_iter().collect())
    }

    /// Fills the disk until only so many bytes are left, as far as its blocks allow.
    pub(super) fn fill(&self, left: u64) -> Result<Filler> {
        let room = self.top().join("room");
        write(&room, &vec![1; usize::try_from(left)?])?;
        let filler = Filler { path: self.top().join("filler") };
        let mut file = create(&filler.path)?;
        let mut block: &[u8] = &[1; 4096];
        loop {
            match file.write_all(block) {
                Ok(()) => {}
                // The last bytes one by one, as it were: a block may be larger than what is left.
                Err(error) if is_full(&error) && block.len() > 1 => block = &block[..1],
                Err(error) if is_full(&error) => break,
                Err(error) => return Err(error).context("cannot fill the disk"),
            }
        }
        fs::remove_file(room)?;
        Ok(filler)
    }

    /// Hidden files that are still in the state.
    pub(super) fn leftovers(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.state())? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn top(&self) -> PathBuf {
        self.mount.inside(&self.dir.join("disk"))
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok(); // A disk that stays full fails the next trial.
    }
}

fn is_full(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::NOSPC | Errno::DQUOT))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create(path)?.write_all(bytes)
}

fn create(path: &Path) -> io::Result<File> {
    File::options().create(true).truncate(true).write(true).open(path)
}
