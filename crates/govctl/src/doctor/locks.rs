//! Who holds the locks of the state directory, and whether he still lives.

use std::{fs, path::Path};

use flock_guard::{Life, LockFile, LockStatus};

use super::finding::Finding;
use crate::{
    context::Context,
    output::clean,
    view::{counted, quoted},
};

const CHECK: &str = "lock_holders";

pub(crate) fn look(context: &Context, findings: &mut Vec<Finding>) {
    let mut held = 0;
    let mut found = Vec::new();
    let mut unseen = Vec::new();
    let state = &context.state_dir;
    for dir in [state.clone(), state.join("breakers"), context.locks_dir(), state.join("sessions")]
    {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort_unstable();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "lock")) {
            match LockFile::new(path).status() {
                Ok(status) => {
                    held += usize::from(status.held);
                    found.extend(judge(path, &status, &context.locks_dir()));
                }
                Err(error) => unseen.push((path.display().to_string(), error)),
            }
        }
    }
    // Another user is denied all of them, and that is one fault.
    if let Some((path, error)) = unseen.first() {
        let count = counted(unseen.len(), "lock file");
        let what = format!("cannot look at {count}, such as `{path}`");
        let hint = format!("ls -l {}", quoted(Path::new(path)));
        found.push(Finding::failed(CHECK, &what, error).hint(hint));
    }
    if found.is_empty() {
        let what = match held {
            0 => "no lock is held".to_owned(),
            held => format!("{} held, by processes that live", counted(held, "lock")),
        };
        found.push(Finding::ok(CHECK, what));
    }
    findings.append(&mut found);
}

/// A lock whose holder is dead, and which something it started keeps held.
fn judge(path: &Path, status: &LockStatus, locks: &Path) -> Option<Finding> {
    let (Some(Life::Dead { why }), Some(holder)) = (&status.life, &status.holder) else {
        return None;
    };
    if !status.held {
        return None; // The kernel has let go, and the next holder is told.
    }
    let keepers: Vec<String> = status.keepers.iter().map(ToString::to_string).collect();
    let kept = match keepers.as_slice() {
        [] => "a process that cannot be seen from here keeps it".to_owned(),
        pids => format!("pid {} keeps it", pids.join(" and ")),
    };
    let holder = holder.to_string();
    let what = format!("`{}` was taken by {}, {why}; {kept}", path.display(), clean(&holder));
    let found = Finding::warn(CHECK, what);
    let name = path.file_stem().filter(|_| path.parent() == Some(locks));
    Some(match name {
        Some(name) => {
            let name = name.to_string_lossy();
            found.hint(format!("govctl lock break {name} --reason \"its holder is dead\""))
        }
        None => found.hint("whoever waits for it breaks it; to hurry, end that process"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(held: bool, life: Life) -> LockStatus {
        let record = json!({ "pid": 42, "created": "2026-11-20T12:00:00Z", "hostname": "web-1" });
        let mut status = LockStatus::default();
        status.held = held;
        status.life = Some(life);
        status.holder = serde_json::from_value(record).unwrap();
        status.keepers = vec![43];
        status
    }

    #[test]
    fn a_lock_that_outlives_its_holder_is_named_with_the_command_that_breaks_it() {
        let dead = Life::Dead { why: "its process is gone" };
        let locks = Path::new("/s/locks");
        let found = judge(&locks.join("deploy.lock"), &status(true, dead), locks).unwrap();
        assert!(found.detail.contains("its process is gone; pid 43 keeps it"), "{}", found.detail);
        assert_eq!(found.hints, ["govctl lock break deploy --reason \"its holder is dead\""]);
        let other = judge(Path::new("/s/release.json.lock"), &status(true, dead), locks).unwrap();
        assert!(!other.hints[0].contains("govctl lock break"), "it has no name: {:?}", other.hints);
    }

    #[test]
    fn a_free_lock_and_one_whose_holder_may_live_are_nothing_to_worry_about() {
        let dead = Life::Dead { why: "its process is gone" };
        let unknown = Life::Unknown { why: "it ran on another machine" };
        let path = Path::new("/s/locks/x.lock");
        for status in [status(false, dead), status(true, Life::Alive), status(true, unknown)] {
            assert!(judge(path, &status, Path::new("/s/locks")).is_none());
        }
    }
}
