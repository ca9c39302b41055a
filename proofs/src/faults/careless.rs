//! Mutants of a replace that only a second fault tells from a careful one, or that trust a sync
//! which they had to repeat.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use system_tests::Govctl;

use crate::crash_states::{NAME, Operation, Paging, Reading, next_bytes};
use crate::worker;

/// What it gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A sync that failed is repeated, and what it says then is believed. The kernel has
    /// forgotten the error by then, and the data with it.
    SyncsAgain,
    /// If the temporary file cannot be removed either, the first error is forgotten.
    ForgetsTheFirst,
}

impl Flaw {
    pub(super) const ALL: [Flaw; 2] = [Flaw::SyncsAgain, Flaw::ForgetsTheFirst];

    fn word(self) -> &'static str {
        match self {
            Flaw::SyncsAgain => "syncs-again",
            Flaw::ForgetsTheFirst => "forgets-the-first",
        }
    }
}

/// A replace with a flaw.
pub(super) struct Careless {
    pub(super) flaw: Flaw,
    pub(super) paging: Paging,
}

/// The name of the job.
pub(crate) const REPLACE_CARELESSLY: &str = "replace-carelessly";

impl Operation for Careless {
    fn name(&self) -> String {
        let what = match self.flaw {
            Flaw::SyncsAgain => "that believes a second sync",
            Flaw::ForgetsTheFirst => "that forgets why it has to clean up",
        };
        format!("a replace {what}")
    }

    fn prepare(&self, top: &Path) -> Result<()> {
        self.paging.prepare(top)
    }

    fn victim(&self, top: &Path) -> Result<Govctl> {
        let mut words = worker::start(REPLACE_CARELESSLY)?;
        words.push(top.into());
        words.extend([self.flaw.word().to_owned(), self.paging.bytes.to_string()].map(Into::into));
        Ok(Govctl::new("", top, top).under(words))
    }

    fn read(&self, top: &Path) -> Result<Reading> {
        self.paging.read(top)
    }

    /// What a mutant leaves lying about is not what it is caught by.
    fn sweep(&self, _top: &Path) -> Result<bool> {
        Ok(true)
    }

    fn change(&self, top: &Path) -> Result<()> {
        self.paging.change(top)
    }
}

/// How a careful replace is made out of the same parts is in `How::Replace`. The job:
/// `TOP FLAW BYTES`, and words that belong to what it stands for.
#[expect(clippy::disallowed_methods, reason = "this is how it is not done")]
#[expect(clippy::print_stdout, reason = "this is how it acknowledges")]
pub(crate) fn replace_carelessly(words: &[String]) -> Result<()> {
    let [top, flaw, bytes, ..] = words else { bail!("a directory, a flaw and a size are needed") };
    let flaw = Flaw::ALL.into_iter().find(|it| it.word() == flaw).context("no such flaw")?;
    let top = Path::new(top);
    let (path, temporary) = (top.join(NAME), top.join("pages.json.tmp"));
    let contents = next_bytes(top, bytes.parse()?)?;
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(&contents)?;
        match file.sync_all() {
            Err(_) if flaw == Flaw::SyncsAgain => file.sync_all(),
            synced => synced,
        }
    });
    if let Err(error) = written {
        let removed = fs::remove_file(&temporary);
        if flaw != Flaw::ForgetsTheFirst || removed.is_ok() {
            return Err(error).context("cannot write");
        }
    }
    fs::rename(&temporary, &path)?;
    File::open(top)?.sync_all()?;
    println!("done");
    Ok(())
}
