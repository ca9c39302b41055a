//! The two calls that no safe crate has.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

/// A process that makes them for us, started once so that a cut comes at once.
#[derive(Debug)]
pub(crate) struct Cutter {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// `FS_IOC_SHUTDOWN` without flushing the log, and `BLKFLSBUF`. The descriptor is closed before
/// the answer: nothing may keep the file system busy.
const PROGRAM: &str = r#"
$| = 1;
while (<STDIN>) {
    chomp;
    my ($order, $path) = split / /, $_, 2;
    my $flags = pack("L", 2);
    my $done = open(my $file, "<", $path);
    $done = ioctl($file, 0x8004587d, $flags) if $done && $order eq "cut";
    $done = ioctl($file, 0x1261, 0) if $done && $order eq "flush";
    my $why = "$!";
    close($file);
    print $done ? "done\n" : "$why\n";
}
"#;

impl Cutter {
    pub(crate) fn start() -> Result<Cutter> {
        let mut command = Command::new("perl");
        command.args(["-e", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("cannot run perl")?;
        let orders = process.stdin.take().context("it was piped")?;
        let answers = BufReader::new(process.stdout.take().context("it was piped")?);
        Ok(Cutter { process, orders, answers })
    }

    /// The file system at `dir` loses its power.
    pub(crate) fn cut(&mut self, dir: &Path) -> Result<()> {
        self.order("cut", dir)
    }

    /// Forgets what is in memory of a device, so that the next mount reads what is on it.
    pub(crate) fn flush(&mut self, device: &Path) -> Result<()> {
        self.order("flush", device)
    }

    fn order(&mut self, order: &str, path: &Path) -> Result<()> {
        writeln!(self.orders, "{order} {}", path.display())?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        match answer.trim_end() {
            "done" => Ok(()),
            why => bail!("cannot {order} `{}`: {why}", path.display()),
        }
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.process.kill().ok(); // It would end with its input.
        self.process.wait().ok();
    }
}
