//! A small disk with the state of govctl on it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use system_tests::{Govctl, Mount, TestDir};

/// A place for the state that can be used up.
pub(super) struct Disk {
    dir: TestDir,
    /// `None`: an ordinary directory.
    mount: Option<Mount>,
}

/// Gives its room back when it is dropped.
pub(super) struct Filler {
    paths: Vec<PathBuf>,
}

/// Lets the disk be written again when it is dropped.
pub(super) struct ReadOnly<'a> {
    disk: &'a Disk,
}

/// What to put the state on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    Memory,
    /// Memory with a limit on the number of files.
    FewFiles,
    Ext4,
    Xfs,
    Btrfs,
    /// A subvolume with a limit: the disk has room, and the quota has none.
    BtrfsQuota,
}

/// So many claims are there before: a document of several blocks.
const CLAIMS: usize = 300;

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Directory => "directory",
            Kind::Memory => "tmpfs",
            Kind::FewFiles => "tmpfs, nr_inodes",
            Kind::Ext4 => "ext4, 1 KiB blocks",
            Kind::Xfs => "XFS",
            Kind::Btrfs => "Btrfs",
            Kind::BtrfsQuota => "Btrfs, qgroup",
        }
    }

    /// The size of its image, and the command that makes a file system of it.
    fn image(self) -> Option<(u64, &'static [&'static str])> {
        const MIB: u64 = 1024 * 1024;
        match self {
            Kind::Directory | Kind::Memory | Kind::FewFiles => None,
            Kind::Ext4 => Some((8 * MIB, &["mkfs.ext4", "-q", "-F", "-b", "1024", "-m", "0"])),
            Kind::Xfs => Some((300 * MIB, &["mkfs.xfs", "-q", "-f"])),
            Kind::Btrfs | Kind::BtrfsQuota => Some((128 * MIB, &["mkfs.btrfs", "-q", "-f"])),
        }
    }

    /// A shell command that mounts it at `$1`.
    fn mount(self, image: &Path) -> String {
        let image = image.display();
        match self {
            Kind::Directory => String::new(),
            Kind::Memory => "mount -t tmpfs -o size=512k,mode=0700 tmpfs \"$1\"".to_owned(),
            Kind::FewFiles => {
                "mount -t tmpfs -o size=4m,nr_inodes=40,mode=0700 tmpfs \"$1\"".to_owned()
            }
            Kind::Ext4 | Kind::Xfs | Kind::Btrfs => format!("mount -o loop '{image}' \"$1\""),
            Kind::BtrfsQuota => format!(
                "mount -o loop '{image}' \"$1\" && btrfs -q quota enable \"$1\" && \
                 btrfs -q subvolume create \"$1\"/sub && btrfs -q qgroup limit 4m \"$1\"/sub"
            ),
        }
    }
}

impl Disk {
    /// One of this kind.
    ///
    /// # Errors
    ///
    /// A sentence, if this machine cannot make one.
    pub(super) fn new(kind: Kind) -> Result<Disk, String> {
        let dir = TestDir::new();
        if kind == Kind::Directory {
            fs::create_dir(dir.join("disk")).map_err(|error| error.to_string())?;
            return Ok(Disk { dir, mount: None });
        }
        let image = dir.join("image");
        if let Some((bytes, words)) = kind.image() {
            let made = File::create_new(&image).and_then(|file| file.set_len(bytes));
            made.map_err(|error| format!("no room for an image: {error}"))?;
            let run = Command::new(words[0]).args(&words[1..]).arg(&image).output();
            let output = run.map_err(|_| format!("{} is missing", words[0]))?;
            if !output.status.success() {
                return Err(format!("{} fails", words[0]));
            }
        }
        let mount = Mount::by_script(&dir.join("disk"), &kind.mount(&image))?;
        Ok(Disk { dir, mount: Some(mount) })
    }

    /// A run of govctl with its state on this disk.
    pub(super) fn govctl(&self, words: &str) -> Govctl {
        let run = Govctl::new(words, Path::new("/"), self.dir.path());
        let run = run.option("--state-dir", self.dir.join("disk").join(self.below()));
        match &self.mount {
            Some(mount) => mount.seen_by(run),
            None => run,
        }
    }

    /// The state, as this process sees it.
    pub(super) fn state(&self) -> PathBuf {
        self.top().join(self.below())
    }

