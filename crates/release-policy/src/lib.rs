//! May this release go out, and why not: a pure function.
//!
//! [`decide`] takes what is known ([`Facts`]) and what is wanted ([`Policy`]) and
//! answers `ALLOW` or `HOLD` with one [`Reason`], every rule that was looked at, the
//! moment at which the answer could change by itself, and what a person can do. The
//! same facts and policy give the same answer for ever, on every machine.
//!
//! ```
//! use release_policy::{Change, ChangeStatus, Changes, Facts, Outcome, Policy, Reason, decide};
//! use std::time::{Duration, SystemTime};
//!
//! let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
//! let facts = Facts {
//!     deploy_configured: true,
//!     first_deploy: false,
//!     base: Some("41be77c09b1d5e3b7a0f3c1f6b1c7f6f0d9a8e21".into()),
//!     changes: Changes::complete([Change::new(ChangeStatus::Added, "db/migrations/0007_drop.sql")]),
//!     ..Facts::new("9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f", now)
//! };
//!
//! let decision = decide(&facts, &Policy::default());
//! assert_eq!(decision.outcome, Outcome::Hold);
//! assert_eq!(decision.reason, Reason::HighRiskNoApproval);
//! assert_eq!(decision.path_matches[0].pattern, "**/migrations/**");
//! ```
//!
//! # How it works
//!
//! Every rule is a function from facts and policy to a [`RuleResult`]. All of them run,
//! so that a person sees everything that stands in the way; the first one in the order of
//! [`Reason::all`] that has something to say decides. The risk of a change comes from
//! gitignore patterns that answer as `git check-ignore --no-index` does. Whether a freeze is in
//! force ([`freeze_at`]) comes from the clock on a wall, with time zones that are part of the
//! program.
//!
//! A [`Policy`] comes from its defaults, from the text of a `.booty.yml` (`Config`, feature
//! `yaml`, on by default) and from variables that the caller hands over
//! ([`Governor::overridden_by`]); each value knows its [`Origin`].
//!
//! # Limits
//!
//! - Nothing is read here: no file, clock, environment or network. A fact that the caller
//!   got wrong or left out of date makes the answer wrong; a fact left out counts against
//!   the release (see [`Facts::new`]).
//! - Paths are text. A path that is not UTF-8 has to be made so by the caller.
//! - Texts from outside (paths, names, reasons) come back as they went in. Strip control
//!   characters before printing them to a terminal.

mod change;
#[cfg(feature = "yaml")]
mod config;
mod decision;
mod environment;
mod error;
mod explain;
mod facts;
mod field;
mod freeze;
mod hints;
#[cfg(feature = "schema")]
mod json_schema;
mod limits;
mod nearest;
mod order;
mod pattern;
mod policy;
mod reason;
mod risk;
mod rollback;
mod rules;
#[cfg(feature = "yaml")]
mod schema;
mod time;
mod value;
mod weekly;
#[cfg(feature = "yaml")]
mod yaml;
mod zone;

pub use change::{Change, ChangeStatus, Changes, Completeness};
#[cfg(feature = "yaml")]
pub use config::{Config, SchemaVersion, VerifySettings};
pub use decision::{Decision, Outcome, RuleResult, decide};
pub use environment::{Overridden, UnknownVariable};
pub use error::{PolicyError, Position, ScheduleError};
pub use facts::{
    Approval, ApprovalKind, Breaker, Delivery, Descent, Facts, Freeze, HandledOutcome, InProgress,
    LastAttempt, Switch, Verification,
};
pub use field::{Field, Origin, Origins, Setting};
pub use freeze::{DeclaredFreeze, freeze_at};
pub use order::{Rollback, RolledBack};
pub use pattern::Patterns;
pub use policy::{ApprovalMode, DisabledBecause, Governor, Policy};
pub use reason::{Reason, UnknownReason};
pub use risk::{PathMatch, RiskClass};
pub use value::Value;
pub use weekly::Weekly;
pub use zone::{Edge, Zone};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
