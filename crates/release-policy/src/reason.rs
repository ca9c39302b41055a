//! The reasons: one stable word each.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::decision::Outcome;
use crate::explain::{TABLE, Text};
use crate::nearest::nearest;

/// Why a decision is what it is.
///
/// In the order of the rules: if several apply, the earliest decides. Words, outcomes and
/// texts stand in one table; the words are a contract with scripts and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// The governor is off, so nothing goes out through it.
    GovernorDisabled,
    /// The commit is live; there is nothing to do.
    AlreadyDeployed,
    /// Another deploy is running.
    DeployInProgress,
    /// A deploy was cut off and nobody has said how it ended.
    OutcomeUnknown,
    /// Verifying the commit failed.
    VerificationFailed,
    /// The circuit breaker lets nothing through.
    BreakerOpen,
    /// A freeze is in force.
    Freeze,
    /// There is nothing to run.
    DeployNotConfigured,
    /// The first deploy needs an approval.
    FirstDeployRequired,
    /// Production is degraded and the risk is HIGH.
    DegradedHighRisk,
    /// This commit failed a short while ago.
    Cooldown,
    /// Enough went out in the last hour.
    RateLimit,
    /// The commit to go back to was never live.
    NeverLive,
    /// The commit was taken back by a rollback.
    RolledBack,
    /// It is a rollback, and nothing makes it unsafe.
    AllowRollback,
    /// This commit was handled before and nobody asked for it once more.
    RedeployRequired,
    /// The commit does not contain what is live.
    NotDescendant,
    /// The risk is LOW.
    AllowLow,
    /// Production is degraded and the risk is MEDIUM.
    DegradedMediumHold,
    /// The risk is MEDIUM and production is well.
    AllowMedium,
    /// The risk is HIGH and somebody approved it.
    AllowHighApproved,
    /// The risk is HIGH and nobody approved it.
    HighRiskNoApproval,
}

impl Reason {
    /// Lists every reason in the order of the rules.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        TABLE.iter().map(|text| text.reason)
    }

    /// Finds the reason that a word stands for.
    ///
    /// # Errors
    ///
    /// [`UnknownReason`] with the nearest word, if one is near.
    ///
    /// # Examples
    ///
    /// ```
    /// use release_policy::Reason;
    ///
    /// assert_eq!(Reason::from_word("cooldown"), Ok(Reason::Cooldown));
    /// let unknown = Reason::from_word("cooldwn").unwrap_err();
    /// assert_eq!(unknown.nearest, Some("cooldown"));
    /// ```
    pub fn from_word(word: &str) -> Result<Self, UnknownReason> {
        TABLE.iter().find(|text| text.word == word).map(|text| text.reason).ok_or_else(|| {
            UnknownReason {
                word: word.into(),
                nearest: nearest(word, TABLE.iter().map(|text| text.word)),
            }
        })
    }

    /// Returns its stable word, such as `high_risk_no_approval`.
    pub fn word(self) -> &'static str {
        self.text().word
    }

    /// Returns the answer that it leads to.
    pub fn outcome(self) -> Outcome {
        self.text().outcome
    }

    /// Returns what it means, in one line.
    pub fn meaning(self) -> &'static str {
        self.text().meaning
    }

    /// Returns the long form: when it applies, what it protects from, what to know about it.
    pub fn explanation(self) -> &'static str {
        self.text().explanation
    }

    /// Returns what a person can do about it; empty if there is nothing to unblock.
    pub fn unblock(self) -> &'static str {
        self.text().unblock
    }

    fn text(self) -> &'static Text {
        // The table is in the order of the variants; `the_table_is_in_the_order_of_the_rules` checks it.
        &TABLE[self as usize]
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(word: &str) -> Result<Self, UnknownReason> {
        Self::from_word(word)
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// A word that is no reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no reason `{word}`")]
pub struct UnknownReason {
    /// The word.
    pub word: String,
    /// The reason whose word is nearest, if one is near enough to be meant.
    pub nearest: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    use super::{Reason, TABLE};

    #[test]
    fn the_table_is_in_the_order_of_the_rules() {
        for (place, text) in TABLE.iter().enumerate() {
            assert_eq!(text.reason as usize, place, "`{}` stands at {place}", text.word);
        }
        assert_eq!(
            TABLE.len(),
            Reason::HighRiskNoApproval as usize + 1,
            "every reason has its row"
        );
    }
}
