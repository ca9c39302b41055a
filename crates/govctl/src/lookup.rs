//! Names of hosts, looked up within a time.

use std::{error::Error, fmt, io, sync::mpsc, thread};

use ureq::{
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{NextTimeout, time::Duration},
    },
};

/// Looks a name up in a thread of its own, as the default of `ureq` does. That one panics where
/// no thread can be had, and its errors do not tell that nothing was sent yet.
#[derive(Debug)]
pub(crate) struct Lookup;

/// The host has no address, as far as can be known: nothing was sent to it.
#[derive(Debug)]
pub(crate) struct NoAddress(String);

impl Resolver for Lookup {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let (found, answer) = mpsc::sync_channel(1);
        let (host, config) = (uri.clone(), config.clone());
        let unhurried = NextTimeout { after: Duration::NotHappening, ..timeout };
        let look = move || {
            // Nobody may be waiting for it any more.
            found.send(DefaultResolver::default().resolve(&host, &config, unhurried)).ok();
        };
        thread::Builder::new().spawn(look).map_err(|error| none(uri, &error.to_string()))?;
        match answer.recv_timeout(*timeout.after) {
            Ok(Err(error)) => Err(none(uri, &error.to_string())),
            Ok(addresses) => addresses,
            Err(_) => Err(none(uri, "it takes too long")),
        }
    }
}

fn none(uri: &Uri, why: &str) -> ureq::Error {
    let host = uri.host().unwrap_or_default();
    io::Error::other(NoAddress(format!("cannot find the address of `{host}`: {why}"))).into()
}

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for NoAddress {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{
        github::failure::{Cause, cause_of},
        http::{Roots, agent},
    };

    #[test]
    fn to_a_host_without_an_address_nothing_was_sent() {
        let agent = agent(Duration::from_secs(10), &Roots::built_in());
        let request = agent.post("http://nowhere.invalid/").config().proxy(None).build();
        let cause = cause_of(request.send_empty().unwrap_err());
        assert!(matches!(cause, Cause::NotSent(_)), "{cause:?}");
        assert!(cause.to_string().contains("address of `nowhere.invalid`"), "{cause}");
    }
}
