//! Commit ids.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::InvalidName;

/// The id of a commit: 7 to 64 hex digits, kept in lower case.
///
/// # Limits
///
/// An abbreviated id is another id: it does not equal the full one.
///
/// # Examples
///
/// ```
/// let sha: booty_state::Sha = "9F2C1AB5D0".parse()?;
/// assert_eq!(sha.as_str(), "9f2c1ab5d0");
/// assert_eq!(sha.short(), "9f2c1ab");
/// # Ok::<(), booty_state::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[0-9a-f]{7,64}$")))]
#[serde(try_from = "String", into = "String")]
pub struct Sha(
    /// 7 to 64 of `0-9a-f`, so that equal commits are equal texts.
    String,
);

const DIGITS_MIN: usize = 7;
const DIGITS_MAX: usize = 64;

impl Sha {
    /// All of its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 7 digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..DIGITS_MIN]
    }
}

impl TryFrom<String> for Sha {
    type Error = InvalidName;

    fn try_from(mut text: String) -> Result<Sha, InvalidName> {
        let is_sha = (DIGITS_MIN..=DIGITS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_sha {
            return Err(InvalidName::Sha { found: text });
        }
        text.make_ascii_lowercase();
        Ok(Sha(text))
    }
}

impl FromStr for Sha {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Sha, InvalidName> {
        Sha::try_from(text.to_owned())
    }
}

impl From<Sha> for String {
    fn from(sha: Sha) -> String {
        sha.0
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
