//! Where the state is.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// What decides where the state is. The caller reads the environment; this crate does not.
#[derive(Debug, Clone, Default)]
pub struct StateDirFacts {
    /// What the user said, which wins.
    pub explicit: Option<PathBuf>,
    /// `RELEASE_GOVERNOR_STATE_DIR`.
    pub env_override: Option<OsString>,
    /// `HOME`.
    pub home: Option<OsString>,
    /// Where a relative path starts.
    pub working_dir: PathBuf,
}

/// Finds the state directory: what the user said, else `RELEASE_GOVERNOR_STATE_DIR`, else
/// `.booty/state` in `HOME`, else in the working directory.
///
/// What is empty counts as unset; a relative path is taken from the working directory.
/// Nothing is looked up or created.
///
/// # Examples
///
/// ```
/// use std::path::Path;
/// use booty_state::{StateDirFacts, state_dir};
///
/// let facts = StateDirFacts {
///     env_override: Some("".into()),
///     home: Some("/home/ana".into()),
///     working_dir: "/srv".into(),
///     ..StateDirFacts::default()
/// };
/// assert_eq!(state_dir(facts), Path::new("/home/ana/.booty/state"));
/// ```
#[must_use]
pub fn state_dir(facts: StateDirFacts) -> PathBuf {
    let StateDirFacts { explicit, env_override, home, working_dir } = facts;
    let named = [explicit, env_override.map(PathBuf::from)];
    let mut named = named.into_iter().flatten();
    let named = named.find(|path| !path.as_os_str().is_empty());
    working_dir.join(named.unwrap_or_else(|| below(&home.unwrap_or_default())))
}

/// An empty home is the working directory's own start.
fn below(home: &OsStr) -> PathBuf {
    Path::new(home).join(".booty").join("state")
}
