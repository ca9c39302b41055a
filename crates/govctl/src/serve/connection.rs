//! One request of a client that may be slow, mistaken or hostile: everything has a limit.
//!
//! One connection is one request. What a client sends behind it is not looked at, so there is no
//! second request that could be smuggled in, and the answer says `connection: close`.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use super::answer::Answer;

/// How long a head may be.
const HEAD_BYTES: usize = 16 * 1024;

/// How many headers it may have. GitHub sends about fifteen, a proxy adds a few.
const HEADERS: usize = 64;

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum NoRequest {
    /// The client gets this answer.
    Refused(Answer),
    /// It has closed the connection, or it broke.
    Gone,
}

/// The first lines of a request.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: String,
    /// Without what is behind a question mark.
    pub(crate) path: String,
    headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    /// The header of that name, in lower case. One that comes twice is none: we and a proxy in
    /// front of us might each believe another one.
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        let mut found = self.headers.iter().filter(|(found, _)| found == name);
        let first = found.next()?;
        found.next().is_none().then_some(first.1.as_slice())
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(found, _)| found == name)
    }

    /// How long the body is, as it is announced.
    pub(crate) fn length(&self) -> Result<usize, Answer> {
        if self.has("transfer-encoding") || !self.has("content-length") {
            return Err(Answer::refusal(411, "the length of the body is not announced"));
        }
        let digits = self.header("content-length").unwrap_or_default();
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let wrong = || Answer::refusal(400, "the length of the body is no number");
        let text = str::from_utf8(digits).ok().filter(|_| is_number).ok_or_else(wrong)?;
        // More digits than a number has are a large number, too.
        Ok(text.parse().unwrap_or(usize::MAX))
    }
}

/// A connection, and what was read of it.
#[derive(Debug)]
pub(crate) struct Connection<'a> {
    stream: &'a TcpStream,
    read: Vec<u8>,
    deadline: Instant,
}

impl<'a> Connection<'a> {
    /// The whole request has to come within `limit`, however it trickles.
    pub(crate) fn new(stream: &'a TcpStream, limit: Duration) -> Connection<'a> {
        let now = Instant::now();
        let deadline = now.checked_add(limit).unwrap_or(now + Duration::from_secs(3600));
        Connection { stream, read: Vec::new(), deadline }
    }

    /// Whether the client is still there: one that has closed its side waits for no answer.
    pub(crate) fn is_open(&self) -> bool {
        let look = || {
            self.stream.set_nonblocking(true)?;
            let seen = self.stream.peek(&mut [0]);
            self.stream.set_nonblocking(false)?;
            seen
        };
        match look() {
            Ok(seen) => seen > 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }

    /// Reads the head.
    pub(crate) fn head(&mut self) -> Result<Head, NoRequest> {
        loop {
            if let Some((head, length)) = parsed(&self.read).map_err(NoRequest::Refused)? {
                self.read.drain(..length);
                return Ok(head);
            }
            if self.read.len() >= HEAD_BYTES {
                return Err(NoRequest::Refused(too_long()));
            }
            self.more(HEAD_BYTES - self.read.len())?;
        }
    }

    /// Reads a body of that length, as far as the memory for all bodies reaches.
    pub(crate) fn body<'m>(
        &mut self,
        head: &Head,
        length: usize,
        memory: &'m Memory,
    ) -> Result<Body<'m>, NoRequest> {
        let is_asked = head.header("expect").is_some_and(|value| {
            value.eq_ignore_ascii_case(b"100-continue") && self.read.len() < length
        });
        if is_asked {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| NoRequest::Gone)?;
        }
        let mut held = Body { bytes: Vec::new(), memory, taken: 0 };
        loop {
            // What is held is what has come, not what was announced: that costs nothing.
            if !held.take(self.read.len().min(length)) {
                let why = "too many large bodies at a time";
                return Err(NoRequest::Refused(Answer::refusal(503, why)));
            }
            if self.read.len() >= length {
                self.read.truncate(length);
                held.bytes = std::mem::take(&mut self.read);
                return Ok(held);
            }
            self.more(length - self.read.len())?;
        }
    }

    fn more(&mut self, limit: usize) -> Result<(), NoRequest> {
        let slow = || NoRequest::Refused(Answer::refusal(408, "the request took too long"));
        let left = self.deadline.checked_duration_since(Instant::now());
        let left = left.filter(|left| !left.is_zero()).ok_or_else(slow)?;
        let mut part = [0; 64 * 1024];
        let limit = limit.min(part.len());
        let read = self.stream.set_read_timeout(Some(left));
        match read.and_then(|()| self.stream.read(&mut part[..limit])) {
            Ok(0) => Err(NoRequest::Gone),
            Ok(length) => {
                self.read.extend_from_slice(&part[..length]);
                Ok(())
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(slow()),
                ErrorKind::Interrupted => Ok(()),
                _ => Err(NoRequest::Gone),
            },
        }
    }
}

