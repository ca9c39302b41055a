//! `govctl serve`, and whoever sends it deliveries.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::process::PATIENCE;
use crate::{Govctl, Stage, Victim, eventually};

/// A server that has started. Dropped, it is killed.
#[derive(Debug)]
pub struct Webhooks {
    /// The server itself.
    pub victim: Victim,
    /// Where it listens.
    pub address: String,
    /// How many deliveries it goes on with.
    pub resumed: u64,
}

/// What it said to a request.
#[derive(Debug)]
#[must_use = "an answer that nobody looks at proves nothing"]
pub struct Said {
    /// The status; 0 for no answer at all.
    pub status: u16,
    /// The lines before the body.
    pub head: String,
    /// The body as it came.
    pub text: String,
}

impl Said {
    /// What the server says on a connection until it closes it.
    pub fn on(stream: TcpStream) -> Said {
        answer(stream)
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Webhooks {
    /// What deliveries are signed with; nothing may ever show it.
    pub const SECRET: &'static str = "It-is-a-secret-to-everybody";

    /// Starts `run`, which is `serve` with its options, and waits until it listens.
    #[must_use]
    pub fn start(stage: &Stage, run: Govctl) -> Webhooks {
        let answer = stage.dir.join("serving.json");
        std::fs::remove_file(&answer).ok(); // There is one after a restart only.
        let run = run
            .option("--json-file", &answer)
            .env("GOVCTL_WEBHOOK_SECRET", Webhooks::SECRET)
            .arg("--listen=127.0.0.1:0");
        // Whoever started this test may ignore what it is sent.
        let victim = run.under(["env", "--default-signal"]).start();
        eventually("the server listens", || answer.exists());
        let said: Value = serde_json::from_slice(&std::fs::read(&answer).unwrap()).unwrap();
        let address = said["listening"].as_str().unwrap().to_owned();
        Webhooks { victim, address, resumed: said["resumed"].as_u64().unwrap() }
    }

    /// A connection to it.
    #[must_use]
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends these bytes, and reads to the end.
    pub fn send(&self, bytes: &[u8]) -> Said {
        let mut stream = self.connect();
        stream.write_all(bytes).ok(); // It may have said no before the end.
        Said::on(stream)
    }

    /// Asks for a path.
    pub fn get(&self, path: &str) -> Said {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
    }

    /// Sends a delivery as GitHub does.
    pub fn deliver(&self, name: &str, id: &str, payload: &Value) -> Said {
        self.send(&Webhooks::request(name, id, &payload.to_string()))
    }

    /// The value of a metric with its labels; 0 if it is not there.
    #[must_use]
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").text;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }
}

/// What a server says on a connection until it closes it.
fn answer(mut stream: TcpStream) -> Said {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok(); // What came before a reset counts.
    stream.shutdown(Shutdown::Both).ok();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).map_or(0, |status| status.parse().unwrap());
    Said { status, head: head.to_owned(), text: body.to_owned() }
}

impl Webhooks {
    /// The signature of a body.
    #[must_use]
    pub fn signature(secret: &str, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let mut text = "sha256=".to_owned();
        for byte in mac.finalize().into_bytes() {
            write!(text, "{byte:02x}").unwrap();
        }
        text
    }

    /// A signed delivery, byte for byte.
    #[must_use]
    pub fn request(name: &str, id: &str, body: &str) -> Vec<u8> {
        let (length, signature) = (body.len(), Webhooks::signature(Webhooks::SECRET, body));
        let head = format!(
            "POST /webhook HTTP/1.1\r\nHost: x\r\nX-GitHub-Event: {name}\r\n\
             X-GitHub-Delivery: {id}\r\nX-Hub-Signature-256: {signature}\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        (head + body).into_bytes()
    }
}
