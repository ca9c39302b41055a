//! Savers that are killed and stopped at random, a reader that takes no lock, and what may
//! not happen meanwhile.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use flock_guard::LockFile;
use rustix::process::Signal;
use state_store::{Change, Store};
use system_tests::Random;

use crate::evidence::Tally;
use crate::killed::BREAKER;
use crate::proof::Effort;
use crate::quick;
use crate::savers::{Complaints, Ear, Flaw, History, LEDGER, Ledger, Orders, Saver, Team};

/// Who saves, and what is done to them.
#[derive(Clone, Debug)]
pub(crate) struct Torture {
    pub(crate) flaw: Option<Flaw>,
    /// So many documents at once, each with savers of its own.
    pub(crate) teams: usize,
    pub(crate) savers: usize,
    pub(crate) breakers: usize,
    pub(crate) kills: bool,
    pub(crate) stops: bool,
    pub(crate) break_after: Option<Duration>,
    pub(crate) until: Until,
}

/// When it is enough.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Kills(u64),
    Fenced(u64),
    /// A mutant is let go once it is caught, or after so many seconds.
    Caught(u64),
}

impl Default for Torture {
    fn default() -> Torture {
        Torture {
            flaw: None,
            teams: 1,
            savers: 4,
            breakers: 0,
            kills: true,
            stops: false,
            break_after: None,
            until: Until::Kills(100),
        }
    }
}

/// So much of a mutant is enough.
const CAUGHT: u64 = 10;

/// Whoever waits looks at the holder twice, 100 ms apart.
const TAKEN_OVER: Duration = Duration::from_millis(400);

/// Nothing that goes well takes that long without an update.
const PATIENCE: Duration = Duration::from_secs(60);

impl Torture {
    /// Tortures until it is enough, and looks at what is left.
    pub(crate) fn run(&self, effort: Effort, tally: &mut Tally) -> Result<()> {
        if self.teams == 1 {
            return torture(self, effort.random(), tally);
        }
        let mut random = effort.random();
        let all: Vec<Result<Tally>> = thread::scope(|scope| {
            let start = |seed| scope.spawn(move || self.alone(Random::from_seed(seed)));
            let teams = (0..self.teams).map(|_| start(random.below(u64::MAX)));
            let teams: Vec<_> = teams.collect();
            teams.into_iter().map(|team| team.join().expect("a team does not panic")).collect()
        });
        for found in all {
            tally.add(found?);
        }
        Ok(())
    }

    fn alone(&self, random: Random) -> Result<Tally> {
        let mut tally = Tally::default();
        torture(self, random, &mut tally).map(|()| tally)
    }
}

/// What all threads of one run write down.
struct Book {
    history: History,
    tally: Tally,
}

fn torture(torture: &Torture, random: Random, tally: &mut Tally) -> Result<()> {
    let dir = quick::dir()?;
    let (team, ear) = Team::new()?;
    let book = Mutex::new(Book { history: History::default(), tally: Tally::default() });
    let is_over = AtomicBool::new(false);
    let complaints = thread::scope(|scope| -> Result<_> {
        let listener = scope.spawn(|| listen(ear, &book));
        let reader = scope.spawn(|| {
            read(&Store::files(dir.path()), &book, &is_over);
        });
        let tortured = Tormentor { torture, dir: dir.path(), team, next: 0 }.torment(random, &book);
        is_over.store(true, Ordering::Release);
        let complaints = tortured?;
        listener.join().expect("listening does not panic")?;
        reader.join().expect("reading does not panic");
        complaints.read()
    })?;
    let Book { mut history, tally: found } =
        book.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.add(found);
    if let Some(line) = complaints.lines().next() {
        tally.violation(|| format!("a saver could not go on: {line}"));
    }
    if torture.flaw.is_none() || tally.violations() == 0 {
        settle(dir.path(), &mut history, tally)?;
    }
    Ok(())
}

fn listen(mut ear: Ear, book: &Mutex<Book>) -> Result<()> {
    while let Some(report) = ear.hear()? {
        let Book { history, tally } = &mut *open(book);
        history.heard(report, tally);
    }
    Ok(())
}

/// Reads as programs do that only look: no lock, again and again.
fn read(store: &Store, book: &Mutex<Book>, is_over: &AtomicBool) {
    let document = store.document::<Ledger>(LEDGER);
    let mut count = 0;
    while !is_over.load(Ordering::Acquire) {
        let acknowledged = open(book).history.newest_saved;
        let found = document.load();
        let Book { history, tally } = &mut *open(book);
        match found {
            Ok(Some(ledger)) => history.saw(&ledger, acknowledged, tally),
            Ok(None) if history.newest_seen + acknowledged == 0 => {}
            Ok(None) => tally.violation(|| "a reader found no document".to_owned()),
            Err(error) => tally.violation(|| format!("a reader found damage: {error}")),
        }
        count += 1;
        thread::sleep(Duration::from_micros(100)); // The savers need the processor.
    }
    open(book).tally.count("reads", count);
}

/// All are gone: the next update works, nothing is left over, and the account is right.
fn settle(dir: &Path, history: &mut History, tally: &mut Tally) -> Result<()> {
    let document = Store::files(dir).document::<Ledger>(LEDGER);
    let last = match document.load() {
        Ok(last) => last.unwrap_or_default(),
        Err(error) => {
            tally.violation(|| format!("the last version is damaged: {error}"));
            return Ok(());
        }
    };
    history.ends_with(&last, tally);
    document.update(|ledger| {
        ledger.turn_page(u64::MAX);
        Change::Write(())
    })?;
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // A breaker that was killed leaves its lock file to the next breaker.
        if name.starts_with('.') && !name.ends_with(".lk") {
            tally.violation(|| format!("left over: {name}"));
        }
    }
    Ok(())
}

/// Starts processes and does things to them.
struct Tormentor<'a> {
    torture: &'a Torture,
    dir: &'a Path,
    team: Team,
    next: u64,
}

impl Tormentor<'_> {
    fn torment(mut self, mut random: Random, book: &Mutex<Book>) -> Result<Complaints> {
        let count = self.torture.savers + self.torture.breakers;
        let mut all = (0..count).map(|place| self.start(place)).collect::<Result<Vec<_>>>()?;
        let start = Instant::now();
        let mut last = (start, 0);
        let mut kills = 0;
        while !self.is_enough(kills, start, &open(book)) {
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
        drop(all);
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
            count: u64::from(u32::MAX),
            break_after: self.torture.break_after,
        })
    }
}

/// The random moment.
fn pause(random: &mut Random, most_micros: u64) {
    thread::sleep(Duration::from_micros(random.below(most_micros)));
}

fn open<'a>(book: &'a Mutex<Book>) -> MutexGuard<'a, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}
