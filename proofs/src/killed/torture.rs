//! Savers that are killed and stopped at random, a reader that takes no lock, and what may
//! not happen meanwhile.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use state_store::{Change, Store};
use system_tests::Random;
use tempfile::TempDir;

use crate::evidence::Tally;
use crate::killed::tormentor::Tormentor;
use crate::proof::Effort;
use crate::quick;
use crate::savers::{Ear, Flaw, History, LEDGER, Ledger, Team};

/// Who saves, and what is done to them.
#[derive(Clone, Debug)]
pub(crate) struct Torture {
    pub(crate) flaw: Option<Flaw>,
    /// So many documents at once, each with savers of its own.
    pub(crate) teams: usize,
    pub(crate) savers: usize,
    /// How many updates each saver makes; without an end if it is not said.
    pub(crate) count: Option<u64>,
    /// How many processes read.
    pub(crate) readers: usize,
    /// On a disk instead of in memory.
    pub(crate) on_disk: bool,
    pub(crate) breakers: usize,
    pub(crate) kills: bool,
    pub(crate) stops: bool,
    pub(crate) break_after: Option<Duration>,
    pub(crate) until: Until,
}

/// When it is enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Until {
    Kills(u64),
    Fenced(u64),
    /// A mutant is let go once it is caught, or after so many seconds.
    Caught(u64),
    Over(Duration),
    /// Each saver has made its updates.
    Ended,
}

impl Default for Torture {
    fn default() -> Torture {
        Torture {
            flaw: None,
            teams: 1,
            savers: 4,
            count: None,
            readers: 0,
            on_disk: false,
            breakers: 0,
            kills: true,
            stops: false,
            break_after: None,
            until: Until::Kills(100),
        }
    }
}

impl Torture {
    /// Tortures until it is enough, and looks at what is left.
    pub(crate) fn run(&self, effort: Effort, tally: &mut Tally) -> Result<()> {
        if self.teams == 1 {
            return torture(self, effort.random(), tally);
        }
        let attempt = |effort: Effort, tally: &mut Tally| torture(self, effort.random(), tally);
        effort.in_threads(self.teams, tally, attempt)
    }
}

/// What all threads of one run write down.
pub(super) struct Book {
    pub(super) history: History,
    pub(super) tally: Tally,
}

fn torture(torture: &Torture, random: Random, tally: &mut Tally) -> Result<()> {
    let dir = if torture.on_disk { TempDir::with_prefix("govctl-proof-")? } else { quick::dir()? };
    let (team, ear) = Team::new()?;
    let book = Mutex::new(Book { history: History::default(), tally: Tally::default() });
    let is_over = AtomicBool::new(false);
    let complaints = thread::scope(|scope| -> Result<_> {
        let listener = scope.spawn(|| listen(ear, &book));
        let reader = scope.spawn(|| {
            read(&Store::files(dir.path()), &book, &is_over);
        });
        let tortured = Tormentor::new(torture, dir.path(), team).torment(random, &book);
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
    if let (Until::Ended, Some(count)) = (torture.until, torture.count) {
        let expected = count * torture.savers as u64;
        tally.tried(expected);
        let (saved, newest) = (history.count(), history.newest_saved);
        if (saved, newest) != (expected, expected) {
            tally.violation(|| format!("of {expected} updates {saved} count, up to {newest}"));
        }
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
pub(crate) fn settle(dir: &Path, history: &mut History, tally: &mut Tally) -> Result<()> {
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

pub(super) fn open<'a>(book: &'a Mutex<Book>) -> MutexGuard<'a, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}
