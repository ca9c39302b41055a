//! File systems that a test makes for itself, seen by nobody else.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{Govctl, eventually};

/// A mount in a namespace of its own. It goes away with the process that keeps it, whatever
/// happens to the test.
#[derive(Debug)]
pub struct Mount {
    keeper: Child,
    is_root: bool,
}

impl Mount {
    /// Mounts an empty file system of `bytes` at `dir`.
    ///
    /// # Errors
    ///
    /// A machine that lets nobody mount: a sentence that says so.
    pub fn small_disk(dir: &Path, bytes: u64) -> Result<Mount, String> {
        Mount::new(dir, &format!("mount -t tmpfs -o size={bytes},mode=0700 tmpfs \"$1\""))
    }

    /// Makes `dir` read-only.
    ///
    /// # Errors
    ///
    /// As [`small_disk`](Mount::small_disk).
    pub fn read_only(dir: &Path) -> Result<Mount, String> {
        Mount::new(dir, "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\"")
    }

    /// Mounts at `dir` what this command of `sh` mounts at `$1`.
    ///
    /// # Errors
    ///
    /// As [`small_disk`](Mount::small_disk).
    pub fn by_script(dir: &Path, mount: &str) -> Result<Mount, String> {
        Mount::new(dir, mount)
    }

    /// Runs a command of `sh` where the mount is seen.
    pub fn sh(&self, script: &str) {
        let target = format!("--target={}", self.keeper.id());
        let mut command = Command::new("nsenter");
        command.args([&target, "--mount"]);
        if !self.is_root {
            command.args(["--user", "--preserve-credentials"]);
        }
        let status = command.args(["--", "sh", "-c", script]).status().unwrap();
        assert!(status.success(), "`{script}` fails");
    }

    fn new(dir: &Path, mount: &str) -> Result<Mount, String> {
        fs::create_dir_all(dir).unwrap();
        let is_root = rustix::process::getuid().is_root();
        let ready = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new("unshare");
        if !is_root {
            command.args(["--user", "--map-root-user"]);
        }
        // It ends when its input does, and that when the test does.
        let script = format!("{mount} && echo ready > \"$2\" && exec cat");
        command.args(["--mount", "--", "sh", "-c", &script, "sh"]).arg(dir).arg(ready.path());
        let spawned = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut keeper = spawned.map_err(|error| format!("cannot run unshare: {error}"))?;
        let mut refused = false;
        eventually("the mount is there, or refused", || {
            refused = keeper.try_wait().unwrap().is_some();
            refused || fs::read(ready.path()).unwrap() == b"ready\n"
        });
        if refused {
            return Err("this machine lets nobody mount a file system of his own".to_owned());
        }
        Ok(Mount { keeper, is_root })
    }

    /// Lets a run see the mount.
    pub fn seen_by(&self, run: Govctl) -> Govctl {
        let target = format!("--target={}", self.keeper.id());
        let user: &[&str] = if self.is_root { &[] } else { &["--user", "--preserve-credentials"] };
        let words = ["nsenter", &target, "--mount"].into_iter();
        let words = words.chain(user.iter().copied()).chain(["--"]).map(OsString::from);
        // Entering leaves the working directory behind.
        let enter = ["sh", "-c", "cd \"$0\" && exec \"$@\""].map(OsString::from);
        let directory = run.current_dir().as_os_str().to_owned();
        run.under(words.chain(enter).chain([directory]))
    }

    /// The path by which the test itself can look at `path` in the mount.
    #[must_use]
    pub fn inside(&self, path: &Path) -> PathBuf {
        let path = path.strip_prefix("/").unwrap();
        Path::new("/proc").join(self.keeper.id().to_string()).join("root").join(path)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.keeper.kill().ok(); // Nothing else keeps the namespace.
        self.keeper.wait().ok();
    }
}
