//! Why GitHub did not do what it was asked, and whether it may have done it all the same.

use std::{error::Error, fmt, io, time::Duration};

use crate::{
    exit::{CliError, Kind},
    lookup::NoAddress,
};

/// Why there is no answer to go on with.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What was asked for: "GET /repos/acme/shop/pulls/7".
    pub(crate) asked: String,
    pub(crate) cause: Cause,
}

/// What went wrong.
#[derive(Debug)]
pub(crate) enum Cause {
    /// The request never left: nobody was there to take it.
    NotSent(ureq::Error),
    /// As above: whoever was there could not prove to be the server.
    Untrusted(io::Error),
    /// It was refused, with GitHub's word for why. Nothing was done.
    Refused { status: u16, message: String },
    /// As above: we have asked too much, and the wait is longer than our patience.
    Limited { wait: Duration },
    /// An error of the server, which may have done it before.
    Server { status: u16 },
    /// The connection broke, or the answer took too long or made no sense.
    Lost(io::Error),
}

impl Failure {
    /// Whether what was asked for provably did not happen.
    pub(crate) fn nothing_happened(&self) -> bool {
        match self.cause {
            Cause::NotSent(_)
            | Cause::Untrusted(_)
            | Cause::Refused { .. }
            | Cause::Limited { .. } => true,
            Cause::Server { .. } | Cause::Lost(_) => false,
        }
    }

    pub(crate) fn status(&self) -> Option<u16> {
        match self.cause {
            Cause::Refused { status, .. } | Cause::Server { status } => Some(status),
            _ => None,
        }
    }
}

/// What went wrong with the request itself, as far as the client can tell.
pub(crate) fn cause_of(error: ureq::Error) -> Cause {
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    match error {
        error @ ureq::Error::HostNotFound => Cause::NotSent(error),
        ureq::Error::Io(error) if refused(&error) || has_no_address(&error) => {
            Cause::NotSent(error.into())
        }
        ureq::Error::Io(error) if is_untrusted(&error) => Cause::Untrusted(error),
        // Everything else may have happened after the first byte was on its way.
        error => Cause::Lost(error.into_io()),
    }
}

fn has_no_address(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<NoAddress>())
}

/// Whether the handshake ended at the certificate of the server, before a request could be sent.
fn is_untrusted(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
        && error.to_string().starts_with("invalid peer certificate")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitHub did not answer `{}` as it should", self.asked)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::NotSent(error) => write!(f, "cannot connect: {error}"),
            Cause::Refused { status, message } => write!(f, "status {status}: {message}"),
            Cause::Limited { wait } => {
                write!(f, "the rate limit is used up; it begins anew in {} s", wait.as_secs())
            }
            Cause::Server { status } => write!(f, "status {status}"),
            Cause::Untrusted(error) => write!(f, "nothing was sent: {error}"),
            Cause::Lost(error) => write!(f, "{error}"),
        }
    }
}

impl Error for Cause {}

impl From<Failure> for CliError {
    fn from(failure: Failure) -> CliError {
        let error = CliError::from_error(Kind::Broken, &failure);
        if matches!(failure.cause, Cause::Untrusted(_)) {
            return error.hint("for an authority of your own: SSL_CERT_FILE=FILE, in PEM");
        }
        match failure.status() {
            Some(401) => error.hint("the token is not valid: set GITHUB_TOKEN to one that is"),
            Some(403) => error.hint("the token may not do that: the README lists what it needs"),
            Some(404) => error.hint(
                "it is not there, or the token cannot see it: govctl status names the repository",
            ),
            _ => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_happened_is_never_nothing() {
        let of = |cause| Failure { asked: String::new(), cause }.nothing_happened();
        assert!(of(Cause::Refused { status: 422, message: String::new() }));
        assert!(of(cause_of(io::Error::from(io::ErrorKind::ConnectionRefused).into())));
        assert!(of(cause_of(ureq::Error::HostNotFound)));
        assert!(!of(Cause::Server { status: 502 }));
        for kind in
            [io::ErrorKind::TimedOut, io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe]
        {
            assert!(!of(cause_of(io::Error::from(kind).into())), "{kind}");
        }
        assert!(!of(cause_of(ureq::Error::ConnectionFailed)));
        let invalid = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text);
        assert!(of(cause_of(invalid("invalid peer certificate: Expired").into())));
        assert!(!of(cause_of(invalid("invalid body").into())));
    }
}
