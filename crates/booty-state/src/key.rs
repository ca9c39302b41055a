//! What a delivery is about, and the text that stands for it in the file.

use std::{fmt, str::FromStr};

use crate::{InvalidName, Repo, Sha};

/// What a delivery is about: a commit, or another word of the old program's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A commit.
    Commit(Sha),
    /// Something else that is handled once: `deploy_run_123`.
    Other(Word),
}

/// Letters, digits, `.`, `_` and `-`, at most 100, and not what a [`Sha`] looks like.
///
/// Made by reading a [`Subject`], so that one text is never both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Word(String);

const WORD_MAX: usize = 100;

impl Word {
    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Subject {
    /// The text of it: all digits of a commit, or the word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Subject::Commit(sha) => sha.as_str(),
            Subject::Other(word) => word.as_str(),
        }
    }
}

impl FromStr for Subject {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Subject, InvalidName> {
        if let Ok(sha) = text.parse() {
            return Ok(Subject::Commit(sha));
        }
        if Subject::is_one(text) {
            Ok(Subject::Other(Word(text.to_owned())))
        } else {
            Err(InvalidName::Subject { found: text.to_owned() })
        }
    }
}

impl Subject {
    /// Whether `text` is a subject. Commit ids are words, too, so one look is enough.
    pub(crate) fn is_one(text: &str) -> bool {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (1..=WORD_MAX).contains(&text.len()) && text.bytes().all(is_word)
    }
}

impl From<Sha> for Subject {
    fn from(sha: Sha) -> Subject {
        Subject::Commit(sha)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One delivery: a repository and what is delivered, printed as `owner/name:subject`.
///
/// Neither part can contain the `:` between them, so that every text stands for exactly one
/// pair and no pair can pass for another.
///
/// # Examples
///
/// ```
/// use booty_state::DeliveryKey;
///
/// let key = DeliveryKey::of(&"acme/site".parse()?, &"9f2c1ab5d0".parse()?);
/// assert_eq!(key.to_string(), "acme/site:9f2c1ab5d0");
/// assert_eq!("acme/site:9F2C1AB5D0".parse::<DeliveryKey>()?, key);
/// # Ok::<(), booty_state::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeliveryKey {
    repo: Repo,
    subject: Subject,
}

impl DeliveryKey {
    /// The delivery of `subject` to `repo`.
    pub fn new(repo: Repo, subject: impl Into<Subject>) -> DeliveryKey {
        DeliveryKey { repo, subject: subject.into() }
    }

    /// The delivery of the commit `sha` to `repo`.
    #[must_use]
    pub fn of(repo: &Repo, sha: &Sha) -> DeliveryKey {
        DeliveryKey::new(repo.clone(), sha.clone())
    }

    /// The repository.
    #[must_use]
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// What is delivered.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The commit that is delivered, if it is one.
    #[must_use]
    pub fn sha(&self) -> Option<&Sha> {
        match &self.subject {
            Subject::Commit(sha) => Some(sha),
            Subject::Other(_) => None,
        }
    }
}

/// The spelling in which `key`, as [`DeliveryKey`] prints it, is among `keys`: GitHub takes the name
/// of a repository in any.
pub(crate) fn spelt<'a>(
    mut keys: impl Iterator<Item = &'a String>,
    key: &str,
) -> Option<&'a String> {
    let (repo, subject) = parts(key);
    keys.find(|known| {
        let (known_repo, known_subject) = parts(known);
        known_subject == subject && known_repo.eq_ignore_ascii_case(repo)
    })
}

/// `key` as it is compared.
pub(crate) fn compared(key: &str) -> String {
    let (repo, subject) = parts(key);
    format!("{}:{subject}", repo.to_ascii_lowercase())
}

fn parts(key: &str) -> (&str, &str) {
    key.split_once(':').unwrap_or((key, ""))
}

impl FromStr for DeliveryKey {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<DeliveryKey, InvalidName> {
        let Some((repo, subject)) = text.split_once(':') else {
            return Err(InvalidName::Key { found: text.to_owned() });
        };
        Ok(DeliveryKey { repo: repo.parse()?, subject: subject.parse()? })
    }
}

impl fmt::Display for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repo, self.subject)
    }
}
