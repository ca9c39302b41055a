//! The one HTTP client: bounded in time and in size, and it goes nowhere it was not sent.

use std::{
    io::{self, Read},
    time::Duration,
};

use ureq::{
    Agent, Body,
    http::{HeaderMap, Response, StatusCode},
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
    unversioned::transport::DefaultConnector,
};

use crate::lookup::Lookup;

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body, or its beginning if it is longer than the limit.
    pub(crate) body: Vec<u8>,
    /// The server had no more to say than `body`.
    pub(crate) is_whole: bool,
}

/// Who may sign the certificates of servers.
#[derive(Debug, Clone)]
pub(crate) struct Roots(RootCerts);

impl Roots {
    /// Those that are built in, which are Mozilla's.
    pub(crate) fn built_in() -> Roots {
        Roots(RootCerts::WebPki)
    }

    /// Those of a file in PEM, and no other. `None` if there is none in it.
    pub(crate) fn of_pem(text: &[u8]) -> Option<Roots> {
        let found = parse_pem(text).map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            // Keys and other things may be beside them; what is not PEM is not ours to guess.
            _ => None,
        });
        let found: Vec<_> = found.flatten().collect();
        (!found.is_empty()).then(|| Roots(RootCerts::new_with_certs(&found)))
    }
}

/// Makes a client whose every request takes `limit` at most, from the look-up of the name to
/// the last byte of the body.
///
/// Every status is an answer, also that of a redirect: following one would send what was meant
/// for one server to another, and take that one's word. Proxies are those of the variables
/// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
pub(crate) fn agent(limit: Duration, roots: &Roots) -> Agent {
    let config = Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(roots.0.clone()).build())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(limit))
        .user_agent(concat!("govctl/", env!("CARGO_PKG_VERSION")));
    Agent::with_parts(config.build(), DefaultConnector::default(), Lookup)
}

/// Reads an answer to its end, or the first `limit_bytes` of its body.
pub(crate) fn read(response: Response<Body>, limit_bytes: u64) -> io::Result<Answer> {
    let (head, body) = response.into_parts();
    let mut bytes = Vec::new();
    // One byte more tells a body of just that length from a longer one.
    body.into_reader().take(limit_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
    let is_whole = bytes.len() <= limit;
    bytes.truncate(limit);
    Ok(Answer { status: head.status, headers: head.headers, body: bytes, is_whole })
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::{Shutdown, TcpListener, TcpStream},
        thread,
    };

    use super::*;

    /// Serves one connection after the other with `say`, which gets what was asked.
    fn server(say: impl Fn(TcpStream, &str) + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut asked = [0; 4096];
                let length = stream.read(&mut asked).unwrap_or(0);
                say(stream, &String::from_utf8_lossy(&asked[..length]));
            }
        });
        format!("http://{address}/")
    }

    /// As [`agent`], and without a proxy that the machine of the test may have.
    fn get(url: &str, limit: Duration, limit_bytes: u64) -> Result<Answer, ureq::Error> {
        let request = agent(limit, &Roots::built_in()).get(url).config().proxy(None).build();
        Ok(read(request.call()?, limit_bytes)?)
    }

    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn every_status_is_an_answer_and_no_redirect_is_followed() {
        let url = server(|mut stream, asked| {
            assert!(asked.contains("govctl/"), "{asked}");
            let there = "HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 2\r\n\r\nno";
            let nothing = "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n";
            let say = if asked.starts_with("GET / ") { there } else { nothing };
            stream.write_all(say.as_bytes()).unwrap();
        });
        let found = get(&url, PATIENCE, 100).unwrap();
        assert_eq!(
            (found.status.as_u16(), &found.body[..], found.is_whole),
            (302, &b"no"[..], true)
        );
        assert_eq!(found.headers["location"], "/there");
        assert_eq!(get(&format!("{url}x"), PATIENCE, 100).unwrap().status.as_u16(), 500);
    }

    #[test]
    fn a_body_without_an_end_is_cut_at_the_limit() {
        let url = server(|mut stream, _| {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            while stream.write_all(&[b'x'; 1024]).is_ok() {}
        });
        let found = get(&url, PATIENCE, 5000).unwrap();
        assert_eq!((found.body.len(), found.is_whole), (5000, false));
    }

    #[test]
    fn a_server_that_says_nothing_or_too_little_or_stops_is_an_error() {
        let cases = ["", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12", "gibberish\r\n\r\n"];
        for case in cases {
            let url = server(move |mut stream, _| {
                stream.write_all(case.as_bytes()).unwrap();
                stream.shutdown(Shutdown::Both).unwrap();
            });
            assert!(get(&url, PATIENCE, 100).is_err(), "{case:?}");
        }
    }

    #[test]
    fn a_server_that_trickles_is_given_up_at_the_limit() {
        let url = server(|mut stream, _| {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").unwrap();
            while stream.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(5));
            }
        });
        assert!(get(&url, Duration::from_millis(200), 1 << 20).is_err());
    }
}
