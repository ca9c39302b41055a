//! A bad line to the server: cuts what a client sends, loses what the server answers.

use std::{
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

/// Listens on a socket of its own and passes everything on, but for what it is told to break.
pub(crate) struct Proxy {
    dir: tempfile::TempDir,
    faults: Arc<Faults>,
}

#[derive(Debug)]
struct Faults {
    /// After so many bytes from the client its connection is cut, as if it had been killed.
    cut_after: AtomicUsize,
    /// So many answers are still to be lost, each with its connection.
    answers_to_lose: AtomicUsize,
}

impl Proxy {
    pub(crate) fn to(server: PathBuf) -> Proxy {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("p.sock")).unwrap();
        let faults = Arc::new(Faults {
            cut_after: AtomicUsize::new(usize::MAX),
            answers_to_lose: AtomicUsize::new(0),
        });
        let proxy = Proxy { dir, faults: Arc::clone(&faults) };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                pass(client, &server, &faults);
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.dir.path().join("p.sock").display())
    }

    /// Cuts each new connection after so many bytes from the client.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.faults.cut_after.store(bytes, SeqCst);
    }

    /// Loses the next answers, after the server has given them.
    pub(crate) fn lose_answers(&self, count: usize) {
        self.faults.answers_to_lose.store(count, SeqCst);
    }

    pub(crate) fn answers_to_lose(&self) -> usize {
        self.faults.answers_to_lose.load(SeqCst)
    }
}

fn pass(mut client: UnixStream, server: &Path, faults: &Arc<Faults>) {
    let Ok(mut server) = UnixStream::connect(server) else { return };
    let (Ok(mut from_client), Ok(mut to_server)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    let mut left = faults.cut_after.load(SeqCst);
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        loop {
            let most = left.min(bytes.len());
            let count =
                if most == 0 { 0 } else { from_client.read(&mut bytes[..most]).unwrap_or(0) };
            if count == 0 || to_server.write_all(&bytes[..count]).is_err() {
                to_server.shutdown(Shutdown::Write).ok();
                if left == 0 {
                    from_client.shutdown(Shutdown::Both).ok();
                }
                return;
            }
            left -= count;
        }
    });
    let faults = Arc::clone(faults);
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = server.read(&mut bytes) {
            let lose =
                faults.answers_to_lose.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
            if lose.is_ok() || client.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        client.shutdown(Shutdown::Both).ok();
        server.shutdown(Shutdown::Both).ok();
    });
}
