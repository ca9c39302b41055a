//! A document for `state-store`, and its bytes for `atomic-file`, of any size.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use atomic_file::{Backup, Options, Orphans};
use serde::{Deserialize, Serialize};
use state_store::{Breaking, Change, Document, FileBackend, Key, Schema, Store, Wait};
use system_tests::{Govctl, Victim, eventually};

use crate::crash_states::operation::{Operation, Reading, has_leftovers, size};
use crate::worker;

/// Every page says which generation it belongs to, so that a mixture of two is seen.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Pages {
    generation: u64,
    pages: Vec<String>,
}

impl Schema for Pages {}

impl Pages {
    fn new(generation: u64, bytes: usize) -> Pages {
        // About 60 bytes each, with their place in the document.
        let page = |number| format!("page {number} of generation {generation}, {:.>20}", "");
        Pages { generation, pages: (0..bytes / 60).map(page).collect() }
    }

    fn is_whole(&self) -> bool {
        let of = format!(" of generation {}, ", self.generation);
        self.pages.iter().all(|page| page.contains(&of))
    }
}

pub(crate) const NAME: &str = "pages.json";

/// How the next generation is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// `atomic_file::replace`
    Replace,
    /// The same, keeping the version before.
    ReplaceKeeping,
    /// `Document::update`
    Update,
    /// `Document::update` by somebody who has to take the lock from a holder that hangs.
    TakeOver,
    /// `Document::update` of a document that is damaged: it falls back to its backup first.
    FallBack,
}

/// What is in a damaged document. It has to stay somewhere.
const DAMAGED: &str = "{\n  \"generation\": ";

/// A change of a document of about so many bytes.
pub(crate) struct Paging {
    pub(crate) how: How,
    pub(crate) bytes: usize,
    /// How many generations there are before.
    pub(crate) before: u64,
}

/// The names of the jobs.
pub(crate) const TURN_PAGES: &str = "turn-pages";
pub(crate) const HOLD_PAGES: &str = "hold-pages";

impl Operation for Paging {
    fn name(&self) -> String {
        let what = match (self.how, self.before) {
            (How::Replace, 0) => "first replace",
            (How::Replace, _) => "replace",
            (How::ReplaceKeeping, _) => "replace with backup",
            (How::Update, 0) => "first update",
            (How::Update, _) => "update",
            (How::TakeOver, _) => "take-over and update",
            (How::FallBack, _) => "fall back and update",
        };
        format!("{what}, {}", size(self.bytes))
    }

    fn is_large(&self) -> bool {
        self.how == How::TakeOver
    }

    fn prepare(&self, top: &Path) -> Result<()> {
        (0..self.before).try_for_each(|_| self.change(top))?;
        if self.how == How::FallBack {
            atomic_file::replace(top.join(NAME), DAMAGED.as_bytes())?;
        }
        Ok(())
    }

    fn bystander(&self, top: &Path) -> Result<Option<Victim>> {
        if self.how != How::TakeOver {
            return Ok(None);
        }
        // Beside the directory that is looked at.
        let ready = top.with_extension("held");
        fs::remove_file(&ready).ok(); // It is from the last time, or not there.
        let ready_word = ready.to_str().context("a path in UTF-8")?;
        let holder = run(top, HOLD_PAGES, &[ready_word])?.start();
        eventually("somebody holds the document", || ready.exists());
        Ok(Some(holder))
    }

    fn victim(&self, top: &Path) -> Result<Govctl> {
        run(top, TURN_PAGES, &[self.how.word(), &self.bytes.to_string()])
    }

    fn read(&self, top: &Path) -> Result<Reading> {
        let (generation, backup) = match self.how {
            How::Replace => (generation_of_bytes(&top.join(NAME), self.bytes)?, None),
            How::ReplaceKeeping => {
                let backup = generation_of_bytes(&top.join("pages.json.bak"), self.bytes)?;
                (generation_of_bytes(&top.join(NAME), self.bytes)?, Some(backup))
            }
            How::Update | How::TakeOver => {
                let backup = generation_of(&document(&Store::files(top), "pages.json.bak"))?;
                (generation_of(&document(&Store::files(top), NAME))?, Some(backup))
            }
            How::FallBack => {
                let backup = generation_of(&document(&Store::files(top), "pages.json.bak"))?;
                let pages = document(&Store::files(top), NAME).load()?.unwrap_or_default();
                ensure!(pages.is_whole(), "a mixture was read");
                ensure!(is_kept(top, DAMAGED)?, "what was in the damaged document is lost");
                (pages.generation, Some(backup))
            }
        };
        let is_clean = match self.how {
            // A replace leaves it to a sweep to remove what the dead have left.
            How::Replace | How::ReplaceKeeping => true,
            How::Update | How::TakeOver | How::FallBack => !has_leftovers(top)?,
        };
        Ok(Reading { generation, backup, is_clean })
    }

