//! Mutants: how claims are not written. Their calls are the real ones of a real process.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::worker;

/// The name of the job.
pub(crate) const CARELESS: &str = "claim-carelessly";

/// A sibling and a rename, and nobody looks whether the write succeeded.
pub(crate) const SIBLING: &str = "sibling";

/// A sibling and a rename, and nobody looks how much was written.
pub(crate) const SHORT: &str = "short";

/// The document itself is opened, which empties it, and written.
pub(crate) const IN_PLACE: &str = "in-place";

/// The words that start a claim of `key` in the document at `path`.
pub(crate) fn start(how: &str, path: &Path, key: &str) -> Vec<OsString> {
    let mut words = worker::start(CARELESS).expect("this program is a file");
    words.extend([how.into(), path.into(), key.into()]);
    words
}

/// The job: `HOW PATH KEY`, and words that belong to what it stands for.
#[expect(clippy::disallowed_methods, reason = "this is how it is not done")]
pub(crate) fn careless(words: &[String]) -> Result<()> {
    let [how, path, key, ..] = words else { bail!("a way, a path and a key are needed") };
    let text = fs::read_to_string(path)?;
    let text = text.strip_suffix("\n}\n").context("a document of several lines")?;
    let text = format!("{text},\n  \"acme/site:{key}\": \"event-1\"\n}}\n");
    if how == IN_PLACE {
        let mut file = File::create(path)?;
        return file.write_all(text.as_bytes()).context("cannot write in place");
    }
    let sibling = format!("{path}.tmp");
    let mut file = File::create(&sibling)?;
    if how == SHORT {
        #[expect(clippy::unused_io_amount, reason = "this is what it gets wrong")]
        file.write(text.as_bytes())?;
    } else {
        file.write_all(text.as_bytes()).ok(); // This is what the other gets wrong.
    }
    fs::rename(sibling, path)?;
    Ok(())
}
