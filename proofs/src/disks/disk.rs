//! File systems on loop devices, in memory, that can be cut off from their power.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::thread::UnshareFlags;
use system_tests::{Random, eventually};
use tempfile::TempDir;

use crate::disks::ioctls::{Ioctls, LoopDevice};
use crate::disks::watched::WatchedDisk;
use crate::quick;

/// A file system, how it is made and mounted, and what of it is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    name: &'static str,
    mount_options: &'static str,
    make_options: &'static [&'static str],
    disk: Medium,
    /// How much has to fit.
    content_megabytes: u64,
}

/// What it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Medium {
    /// Memory. It is the file system that is cut.
    Memory,
    /// A disk that is cut: a file on an ext4 that is shut down. That ext4 stands for the cache
    /// of a disk, which keeps what it was told to flush.
    Ext4,
    /// A disk that sees every write, and fails them from one on.
    Watched,
}

impl Kind {
    pub(crate) const fn new(
        name: &'static str,
        mount_options: &'static str,
        make_options: &'static [&'static str],
    ) -> Kind {
        Kind { name, mount_options, make_options, disk: Medium::Memory, content_megabytes: 0 }
    }

    pub(crate) const fn on_a_disk_that_is_cut(self) -> Kind {
        Kind { disk: Medium::Ext4, ..self }
    }

    pub(crate) const fn on_a_watched_disk(self) -> Kind {
        Kind { disk: Medium::Watched, ..self }
    }

    /// For the table.
    pub(crate) fn place(self) -> String {
        let options = [self.mount_options, self.make_options.last().copied().unwrap_or_default()];
        let options = options.into_iter().filter(|option| !option.is_empty());
        let words = [self.name].into_iter().chain(options);
        let words = words.chain((self.disk == Medium::Ext4).then_some("its disk cut"));
        words.collect::<Vec<_>>().join(", ")
    }

    /// What is below it, if that is what is cut.
    fn below(self) -> Kind {
        Kind { content_megabytes: self.megabytes(), ..Kind::new("ext4", "", &["-m", "0"]) }
    }

    /// As small as its maker takes: making it is the longest part of a short run.
    fn megabytes(self) -> u64 {
        let own = match self.name {
            "xfs" => 304,
            "btrfs" => 112,
            _ => 48,
        };
        own + self.content_megabytes
    }
}

/// A disk that is to die does so at one of so many writes.
const WRITES_UNTIL_DEATH: u64 = 200;

/// One of them, with its own directory to be mounted at.
#[derive(Debug)]
pub(crate) struct Disk {
    kind: Kind,
    image: PathBuf,
    device: Option<LoopDevice>,
    below: Below,
    at: PathBuf,
    is_mounted: bool,
    _dir: TempDir,
}

/// What the image is on, if that is what fails.
#[derive(Debug)]
enum Below {
    Memory,
    Ext4(Box<Disk>),
    Watched(WatchedDisk),
}

impl Disk {
    /// Makes one that was never mounted.
    pub(crate) fn make(kind: Kind, ioctls: &mut Ioctls) -> Result<Disk, String> {
        Disk::new(kind, ioctls).map_err(|error| format!("{error:#}"))
    }

    fn new(kind: Kind, ioctls: &mut Ioctls) -> Result<Disk> {
        let dir = quick::dir()?;
        let at = dir.path().join("mounted");
        fs::create_dir(&at)?;
        let (image, mut below) = Below::image(kind, dir.path(), ioctls)?;
        run(Command::new(format!("mkfs.{}", kind.name))
            .arg("-q")
            .args(kind.make_options)
            .arg(&image))?;
        File::open(&image)?.sync_all()?;
        if let Below::Ext4(below) = &mut below {
            below.unmount()?;
        }
        Ok(Disk { kind, image, device: None, below, at, is_mounted: false, _dir: dir })
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.at
    }

    /// Mounts it as it is on the device, whatever is in memory of that.
    pub(crate) fn mount(&mut self, ioctls: &mut Ioctls) -> Result<()> {
        match &mut self.below {
            Below::Memory => {}
            Below::Ext4(below) => below.mount(ioctls)?,
            Below::Watched(below) => below.mend()?,
        }
        // A loop device keeps what it has read, and would show a future that never was.
        let device = self.attached(ioctls)?;
        ioctls.flush(device)?;
        self.mount_fresh(ioctls)
    }

