//! What the server says, and how it goes out.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// An answer to one request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    kind: &'static str,
    /// A further header, as a whole line.
    header: &'static str,
    body: String,
}

impl Answer {
    /// What became of a request, as one word and what else there is to say.
    pub(crate) fn json(status: u16, word: &str, more: &Value) -> Answer {
        let mut body = json!({ "schema": "govctl.webhook/1", "status": word });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        let kind = "application/json";
        Answer { status, kind, header: "", body: format!("{body}\n") }
    }

    /// Why a request is not answered as it wants to be.
    pub(crate) fn refusal(status: u16, why: &str) -> Answer {
        Answer::json(status, "refused", &json!({ "error": why }))
    }

    /// The metrics.
    pub(crate) fn metrics(text: String) -> Answer {
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        Answer { status: 200, kind, header: "", body: text }
    }

    /// That this method is none of the path's, and which is.
    pub(crate) fn only(allow: &'static str) -> Answer {
        let refusal = Answer::refusal(405, "this path has another method");
        Answer { header: allow, ..refusal }
    }

    /// Sends it and ends the connection. Nobody listens any more if that fails.
    pub(crate) fn send(&self, mut stream: &TcpStream, to_head: bool) {
        let Answer { status, kind, header, body } = self;
        let reason = reason(*status);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\
             connection: close\r\n{header}\r\n"
        );
        // An answer to HEAD is a head: a body would be taken for the next answer.
        let body = if to_head { "" } else { body };
        stream.set_write_timeout(Some(PATIENCE)).ok();
        if stream.write_all(format!("{head}{body}").as_bytes()).is_ok() {
            linger(stream);
        }
    }
}

/// How long a client may take to read an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Ends a connection after its answer. To close it over unread bytes would reset it, and the
/// client might lose the answer, so they are read, for a while.
fn linger(mut stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).ok();
    let deadline = Instant::now() + PATIENCE;
    let mut unread = [0; 16 * 1024];
    while let Some(left) = deadline.checked_duration_since(Instant::now()) {
        let left = left.max(Duration::from_millis(1)); // Zero would be for ever.
        let read = stream.set_read_timeout(Some(left)).and_then(|()| stream.read(&mut unread));
        if !matches!(read, Ok(1..)) {
            return;
        }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Internal Server Error",
    }
}