/// How much memory all bodies may take together, which nobody has been asked to sign for yet.
#[derive(Debug)]
pub(crate) struct Memory(AtomicUsize);

impl Memory {
    pub(crate) fn of(bytes: usize) -> Memory {
        Memory(AtomicUsize::new(bytes))
    }
}

/// A body, which gives its memory back when it is dropped.
#[derive(Debug)]
#[must_use = "dropping it gives its memory back"]
pub(crate) struct Body<'m> {
    pub(crate) bytes: Vec<u8>,
    memory: &'m Memory,
    taken: usize,
}

impl Body<'_> {
    /// Takes memory until it has `total` of it. Returns whether there is as much.
    fn take(&mut self, total: usize) -> bool {
        let more = total - self.taken;
        let left = |left: usize| left.checked_sub(more);
        let took = self.memory.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok();
        if took {
            self.taken = total;
        }
        took
    }
}

impl Drop for Body<'_> {
    fn drop(&mut self) {
        self.memory.0.fetch_add(self.taken, Ordering::SeqCst);
    }
}

fn too_long() -> Answer {
    Answer::refusal(431, "the head of the request is too long")
}

/// Reads a head and how long it is, or `None` while it is not whole.
fn parsed(bytes: &[u8]) -> Result<Option<(Head, usize)>, Answer> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(too_long()),
        Err(httparse::Error::Version) => {
            return Err(Answer::refusal(505, "this is not HTTP/1.1"));
        }
        Err(_) => return Err(Answer::refusal(400, "this is no HTTP request")),
    };
    let path = request.path.unwrap_or_default();
    let headers = request.headers.iter();
    let head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        path: path.split('?').next().unwrap_or_default().to_owned(),
        headers: headers.map(|it| (it.name.to_ascii_lowercase(), it.value.to_vec())).collect(),
    };
    Ok(Some((head, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(headers: &str) -> Result<usize, u16> {
        let text = format!("POST / HTTP/1.1\r\n{headers}\r\n");
        let (head, _) = parsed(text.as_bytes()).unwrap().unwrap();
        head.length().map_err(|answer| answer.status)
    }

    #[test]
    fn a_length_is_one_number_and_the_only_way_to_announce_a_body() {
        assert_eq!(length("Content-Length: 12\r\n"), Ok(12));
        assert_eq!(length("content-length: 99999999999999999999999\r\n"), Ok(usize::MAX));
        for wrong in ["+1", "-1", "", "1,1", "0x1", "1 1"] {
            assert_eq!(length(&format!("content-length: {wrong}\r\n")), Err(400), "{wrong:?}");
        }
        assert_eq!(length("content-length: 1\r\nContent-Length: 1\r\n"), Err(400));
        assert_eq!(length("content-length: 1\r\ntransfer-encoding: chunked\r\n"), Err(411));
        assert_eq!(length(""), Err(411));
    }

    #[test]
    fn the_memory_of_a_body_is_given_back_and_is_not_lent_twice() {
        let memory = Memory::of(10);
        let body = || Body { bytes: Vec::new(), memory: &memory, taken: 0 };
        let (mut one, mut other) = (body(), body());
        assert!(one.take(4) && one.take(8) && !other.take(3) && other.take(2));
        drop(one);
        assert!(other.take(10) && !other.take(11));
    }
}
