//! A text that is sent and never shown.

use std::fmt;

/// A token or a shared secret. Neither `Debug` nor an error shows it.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    /// Takes a secret of visible ASCII characters, which is all that GitHub gives out, without
    /// the end of line that a file has. Anything else could forge a header.
    pub(crate) fn new(text: &str) -> Option<Secret> {
        let text = text.trim_end_matches(['\r', '\n']);
        let visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        visible.then(|| Secret(text.to_owned()))
    }

    /// Takes a text that people have agreed on, which is sent nowhere: spaces are part of it.
    pub(crate) fn agreed(text: &str) -> Option<Secret> {
        let text = text.trim_end_matches(['\r', '\n']);
        let is_one = !text.trim().is_empty() && !text.chars().any(char::is_control);
        is_one.then(|| Secret(text.to_owned()))
    }

    /// The text itself, for the one place that sends or checks it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Takes the secret out of a text that came back from somewhere.
    pub(crate) fn hidden_in(&self, text: &str) -> String {
        text.replace(&self.0, "(secret)")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_and_cannot_forge_a_header() {
        let secret = Secret::new("ghp_abc\n").unwrap();
        assert_eq!((secret.reveal(), format!("{secret:?}").as_str()), ("ghp_abc", "Secret"));
        assert_eq!(secret.hidden_in("bad ghp_abc!"), "bad (secret)!");
        for bad in ["", "\n", " ", "a\nb", "a\0"] {
            assert!(Secret::agreed(bad).is_none(), "{bad:?}");
        }
        for bad in ["", "\n", "a b", "a\r\nx: y", "é"] {
            assert!(Secret::new(bad).is_none(), "{bad:?}");
        }
    }
}
