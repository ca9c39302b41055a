//! Which file the configuration is in, and its text.

use std::{
    fs::OpenOptions,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use crate::{
    context::Context,
    exit::{CliError, Kind},
};

/// The name of the configuration of a project.
const NAME: &str = ".booty.yml";

/// No configuration of a project is a hundredth of this.
const LARGEST: u64 = 1024 * 1024;

/// The file that `--config` names, else `.booty.yml` of the workspace, else that of the top
/// of the work tree: a subdirectory is governed as its project is.
pub(crate) fn find(context: &Context, top_level: Option<&Path>) -> Option<PathBuf> {
    if let Some(named) = &context.config {
        return Some(named.clone());
    }
    let places = [Some(context.workspace.as_path()), top_level];
    // A link that leads nowhere is there too, and fails when it is read.
    places
        .into_iter()
        .flatten()
        .map(|dir| dir.join(NAME))
        .find(|path| path.is_symlink() || path.exists())
}

/// The text of a configuration. Never waits, as for the writer of a FIFO, and never reads more
/// than a configuration can be.
pub(crate) fn read(path: &Path) -> Result<String, CliError> {
    let message = format!("cannot read the configuration `{}`", path.display());
    let unreadable = |error: io::Error| {
        // What was named, or linked to, is not there.
        let kind = if error.kind() == io::ErrorKind::NotFound { Kind::Usage } else { Kind::Broken };
        CliError::new(kind, message.clone()).because(&error)
    };
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(unreadable)?;
    let wrong = |cause: String| {
        let mut error = CliError::usage(message.clone());
        error.causes.push(cause);
        error
    };
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(wrong("it is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(wrong(format!("it is larger than {LARGEST} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| wrong(format!("it is not UTF-8: {error}")))
}
