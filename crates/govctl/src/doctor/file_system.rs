//! The file system under the state directory, and what is known of its kind.

use std::{io, path::Path};

use super::{ELSEWHERE, finding::Finding, mounts::Mount};
use crate::context::Context;

const CHECK: &str = "file_system";

/// What can be expected of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nature {
    /// What we promise was tested on it, power cuts included.
    Proven,
    /// A file system of this machine that should do the same.
    Local,
    /// In memory.
    Memory,
    /// Layers, of which a container throws the upper one away.
    Layers,
    /// It knows no owners, and a power cut can tear its directories.
    Simple,
    /// Nothing can be written.
    ReadOnly,
}

/// By the number that `statfs` gives (`linux/magic.h` and the file systems' own headers). Those
/// that other machines use too are known to `flock-guard`, which breaks no lock on them.
const KINDS: &[(u32, &str, Nature)] = &[
    (0x0000_ef53, "ext4", Nature::Proven),
    (0x5846_5342, "XFS", Nature::Proven),
    (0x9123_683e, "Btrfs", Nature::Proven),
    (0xf2f5_2010, "F2FS", Nature::Local),
    (0x2fc1_2fc1, "ZFS", Nature::Local),
    (0xca45_1a4e, "bcachefs", Nature::Local),
    (0x3153_464a, "JFS", Nature::Local),
    (0x0102_1994, "tmpfs", Nature::Memory),
    (0x8584_58f6, "ramfs", Nature::Memory),
    (0x794c_7630, "overlayfs", Nature::Layers),
    (0x6175_6673, "aufs", Nature::Layers),
    (0x0000_4d44, "FAT", Nature::Simple),
    (0x2011_bab0, "exFAT", Nature::Simple),
    (0x5346_544e, "NTFS", Nature::Simple),
    (0x7366_746e, "NTFS", Nature::Simple),
    (0x7371_7368, "squashfs", Nature::ReadOnly),
    (0xe0f5_e1e2, "EROFS", Nature::ReadOnly),
    (0x0000_9660, "ISO 9660", Nature::ReadOnly),
];

pub(crate) fn look(context: &Context, place: &Path, findings: &mut Vec<Finding>) {
    let mount = Mount::of(place);
    let shared = flock_guard::shared_file_system(place);
    let number = rustix::fs::statfs(place).map_err(io::Error::from);
    findings.push(match (shared, number) {
        (Err(error), _) | (_, Err(error)) => {
            let what = format!("cannot ask for the file system of `{}`", place.display());
            Finding::failed(CHECK, &what, &error)
        }
        (Ok(Some(kind)), _) => foreign(kind, mount.as_ref()),
        // The number has 32 bits, on some architectures with a sign.
        (_, Ok(found)) => judge(found.f_type as u32, mount.as_ref()),
    });
    findings.extend(mount.iter().flat_map(doubts));
    if let Ok(Some(preloaded)) = context.variable("LD_PRELOAD")
        && preloaded.contains("eatmydata")
    {
        let what = "eatmydata is loaded, which leaves every sync out: a power cut loses state";
        findings.push(Finding::warn("sync", what).hint("unset LD_PRELOAD"));
    }
}

/// A file system of which not this kernel alone decides what locks and renames do.
fn foreign(kind: &str, mount: Option<&Mount>) -> Finding {
    let who = if kind == "FUSE" {
        "a program answers for locks, renames and syncs"
    } else {
        "other machines use it too, locks, renames and syncs are its server's"
    };
    let what = format!("{kind}{}: {who}; no lock is ever broken there", at(mount));
    Finding::warn(CHECK, what).hint(ELSEWHERE)
}

fn at(mount: Option<&Mount>) -> String {
    mount.map(|mount| format!(" at `{}`", mount.point.display())).unwrap_or_default()
}

