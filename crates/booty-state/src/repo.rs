//! Repository names.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::InvalidName;

/// A repository: `owner/name`, as GitHub allows it, or `local/NAME` for one without a home.
///
/// The owner is letters, digits and single hyphens, not at its ends, at most 39; the name is
/// letters, digits, `.`, `_` and `-`, at most 100, and not `.` or `..`. So neither contains
/// what the other or a [`DeliveryKey`](crate::DeliveryKey) is divided by.
///
/// # Limits
///
/// `Acme/site` and `acme/site` are one repository, as they are at GitHub, and so are two `local/` ones.
/// Each is shown and written as it was given.
///
/// # Examples
///
/// ```
/// let repo: booty_state::Repo = "acme/web-site".parse()?;
/// assert_eq!((repo.owner(), repo.name()), ("acme", "web-site"));
/// assert_eq!(repo, "Acme/Web-Site".parse()?);
/// assert!("acme/web/site".parse::<booty_state::Repo>().is_err());
/// # Ok::<(), booty_state::InvalidName>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$")))]
#[serde(try_from = "String", into = "String")]
pub struct Repo(
    /// Contains exactly one `/`.
    String,
);

const OWNER_MAX: usize = 39;
const NAME_MAX: usize = 100;

impl Repo {
    /// Both parts, as they were given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the slash.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.parts().0
    }

    /// The part after the slash.
    #[must_use]
    pub fn name(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once('/').expect("checked when it was made")
    }

    /// Its letters as they are compared.
    fn compared(&self) -> impl Iterator<Item = u8> {
        self.0.bytes().map(|byte| byte.to_ascii_lowercase())
    }
}

impl PartialEq for Repo {
    fn eq(&self, other: &Repo) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Repo {}

impl Hash for Repo {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.compared().for_each(|byte| state.write_u8(byte));
        state.write_u8(0xff);
    }
}

impl PartialOrd for Repo {
    fn partial_cmp(&self, other: &Repo) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Repo {
    fn cmp(&self, other: &Repo) -> Ordering {
        self.compared().cmp(other.compared())
    }
}

/// The first rule that `text` breaks.
fn broken_rule(text: &str) -> Option<&'static str> {
    let Some((owner, name)) = text.split_once('/') else {
        return Some("`owner/name`");
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if owner.is_empty() || owner.len() > OWNER_MAX {
        Some("the owner has 1 to 39 characters")
    } else if !owner.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        Some("the owner is letters, digits and hyphens")
    } else if owner.starts_with('-') || owner.ends_with('-') || owner.contains("--") {
        Some("the owner has single hyphens, and none at its ends")
    } else if name.is_empty() || name.len() > NAME_MAX {
        Some("the name has 1 to 100 characters")
    } else if !name.bytes().all(is_name) {
        Some("the name is letters, digits, `.`, `_` and `-`")
    } else if name == "." || name == ".." {
        Some("`.` and `..` are not names")
    } else {
        None
    }
}

impl TryFrom<String> for Repo {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Repo, InvalidName> {
        match broken_rule(&text) {
            None => Ok(Repo(text)),
            Some(what) => Err(InvalidName::Repo { found: text, what }),
        }
    }
}

impl FromStr for Repo {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Repo, InvalidName> {
        Repo::try_from(text.to_owned())
    }
}

impl From<Repo> for String {
    fn from(repo: Repo) -> String {
        repo.0
    }
}

impl fmt::Display for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
