//! The deliveries that wait on disk, as those who look after the state see them.

use std::{
    fs::File,
    io::{self, ErrorKind},
    time::SystemTime,
};

use super::{
    sealed::{Damaged, opened},
    spool::{EventName, Spool, WEBHOOKS, file_name, named},
};
use crate::{context::Context, exit::CliError};

/// A delivery on disk.
#[derive(Debug)]
pub(crate) struct Found {
    /// Its file.
    pub(crate) place: String,
    /// What leads to it from the state directory.
    pub(crate) path: String,
    pub(crate) since: SystemTime,
    /// What it is of, or what is wrong with it.
    pub(crate) event: Result<EventName, Damaged>,
}

/// What a person does about one that is damaged.
pub(crate) const WHAT_TO_DO: &str =
    "send it again from the page of the webhook at GitHub, then remove the file";

/// Every one that is there, oldest first.
pub(crate) fn all(context: &Context) -> Result<Vec<Found>, CliError> {
    let spool = Spool::of(&context.state_dir);
    let failed = |error: io::Error| {
        CliError::broken("cannot read the deliveries that are kept").because(&error)
    };
    let mut all = Vec::new();
    for (since, id) in spool.kept().map_err(failed)? {
        let path = spool.path(&id);
        let event = match File::open(&path).and_then(|mut file| opened(&mut file)) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue, // It was handled just now.
            read => read.map_err(failed)?.map(|(name, _)| name),
        };
        let place = path.display().to_string();
        all.push(Found { place, path: format!("{WEBHOOKS}/{}", file_name(&id)), since, event });
    }
    Ok(all)
}

/// Whether that is what leads to a delivery from the state directory.
pub(crate) fn is_one(path: &str) -> bool {
    let name = path.strip_prefix(WEBHOOKS).and_then(|rest| rest.strip_prefix('/'));
    name.and_then(named).is_some()
}

/// Whether those are the bytes of one, as they were written.
pub(crate) fn is_whole(mut contents: &[u8]) -> bool {
    opened(&mut contents).is_ok_and(|read| read.is_ok())
}
