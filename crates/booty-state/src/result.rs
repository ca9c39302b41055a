//! How a deploy ended.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::InvalidName;

/// How a deploy ended, as one word in the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("examples" = ["success", "failure", "pending"])))]
#[serde(from = "String", into = "String")]
pub enum DeployResult {
    /// It is live. `success`
    Success,
    /// It is not. `failure`
    Failure,
    /// It was started, and nobody has heard of it since. `pending`
    #[default]
    Pending,
    /// Another word, kept as it is: `cancelled`, `timed_out`, and what else GitHub says.
    Other(String),
}

const WORD_MAX: usize = 64;

/// What GitHub says of a run that has not ended.
const UNFINISHED: [&str; 5] = ["queued", "requested", "waiting", "in_progress", "completed"];

impl DeployResult {
    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            DeployResult::Success => "success",
            DeployResult::Failure => "failure",
            DeployResult::Pending => "pending",
            DeployResult::Other(word) => word,
        }
    }

    /// Whether it is known how the deploy ended.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        *self != DeployResult::Pending
    }
}

/// For files: a word that is there is kept, whatever it is.
impl From<String> for DeployResult {
    fn from(word: String) -> DeployResult {
        match word.as_str() {
            "success" => DeployResult::Success,
            "failure" => DeployResult::Failure,
            "pending" => DeployResult::Pending,
            _ => DeployResult::Other(word),
        }
    }
}

/// For callers: only what GitHub could have said of a run that has ended, and `pending`.
impl FromStr for DeployResult {
    type Err = InvalidName;

    fn from_str(word: &str) -> Result<DeployResult, InvalidName> {
        if UNFINISHED.iter().any(|unfinished| word.eq_ignore_ascii_case(unfinished)) {
            return Err(InvalidName::Unfinished { found: word.to_owned() });
        }
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if (1..=WORD_MAX).contains(&word.len()) && word.bytes().all(is_word) {
            Ok(DeployResult::from(word.to_owned()))
        } else {
            Err(InvalidName::DeployResult { found: word.to_owned() })
        }
    }
}

impl From<DeployResult> for String {
    fn from(result: DeployResult) -> String {
        match result {
            DeployResult::Other(word) => word,
            known => known.as_str().to_owned(),
        }
    }
}

impl fmt::Display for DeployResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
