//! File systems on loop devices, in memory, that can be cut off from their power.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::thread::UnshareFlags;
use system_tests::eventually;
use tempfile::TempDir;

use crate::power_cuts::cutter::Cutter;
use crate::quick;

/// A file system, how it is made and mounted, and what of it is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    name: &'static str,
    mount_options: &'static str,
    make_options: &'static [&'static str],
    /// Its disk is cut: a file on an ext4 that is shut down. That ext4 stands for the cache of
    /// a disk, which keeps what it was told to flush.
    has_disk_below: bool,
    /// How much has to fit.
    content_megabytes: u64,
}

impl Kind {
    pub(crate) const fn new(
        name: &'static str,
        mount_options: &'static str,
        make_options: &'static [&'static str],
    ) -> Kind {
        Kind { name, mount_options, make_options, has_disk_below: false, content_megabytes: 0 }
    }

    pub(crate) const fn on_a_disk_that_is_cut(self) -> Kind {
        Kind { has_disk_below: true, ..self }
    }

    /// For the table.
    pub(crate) fn place(self) -> String {
        let options = [self.mount_options, self.make_options.last().copied().unwrap_or_default()];
        let options = options.into_iter().filter(|option| !option.is_empty());
        let words = [self.name].into_iter().chain(options);
        let words = words.chain(self.has_disk_below.then_some("its disk cut"));
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

/// One of them, with its own directory to be mounted at.
#[derive(Debug)]
pub(crate) struct Disk {
    kind: Kind,
    image: PathBuf,
    device: Option<PathBuf>,
    /// What the image is on, if that is what is cut.
    below: Option<Box<Disk>>,
    at: PathBuf,
    is_mounted: bool,
    _dir: TempDir,
}

impl Disk {
    /// Makes one that was never mounted.
    pub(crate) fn make(kind: Kind) -> Result<Disk, String> {
        Disk::new(kind).map_err(|error| format!("{error:#}"))
    }

    fn new(kind: Kind) -> Result<Disk> {
        let dir = quick::dir()?;
        let at = dir.path().join("mounted");
        fs::create_dir(&at)?;
        let mut below = match kind.has_disk_below {
            false => None,
            true => Some(Box::new(Disk::new(kind.below())?)),
        };
        let image = match &below {
            None => dir.path().join("image"),
            Some(below) => below.at.join("image"),
        };
        if let Some(below) = &mut below {
            below.mount_fresh()?;
        }
        // Written once from end to end, so that later writes change no metadata of the file
        // system below; elsewhere a hole will do.
        let mut file = File::options().create_new(true).write(true).open(&image)?;
        match below.is_some() {
            true => zero(&mut file, kind.megabytes())?,
            false => file.set_len(kind.megabytes() << 20)?,
        }
        run(Command::new(format!("mkfs.{}", kind.name))
            .arg("-q")
            .args(kind.make_options)
            .arg(&image))?;
        file.sync_all()?;
        drop(file); // Nothing may keep what is below busy.
        if let Some(below) = &mut below {
            below.unmount()?;
        }
        Ok(Disk { kind, image, device: None, below, at, is_mounted: false, _dir: dir })
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.at
    }

    /// Mounts it as it is on the device, whatever is in memory of that.
    pub(crate) fn mount(&mut self, cutter: &mut Cutter) -> Result<()> {
        if let Some(below) = &mut self.below {
            below.mount(cutter)?;
        }
        self.attach()?;
        // A loop device keeps what it has read, and would show a future that never was.
        cutter.flush(self.device.as_deref().context("it was just attached")?)?;
        self.mount_fresh()
    }

    fn mount_fresh(&mut self) -> Result<()> {
        self.attach()?;
        let device = self.device.as_deref().context("it was just attached")?;
        let options = CString::new(self.kind.mount_options)?;
        let flags = MountFlags::empty();
        rustix::mount::mount(device, &self.at, self.kind.name, flags, options.as_c_str())
            .with_context(|| format!("cannot mount {}", self.kind.place()))?;
        self.is_mounted = true;
        Ok(())
    }

    fn attach(&mut self) -> Result<()> {
        if self.device.is_none() {
            let words = ["--find", "--show"];
            let device = run(Command::new("losetup").args(words).arg(&self.image))?;
            self.device = Some(PathBuf::from(device.trim_end()));
        }
        Ok(())
    }

    /// Cuts the power: what is not on the device by now is gone.
    pub(crate) fn cut(&self, cutter: &mut Cutter) -> Result<()> {
        match &self.below {
            Some(below) => below.cut(cutter),
            None => cutter.cut(&self.at),
        }
    }

    /// Unmounts it, once nobody uses it any more.
    pub(crate) fn unmount(&mut self) -> Result<()> {
        eventually("nobody uses the file system", || {
            rustix::mount::unmount(&self.at, UnmountFlags::empty()) != Err(rustix::io::Errno::BUSY)
        });
        self.is_mounted = false;
        if self.below.is_some() {
            self.detach()?;
        }
        self.below.as_mut().map_or(Ok(()), |below| below.unmount())
    }

    fn detach(&mut self) -> Result<()> {
        if let Some(device) = self.device.take() {
            run(Command::new("losetup").arg("--detach").arg(&device))?;
        }
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            rustix::mount::unmount(&self.at, UnmountFlags::DETACH).ok(); // It goes with the thread.
        }
        self.detach().ok(); // Best effort: what is left is a device in memory.
    }
}

/// From here on this thread and what it starts have mounts of their own.
#[expect(
    deprecated,
    reason = "unsafe is only to share descriptors no more, which is not asked for"
)]
pub(crate) fn with_mounts_of_my_own() -> Result<()> {
    rustix::thread::unshare(UnshareFlags::NEWNS).context("cannot have mounts of my own")?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).context("cannot keep my mounts to myself")
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
