//! A file just made beside a target.

use std::{ffi::OsString, fs::File, io};

use rustix::fs::Stat;

use crate::{
    Options,
    life::{self, Claim},
    name::{self, Role},
    target::Target,
};

/// How many new files a writer gives up to sweeps before it gives up itself. One sweep takes
/// one at most, because it has listed the directory before.
const SWEPT_AT_MOST: usize = 100;

/// An empty file that takes new contents, and the name that it has until they are complete.
pub(crate) struct Made {
    pub(crate) file: File,
    pub(crate) own: Stat,
    pub(crate) token: String,
    pub(crate) name: OsString,
}

impl Made {
    /// A file that is the writer's own for as long as it is open.
    pub(crate) fn temporary(target: &Target, options: &Options) -> io::Result<Made> {
        for _ in 0..SWEPT_AT_MOST {
            let token = name::random_token()?;
            let name = name::beside(&target.name, &token, Role::Temporary);
            let file = target.create_beside(&name, options.mode_if_new)?;
            match life::claim(&file) {
                Ok(Claim::Held(own)) => return Ok(Made { file, own, token, name }),
                Ok(Claim::Lost) => target.dir.unlink(&name)?,
                Err(error) => {
                    target.dir.unlink(&name).ok(); // Best effort: the first failure is the news.
                    return Err(error);
                }
            }
        }
        Err(io::Error::other("every one that was made was swept away at once"))
    }

    /// A file that belongs to the holder of the lock with this token.
    pub(crate) fn slot(target: &Target, options: &Options, token: &str) -> io::Result<Made> {
        if !name::is_token(token) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no lock token"));
        }
        let name = name::beside(&target.name, token, Role::Slot);
        let file = target.create_beside(&name, options.mode_if_new)?;
        let own = rustix::fs::fstat(&file)?;
        Ok(Made { file, own, token: token.to_owned(), name })
    }
}
