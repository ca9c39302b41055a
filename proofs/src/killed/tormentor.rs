//! What is done to savers while they save.

use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use flock_guard::LockFile;
use rustix::process::Signal;
use system_tests::Random;

use crate::killed::BREAKER;
use crate::killed::torture::{Book, Torture, Until, open};
use crate::savers::{Complaints, LEDGER, Orders, READER, Saver, Team};

/// So much of a mutant is enough.
const CAUGHT: u64 = 10;

/// Whoever waits looks at the holder twice, 100 ms apart.
const TAKEN_OVER: Duration = Duration::from_millis(400);

/// Nothing that goes well takes that long without an update.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts processes and does things to them.
pub(super) struct Tormentor<'a> {
    torture: &'a Torture,
    dir: &'a Path,
    team: Team,
    next: u64,
}

impl<'a> Tormentor<'a> {
    pub(super) fn new(torture: &'a Torture, dir: &'a Path, team: Team) -> Tormentor<'a> {
        Tormentor { torture, dir, team, next: 0 }
    }

    /// Does it until it is enough. Everybody has ended when this returns.
    pub(super) fn torment(mut self, mut random: Random, book: &Mutex<Book>) -> Result<Complaints> {
        let dir = self.dir.to_str().context("a quick directory has a plain name")?.to_owned();
        let read = |_| self.team.start_job(READER, std::slice::from_ref(&dir));
        let readers = (0..self.torture.readers).map(read).collect::<Result<Vec<_>>>()?;
        let count = self.torture.savers + self.torture.breakers;
        let mut all = (0..count).map(|place| self.start(place)).collect::<Result<Vec<_>>>()?;
        let start = Instant::now();
        let mut last = (start, 0);
        let mut kills = 0;
        let mut have_ended = false;
        while !have_ended && !self.is_enough(kills, start, &open(book)) {
            let place = usize::try_from(random.below(count as u64))?;
            if self.torture.kills {
                pause(&mut random, 1_500);
                let fresh = self.start(place)?;
                std::mem::replace(&mut all[place], fresh).kill()?;
                kills += 1;
                open(book).tally.tried(1);
            }
            if self.torture.stops {
                self.stop_holder(&all, &mut random)?;
                open(book).tally.tried(1);
            }
            if self.torture.until == Until::Ended {
                thread::sleep(Duration::from_millis(5)); // Between two looks.
                have_ended = true;
                for saver in &mut all {
                    have_ended &= saver.has_ended()?;
                }
            }
            let saved = open(book).history.count();
            if saved > last.1 {
                last = (Instant::now(), saved);
            }
            let stuck = last.0.elapsed() > PATIENCE;
            if stuck {
                open(book).tally.violation(|| format!("nothing was saved for {PATIENCE:?}"));
                break;
            }
        }
        // Whoever is in the middle of an update is killed there, too.
        drop((all, readers));
        Ok(self.team.closed())
    }

    /// Stops a saver, if it can be met while it holds the lock, until the lock was taken over
    /// or long enough to take it over.
    fn stop_holder(&self, all: &[Saver], random: &mut Random) -> Result<()> {
        let lock = LockFile::beside(&self.dir.join(LEDGER.as_str()));
        let holder =
            || -> Result<_> { Ok(lock.status()?.holder.filter(|holder| !holder.released)) };
        pause(random, 3_000);
        let met = (0..1_000).find_map(|_| holder().transpose()).transpose()?;
        let is_holder = |saver: &&Saver| met.as_ref().is_some_and(|met| met.pid == saver.pid());
        let Some(saver) = all.iter().find(is_holder) else { return Ok(()) };
        saver.signal(Signal::STOP)?;
        let start = Instant::now();
        while start.elapsed() < TAKEN_OVER && holder()? == met {
            thread::sleep(Duration::from_millis(1)); // Whoever waits needs the processor.
        }
        // How far the others have got when it goes on is chance as well.
        pause(random, 20_000);
        saver.signal(Signal::CONT)
    }

    fn is_enough(&self, kills: u64, start: Instant, book: &Book) -> bool {
        match self.torture.until {
            Until::Kills(count) => kills >= count,
            Until::Fenced(count) => book.history.fenced() >= count,
            Until::Over(time) => start.elapsed() >= time,
            Until::Ended => false,
            Until::Caught(seconds) => {
                book.tally.violations() >= CAUGHT || start.elapsed().as_secs() >= seconds
            }
        }
    }

    fn start(&mut self, place: usize) -> Result<Saver> {
        self.next += 1;
        if place >= self.torture.savers {
            let dir = self.dir.to_str().context("a quick directory has a plain name")?.to_owned();
            return self.team.start_job(BREAKER, &[dir, self.next.to_string()]);
        }
        self.team.start(&Orders {
            dir: self.dir.to_owned(),
            flaw: self.torture.flaw,
            number: self.next,
            count: self.torture.count.unwrap_or(u64::from(u32::MAX)),
            break_after: self.torture.break_after,
            patience: 0,
        })
    }
}

/// The random moment.
fn pause(random: &mut Random, most_micros: u64) {
    thread::sleep(Duration::from_micros(random.below(most_micros)));
}