    fn sweep(&self, top: &Path) -> Result<bool> {
        if matches!(self.how, How::Replace | How::ReplaceKeeping) {
            atomic_file::sweep(top, Orphans::Remove)?;
        }
        Ok(!has_leftovers(top)?)
    }

    fn change(&self, top: &Path) -> Result<()> {
        // The holder is gone after a power cut.
        let is_alone = matches!(self.how, How::TakeOver | How::FallBack);
        turn(if is_alone { How::Update } else { self.how }, top, self.bytes)
    }
}

impl How {
    fn word(self) -> &'static str {
        match self {
            How::Replace => "replace",
            How::ReplaceKeeping => "replace-keeping",
            How::Update => "update",
            How::TakeOver => "take-over",
            How::FallBack => "fall-back",
        }
    }
}

/// The job of the victim: `TOP HOW BYTES`, and words that belong to what started it.
#[expect(clippy::print_stdout, reason = "this is how it acknowledges")]
pub(crate) fn turn_pages(words: &[String]) -> Result<()> {
    let [top, how, bytes, ..] = words else { bail!("a directory, a way and a size are needed") };
    let all = [How::Replace, How::ReplaceKeeping, How::Update, How::TakeOver, How::FallBack];
    let how = all.into_iter().find(|it| it.word() == how).context("no such way")?;
    turn(how, Path::new(top), bytes.parse()?)?;
    println!("done");
    Ok(())
}

/// The job of a holder that hangs: `TOP READY`, and words that belong to what started it.
pub(crate) fn hold_pages(words: &[String]) -> Result<()> {
    let [top, ready, ..] = words else { bail!("a directory and a file are needed") };
    let document = document(&Store::files(top), NAME);
    document.update(|_| -> Change<()> {
        atomic_file::replace(ready, b"").ok(); // If it fails, nobody waits for ever.
        loop {
            std::thread::park(); // Until it is killed.
        }
    })?;
    Ok(())
}

fn run(top: &Path, job: &str, words: &[&str]) -> Result<Govctl> {
    let mut all = worker::start(job)?;
    all.push(top.into());
    all.extend(words.iter().map(Into::into));
    Ok(Govctl::new("", top, top).under(all))
}

/// Makes the next generation.
fn turn(how: How, top: &Path, bytes: usize) -> Result<()> {
    let path = top.join(NAME);
    let backend = match how {
        How::Replace => {
            return Ok(atomic_file::replace(&path, &next_bytes(top, bytes)?)?);
        }
        How::ReplaceKeeping => {
            let next = next_bytes(top, bytes)?;
            let mut pending = Options::new().backup(Backup::Beside).begin(&path)?;
            pending.write_all(&next)?;
            return Ok(pending.commit()?);
        }
        How::Update | How::FallBack => FileBackend::new(top),
        How::TakeOver => {
            FileBackend::new(top).breaking(Breaking::IfHeldFor(Duration::from_millis(1)))
        }
    };
    let store = Store::on(backend).waiting(Wait::UpTo(Duration::from_secs(30)));
    document(&store, NAME).update(|pages| {
        *pages = Pages::new(pages.generation + 1, bytes);
        Change::Write(())
    })?;
    Ok(())
}

fn document(store: &Store, name: &'static str) -> Document<Pages> {
    store.document(Key::fixed(name))
}

fn generation_of(document: &Document<Pages>) -> Result<u64> {
    let Some(seen) = document.look()? else { return Ok(0) };
    ensure!(seen.instead_of.is_none(), "only its backup is whole: {:?}", seen.instead_of);
    let pages = seen.value;
    ensure!(pages.is_whole(), "{} is a mixture", document.place());
    Ok(pages.generation)
}

/// The bytes of the generation after the one in `top`.
pub(crate) fn next_bytes(top: &Path, bytes: usize) -> Result<Vec<u8>> {
    plain(generation_of_bytes(&top.join(NAME), bytes)? + 1, bytes)
}

/// The bytes of a generation, without a checksum: they are compared one by one.
fn plain(generation: u64, bytes: usize) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec_pretty(&Pages::new(generation, bytes))?)
}

fn generation_of_bytes(path: &Path, bytes: usize) -> Result<u64> {
    let found = match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        found => found?,
    };
    let pages: Pages = serde_json::from_slice(&found)?;
    ensure!(found == plain(pages.generation, bytes)?, "it is not as it was written");
    Ok(pages.generation)
}

/// Whether a file in `top` holds just this.
fn is_kept(top: &Path, contents: &str) -> Result<bool> {
    for entry in fs::read_dir(top)? {
        if fs::read(entry?.path())? == contents.as_bytes() {
            return Ok(true);
        }
    }
    Ok(false)
}