    fn mount_fresh(&mut self, ioctls: &mut Ioctls) -> Result<()> {
        let device = self.attached(ioctls)?.path.clone();
        let options = CString::new(self.kind.mount_options)?;
        let flags = MountFlags::empty();
        rustix::mount::mount(&device, &self.at, self.kind.name, flags, options.as_c_str())
            .with_context(|| format!("cannot mount {}", self.kind.place()))?;
        self.is_mounted = true;
        Ok(())
    }

    fn attached(&mut self, ioctls: &mut Ioctls) -> Result<&LoopDevice> {
        match &mut self.device {
            Some(device) => Ok(device),
            none => Ok(none.insert(ioctls.attach(&self.image)?)),
        }
    }

    /// Cuts the power: what is not on the device by now is gone. Or lets the disk die within
    /// some writes.
    pub(crate) fn cut(&mut self, ioctls: &mut Ioctls, random: &mut Random) -> Result<()> {
        match &mut self.below {
            Below::Memory => ioctls.cut(&self.at),
            Below::Ext4(below) => below.cut(ioctls, random),
            Below::Watched(below) => below.die_in(random.below(WRITES_UNTIL_DEATH)),
        }
    }

    /// The disk below, which sees every write.
    pub(crate) fn watched(&mut self) -> &mut WatchedDisk {
        match &mut self.below {
            Below::Watched(below) => below,
            _ => panic!("it was not made on a watched disk"),
        }
    }

    /// Unmounts it, once nobody uses it any more.
    pub(crate) fn unmount(&mut self) -> Result<()> {
        eventually("nobody uses the file system", || {
            rustix::mount::unmount(&self.at, UnmountFlags::empty()) != Err(rustix::io::Errno::BUSY)
        });
        self.is_mounted = false;
        // What is in memory of a device goes for sure with its last user. Otherwise a busy machine
        // now and then shows the superblock of an earlier mount.
        self.device = None;
        match &mut self.below {
            Below::Ext4(below) => below.unmount(),
            Below::Memory | Below::Watched(_) => Ok(()),
        }
    }
}

impl Below {
    /// A file as long as the disk is to be, and what it is on.
    fn image(kind: Kind, dir: &Path, ioctls: &mut Ioctls) -> Result<(PathBuf, Below)> {
        match kind.disk {
            Medium::Memory => {
                let image = dir.join("image");
                create(&image)?.set_len(kind.megabytes() << 20)?;
                Ok((image, Below::Memory))
            }
            Medium::Ext4 => {
                let mut below = Disk::new(kind.below(), ioctls)?;
                below.mount_fresh(ioctls)?;
                let image = below.at.join("image");
                // Written once from end to end, so that later writes change no metadata of the
                // file system below.
                zero(&mut create(&image)?, kind.megabytes())?;
                Ok((image, Below::Ext4(Box::new(below))))
            }
            Medium::Watched => {
                let below = WatchedDisk::start(kind.megabytes())?;
                Ok((below.image(), Below::Watched(below)))
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            rustix::mount::unmount(&self.at, UnmountFlags::DETACH).ok(); // It goes with the thread.
        }
    }
}

/// From here on this thread and what it starts have mounts of their own.
#[expect(
    deprecated,
    reason = "unsafe is only to share descriptors no more, which is not asked for"
)]
pub(super) fn with_mounts_of_my_own() -> Result<()> {
    rustix::thread::unshare(UnshareFlags::NEWNS).context("cannot have mounts of my own")?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).context("cannot keep my mounts to myself")
}

fn create(path: &Path) -> io::Result<File> {
    File::options().create_new(true).write(true).open(path)
}

fn zero(file: &mut File, megabytes: u64) -> io::Result<()> {
    let megabyte = vec![0; 1 << 20];
    (0..megabytes).try_for_each(|_| file.write_all(&megabyte))
}

/// Runs it, and returns what it printed.
fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("cannot run `{name}`"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{name}` failed: {}", said.trim_end());
    match String::from_utf8(output.stdout) {
        Ok(text) => Ok(text),
        Err(_) => bail!("`{name}` prints what is not text"),
    }
}
