//! What a program would have done without the line that keeps the promise.

use crate::crash_states::record::{Record, Step};

/// A change of what was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    NoFileSync,
    NoDirectorySync,
    RenameBeforeSync,
    BackupByRename,
}

impl Mutant {
    pub(crate) const ALL: [Mutant; 4] = [
        Mutant::NoFileSync,
        Mutant::NoDirectorySync,
        Mutant::RenameBeforeSync,
        Mutant::BackupByRename,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Mutant::NoFileSync => "the file is not synced",
            Mutant::NoDirectorySync => "the directory is not synced",
            Mutant::RenameBeforeSync => "renamed before the file is synced",
            Mutant::BackupByRename => "the backup is made by renaming the file away",
        }
    }

    /// What the mutant would have done, or nothing if there is nothing to take out.
    pub(crate) fn of(self, record: &Record) -> Option<Record> {
        let mut steps = record.steps.clone();
        match self {
            Mutant::NoFileSync => steps.retain(|step| !matches!(step, Step::SyncFile { .. })),
            Mutant::NoDirectorySync => {
                steps.retain(|step| !matches!(step, Step::SyncDirectory { .. }));
            }
            Mutant::RenameBeforeSync => {
                let sync = steps.iter().position(|step| matches!(step, Step::SyncFile { .. }))?;
                let is_last = |step: &Step| matches!(step, Step::Rename { .. });
                let rename = steps.iter().rposition(is_last).filter(|at| *at > sync)?;
                let rename = steps.remove(rename);
                steps.insert(sync, rename);
            }
            Mutant::BackupByRename => {
                // link(file, hidden), rename(hidden, backup) becomes rename(file, backup).
                let (number, hidden) = steps.iter().find_map(|step| match step {
                    Step::Enter { name, number, is_directory: false }
                        if record.before.names.values().any(|it| it == number) =>
                    {
                        Some((*number, name.clone()))
                    }
                    _ => None,
                })?;
                let (file, _) = record.before.names.iter().find(|(name, it)| {
                    **it == number && !name.ends_with(".bak") && !name.starts_with('.')
                })?;
                steps.retain(|step| !matches!(step, Step::Enter { name, .. } if *name == hidden));
                for step in &mut steps {
                    if let Step::Rename { from, .. } = step
                        && *from == hidden
                    {
                        from.clone_from(file);
                    }
                }
                steps.retain(|step| !matches!(step, Step::Leave { name } if *name == hidden));
            }
        }
        (steps != record.steps).then(|| Record { before: record.before.clone(), steps })
    }
}
