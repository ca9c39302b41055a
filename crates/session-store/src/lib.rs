//! Sessions and their messages: in memory, in files, in Redis.
//!
//! A session is a conversation with an agent; its messages are any JSON objects, in order.
//! Of any number of appends at once, from any number of processes, every acknowledged one is
//! there, once, as it was given, byte for byte; one that was cut off is not there at all. A
//! deleted session stays deleted, whoever touches it or appends to it meanwhile. What cannot
//! be read is never taken for nothing and never overwritten.
//!
//! ```
//! use session_store::{FileStore, Message, Metadata, SessionStore};
//! # let dir = tempfile::tempdir()?;
//! # let now = std::time::SystemTime::UNIX_EPOCH;
//!
//! let store = FileStore::new(dir.path().join("sessions"));
//! let session = store.create("planner", Metadata::new(), now)?;
//!
//! let message: Message = r#"{"role": "user", "content": "hello"}"#.parse()?;
//! assert!(store.append(&session.id, &[message.clone()], now)?);
//!
//! let history = store.load(&session.id, now)?.expect("it is alive");
//! assert_eq!(history.messages, [message]);
//! assert_eq!(history.skipped, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! [`SessionStore`] is the contract, and one suite of tests runs against all of:
//!
//! | backend | for | an acknowledged append survives |
//! |---|---|---|
//! | [`MemoryStore`] | tests, one process | nothing |
//! | [`FileStore`] | processes of one machine | a kill and a power cut |
//! | `RedisStore`, feature `redis` | several machines | what the server is set up to survive |
//!
//! An append writes what is new and nothing else, so that its cost does not grow with the
//! history. [`SessionStore::read`] streams, so that a long history needs no large buffer.
//!
//! Time is an argument: a session ends when it has been idle for the store's [`Expiry`],
//! counted to the caller's `now`.
//!
//! # Limits
//!
//! - A message is at most 16 MiB large and about 120 levels deep.
//! - Messages are appended, never changed or removed, except with their session.
//! - Whoever knows an id has the session: ids are unguessable, not secret by themselves.
//! - Times are kept in whole microseconds, from 1970 to 9999.
//! - Synchronous; an async caller wraps the call.

mod error;
mod file;
mod memory;
mod message;
mod moment;
mod record;
#[cfg(feature = "redis")]
mod redis;
mod session;
mod store;

#[cfg(feature = "redis")]
pub use self::redis::RedisStore;
pub use error::{Cause, SessionError};
pub use file::FileStore;
pub use memory::MemoryStore;
pub use message::{InvalidMessage, Message};
pub use session::{InvalidSessionId, Metadata, Session, SessionId};
pub use store::{Agents, Expiry, History, Listing, SessionStore, Skipped};

pub use state_store::Wait;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
