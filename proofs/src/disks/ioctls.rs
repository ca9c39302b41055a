//! The calls that no safe crate has.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::disks::servant::Servant;

/// A process that makes them for us, started once so that a cut comes at once.
#[derive(Debug)]
pub(crate) struct Ioctls(Servant);

/// A loop device. Dropped, it is free again; so it is if this process is killed, for the kernel
/// frees it with its last user.
#[derive(Debug)]
pub(super) struct LoopDevice {
    pub(super) path: PathBuf,
    _user: File,
}

/// `FS_IOC_SHUTDOWN` without flushing the log, `BLKFLSBUF`, `LOOP_CTL_GET_FREE` and
/// `LOOP_CONFIGURE` with `LO_FLAGS_AUTOCLEAR`. A descriptor is closed before the answer: nothing
/// may keep a file system busy. That of a new loop device is closed with the next order, because
/// we have to open it first.
const PROGRAM: &str = r#"
$| = 1;
while (<STDIN>) {
    chomp;
    close($held) if $held;
    my ($order, $path) = split / /, $_, 2;
    my $flags = pack("L", 2);
    my $done = 1;
    if ($order eq "cut" || $order eq "flush") {
        $done = open(my $file, "<", $path);
        $done = ioctl($file, 0x8004587d, $flags) if $done && $order eq "cut";
        $done = ioctl($file, 0x1261, 0) if $done && $order eq "flush";
    }
    if ($order eq "attach") {
        $done = open(my $image, "+<", $path) && open(my $control, "+<", "/dev/loop-control");
        for (my $tries = 0; $done && $tries < 100; $tries++) {
            my $number = ioctl($control, 0x4c82, 0);
            last unless $done = defined $number;
            $path = "/dev/loop" . int($number);
            last unless $done = open($held, "+<", $path);
            my $orders = pack("LL Q5 L3 L x176 x64", fileno($image), 0, (0) x 8, 4);
            last if $done = ioctl($held, 0x4c0a, $orders);
            last unless $!{EBUSY};  # Somebody else was quicker.
            $done = 1;
        }
    }
    my $why = "$!";
    print $done ? "done $path\n" : "$why\n";
}
"#;

impl Ioctls {
    pub(crate) fn start() -> Result<Ioctls> {
        let mut command = Command::new("perl");
        command.args(["-MErrno", "-e", PROGRAM]);
        Ok(Ioctls(Servant::start(command)?))
    }

    /// The file system at `dir` loses its power.
    pub(super) fn cut(&mut self, dir: &Path) -> Result<()> {
        self.order("cut", dir).map(drop)
    }

    /// Forgets what is in memory of a device, so that the next mount reads what is on it.
    pub(super) fn flush(&mut self, device: &LoopDevice) -> Result<()> {
        self.order("flush", &device.path).map(drop)
    }

    /// Makes a device of a file.
    pub(super) fn attach(&mut self, image: &Path) -> Result<LoopDevice> {
        let path = self.order("attach", image)?;
        let user =
            File::open(&path).with_context(|| format!("cannot open `{}`", path.display()))?;
        self.order("let", Path::new("go"))?;
        Ok(LoopDevice { path, _user: user })
    }

    fn order(&mut self, order: &str, path: &Path) -> Result<PathBuf> {
        let answer = self.0.ask(&format!("{order} {}", path.display()))?;
        match answer.strip_prefix("done ") {
            Some(path) => Ok(PathBuf::from(path)),
            None => bail!("cannot {order} `{}`: {answer}", path.display()),
        }
    }
}
