//! What killed runs left in the state directory.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use atomic_file::{Fate, Orphans, Temporary};

use super::finding::Finding;
use crate::{
    context::Context,
    documents::{self, is_aside},
    view::counted,
};

const CHECK: &str = "leftovers";
const ASIDE: &str = "set_aside";

/// A change takes milliseconds. What is older belongs to nobody who still works.
pub(super) const OLD: Duration = Duration::from_secs(5 * 60);

pub(crate) fn look(context: &Context, findings: &mut Vec<Finding>) {
    let mut found = Vec::new();
    // Those that the sweep looks in.
    for dir in documents::directories() {
        let dir = context.state_dir.join(dir);
        if !dir.is_dir() {
            continue;
        }
        match atomic_file::sweep(&dir, Orphans::Report) {
            Ok(temporaries) => found.extend(temporaries),
            Err(error) => findings.push(Finding::failed(CHECK, "they cannot be listed", &error)),
        }
    }
    findings.extend(judge(&found, context.now(), super::command(context, "state sweep")));
    findings.extend(set_aside(&context.state_dir));
}

/// The state directory and those below it, if they are there.
fn directories(state: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(state) else { return Vec::new() };
    let below = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut below: Vec<PathBuf> = below.map(|entry| entry.path()).collect();
    below.sort_unstable();
    [vec![state.to_owned()], below].concat()
}

fn judge(found: &[Temporary], now: SystemTime, sweep: String) -> Vec<Finding> {
    let age = |it: &Temporary| now.duration_since(it.changed).unwrap_or_default();
    let oldest = |them: &[&Temporary]| {
        let oldest = them.iter().copied().max_by_key(|it| age(it));
        oldest.map(|it| {
            let (path, age) = (it.path.display(), coarse(age(it)));
            format!("the oldest, {age}, is `{path}`")
        })
    };
    let mut findings = Vec::new();
    let of = |wanted: fn(&Fate) -> bool| found.iter().filter(move |it| wanted(&it.fate));
    let orphans: Vec<_> = of(|fate| matches!(fate, Fate::Orphaned)).collect();
    if let Some(oldest) = oldest(&orphans) {
        let what =
            format!("{} of writers that were killed; {oldest}", counted(orphans.len(), "file"));
        findings.push(Finding::warn(CHECK, what).hint(sweep));
    }
    // Those of a holder who is at work are young.
    let slots: Vec<_> =
        of(|fate| matches!(fate, Fate::OfALock)).filter(|it| age(it) > OLD).collect();
    if let Some(oldest) = oldest(&slots) {
        let what = format!(
            "{} of holders of locks; {oldest}; the next change of its document removes it",
            counted(slots.len(), "file")
        );
        findings.push(Finding::warn(CHECK, what));
    }
    for it in found {
        if let Fate::Kept(error) = &it.fate {
            let what = format!("`{}` cannot be judged", it.path.display());
            let found = Finding::failed(CHECK, &what, error);
            findings.push(Finding { status: super::Status::Warn, ..found });
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, "none"));
    }
    findings
}

/// Files that another one took the place of: a person should look at them once.
fn set_aside(state: &Path) -> Option<Finding> {
    let mut names = Vec::new();
    for dir in directories(state) {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        let paths = entries.flatten().map(|entry| entry.path());
        names.extend(
            paths.filter(|path| {
                path.file_name().is_some_and(|name| is_aside(&name.to_string_lossy()))
            }),
        );
    }
    names.sort_unstable();
    let first = names.first()?;
    let count = counted(names.len(), "file");
    let what = format!("{count} that others took the place of, such as `{}`", first.display());
    let hint = "look at them, then move them away: nothing reads them";
    Some(Finding::warn(ASIDE, what).hint(hint))
}

/// An age as people say it.
pub(super) fn coarse(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..120 => counted(usize::try_from(seconds).unwrap_or(0), "second"),
        120..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
