//! Which file the configuration is in.

use std::path::{Path, PathBuf};

use crate::context::Context;

/// The name of the configuration of a project.
const NAME: &str = ".booty.yml";

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
