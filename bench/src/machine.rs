//! The facts that a number needs beside it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context, Result};

/// What this program ran on, for people who want to repeat it.
pub(crate) struct Machine {
    kernel: String,
    compiler: String,
    processors: usize,
    file_system: &'static str,
    has_journals: bool,
    load: String,
}

impl Machine {
    pub(crate) fn look(dir: &Path) -> Result<Machine> {
        let magic = rustix::fs::statfs(dir).context("cannot ask for the file system")?.f_type;
        let compiler = Command::new("rustc").arg("--version").output();
        let compiler = compiler.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        Ok(Machine {
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            compiler: compiler
                .unwrap_or_default()
                .split(" (")
                .next()
                .unwrap_or_default()
                .to_owned(),
            processors: available_parallelism().map_or(1, usize::from),
            file_system: file_system(u64::try_from(magic).unwrap_or_default()),
            has_journals: fs::read_dir("/proc/fs/jbd2").is_ok_and(|mut all| all.next().is_some()),
            load: load(),
        })
    }

    /// Whether the file system forgets everything, so that a sync costs nothing.
    pub(crate) fn forgets(&self) -> bool {
        ["tmpfs", "ramfs"].contains(&self.file_system)
    }

    pub(crate) fn facts(&self) -> String {
        let Machine { kernel, compiler, processors, file_system, load, .. } = self;
        // Makes a sync of metadata much cheaper than most people's.
        let journal = match *file_system == "ext4" && !self.has_journals {
            true => " without a journal",
            false => "",
        };
        format!(
            "Linux {kernel}, {file_system}{journal}, {processors} processors, load {load}, {compiler}"
        )
    }
}

/// How many processes want to run, as a mean of the last minute: ours and everybody's.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}

/// The versions of everything we are compared with.
pub(crate) fn versions_of_peers() -> String {
    const LOCK: &str = include_str!("../../Cargo.lock");
    const PEERS: &[&str] = &[
        "atomic-write-file",
        "atomicwrites",
        "failsafe",
        "fd-lock",
        "fs4",
        "recloser",
        "redb",
        "rusqlite",
        "tempfile",
    ];
    match cfg!(feature = "peers") {
        true => versions(LOCK, PEERS),
        false => "without peers: `cargo xtask bench` has them".to_owned(),
    }
}

/// The versions of packages, as `Cargo.lock` has them.
fn versions(lock: &str, packages: &[&str]) -> String {
    let version_of = |package: &str| {
        let rest = lock.split_once(&format!("\nname = \"{package}\"\nversion = \""))?.1;
        Some(format!("{package} {}", rest.split_once('"')?.0))
    };
    let found: Vec<String> = packages.iter().filter_map(|package| version_of(package)).collect();
    found.join(", ")
}

/// The names of what `statfs` gives as numbers, see `statfs(2)`.
fn file_system(magic: u64) -> &'static str {
    match magic {
        0xef53 => "ext4",
        0x5846_5342 => "xfs",
        0x9123_683e => "btrfs",
        0x0102_1994 => "tmpfs",
        0x8584_58f6 => "ramfs",
        0x794c_7630 => "overlayfs",
        0x2fc1_2fc1 => "zfs",
        0xf2f5_2010 => "f2fs",
        0x6573_5546 => "fuse",
        0x6969 => "nfs",
        _ => "a file system without a name here",
    }
}

#[cfg(test)]
mod tests {
    use super::{Machine, file_system, versions};

    #[test]
    fn versions_are_those_that_were_built() {
        let lock = "version = 4\n\n[[package]]\nname = \"fs4\"\nversion = \"1.1.0\"\n\
                    \n[[package]]\nname = \"fd-lock\"\nversion = \"4.0.4\"\n";
        assert_eq!(versions(lock, &["fd-lock", "redb", "fs4"]), "fd-lock 4.0.4, fs4 1.1.0");
    }

    #[test]
    fn the_facts_tell_what_makes_a_sync_cheap() {
        let machine = |magic, has_journals| Machine {
            kernel: "6.1".to_owned(),
            compiler: "rustc 1.89.0".to_owned(),
            processors: 2,
            file_system: file_system(magic),
            has_journals,
            load: "0.10".to_owned(),
        };
        assert!(machine(0x0102_1994, true).forgets());
        assert!(!machine(0xef53, true).forgets());
        for (magic, has_journals, expected) in [
            (0xef53, true, "ext4"),
            (0xef53, false, "ext4 without a journal"),
            (0x5846_5342, false, "xfs"),
        ] {
            let expected = format!("Linux 6.1, {expected}, 2 processors, load 0.10, rustc 1.89.0");
            assert_eq!(machine(magic, has_journals).facts(), expected);
        }
    }
}
