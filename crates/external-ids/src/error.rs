//! Why a text is not an id.

use crate::{Tracker, TrackerKey};

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
    fn a_refused_text_cannot_fill_the_screen_or_steer_the_terminal() {
        let found = format!("\x1b[2J{}", "x".repeat(100));
        let message = "x".parse::<Tracker>().unwrap_err().to_string();
        assert_eq!(message, "`x` is not a tracker: `azure_devops`, `github`, `jira` or `linear`");
        let message = found.parse::<Tracker>().unwrap_err().to_string();
        assert!(message.starts_with("`\\u{1b}[2Jxxx"), "{message}");
        assert!(message.contains("x…` is not a tracker"), "{message}");
    }
}
