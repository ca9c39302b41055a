//! A kit for tests of the real program, in real repositories, that is really killed.
//!
//! Every run has an empty environment, a directory of its own and an end: nothing of the
//! machine or of the person gets in, and nothing waits for ever. What a test does not expect
//! on stdout or stderr is expected not to be there.
//!
//! ```
//! use system_tests::{Exit, Stage};
//!
//! let stage = Stage::new();
//! let sha = stage.repository.commit("README.md", "Read me.");
//! stage.govctl("deploy HEAD -- ran").run().stdout_has("DEPLOYED").exit(Exit::Yes);
//! assert_eq!(stage.ran(), [sha]);
//! ```
//!
//! # How it works
//!
//! The program is found beside the test and built once if it is missing or older than its
//! sources. Output goes to files, so that a child that outlives its parent cannot keep a test
//! waiting. Waiting is polling with a deadline.
//!
//! # Limits
//!
//! Linux, with git; `strace` for [`Trace`], `unshare` for [`Mount`], and `redis-server` for
//! [`Redis`].

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::missing_panics_doc, reason = "panicking is how a kit for tests says no")]

mod answer;
mod dir;
mod follow;
mod github;
mod govctl;
mod life;
mod mount;
mod process;
mod program;
mod random;
mod redis;
mod repository;
mod sshd;
mod stage;
mod steps;
mod sweep;
mod tls;
mod trace;
mod victim;
mod webhooks;
mod workflow;

pub use answer::{Answer, Exit};
pub use dir::TestDir;
pub use github::{Asked, GitHub, Reply};
pub use govctl::Govctl;
pub use life::{Flaw, Life, LifeCounts};
pub use mount::Mount;
pub use nix::sys::signal::Signal;
pub use process::{eventually, is_gone, session_is_over, with_variable};
pub use program::govctl_binary;
pub use random::Random;
pub use redis::Redis;
pub use repository::Repository;
pub use sshd::Sshd;
pub use stage::Stage;
pub use steps::{Blow, Kind, Steps, Task, Whom};
pub use sweep::killed_at_each;
pub use tls::{Authority, Encrypted};
pub use trace::{Call, Trace};
pub use victim::Victim;
pub use webhooks::{Said, Webhooks};
pub use workflow::{Run, Workflow};
