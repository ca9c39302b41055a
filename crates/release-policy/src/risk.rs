//! From touched paths to a risk class, and which paths drove it.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::change::{ChangeStatus, Changes, Completeness};
use crate::facts::Facts;
use crate::field::Field;
use crate::pattern::Patterns;
use crate::policy::Policy;

/// How much could go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RiskClass {
    /// Nothing that anybody listed was touched.
    Low,
    /// Something in `medium_risk_paths` was touched.
    Medium,
    /// Something in `high_risk_paths` or `migration_paths` was touched, or it cannot be excluded.
    High,
}

impl RiskClass {
    /// Returns `LOW`, `MEDIUM` or `HIGH`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }
}

impl fmt::Display for RiskClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Serialize for RiskClass {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// A changed path and the pattern that it matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PathMatch {
    /// The path as it was given.
    pub path: String,
    /// What happened to it.
    pub status: ChangeStatus,
    /// The pattern as it was given.
    pub pattern: String,
    /// The list that the pattern is in.
    pub list: Field,
}

/// A class and what led to it.
pub(crate) struct Risk {
    pub(crate) class: RiskClass,
    /// What matched in the lists of that class; empty for LOW.
    pub(crate) matches: Vec<PathMatch>,
    /// What else than a path led to it, as sentences.
    pub(crate) notes: Vec<String>,
}

pub(crate) fn assess(facts: &Facts, policy: &Policy) -> Risk {
    let mut high = matches(&facts.changes, &policy.high_risk_paths, Field::HighRiskPaths);
    high.extend(matches(&facts.changes, &policy.migration_paths, Field::MigrationPaths));

    let mut notes = Vec::new();
    if let Completeness::Truncated { why } = &facts.changes.completeness {
        notes.push(format!(
            "the list of changed paths may be incomplete ({why}), so it counts as HIGH"
        ));
    }
    if let Some(described) = &facts.security_override {
        notes.push(format!("a security override is on record ({described}), so it counts as HIGH"));
    }

    if !high.is_empty() || !notes.is_empty() {
        return Risk { class: RiskClass::High, matches: high, notes };
    }
    let medium = matches(&facts.changes, &policy.medium_risk_paths, Field::MediumRiskPaths);
    let class = if medium.is_empty() { RiskClass::Low } else { RiskClass::Medium };
    Risk { class, matches: medium, notes }
}

fn matches(changes: &Changes, patterns: &Patterns, list: Field) -> Vec<PathMatch> {
    let found = changes.list.iter().filter_map(|change| {
        let pattern = patterns.matching(&change.path)?.to_owned();
        Some(PathMatch { path: change.path.clone(), status: change.status, pattern, list })
    });
    found.collect()
}
