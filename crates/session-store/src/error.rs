//! Why a session could not be read or changed.

use std::{error::Error, io};

use state_store::StoreError;

/// Why a session could not be read or changed, told apart by what the caller can do. That
/// a session is not there is no error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The server is not there or does not answer. Nothing was changed; trying again later
    /// may work.
    #[error("cannot reach the sessions in `{place}`")]
    Unavailable {
        /// The server.
        place: String,
        /// What happened.
        source: Cause,
    },
    /// The server answered that it will not do it: its memory is full, it takes no writes,
    /// it does not know us. Nothing was changed, and nothing will until somebody sees to it.
    #[error("the server of the sessions in `{place}` refuses")]
    Refused {
        /// The server.
        place: String,
        /// Its words.
        source: Cause,
    },
    /// The change was sent and no answer came: it may have been made or not. Load to find
    /// out; trying again may make it twice.
    #[error("it is not known whether the change to the sessions in `{place}` was made")]
    Unknown {
        /// The server.
        place: String,
        /// What happened.
        source: Cause,
    },
    /// What is there cannot be read. It was left as it is; a person decides.
    #[error("`{name}` in `{place}` is damaged")]
    Damaged {
        /// The session, or the key of its messages.
        name: String,
        /// The directory or server.
        place: String,
        /// What is wrong with it.
        source: Cause,
    },
    /// The files could not be read or changed.
    #[error(transparent)]
    Files(#[from] StoreError),
    /// The address is not one of a server that this store can talk to.
    #[error("not the address of a Redis server")]
    Address {
        /// What is wrong with it.
        source: Cause,
    },
    /// The operating system gave no random bytes, so there is no id that nobody guesses.
    #[error("cannot make an unguessable id")]
    NoRandomness {
        /// What the operating system said.
        source: io::Error,
    },
}

/// An error of the library that talks to the server: its type is no part of the promise.
pub type Cause = Box<dyn Error + Send + Sync>;
