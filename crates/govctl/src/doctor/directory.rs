//! The state directory itself: is it there, whose is it, who else may write to it.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::finding::Finding;
use crate::view::{counted, quoted};

const CHECK: &str = "state_directory";
const FILES: &str = "permissions";

/// Files in a state directory that are looked at one by one, by far more than there are.
const MANY: usize = 10_000;

/// The directory to probe in: the state directory, or the nearest one above it, where it will be
/// made. `None` if there is nothing to probe.
pub(crate) fn look(state: &Path, findings: &mut Vec<Finding>) -> Option<PathBuf> {
    let shown = state.display();
    let found = match fs::metadata(state) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let above = state.ancestors().skip(1).find(|above| above.is_dir())?;
            findings.push(Finding::ok(CHECK, format!("`{shown}` is made by the first change")));
            return Some(above.to_owned());
        }
        Err(error) => {
            let what = format!("cannot look at `{shown}`");
            findings
                .push(Finding::failed(CHECK, &what, &error).hint("govctl --state-dir DIR doctor"));
            return None;
        }
        Ok(found) => found,
    };
    if !found.is_dir() {
        let what = format!("`{shown}` is not a directory");
        findings.push(Finding::fail(CHECK, what).hint("govctl --state-dir DIR doctor"));
        return None;
    }
    findings.push(judge(state, found.uid(), found.mode()));
    findings.extend(files(state));
    Some(state.to_owned())
}

fn judge(state: &Path, uid: u32, mode: u32) -> Finding {
    let shown = state.display();
    let me = rustix::process::geteuid().as_raw();
    let private = format!("chmod 700 {}", quoted(state));
    if mode & 0o002 != 0 {
        let what = format!("everybody may write to `{shown}`, and forge what is recorded there");
        Finding::fail(CHECK, what).hint(private)
    } else if uid != me {
        let what = format!("`{shown}` belongs to uid {uid}, and this is uid {me}");
        Finding::warn(CHECK, what).hint(format!("sudo -u '#{uid}' govctl doctor"))
    } else if mode & 0o077 != 0 {
        let what = format!("others may look into `{shown}` (mode {:o})", mode & 0o7777);
        Finding::warn(CHECK, what).hint(private)
    } else {
        Finding::ok(CHECK, format!("`{shown}`, open to its owner alone"))
    }
}

/// Files that this user could not read or replace, as root leaves them behind.
fn files(state: &Path) -> Vec<Finding> {
    let me = rustix::process::geteuid().as_raw();
    let mut strange = Vec::new();
    let mut open = Vec::new();
    let below = match below(state) {
        Ok(below) => below,
        Err(error) => {
            let what = format!("cannot list `{}`", state.display());
            let hint = format!("sudo chown -R {me} {}", quoted(state));
            return vec![Finding::failed(FILES, &what, &error).hint(hint)];
        }
    };
    for path in below {
        let Ok(found) = fs::symlink_metadata(&path) else { continue };
        if found.uid() != me {
            strange.push(path);
        } else if !found.is_symlink() && found.mode() & 0o022 != 0 {
            open.push(path);
        }
    }
    let mut findings = Vec::new();
    if let Some(first) = strange.first() {
        let what = format!(
            "{} in it, such as `{}`, not of uid {me}: it may be unreadable or not replaceable",
            counted(strange.len(), "file"),
            first.display()
        );
        let hint = format!("sudo chown -R {me} {}", quoted(state));
        // Root reads and replaces them all the same, and its user then cannot.
        findings.push(Finding::warn(FILES, what).hint(hint));
    }
    if let Some(first) = open.first() {
        let count = counted(open.len(), "file");
        let what = format!("others may write to {count} in it, such as `{}`", first.display());
        findings.push(Finding::warn(FILES, what).hint(format!("chmod -R go-w {}", quoted(state))));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(FILES, "every file in it is yours, and nobody else may write"));
    }
    findings
}

/// Everything below a directory, as far as it can be listed; the directory itself must be.
fn below(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![fs::read_dir(dir)?];
    while let Some(entries) = open.pop() {
        for entry in entries.flatten().take(MANY) {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.extend(fs::read_dir(&path));
            }
            found.push(path);
        }
    }
    Ok(found)
}
