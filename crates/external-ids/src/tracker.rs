//! Trackers, and the series in which they number things.

use std::{fmt, str::FromStr, sync::Arc};

use crate::InvalidId;

/// A tracker that numbers the things we work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Tracker {
    /// Azure DevOps: one series of plain numbers.
    AzureDevops,
    /// GitHub: one series of plain numbers.
    Github,
    /// Jira: one series for each project key, `PROJ-12`.
    Jira,
    /// Linear: one series for each team key, `TEAM-12`.
    Linear,
}

impl Tracker {
    /// Every tracker, in the order of their names.
    pub const ALL: [Tracker; 4] =
        [Tracker::AzureDevops, Tracker::Github, Tracker::Jira, Tracker::Linear];

    /// The name, as files and people write it: `azure_devops`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Tracker::AzureDevops => "azure_devops",
            Tracker::Github => "github",
            Tracker::Jira => "jira",
            Tracker::Linear => "linear",
        }
    }

    /// Whether ids are `KEY-number`, with a series for each key.
    #[must_use]
    pub fn is_keyed(self) -> bool {
        matches!(self, Tracker::Jira | Tracker::Linear)
    }
}

impl FromStr for Tracker {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Tracker, InvalidId> {
        let expected = "a tracker: `azure_devops`, `github`, `jira` or `linear`";
        let found = Tracker::ALL.into_iter().find(|tracker| tracker.name() == text);
        found.ok_or_else(|| InvalidId::Syntax { found: text.to_owned(), expected })
    }
}

impl fmt::Display for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The key of a project or team: a letter, then letters, digits and `_`, at most 64.
///
/// Case does not matter: `proj` is read as `PROJ`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackerKey(Arc<str>);

const KEY_MAX_BYTES: usize = 64;

impl TrackerKey {
    /// The key, in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TrackerKey {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<TrackerKey, InvalidId> {
        let is_key = text.len() <= KEY_MAX_BYTES
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_key {
            return Ok(TrackerKey(text.to_ascii_uppercase().into()));
        }
        let expected = "a key: a letter, then letters, digits and `_`, at most 64";
        Err(InvalidId::Syntax { found: text.to_owned(), expected })
    }
}

impl fmt::Display for TrackerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A series of numbers: a tracker, and the key if the tracker has one series for each key.
///
/// # Examples
///
/// ```
/// use external_ids::{Series, Tracker};
///
/// let series = Series::new(Tracker::Jira, Some("proj".parse()?))?;
/// assert_eq!(series.to_string(), "jira PROJ");
/// assert!(Series::new(Tracker::Jira, None).is_err());
/// # Ok::<(), external_ids::InvalidId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    tracker: Tracker,
    /// There exactly if the tracker is keyed.
    key: Option<TrackerKey>,
}

impl Series {
    /// The series of `tracker` with `key`.
    ///
    /// # Errors
    ///
    /// - [`InvalidId::KeyMissing`]: the tracker has one series for each key.
    /// - [`InvalidId::KeyUnwanted`]: it has only one, and the key would mean nothing.
    pub fn new(tracker: Tracker, key: Option<TrackerKey>) -> Result<Series, InvalidId> {
        match (tracker.is_keyed(), key) {
            (true, None) => Err(InvalidId::KeyMissing { tracker }),
            (false, Some(key)) => Err(InvalidId::KeyUnwanted { tracker, key }),
            (_, key) => Ok(Series { tracker, key }),
        }
    }

    /// The tracker.
    #[must_use]
    pub fn tracker(&self) -> Tracker {
        self.tracker
    }

    /// The key, if the tracker has one series for each.
    #[must_use]
    pub fn key(&self) -> Option<&TrackerKey> {
        self.key.as_ref()
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{} {key}", self.tracker),
            None => write!(f, "{}", self.tracker),
        }
    }
}
