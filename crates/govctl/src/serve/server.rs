//! Connections: how many at a time, and when to stop.

use std::{
    io::{self, ErrorKind},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, Scope},
    time::{Duration, Instant},
};

use flock_guard::{LockError, LockGuard};

use super::{
    answer::Answer,
    connection::Memory,
    handling::Handling,
    metrics::{Counter, Metrics},
    queue::Queue,
    spool::Spool,
};
use crate::{
    context::Context,
    github::secret::Secret,
    process::{INSISTING, Signals},
    project::Project,
};

/// What a request and the server may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long a whole request may take to come.
    pub(crate) request: Duration,
    /// How long its answer may wait for the end of a delivery.
    pub(crate) answer: Duration,
    /// How many connections are served at a time.
    pub(crate) connections: usize,
    /// How many deliveries are handled at a time.
    pub(crate) jobs: usize,
    /// How long what is running may go on once we are to stop.
    pub(crate) stop: Duration,
}

/// A server for the webhooks of one project.
#[derive(Debug)]
pub(crate) struct Server<'a> {
    pub(crate) context: &'a Context,
    pub(crate) project: &'a Project,
    pub(crate) secret: &'a Secret,
    pub(crate) limits: Limits,
    pub(crate) handling: Handling,
    pub(crate) queue: Queue,
    pub(crate) spool: Spool,
    pub(crate) memory: Memory,
    pub(crate) metrics: Metrics,
    pub(crate) open: AtomicUsize,
    /// Connections, so that who only waits on one can be let go.
    pub(crate) streams: Mutex<Vec<Weak<TcpStream>>>,
    /// That this is the one server of the state.
    pub(crate) lock: &'a LockGuard,
}

/// How a server has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// What was running has ended by itself.
    Gracefully,
    /// What was running had to be stopped, after this signal.
    Forcibly(u8),
}

impl Server<'_> {
    /// Serves until a signal asks to stop. It returns once nothing is running any more.
    pub(crate) fn run(&self, listener: TcpListener, signals: &mut Signals) -> io::Result<Stopped> {
        listener.set_nonblocking(true)?;
        thread::scope(|scope| {
            for _ in 0..self.limits.jobs {
                scope.spawn(|| self.work());
            }
            let signal = self.accept(scope, &listener, signals);
            drop(listener); // Whoever comes now is told at once that nobody is here.
            self.queue.stop();
            let stopped = self.wind_down(signals);
            self.hang_up();
            let signal = signal?;
            Ok(if stopped { Stopped::Gracefully } else { Stopped::Forcibly(signal) })
        })
    }

    pub(crate) fn connections(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    fn accept<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        listener: &TcpListener,
        signals: &mut Signals,
    ) -> io::Result<u8> {
        loop {
            if let Some(signal) = signals.arrived() {
                return Ok(signal);
            }
            match listener.accept() {
                Ok((stream, _)) => {
                    // Who broke it has started another one, or is about to.
                    if let Err(lost @ LockError::Lost { .. }) = self.lock.check() {
                        return Err(io::Error::other(lost));
                    }
                    self.welcome(scope, stream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    signals.wait_beside(listener)?;
                }
                // Such as a lack of descriptors, which passes when connections end.
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    fn welcome<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, stream: TcpStream) {
        let place = Place::take(&self.open);
        if self.connections() > self.limits.connections {
            return self.turn_away(scope, stream, place);
        }
        let stream = Arc::new(stream);
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|stream| stream.strong_count() > 0);
        streams.push(Arc::downgrade(&stream));
        drop(streams);
        let serve = move || {
            self.answer(&stream);
            drop(place);
        };
        // Without a thread the connection is closed, and GitHub shows that.
        thread::Builder::new().spawn_scoped(scope, serve).ok();
    }

    /// Says that there are too many, as long as there are not far too many.
    fn turn_away<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        stream: TcpStream,
        place: Place<'scope>,
    ) {
        if self.connections() > self.limits.connections.saturating_mul(2) {
            return;
        }
        let say = move || {
            self.metrics.count(Counter::Requests, "503");
            Answer::refusal(503, "too many connections at a time").send(&stream, false);
            drop(place);
        };
        thread::Builder::new().spawn_scoped(scope, say).ok();
    }

    fn work(&self) {
        while let Some(id) = self.queue.next() {
            let end = self.handling.run(&self.spool, &id);
            self.metrics.count(Counter::Deliveries, &end.outcome);
            if let Some(deploy) = &end.deploy {
                self.metrics.count(Counter::Deploys, deploy);
            }
            let outcome = end.outcome.clone();
            let is_told = self.queue.ended(&id, end, || self.spool.forget(&id));
            tracing::info!(delivery = id.as_str(), outcome, is_told, "a delivery has ended");
        }
    }

    /// Reads nothing more: whoever still sends, or only listens, would be waited for to the end of
    /// his time. What is on its way to him goes on.
    fn hang_up(&self) {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in streams.iter().filter_map(Weak::upgrade) {
            stream.shutdown(Shutdown::Read).ok();
        }
    }

    /// Lets what is running end, or stops it when its time is over or somebody insists. Returns
    /// whether it has ended by itself.
    fn wind_down(&self, signals: &mut Signals) -> bool {
        let asked = Instant::now();
        while !self.queue.is_idle_within(LOOK_EVERY) {
            let insists = signals.arrived().is_some() && asked.elapsed() >= INSISTING;
            if insists || asked.elapsed() >= self.limits.stop {
                self.handling.stop.store(true, Ordering::SeqCst);
                return false;
            }
        }
        true
    }
}

/// How often it is looked whether somebody insists.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// One of so many connections, until it is dropped.
#[derive(Debug)]
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(open: &'a AtomicUsize) -> Place<'a> {
        open.fetch_add(1, Ordering::SeqCst);
        Place(open)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
