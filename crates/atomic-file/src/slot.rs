//! Slots that dead holders of a lock left behind.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{
    ReplaceError, Step,
    name::{self, Role},
    target::Target,
};

/// A slot, or a half-made backup, whose lock token is not the caller's.
#[derive(Debug)]
pub struct Leftover {
    name: OsString,
    token: String,
}

impl Leftover {
    /// The token of the lock holder that made it.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }
}

/// The slots beside a path, found at one moment, to be removed at a later one.
#[derive(Debug)]
pub struct LeftoverSlots {
    target: Target,
    path: PathBuf,
    leftovers: Vec<Leftover>,
}

impl LeftoverSlots {
    /// What was found.
    pub fn iter(&self) -> impl Iterator<Item = &Leftover> {
        self.leftovers.iter()
    }

    /// Removes what was found: a holder that still hopes to commit one of them is fenced.
    ///
    /// # Errors
    ///
    /// [`ReplaceError::Unchanged`] if one could not be removed.
    pub fn remove(self) -> Result<(), ReplaceError> {
        for leftover in &self.leftovers {
            self.target.dir.unlink(&leftover.name).map_err(|source| ReplaceError::Unchanged {
                path: self.path.clone(),
                step: Step::Discard,
                source,
            })?;
        }
        Ok(())
    }
}

/// Lists the slots beside `path`.
///
/// The holder of the lock on `path` calls this *before* it makes a slot of its own, checks
/// that it still is the holder, and only then removes what was listed. In this order it can
/// never remove the slot of a holder that came after it.
///
/// # Errors
///
/// [`ReplaceError::Unchanged`] if the directory could not be read.
pub fn leftover_slots(path: impl AsRef<Path>) -> Result<LeftoverSlots, ReplaceError> {
    let path = path.as_ref();
    let failed = |(step, source)| ReplaceError::Unchanged { path: path.to_owned(), step, source };
    let target = Target::find(path).map_err(failed)?;
    let stem = name::stem(&target.name);
    let names = target.dir.names().map_err(|source| failed((Step::Open, source)))?;
    let token = |name: &OsString| {
        let sibling = name::sibling(name).filter(|sibling| sibling.stem == stem.as_os_str())?;
        let is_of_a_lock = matches!(sibling.role, Role::Slot | Role::Backup);
        is_of_a_lock.then(|| sibling.token.to_owned())
    };
    let leftovers = names.into_iter().filter_map(|name| {
        let token = token(&name)?;
        Some(Leftover { name, token })
    });
    Ok(LeftoverSlots { leftovers: leftovers.collect(), target, path: path.to_owned() })
}