    /// Empties the disk and puts a document with claims on it, as an older program wrote it.
    /// Returns their keys.
    pub(super) fn begin_anew(&self) -> Result<BTreeSet<String>> {
        let state = self.state();
        for name in self.names()? {
            remove(&state.join(name))?;
        }
        match fs::remove_dir_all(&state) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => fs::create_dir(&state).context("no room for a directory")?,
        }
        let keys: Vec<String> = (0..CLAIMS).map(|number| format!("deploy_run_{number}")).collect();
        let lines: Vec<String> =
            keys.iter().map(|key| format!("  \"acme/site:{key}\": \"event-0\"")).collect();
        let text = format!("{{\n{}\n}}\n", lines.join(",\n"));
        let written = write(&state.join("delivery_ids.json"), text.as_bytes());
        written.context("no room for the first document")?;
        Ok(keys.into_iter().collect())
    }

    /// Fills the disk until only so many bytes are left, as far as its blocks allow.
    pub(super) fn fill(&self, left: u64) -> Result<Filler> {
        let dir = self.state().parent().context("the state is on the disk")?.to_owned();
        let room = dir.join("room");
        write(&room, &vec![1; usize::try_from(left)?]).context("no room for what is left")?;
        let names = ["filler", "filler-2"].map(|name| dir.join(name));
        let filler = Filler { paths: names.to_vec() };
        // Most of it at once, and nothing is written for that.
        let file = create(&filler.paths[0])?;
        let mut rest = create(&filler.paths[1])?;
        let (mut length, mut step) = (0, 64 * 1024 * 1024);
        while step >= 1024 {
            match rustix::fs::fallocate(&file, FallocateFlags::empty(), length, step) {
                Ok(()) => length += step,
                Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => step /= 2,
                Err(Errno::OPNOTSUPP) => break,
                Err(errno) => return Err(errno).context("cannot fill the disk"),
            }
        }
        let mut block: &[u8] = &[1; 4096];
        loop {
            match rest.write_all(block) {
                Ok(()) => {}
                // The last bytes one by one, as it were: a block may be larger than what is left.
                Err(error) if is_full(&error) && block.len() > 1 => block = &block[..1],
                Err(error) if is_full(&error) => break,
                Err(error) => return Err(error).context("cannot fill the disk"),
            }
        }
        remove(&room)?;
        Ok(filler)
    }

    /// Makes files until only so many more can be made.
    pub(super) fn use_up_files(&self, left: u64) -> Result<Filler> {
        let mut filler = Filler { paths: Vec::new() };
        for number in 0.. {
            let path = self.top().join(format!("file-{number}"));
            match create(&path) {
                Ok(_) => filler.paths.push(path),
                Err(error) if is_full(&error) => break,
                Err(error) => return Err(error).context("cannot make files"),
            }
        }
        ensure!(filler.paths.len() as u64 >= left, "there were not so many");
        for path in filler.paths.drain(..usize::try_from(left)?) {
            fs::remove_file(path)?;
        }
        Ok(filler)
    }

    /// Lets nobody write to the disk.
    pub(super) fn read_only(&self) -> ReadOnly<'_> {
        self.remount("ro");
        ReadOnly { disk: self }
    }

    fn remount(&self, how: &str) {
        if let Some(mount) = &self.mount {
            mount.sh(&format!("mount -o remount,{how} '{}'", self.dir.join("disk").display()));
        }
    }

    /// Hidden files that are still in the state.
    pub(super) fn leftovers(&self) -> Result<Vec<String>> {
        Ok(self.names()?.into_iter().filter(|name| name.starts_with('.')).collect())
    }

    fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        if self.state().is_dir() {
            for entry in fs::read_dir(self.state())? {
                names.push(entry?.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }

    fn top(&self) -> PathBuf {
        let disk = self.dir.join("disk");
        self.mount.as_ref().map_or_else(|| disk.clone(), |mount| mount.inside(&disk))
    }

    fn below(&self) -> &'static str {
        if self.top().join("sub").is_dir() { "sub/state" } else { "state" }
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        self.disk.remount("rw");
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        for path in &self.paths {
            remove(path).ok(); // A disk that stays full fails the next trial.
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::NOSPC | Errno::DQUOT))
}

/// Removes a file, also where there is no room left to write that down: Btrfs wants some, and
/// has it again once what was removed before is on disk.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if is_full(&error) => {
            File::options().write(true).open(path)?.set_len(0).ok();
            rustix::fs::syncfs(File::open(path)?)?;
            fs::remove_file(path)
        }
        done => done,
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create(path)?.write_all(bytes)
}

fn create(path: &Path) -> io::Result<File> {
    File::options().create(true).truncate(true).write(true).open(path)
}
