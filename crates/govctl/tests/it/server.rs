//! A real HTTP server on the loopback, as good or bad as a test wants it.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// How a question is answered.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// With this status and body.
    Answer(u16, &'static str),
    /// With a status of 302 to this path.
    Redirect(&'static str),
    /// Not at all, until whoever asks gives up.
    Nothing,
    /// With a byte now and then, for ever.
    Trickle,
    /// With a body that has no end, as fast as it goes.
    Flood,
    /// With half of what it announced.
    Half,
    /// By closing the connection.
    Close,
    /// With what is no HTTP.
    Gibberish,
}

/// Answers the first question with the first of `say`, and so on; the last one stays.
pub(crate) struct Server {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn new(say: impl Into<Vec<Say>>) -> Server {
        let say = say.into();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let say = say.get(number).or(say.last()).cloned().unwrap();
                thread::spawn(move || answer(stream.unwrap(), &say));
            }
        });
        Server { url, asked }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How many questions came.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, say: &Say) {
    let mut question = [0; 4096];
    if stream.read(&mut question).is_err() {
        return;
    }
    let mut send = |bytes: &[u8]| stream.write_all(bytes).is_ok();
    match say {
        Say::Answer(status, body) => {
            let length = body.len();
            send(
                format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}").as_bytes(),
            );
        }
        Say::Redirect(path) => {
            let head =
                format!("HTTP/1.1 302 Found\r\nlocation: {path}\r\ncontent-length: 0\r\n\r\n");
            send(head.as_bytes());
        }
        Say::Nothing => {
            std::io::copy(&mut stream, &mut std::io::sink()).ok(); // Until they close.
        }
        Say::Trickle => {
            send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
            while send(b"x") {
                thread::sleep(Duration::from_millis(5));
            }
        }
        Say::Flood => {
            send(b"HTTP/1.1 200 OK\r\n\r\n");
            while send(&[b'x'; 65536]) {}
        }
        Say::Half => {
            send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nwell");
        }
        Say::Close => {}
        Say::Gibberish => {
            send(b"well\r\n\r\n");
        }
    }
    stream.shutdown(Shutdown::Both).ok();
}
