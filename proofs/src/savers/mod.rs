//! Processes that change one document and say so, each word in one write to a pipe.

mod after;
mod history;
mod ledger;
mod mutants;
mod team;

use std::io::stdout;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use state_store::{Breaking, Change, Document, FileBackend, Store, StoreError, Wait};

pub(crate) use after::{forget, look, update};
pub(crate) use history::History;
pub(crate) use ledger::{LEDGER, Ledger};
pub(crate) use mutants::{Flaw, MutantBackend};
pub(crate) use team::{Complaints, Ear, Orders, Saver, Team};

/// What a saver says. The number is what goes through the pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Said {
    /// It is about to write this serial number.
    Trying = 1,
    /// The update has returned: from here on it may not be lost.
    Saved = 2,
    /// The lock was taken over: the update has changed nothing, and never will.
    Fenced = 3,
    /// The update may or may not have been made.
    Unknown = 4,
    /// The update has failed, has changed nothing, and never will.
    Refused = 5,
}

/// One word of one saver about one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) said: Said,
    pub(crate) attempt: u64,
    pub(crate) serial: u64,
}

const REPORT_BYTES: usize = 24;

impl Report {
    /// One write of fewer bytes than a pipe takes at once, so that reports never mix.
    pub(crate) fn send(self) -> Result<()> {
        let words = [self.said as u64, self.attempt, self.serial].map(u64::to_le_bytes);
        let bytes = words.concat();
        // Not through the buffer of `stdout`, which writes twice where a byte is a newline.
        let written = rustix::io::retry_on_intr(|| rustix::io::write(stdout(), &bytes))?;
        ensure!(written == bytes.len(), "half a report was written");
        Ok(())
    }

    fn parse(bytes: &[u8; REPORT_BYTES]) -> Result<Report> {
        let word = |at: usize| {
            let bytes = bytes[8 * at..8 * (at + 1)].try_into().expect("eight bytes each");
            u64::from_le_bytes(bytes)
        };
        let said = [Said::Trying, Said::Saved, Said::Fenced, Said::Unknown, Said::Refused];
        let said = said.into_iter().find(|said| *said as u64 == word(0));
        let said = said.with_context(|| format!("a saver said {}", word(0)))?;
        Ok(Report { said, attempt: word(1), serial: word(2) })
    }
}

/// The job of [`save`].
pub(crate) const SAVER: &str = "saver";

/// Changes the document as it was ordered to; see [`Orders`].
pub(crate) fn save(words: &[String]) -> Result<()> {
    die_with_the_proof()?;
    carry_out(&Orders::parse(words)?)
}

/// Makes the updates that are ordered, and tells of each.
pub(crate) fn carry_out(orders: &Orders) -> Result<()> {
    let document = document(orders);
    let mut failures = 0;
    for attempt in (orders.number << 32)..((orders.number << 32) + orders.count) {
        let failure = try_to_save(&document, attempt, &mut Report::send)?;
        failures += u64::from(failure.is_some());
        if let Some(failure) = failure.filter(|_| failures > orders.patience) {
            return Err(failure).context("the last failure that was borne");
        }
    }
    Ok(())
}

/// Makes one update, and tells what it is about to do and what has come of it. Returns why it
/// was refused, if it was.
pub(crate) fn try_to_save(
    document: &Document<Ledger>,
    attempt: u64,
    tell: &mut dyn FnMut(Report) -> Result<()>,
) -> Result<Option<StoreError>> {
    let report = |said, serial| Report { said, attempt, serial };
    let mut serial = 0;
    let saved = document.update(|ledger| {
        ledger.turn_page(attempt);
        serial = ledger.serial;
        // Who reads the reports has to know what might be found.
        let told = tell(report(Said::Trying, serial));
        if told.is_ok() { Change::Write(told) } else { Change::Keep(told) }
    });
    let (said, refusal) = match saved {
        Ok(told) => {
            told?;
            (Said::Saved, None)
        }
        Err(StoreError::Fenced { .. }) => (Said::Fenced, None),
        Err(StoreError::Unknown { .. }) => (Said::Unknown, None),
        Err(error) => (Said::Refused, Some(error)),
    };
    tell(report(said, serial))?;
    Ok(refusal)
}

/// The document as the orders say: through the store, or through a mutant of it.
pub(crate) fn document(orders: &Orders) -> Document<Ledger> {
    let breaking = orders.break_after.map_or(Breaking::Never, Breaking::IfHeldFor);
    let store = match orders.flaw {
        None => Store::on(FileBackend::new(&orders.dir).breaking(breaking)),
        Some(flaw) => Store::on(MutantBackend::new(&orders.dir, flaw, breaking)),
    };
    store.waiting(Wait::UpTo(Duration::from_secs(60))).document(LEDGER)
}

/// The job of [`read`].
pub(crate) const READER: &str = "reader";

/// Reads the document in a directory again and again, and ends when it went back, was damaged
/// or was gone: `DIR`.
pub(crate) fn read(words: &[String]) -> Result<()> {
    die_with_the_proof()?;
    let [dir] = words else { bail!("a reader is given one word") };
    let document = Store::files(dir).document::<Ledger>(LEDGER);
    let mut newest = 0;
    loop {
        let serial = document.load()?.unwrap_or_default().serial;
        ensure!(serial >= newest, "a reader found {serial} after {newest}");
        newest = serial;
        thread::sleep(Duration::from_micros(200)); // The savers need the processor.
    }
}

/// A proof that is killed leaves nobody behind.
pub(crate) fn die_with_the_proof() -> Result<()> {
    let signal = rustix::process::Signal::KILL;
    rustix::process::set_parent_process_death_signal(Some(signal))?;
    if rustix::process::getppid().is_none_or(rustix::process::Pid::is_init) {
        bail!("the proof is gone already");
    }
    Ok(())
}
