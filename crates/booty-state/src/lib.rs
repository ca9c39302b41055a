//! The release state and the delivery cache of a release governor.
//!
//! What is live, what was tried and how it went is in one document, which commits were
//! delivered in another, and who changed what in a log. Every change is one update: when it
//! returns `Ok` it survives a power cut, and of any number of processes every one counts. Of
//! those that claim one delivery at once exactly one is told that it is new, and a document
//! that cannot be trusted is an error, never "not handled".
//!
//! ```
//! use booty_state::{Claim, DeliveryCache, DeliveryKey, DeployResult, Keep, Moment, ReleaseStore};
//! use state_store::Store;
//!
//! # let dir = tempfile::tempdir()?;
//! let store = Store::files(dir.path());
//! let (releases, deliveries) = (ReleaseStore::new(&store), DeliveryCache::new(&store, Keep::default()));
//! let (repo, sha) = ("acme/site".parse()?, "9f2c1ab5d0".parse()?);
//! let now: Moment = "2026-11-20T18:53:00Z".parse()?;
//!
//! if deliveries.claim(&DeliveryKey::of(&repo, &sha), &"event-1".parse()?)? == Claim::New {
//!     releases.attempt_started(&sha, now)?;
//!     // ... deploy ...
//!     releases.finished(&sha, DeployResult::Success, now)?;
//! }
//! assert!(releases.load()?.is_live(&sha));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! [`ReleaseState`] and [`Deliveries`] are plain values: their methods are the transitions,
//! time is an argument, and nothing in them touches a file. [`ReleaseStore`] and
//! [`DeliveryCache`] run each transition as one update of a `state_store` document.
//! [`AuditLog`] chains its lines by hash and forgets nothing: ask it what became of a commit
//! that has left the other two ([`AuditLog::last_deploy_of`]). [`ApprovalStore`] keeps who let which commit go out, and until
//! when, and [`FreezeStore`] when nothing is to. [`SecurityOverrides`] is read only: another program writes it.
//!
//! Names from outside are checked types ([`Repo`], [`Sha`], [`DeliveryKey`], [`DeliveryId`]),
//! and no text that a caller passes can stand for another delivery. The files are those of
//! the Python program that this system replaces. It can go on reading them, and writing the
//! release state; a delivery cache that it has written is reported as changed outside, and
//! answers nothing until a person accepts it.
//!
//! # Limits
//!
//! - Two documents are two updates. A claim without an attempt, or an attempt without an
//!   outcome, is what a crash in between leaves; [`ReleaseState::unknown`] lists the latter.
//! - The old program locks nobody out. While both write at once, changes can be lost as they
//!   always could.
//! - It knows nothing of GitHub, of decisions and their reasons, or of the clock.

mod approval;
mod approval_store;
mod audit;
mod audit_store;
mod claimed;
mod cut_off;
mod delivery;
mod delivery_store;
mod directory;
mod error;
mod freeze;
mod freeze_log;
mod freeze_store;
mod id;
mod key;
mod kinds;
mod last_deploy;
mod line_first;
mod moment;
mod open_deploy;
mod overrides;
mod owner;
mod release;
mod release_store;
mod repo;
mod result;
mod rollback;
mod sha;
mod transition;
mod verification;
mod witness;

pub use approval::{Approval, Approvals, Standing, Withdrawn};
pub use approval_store::ApprovalStore;
pub use audit::{Entry, NewEntry};
pub use audit_store::{AuditLog, Entries, Verified};
pub use cut_off::CutOff;
pub use delivery::{Claim, Deliveries, Delivery, Keep};
pub use delivery_store::DeliveryCache;
pub use directory::{StateDirFacts, state_dir};
pub use error::{ChainBreak, InvalidName, StateError};
pub use freeze::{Freeze, Freezes};
pub use freeze_store::FreezeStore;
pub use id::DeliveryId;
pub use key::{DeliveryKey, Subject, Word};
pub use kinds::KINDS;
pub use last_deploy::LastDeploy;
pub use moment::Moment;
pub use open_deploy::OpenDeploy;
pub use overrides::{Override, SecurityOverrides};
pub use owner::Owner;
pub use release::{Deploy, ReleaseState};
pub use release_store::ReleaseStore;
pub use repo::Repo;
pub use result::DeployResult;
pub use rollback::RolledBack;
pub use sha::Sha;
pub use verification::{Verifications, VerifiedBy, VerifiedCommit};
pub use witness::NoWitness;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
