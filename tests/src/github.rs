//! A server on this machine that speaks as GitHub's REST API does, in the shapes of its
//! documentation, and can fail in every way.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::Govctl;

/// What the server was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET` or `POST`.
    pub method: String,
    /// The path with what is behind the question mark.
    pub path: String,
    /// Every header, its name in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, if it is JSON.
    pub body: Value,
    /// How many bytes all of it had.
    pub length: usize,
}

impl Asked {
    /// The value of a header; empty if it was not sent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value)
    }
}

/// What it answers.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    cut_at: Option<usize>,
}

impl Reply {
    /// An answer with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Reply {
        Reply { status, headers: Vec::new(), body: body.to_string(), cut_at: None }
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: String::new(), cut_at: None }
    }

    /// What GitHub says where there is nothing.
    #[must_use]
    pub fn not_found() -> Reply {
        Reply::json(404, &serde_json::json!({ "message": "Not Found", "status": "404" }))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Breaks the connection after this many bytes of the answer.
    #[must_use]
    pub fn cut_at(self, bytes: usize) -> Reply {
        Reply { cut_at: Some(bytes), ..self }
    }

    /// How long the whole answer is.
    #[must_use]
    pub fn length(&self) -> usize {
        self.bytes().len()
    }

    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} Some reason\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !matches!(self.status, 204 | 304) {
            text.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        format!("{text}\r\n{}", self.body).into_bytes()
    }
}

type Says = Box<dyn FnMut(&Asked) -> Reply + Send>;

/// The server. It answers until the test ends.
#[derive(Debug)]
pub struct GitHub {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    ears: Arc<Ears>,
}

/// How much the server hears of a request that wants to change something.
#[derive(Debug)]
struct Ears {
    /// It breaks the connection after so many bytes.
    deaf_after: AtomicUsize,
    /// How many such requests have begun.
    begun: AtomicUsize,
}

impl GitHub {
    /// A server that answers as `says`, one question after the other.
    #[must_use]
    pub fn new(says: impl FnMut(&Asked) -> Reply + Send + 'static) -> GitHub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (says, log): (Arc<Mutex<Says>>, _) =
            (Arc::new(Mutex::new(Box::new(says))), asked.clone());
        let (deaf_after, begun) = (AtomicUsize::new(usize::MAX), AtomicUsize::new(0));
        let ears = Arc::new(Ears { deaf_after, begun });
        let heard = ears.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (says, log, ears) = (says.clone(), log.clone(), heard.clone());
                thread::spawn(move || serve(stream, &says, &log, &ears));
            }
        });
        GitHub { address, asked, ears }
    }

    /// A server that gives these answers one after the other, and the last one for ever.
    #[must_use]
    pub fn saying(replies: impl IntoIterator<Item = Reply>) -> GitHub {
        let mut replies: VecDeque<Reply> = replies.into_iter().collect();
        GitHub::new(move |_| match replies.len() {
            0 => Reply::not_found(),
            1 => replies[0].clone(),
            _ => replies.pop_front().unwrap(),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.address
    }

    /// From now on the connection of a POST breaks after this many bytes of it.
    pub fn hear_only(&self, bytes: usize) {
        self.ears.deaf_after.store(bytes, Ordering::SeqCst);
    }

    /// How many POSTs have begun, heard to their end or not.
    #[must_use]
    pub fn begun(&self) -> usize {
        self.ears.begun.load(Ordering::SeqCst)
    }

    /// Everything that it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What it was asked with `method` at a path that has `part` in it.
    #[must_use]
    pub fn asked_for(&self, method: &str, part: &str) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(|asked| asked.method == method && asked.path.contains(part));
        asked
    }

    /// Lets a run ask this server about `acme/shop`, with [`TOKEN`](GitHub::TOKEN).
    pub fn for_run(&self, run: Govctl) -> Govctl {
        run.option("--repo", "acme/shop")
            .env("GITHUB_API_URL", self.url())
            .env("GITHUB_TOKEN", GitHub::TOKEN)
    }

    /// The token that runs have; nothing may ever show it.
    pub const TOKEN: &'static str = "ghs_NeverToBeShown0123456789";
}

fn serve(mut stream: TcpStream, says: &Mutex<Says>, log: &Mutex<Vec<Asked>>, ears: &Ears) {
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut first = [0];
    if stream.peek(&mut first).is_ok_and(|length| length == 1) && first == *b"P" {
        ears.begun.fetch_add(1, Ordering::SeqCst);
        let deaf_after = ears.deaf_after.load(Ordering::SeqCst);
        if deaf_after != usize::MAX {
            // A request that is shorter is heard whole, and not answered.
            stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            stream.read_exact(&mut vec![0; deaf_after]).ok();
            stream.shutdown(Shutdown::Both).ok();
            return;
        }
    }
    let Some(asked) = read(&mut BufReader::new(&stream)) else { return };
    log.lock().unwrap().push(asked.clone());
    let reply = (says.lock().unwrap())(&asked);
    let bytes = reply.bytes();
    let length = reply.cut_at.unwrap_or(bytes.len()).min(bytes.len());
    stream.write_all(&bytes[..length]).ok();
    stream.shutdown(Shutdown::Both).ok();
}

/// One request. `None` if it breaks off.
fn read(from: &mut impl BufRead) -> Option<Asked> {
    let mut length = 0;
    let mut line = || {
        let mut line = String::new();
        length += from.read_line(&mut line).ok().filter(|length| *length > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let mut asked = Asked { method, path, headers, body: Value::Null, length };
    let mut body = vec![0; asked.header("content-length").parse().unwrap_or(0)];
    from.read_exact(&mut body).ok()?;
    asked.length += body.len();
    asked.body = serde_json::from_slice(&body).unwrap_or_default();
    Some(asked)
}
