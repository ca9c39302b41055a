//! Connections to the server: bounded waiting, and what an error means.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use redis::{Client, Connection, ErrorKind, RedisError, RedisResult};

use crate::{SessionError, error::Cause};

/// How many connections are kept for later calls.
const KEPT: usize = 8;

/// How long after its first sending a call may be sent again: well within [`MARK_LIVES`].
const RESEND_WITHIN: Duration = Duration::from_secs(60);

/// How long the server remembers that it has carried out an append.
pub(super) const MARK_LIVES: Duration = Duration::from_secs(600);

/// The server, and the connections that are idle. Each call has a connection of its own.
pub(super) struct Link {
    client: Client,
    idle: Mutex<Vec<Connection>>,
    connect_within: Duration,
    answer_within: Duration,
}

/// What a call does, for the case that its answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Reads,
    Changes,
}

impl Link {
    pub(super) fn new(url: &str) -> Result<Link, SessionError> {
        let client =
            Client::open(url).map_err(|error| SessionError::Address { source: error.into() })?;
        Ok(Link {
            client,
            idle: Mutex::default(),
            connect_within: Duration::from_secs(2),
            answer_within: Duration::from_secs(5),
        })
    }

    pub(super) fn waiting(self, connect_within: Duration, answer_within: Duration) -> Link {
        // Zero would mean no limit at all.
        let some = |limit: Duration| limit.max(Duration::from_millis(1));
        Link { connect_within: some(connect_within), answer_within: some(answer_within), ..self }
    }

    /// The server, without the password.
    pub(super) fn place(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    /// Makes `call`, on the session or keys called `name`.
    ///
    /// If the connection breaks, as it does when the server was restarted, the call is made
    /// once more on a new one: it must be the same if it is carried out twice. After a time
    /// without an answer it is not made again, so that the wait stays bounded.
    pub(super) fn run<T>(
        &self,
        name: &str,
        effect: Effect,
        call: impl Fn(&mut Connection) -> RedisResult<T>,
    ) -> Result<T, SessionError> {
        let started = Instant::now();
        let mut may_be_done = false;
        let mut resent = false;
        loop {
            let mut connection = match self.take(resent) {
                Ok(connection) => connection,
                Err(error) if may_be_done => {
                    return Err(self.unknown(cause(error, self.connect_within)));
                }
                Err(error) => return Err(self.not_connected(error)),
            };
            let error = match call(&mut connection) {
                Ok(answer) => {
                    self.keep(connection);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if let Some(code) = error.code().map(str::to_owned) {
                self.keep(connection);
                return Err(match may_be_done {
                    // It says no to the second sending; the first one may have gone through.
                    true => self.unknown(error.into()),
                    false => self.said_no(name, &code, error),
                });
            }
            // Else the connection is dropped: a late answer must not be taken for the next one.
            may_be_done = effect == Effect::Changes;
            let broken = error.is_io_error() && !error.is_timeout();
            if broken && !resent && started.elapsed() < RESEND_WITHIN {
                resent = true;
            } else if may_be_done {
                return Err(self.unknown(cause(error, self.answer_within)));
            } else {
                return Err(self.unavailable(cause(error, self.answer_within)));
            }
        }
    }

    /// A connection: an idle one, or `fresh`, because the idle ones are as old as the one
    /// that broke.
    fn take(&self, fresh: bool) -> RedisResult<Connection> {
        let mut idle = self.idle();
        if fresh {
            idle.clear();
        }
        if let Some(connection) = idle.pop() {
            return Ok(connection);
        }
        drop(idle);
        let connection = self.client.get_connection_with_timeout(self.connect_within)?;
        connection.set_read_timeout(Some(self.answer_within))?;
        connection.set_write_timeout(Some(self.answer_within))?;
        Ok(connection)
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < KEPT {
            idle.push(connection);
        }
    }

    /// A list of connections is whole at every moment, also if a thread panicked.
    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn not_connected(&self, error: RedisError) -> SessionError {
        match (error.code().map(str::to_owned), error.kind()) {
            (Some(code), _) => self.said_no("the connection", &code, error),
            (None, ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig) => {
                self.refused(error.into())
            }
            (None, _) => self.unavailable(cause(error, self.connect_within)),
        }
    }

    /// What the server's own error means; it comes before the first change, so none was made.
    fn said_no(&self, name: &str, code: &str, error: RedisError) -> SessionError {
        let source = error.into();
        match code {
            // It says so itself: later.
            "LOADING" | "BUSY" | "MASTERDOWN" | "TRYAGAIN" | "CLUSTERDOWN" => {
                self.unavailable(source)
            }
            "WRONGTYPE" => {
                let (name, place) = (name.to_owned(), self.place());
                SessionError::Damaged { name, place, source }
            }
            _ => self.refused(source),
        }
    }

    fn unavailable(&self, source: Cause) -> SessionError {
        SessionError::Unavailable { place: self.place(), source }
    }

    fn refused(&self, source: Cause) -> SessionError {
        SessionError::Refused { place: self.place(), source }
    }

    fn unknown(&self, source: Cause) -> SessionError {
        SessionError::Unknown { place: self.place(), source }
    }
}

/// The error as a cause. The system's words for a wait that ran out say nothing of a wait.
fn cause(error: RedisError, limit: Duration) -> Cause {
    if error.is_timeout() { format!("no answer within {limit:?}").into() } else { error.into() }
}
