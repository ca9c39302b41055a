//! Why a text is not an id, or an id could not be handed out or recorded.

use state_store::StoreError;

use crate::{ExternalId, InternalId, Series, Tracker, TrackerKey};

/// Why ids could not be read, handed out or recorded, told apart by what the caller can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdsError {
    /// The internal id has another external id in that tracker. Nothing was recorded.
    #[error("`{internal}` already has `{external}` in {}", external.tracker())]
    HasAnother {
        /// The internal id.
        internal: InternalId,
        /// What it has.
        external: ExternalId,
    },
    /// The external id belongs to another internal id. Nothing was recorded.
    #[error("`{external}` in {} belongs to `{internal}`", external.tracker())]
    Taken {
        /// The external id.
        external: ExternalId,
        /// Whose it is.
        internal: InternalId,
    },
    /// There are ids, and no counters: nobody knows which numbers were handed out. No number
    /// was. A person brings the counters back, or has them rebuilt
    /// ([`ExternalIds::rebuild_counters`](crate::ExternalIds::rebuild_counters)).
    #[error("`{counters}` is missing, although there are ids in `{mapping}`")]
    CountersMissing {
        /// The document that is missing.
        counters: String,
        /// The document that has ids.
        mapping: String,
    },
    /// The series has no number left. Nothing was handed out.
    #[error("{series} has no number left")]
    Exhausted {
        /// The series.
        series: Series,
    },
    /// The store could not do it. No id was handed out, but a number may be skipped; what its
    /// variants say is about one of the two documents.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a text from outside is not what it should be. Nothing was read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidId {
    /// It does not have the form.
    #[error("`{}` is not {expected}", shown(found))]
    Syntax {
        /// The text that was refused.
        found: String,
        /// What it should be, and what that looks like.
        expected: &'static str,
    },
    /// The tracker has one series for each key, and there is no key.
    #[error("{tracker} needs a key: its ids are `KEY-number`")]
    KeyMissing {
        /// The tracker.
        tracker: Tracker,
    },
    /// The tracker has only one series, and there is a key.
    #[error("{tracker} has no keys, so `{key}` means nothing: its ids are plain numbers")]
    KeyUnwanted {
        /// The tracker.
        tracker: Tracker,
        /// The key that was given.
        key: TrackerKey,
    },
}

/// A refused text as a message shows it: escaped, and never longer than a line.
fn shown(found: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 80;
    let mut shown: String = found.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < found.len() {
        shown.push('…');
    }
    shown.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_names_what_it_is_about() {
        let internal: InternalId = "TASK-E01-b2c4".parse().unwrap();
        let external = ExternalId::parse(Tracker::Jira, "PROJ-7").unwrap();
        let series = external.series().clone();
        let place = |name: &str| format!("/state/{name}.json");
        let messages = [
            (
                IdsError::HasAnother { internal: internal.clone(), external: external.clone() },
                "`TASK-E01-b2c4` already has `PROJ-7` in jira",
            ),
            (IdsError::Taken { external, internal }, "`PROJ-7` in jira belongs to `TASK-E01-b2c4`"),
            (
                IdsError::CountersMissing { counters: place("c"), mapping: place("m") },
                "`/state/c.json` is missing, although there are ids in `/state/m.json`",
            ),
            (IdsError::Exhausted { series }, "jira PROJ has no number left"),
        ];
        for (error, message) in messages {
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn a_refused_text_cannot_fill_the_screen_or_steer_the_terminal() {
        let found = format!("\x1b[2J{}", "x".repeat(100));
        let message = "x".parse::<Tracker>().unwrap_err().to_string();
        assert_eq!(message, "`x` is not a tracker: `azure_devops`, `github`, `jira` or `linear`");
        let message = found.parse::<Tracker>().unwrap_err().to_string();
        assert!(message.starts_with("`\\u{1b}[2Jxxx"), "{message}");
        assert!(message.contains("x…` is not a tracker"), "{message}");
    }
}
