//! A Redis server of one test.

use std::io;
use std::process::{Child, Command, Stdio};

use redis::{Client, Connection, FromRedisValue, RedisResult};
use rustix::process::{Pid, Signal, kill_process};

use crate::{TestDir, eventually};

/// A server on a Unix socket of its own, which keeps everything in memory. Dropped, it is
/// killed.
#[derive(Debug)]
pub struct Redis {
    dir: TestDir,
    child: Child,
}

impl Redis {
    /// Starts one, empty. It answers when this returns.
    #[must_use]
    pub fn start() -> Redis {
        let dir = TestDir::new();
        let child = spawn(&dir);
        let mut server = Redis { dir, child };
        server.wait_until_ready();
        server
    }

    /// Where it is, for `--store`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("unix://{}", self.dir.join(SOCKET).display())
    }

    /// Sends it one command, past `govctl`, and returns its answer.
    #[track_caller]
    pub fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let asked = self.connect().and_then(|mut connection| command(words).query(&mut connection));
        asked.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Stops it in the middle of whatever it does; its socket goes on to take calls.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it, with all that it knows.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again after it was killed, empty.
    pub fn restart(&mut self) {
        self.child = spawn(&self.dir);
        self.wait_until_ready();
    }

    fn connect(&self) -> RedisResult<Connection> {
        Client::open(self.url())?.get_connection()
    }

    fn signal(&self, signal: Signal) {
        // Not reaped before it is dropped or killed, so the number is still its own.
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn wait_until_ready(&mut self) {
        let ping = command(&["PING"]);
        eventually("redis-server answers", || {
            assert!(self.child.try_wait().unwrap().is_none(), "redis-server has stopped");
            self.connect().and_then(|mut connection| ping.exec(&mut connection)).is_ok()
        });
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.child.kill().ok(); // It has ended, if the test has killed it.
        self.child.wait().ok();
    }
}

/// In the directory of the server.
const SOCKET: &str = "r.sock";

fn command(words: &[&str]) -> redis::Cmd {
    let mut command = redis::Cmd::new();
    command.arg(words);
    command
}

fn spawn(dir: &TestDir) -> Child {
    let spawned = Command::new("redis-server")
        .args(["--port", "0", "--unixsocket", SOCKET, "--dir", "."])
        .args(["--save", "", "--appendonly", "no"])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    spawned.unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => panic!("redis-server is missing: run `cargo xtask setup`"),
        _ => panic!("cannot start redis-server: {error}"),
    })
}
