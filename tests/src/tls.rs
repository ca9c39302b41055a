//! HTTPS on this machine: an authority that signs certificates, and a server that shows them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::TestDir;

/// An authority of its own, as companies have them.
#[derive(Debug)]
pub struct Authority {
    root: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one, with a key of its own; others may have the same name.
    #[must_use]
    pub fn new(name: &str) -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let root = params.self_signed(&key).unwrap();
        Authority { root, issuer: Issuer::new(params, key) }
    }

    /// Writes its own certificate into a file, for `SSL_CERT_FILE`.
    #[must_use]
    pub fn file(&self, dir: &TestDir) -> PathBuf {
        dir.write("authority.pem", &self.root.pem())
    }

    /// A server at `127.0.0.1` with a certificate for `name`, which passes on what it is asked
    /// to the server at `backend`.
    #[must_use]
    pub fn serving(&self, name: &str, backend: &str) -> Encrypted {
        Encrypted::new(self, CertificateParams::new(vec![name.to_owned()]).unwrap(), backend)
    }

    /// As [`serving`](Authority::serving), with a certificate that was valid in 2020.
    #[must_use]
    pub fn serving_expired(&self, name: &str, backend: &str) -> Encrypted {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 12, 31);
        Encrypted::new(self, params, backend)
    }
}

/// An HTTPS server in front of another one. It answers until the test ends.
#[derive(Debug)]
pub struct Encrypted {
    address: String,
}

impl Encrypted {
    fn new(authority: &Authority, params: CertificateParams, backend: &str) -> Encrypted {
        let key = KeyPair::generate().unwrap();
        let chain: Vec<CertificateDer<'static>> =
            vec![params.signed_by(&key, &authority.issuer).unwrap().der().clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key);
        let config = Arc::new(config.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let backend = backend.strip_prefix("http://").unwrap().to_owned();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, backend) = (config.clone(), backend.clone());
                thread::spawn(move || pass_on(stream, config, &backend));
            }
        });
        Encrypted { address }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.address
    }
}

/// One request and its answer; nothing if the client does not like the certificate.
fn pass_on(stream: TcpStream, config: Arc<ServerConfig>, backend: &str) {
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let connection = ServerConnection::new(config).unwrap();
    let mut client = BufReader::new(StreamOwned::new(connection, stream));
    let (mut request, mut body) = (Vec::new(), 0);
    loop {
        let mut line = Vec::new();
        if client.read_until(b'\n', &mut line).map_or(true, |length| length == 0) {
            return;
        }
        let text = String::from_utf8_lossy(&line).to_lowercase();
        if let Some(length) = text.strip_prefix("content-length:") {
            body = length.trim().parse().unwrap();
        }
        request.extend_from_slice(&line);
        if line == b"\r\n" {
            break;
        }
    }
    let head = request.len();
    request.resize(head + body, 0);
    client.read_exact(&mut request[head..]).unwrap();
    let mut server = TcpStream::connect(backend).unwrap();
    server.write_all(&request).unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).unwrap();
    let mut client = client.into_inner();
    client.write_all(&answer).unwrap();
    client.conn.send_close_notify();
    client.flush().ok();
    client.sock.shutdown(Shutdown::Both).ok();
}
