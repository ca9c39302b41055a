//! The two kinds of ids: ours, and the tracker's.

use std::{fmt, num::NonZeroU64, str::FromStr, sync::Arc};

use crate::{InvalidId, Series, Tracker};

/// One of our own ids: `TASK-`, `EPIC-`, `FEAT-` or `DOC-`, then at least two more parts.
///
/// Parts are divided by `-`, none is empty, and all are printable ASCII without blanks; the
/// whole is at most 200 bytes. Case matters.
///
/// # Examples
///
/// ```
/// use external_ids::InternalId;
///
/// assert!("TASK-E01-b2c4".parse::<InternalId>().is_ok());
/// assert!("TASK-E01".parse::<InternalId>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InternalId(Arc<str>);

const PREFIXES: [&str; 4] = ["TASK", "EPIC", "FEAT", "DOC"];
const PARTS_MIN: usize = 3;
const INTERNAL_MAX_BYTES: usize = 200;

impl InternalId {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InternalId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<InternalId, InvalidId> {
        let is_internal = text.len() <= INTERNAL_MAX_BYTES
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && text.split('-').next().is_some_and(|prefix| PREFIXES.contains(&prefix))
            && text.split('-').count() >= PARTS_MIN
            && text.split('-').all(|part| !part.is_empty());
        if is_internal {
            return Ok(InternalId(text.into()));
        }
        let expected =
            "an internal id: `TASK-`, `EPIC-`, `FEAT-` or `DOC-`, then at least two more parts";
        Err(InvalidId::Syntax { found: text.to_owned(), expected })
    }
}

impl fmt::Display for InternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An id in a tracker: a number in one of its series.
///
/// Prints as the tracker writes it: `PROJ-12`, or `12` where there are no keys.
///
/// # Examples
///
/// ```
/// use external_ids::{ExternalId, Tracker};
///
/// let id = ExternalId::parse(Tracker::Jira, "proj-12")?;
/// assert_eq!((id.to_string(), id.number()), ("PROJ-12".to_owned(), 12));
/// # Ok::<(), external_ids::InvalidId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalId {
    series: Series,
    number: NonZeroU64,
}

impl ExternalId {
    /// Reads an id as `tracker` writes it. One of GitHub's may have the `#` in front with which
    /// it is shown.
    ///
    /// # Errors
    ///
    /// [`InvalidId::Syntax`]: it is not `KEY-number`, or a plain number where there are no keys.
    /// Numbers begin at 1 and have no leading zeros.
    pub fn parse(tracker: Tracker, text: &str) -> Result<ExternalId, InvalidId> {
        let parsed = if tracker.is_keyed() {
            text.rsplit_once('-').and_then(|(key, number)| Some((Some(key.parse().ok()?), number)))
        } else if tracker == Tracker::Github {
            Some((None, text.strip_prefix('#').unwrap_or(text)))
        } else {
            Some((None, text))
        };
        let parsed = parsed.and_then(|(key, number)| Some((key, number_in(number)?)));
        let Some((key, number)) = parsed else {
            let expected = if tracker.is_keyed() {
                "an id of this tracker: a key, `-` and a number, like `PROJ-12`"
            } else {
                "an id of this tracker: a number, like `12`"
            };
            return Err(InvalidId::Syntax { found: text.to_owned(), expected });
        };
        Ok(ExternalId { series: Series::new(tracker, key)?, number })
    }

    pub(crate) fn new(series: Series, number: NonZeroU64) -> ExternalId {
        ExternalId { series, number }
    }

    /// The tracker.
    #[must_use]
    pub fn tracker(&self) -> Tracker {
        self.series.tracker()
    }

    /// The series that the number is in.
    #[must_use]
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// The number, at least 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number.get()
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.series.key() {
            Some(key) => write!(f, "{key}-{}", self.number),
            None => write!(f, "{}", self.number),
        }
    }
}

/// A number in the one form in which a tracker prints it, so that no two texts are one id.
fn number_in(text: &str) -> Option<NonZeroU64> {
    let is_number = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}