fn judge(number: u32, mount: Option<&Mount>) -> Finding {
    let known = KINDS.iter().find(|(known, ..)| *known == number);
    let at = at(mount);
    let Some((_, name, nature)) = known else {
        let kind = mount.map_or_else(|| format!("{number:#x}"), |mount| mount.kind.clone());
        let what = format!("{kind}{at}: not known here; see what the probes say");
        return Finding::warn(CHECK, what).hint(ELSEWHERE);
    };
    let says = |words: &str| format!("{name}{at}: {words}");
    match nature {
        Nature::Proven => Finding::ok(CHECK, says("what is acknowledged survives a power cut")),
        Nature::Local => Finding::ok(CHECK, says("a local disk; power cuts were not tried on it")),
        Nature::Memory => {
            let what = says("in memory, everything is forgotten when the machine restarts");
            Finding::warn(CHECK, what).hint(ELSEWHERE)
        }
        Nature::Layers => {
            let what = says("layers, as a container has them: the upper one goes away with it");
            Finding::warn(CHECK, what)
                .hint("mount a volume, and put the state there: govctl --state-dir DIR doctor")
        }
        Nature::Simple => {
            let what = says("it knows no owners, and a power cut can tear its directories");
            Finding::fail(CHECK, what).hint(ELSEWHERE)
        }
        Nature::ReadOnly => Finding::fail(CHECK, says("nothing can be written")).hint(ELSEWHERE),
    }
}

/// Options of a mount that take back what its file system promises.
fn doubts(mount: &Mount) -> Vec<Finding> {
    let mut found = Vec::new();
    for option in &mount.options {
        let what = match option.as_str() {
            "ro" => "it is mounted read-only: nothing can be changed",
            "nobarrier" | "barrier=0" => {
                "its cache is not flushed to the disk: a power cut loses state"
            }
            "volatile" => "its syncs are left out: a power cut loses state",
            "nolock" | "local_lock=all" | "local_lock=flock" => {
                "other machines do not see our locks: only this one may use the state"
            }
            _ => continue,
        };
        let what = format!("`{}` is mounted with `{option}`: {what}", mount.point.display());
        found.push(if option == "ro" {
            let hint = format!("sudo mount -o remount,rw {}", crate::view::quoted(&mount.point));
            Finding::fail("mount", what).hint(hint)
        } else {
            Finding::warn("mount", what)
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    fn mount(options: &[&str]) -> Mount {
        let options = options.iter().map(ToString::to_string).collect();
        Mount { point: "/srv".into(), kind: "somefs".to_owned(), options }
    }

    #[test]
    fn every_kind_is_judged_by_its_nature() {
        for (number, status, words) in [
            (0xef53, Status::Ok, "ext4 at `/srv`: what is acknowledged survives"),
            (0x2fc1_2fc1, Status::Ok, "ZFS at `/srv`: a local disk"),
            (0x0102_1994, Status::Warn, "tmpfs at `/srv`: in memory"),
            (0x794c_7630, Status::Warn, "overlayfs at `/srv`: layers"),
            (0x4d44, Status::Fail, "FAT at `/srv`: it knows no owners"),
            (0x7371_7368, Status::Fail, "squashfs at `/srv`: nothing can be written"),
            (0x1234, Status::Warn, "somefs at `/srv`: not known"),
        ] {
            let found = judge(number, Some(&mount(&[])));
            assert_eq!(found.status, status, "{number:#x}");
            assert!(found.detail.starts_with(words), "{number:#x}: {}", found.detail);
            assert_eq!(found.hints.is_empty(), status == Status::Ok, "{number:#x}");
        }
        assert!(judge(0x1234, None).detail.starts_with("0x1234: not known"));
    }

    #[test]
    fn what_other_machines_or_programs_answer_for_is_named() {
        for (kind, words) in [
            ("NFS", "NFS at `/srv`: other machines use it too"),
            ("FUSE", "FUSE at `/srv`: a program answers"),
        ] {
            let found = foreign(kind, Some(&mount(&[])));
            assert_eq!(found.status, Status::Warn);
            assert!(found.detail.starts_with(words), "{}", found.detail);
            assert!(found.detail.ends_with("no lock is ever broken there"), "{}", found.detail);
        }
    }

    #[test]
    fn no_number_stands_for_two_kinds() {
        let mut numbers: Vec<_> = KINDS.iter().map(|(number, ..)| number).collect();
        numbers.sort_unstable();
        assert!(numbers.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn options_that_take_a_promise_back_are_named() {
        for (option, status) in [
            ("ro", Some(Status::Fail)),
            ("nobarrier", Some(Status::Warn)),
            ("barrier=0", Some(Status::Warn)),
            ("volatile", Some(Status::Warn)),
            ("local_lock=all", Some(Status::Warn)),
            ("local_lock=none", None),
            ("rw", None),
            ("errors=remount-ro", None),
        ] {
            let found = doubts(&mount(&["relatime", option]));
            assert_eq!(found.first().map(|found| found.status), status, "{option}");
        }
    }
}
