//! A real Redis server, one for each test, gone when the test ends.

use std::{
    io,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use redis::Connection;
use rustix::process::{Pid, Signal, kill_process};
use session_store::{Expiry, RedisStore};

use crate::IDLE;

/// How long a server may take to start or to stop, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a socket of its own, which writes every change to disk before it answers.
pub(crate) struct Server {
    dir: tempfile::TempDir,
    child: Child,
}

impl Server {
    pub(crate) fn start() -> Server {
        let dir = tempfile::tempdir().unwrap();
        let child = spawn(&dir);
        let mut server = Server { dir, child };
        server.wait_until_ready();
        server
    }

    /// A store on this server that gives up after a second or two.
    pub(crate) fn store(&self) -> RedisStore {
        store_at(&self.url())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("r.sock")
    }

    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// A connection past the store, to look and to prepare.
    pub(crate) fn raw(&self) -> Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    pub(crate) fn configure(&self, setting: &str, value: &str) {
        redis::cmd("CONFIG").arg("SET").arg(setting).arg(value).exec(&mut self.raw()).unwrap();
    }

    /// Stops it in the middle of whatever it does: its sockets stay open.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, on what it left on disk.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(&self.dir);
        self.wait_until_ready();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let answers = |url: &str| -> redis::RedisResult<()> {
            redis::cmd("PING").exec(&mut redis::Client::open(url)?.get_connection()?)
        };
        while UnixStream::connect(self.socket()).is_err() || answers(&self.url()).is_err() {
            assert!(self.child.try_wait().unwrap().is_none(), "redis-server has stopped");
            assert!(Instant::now() < deadline, "redis-server does not answer");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A store that lives by the tests' own clock and gives up soon.
pub(crate) fn store_at(url: &str) -> RedisStore {
    let store = RedisStore::open(url).unwrap().expiring(Expiry::AfterIdle(IDLE));
    store.waiting(Duration::from_secs(5), Duration::from_secs(5))
}

fn spawn(dir: &tempfile::TempDir) -> Child {
    // A server that was killed leaves its socket behind.
    std::fs::remove_file(dir.path().join("r.sock")).ok();
    let spawned = Command::new("redis-server")
        .args(["--port", "0", "--unixsocket", "r.sock", "--save", "", "--dir", "."])
        .args(["--appendonly", "yes", "--appendfsync", "always"])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match spawned {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => panic!(
            "`redis-server` is missing: run \
             `apt-get install -y --no-install-recommends redis-server`"
        ),
        Err(error) => panic!("cannot start redis-server: {error}"),
    }
}
