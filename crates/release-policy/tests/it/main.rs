//! The public promise of `release-policy`.
#![expect(clippy::unwrap_used, reason = "in a test, what is not there is a failure")]

mod boundaries;
#[cfg(feature = "yaml")]
mod config;
mod environment;
mod freezes;
mod hints;
#[cfg(feature = "yaml")]
mod hostile;
mod json;
#[cfg(feature = "yaml")]
mod mistakes;
mod patterns;
mod properties;
mod reasons;
mod risk;
mod rollback;
mod support;
mod table;
