//! The three states as other people see them.

use std::fmt;

/// Whether calls go through.
///
/// Written as `closed`, `open` and `half_open`, by `Display` and by serde.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum CircuitState {
    /// Every call goes through; failures are counted.
    Closed,
    /// No call goes through until the recovery time is over.
    Open,
    /// A limited number of trials goes through; they decide.
    HalfOpen,
}

impl fmt::Display for CircuitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        })
    }
}
