//! The mutant: a sibling and a rename, and nobody looks whether the write succeeded.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use system_tests::Govctl;

use crate::no_space::disk::Disk;
use crate::worker;

/// The name of its job.
pub(crate) const CARELESS: &str = "claim-carelessly";

/// A claim by the mutant, which sees the disk as this process does.
pub(super) fn claim(disk: &Disk, key: &str) -> Result<Govctl> {
    let mut words = worker::start(CARELESS)?;
    words.extend([disk.state().join("delivery_ids.json").into(), key.into()]);
    Ok(Govctl::new("", Path::new("/"), Path::new("/")).under(words))
}

/// The job: `PATH KEY`, and words that belong to what it stands for.
#[expect(clippy::disallowed_methods, reason = "this is how it is not done")]
pub(crate) fn careless(words: &[String]) -> Result<()> {
    let [path, key, ..] = words else { bail!("a path and a key are needed") };
    let text = fs::read_to_string(path)?;
    let text = text.strip_suffix("\n}\n").context("a document of several lines")?;
    let text = format!("{text},\n  \"acme/site:{key}\": \"event-1\"\n}}\n");
    let sibling = format!("{path}.tmp");
    let mut file = File::create(&sibling)?;
    file.write_all(text.as_bytes()).ok(); // This is what it gets wrong.
    fs::rename(sibling, path)?;
    Ok(())
}
