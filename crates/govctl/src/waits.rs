//! A note that says of a deploy: its command still waits.
//!
//! It is left before the process of the command is on record, and that very process takes it
//! away, for good, as the last thing before it becomes the command. So where a note is still
//! there and the process is not, the command never started. That a note is missing proves
//! nothing: whatever loses it makes the outcome unknown, and never a command start again.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::context::Context;

/// The place of the note of an environment, of which one deploy at a time has the lock.
#[derive(Debug)]
pub(crate) struct Waits {
    path: PathBuf,
}

/// More than a delivery id takes.
const MOST_BYTES: u64 = 4096;

impl Waits {
    pub(crate) fn of(context: &Context, environment: &str) -> Waits {
        Waits { path: context.locks_dir().join(format!("deploy-{environment}.waits")) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Says so of the deploy for this delivery, in the place of whatever was said before.
    ///
    /// Nothing is synced: a power cut that loses the note makes the outcome unknown.
    pub(crate) fn say(&self, delivery: &str) -> io::Result<()> {
        remove(&self.path)?;
        let mut options = File::options();
        let mut file = options.create_new(true).write(true).mode(0o600).open(&self.path)?;
        file.write_all(delivery.as_bytes())
    }

    /// Whether that is said of the deploy for this delivery.
    pub(crate) fn says(&self, delivery: &str) -> bool {
        let mut said = Vec::new();
        let read = File::open(&self.path).and_then(|file| {
            file.take(MOST_BYTES).read_to_end(&mut said) // What cannot be read says nothing.
        });
        read.is_ok() && !delivery.is_empty() && said == delivery.as_bytes()
    }

    /// Says it no more of the deploy for this delivery, whose end is on record.
    pub(crate) fn forget(&self, delivery: &str) {
        if self.says(delivery)
            && let Err(error) = remove(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "a note that means nothing any more stays behind");
        }
    }
}

/// Takes the note away so that no power cut brings it back. A note that is not there is an error:
/// it might be somewhere else.
pub(crate) fn take_away(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_of_one_delivery_until_it_is_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let waits = Waits { path: dir.path().join("deploy-production.waits") };
        assert!(!waits.says("event-1") && !waits.says(""));
        waits.say("event-1").unwrap();
        assert!(waits.says("event-1") && !waits.says("event-2") && !waits.says("event-"));
        waits.say("event-2").unwrap();
        assert!(waits.says("event-2") && !waits.says("event-1"));
        waits.forget("event-1");
        assert!(waits.says("event-2"));
        take_away(waits.path()).unwrap();
        assert!(!waits.says("event-2"));
        assert!(take_away(waits.path()).is_err());
        waits.say("event-3").unwrap();
        waits.forget("event-3");
        assert!(!waits.path().exists());
    }
}
