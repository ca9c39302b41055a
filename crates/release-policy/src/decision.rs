//! The answer, and everything that led to it.

use std::fmt;
use std::time::SystemTime;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::facts::Facts;
use crate::hints::hints;
use crate::policy::Policy;
use crate::reason::Reason;
use crate::risk::{PathMatch, RiskClass, assess};
use crate::rules::{Case, evaluate};
use crate::time::rfc3339;
use crate::value::Value;

/// Decides whether a release may go out.
///
/// Never fails and never lets through what it does not know about. Every rule is looked at;
/// the first one that has something to say decides.
pub fn decide(facts: &Facts, policy: &Policy) -> Decision {
    let risk = assess(facts, policy);
    let rules = evaluate(&Case { facts, policy, risk: risk.class });
    let deciding = rules.iter().find_map(|rule| Some((rule.reason?, rule.retry_at)));
    // The last rule always has a reason; and if it ever had none, a gate that cannot decide must hold.
    let (reason, retry_at) = deciding.unwrap_or((Reason::HighRiskNoApproval, None));

    let mut paths: Vec<String> = Vec::new();
    for found in &risk.matches {
        if !paths.contains(&found.path) {
            paths.push(found.path.clone());
        }
    }
    Decision {
        outcome: reason.outcome(),
        risk_class: risk.class,
        reason,
        sha: facts.sha.clone(),
        base: facts.base.clone(),
        base_live_since: facts.base_live_since,
        repo: facts.repo.clone(),
        environment: facts.environment.clone(),
        unblock_hints: hints(reason, facts, policy),
        retry_at,
        risk_notes: risk.notes,
        paths,
        path_matches: risk.matches,
        rules,
        evaluated_at: facts.now,
    }
}

/// The answer to "may this release go out", with everything that led to it.
///
/// Serialises with the keys that `govctl check --json` prints, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Decision {
    /// Yes or no: the key `decision` in JSON.
    #[serde(rename = "decision")]
    pub outcome: Outcome,
    /// How much could go wrong.
    pub risk_class: RiskClass,
    /// Why.
    pub reason: Reason,
    /// The commit, as a full id.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub sha: String,
    /// The production commit that it was compared with.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[0-9a-f]{7,64}$")))]
    pub base: Option<String>,
    /// Since when that one is live.
    #[serde(serialize_with = "rfc3339::option::serialize")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub base_live_since: Option<SystemTime>,
    /// The repository.
    pub repo: String,
    /// The environment.
    pub environment: String,
    /// What a person can do, each a command or a sentence; empty if it may go out.
    pub unblock_hints: Vec<String>,
    /// When the deciding rule stops holding by itself, if it does. Always later than `evaluated_at`.
    #[serde(serialize_with = "rfc3339::option::serialize")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub retry_at: Option<SystemTime>,
    /// What else than a path made the risk what it is: an incomplete comparison, a security override.
    pub risk_notes: Vec<String>,
    /// The changed paths that drove the risk, each once; empty for LOW.
    pub paths: Vec<String>,
    /// The same with the patterns they match. A path that matches two lists appears twice.
    pub path_matches: Vec<PathMatch>,
    /// Every rule, in the order in which they decide.
    pub rules: Vec<RuleResult>,
    /// The moment of the decision.
    #[serde(serialize_with = "rfc3339::serialize")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub evaluated_at: SystemTime,
}

/// Whether a release may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Yes; or it is out already, see [`Reason::AlreadyDeployed`].
    Allow,
    /// Not now.
    Hold,
}

impl Outcome {
    /// Returns `ALLOW` or `HOLD`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::Hold => "HOLD",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// What one rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct RuleResult {
    /// Its short name: `freeze`, `cooldown`, `rate`.
    pub rule: &'static str,
    /// Whether it lets the release through.
    pub pass: bool,
    /// What it would decide if no earlier rule did. The first rule with a reason decides.
    pub reason: Option<Reason>,
    /// What it found, for a person, in a few words.
    pub detail: String,
    /// When it stops holding by itself, if it holds and does.
    #[serde(serialize_with = "rfc3339::option::serialize")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub retry_at: Option<SystemTime>,
    /// What it looked at, in order; an object in JSON.
    #[serde(serialize_with = "as_map")]
    #[cfg_attr(feature = "schema", schemars(with = "std::collections::BTreeMap<String, Value>"))]
    pub inputs: Vec<(&'static str, Value)>,
}

fn as_map<S: Serializer>(
    inputs: &Vec<(&'static str, Value)>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(inputs.len()))?;
    for (name, value) in inputs {
        map.serialize_entry(name, value)?;
    }
    map.end()
}
