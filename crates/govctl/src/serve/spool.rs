//! Deliveries on disk, from the moment they are accepted until they are handled.
//!
//! A file `webhooks/ID.delivery` is what [`sealed`] makes of it.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::sealed::{opened, sealed};

/// What the header X-GitHub-Delivery says: the name of the file, and of what was handled.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(String);

impl Id {
    /// GitHub's are GUIDs. This is a file name that can be nothing else, too.
    pub(crate) fn read(text: &[u8]) -> Option<Id> {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let is_id = (1..=64).contains(&text.len()) && text.iter().all(allowed);
        is_id.then(|| Id(String::from_utf8_lossy(text).into_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of an event: `[a-z_]`, as all of GitHub's are.
#[derive(Debug, Clone)]
pub(crate) struct EventName(String);

impl EventName {
    pub(crate) fn read(text: &[u8]) -> Option<EventName> {
        let allowed = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'_';
        let is_name = (1..=64).contains(&text.len()) && text.iter().all(allowed);
        is_name.then(|| EventName(String::from_utf8_lossy(text).into_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The directory.
#[derive(Debug)]
pub(crate) struct Spool {
    dir: PathBuf,
}

/// Its name in the state directory.
pub(crate) const WEBHOOKS: &str = "webhooks";

const ENDING: &str = ".delivery";

/// The name of the file of a delivery in the directory.
pub(crate) fn file_name(id: &Id) -> String {
    format!("{}{ENDING}", id.0)
}

/// The delivery that a file of that name in the directory is.
pub(crate) fn named(name: &str) -> Option<Id> {
    Id::read(name.strip_suffix(ENDING)?.as_bytes())
}

impl Spool {
    /// The one of a state directory.
    pub(crate) fn of(state_dir: &Path) -> Spool {
        Spool { dir: state_dir.join(WEBHOOKS) }
    }

    pub(crate) fn path(&self, id: &Id) -> PathBuf {
        self.dir.join(file_name(id))
    }

    /// Keeps a delivery. Once this returns it survives a power cut.
    pub(crate) fn keep(&self, id: &Id, name: &EventName, body: &[u8]) -> io::Result<()> {
        let private = atomic_file::Options::new().mode_if_new(0o600);
        private.replace(self.path(id), &sealed(name, body)).map_err(io::Error::other)
    }

    /// Opens one: the name of its event, and a file that goes on with the body.
    ///
    /// One that is not what was written is [`ErrorKind::InvalidData`].
    pub(crate) fn open(&self, id: &Id) -> io::Result<(EventName, File)> {
        let mut file = File::open(self.path(id))?;
        let damaged = |why| io::Error::new(ErrorKind::InvalidData, why);
        let (name, begin) = opened(&mut file)?.map_err(damaged)?;
        file.seek(SeekFrom::Start(begin))?;
        Ok((name, file))
    }

    /// Forgets one that was handled. One that comes back after a power cut is a duplicate then.
    pub(crate) fn forget(&self, id: &Id) {
        if let Err(error) = fs::remove_file(self.path(id)) {
            tracing::warn!(delivery = id.as_str(), %error, "cannot remove a delivery");
        }
    }

    /// What is kept, oldest first, and since when; nothing if there is no such directory.
    pub(crate) fn kept(&self) -> io::Result<Vec<(SystemTime, Id)>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut kept = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Some(id) = entry.file_name().to_str().and_then(named) else { continue };
            match entry.metadata() {
                Ok(found) => kept.push((found.modified()?, id)),
                Err(error) if error.kind() == ErrorKind::NotFound => {} // It was handled just now.
                Err(error) => return Err(error),
            }
        }
        kept.sort_unstable();
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_kept_as_it_came_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::of(dir.path());
        assert!(spool.kept().unwrap().is_empty(), "there is no directory yet");
        fs::create_dir(dir.path().join(WEBHOOKS)).unwrap();
        let (id, name) = (Id::read(b"a-1").unwrap(), EventName::read(b"workflow_run").unwrap());
        let body = b"\n\0{}\xff\n".as_slice();
        spool.keep(&id, &name, body).unwrap();
        let kept: Vec<Id> = spool.kept().unwrap().into_iter().map(|(_, id)| id).collect();
        assert_eq!(kept, std::slice::from_ref(&id));
        let (found, mut file) = spool.open(&id).unwrap();
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut file, &mut bytes).unwrap();
        assert_eq!((found.as_str(), bytes.as_slice()), ("workflow_run", body));
        spool.forget(&id);
        assert!(spool.kept().unwrap().is_empty());
    }

    #[test]
    fn an_id_and_a_name_can_be_nothing_else() {
        let long = "a".repeat(65);
        for bad in ["", ".", "../x", "a/b", "a b", "é", "a\n", "a\0", &long] {
            assert!(Id::read(bad.as_bytes()).is_none(), "{bad:?}");
            assert!(EventName::read(bad.as_bytes()).is_none(), "{bad:?}");
        }
        assert!(EventName::read(b"--help").is_none());
    }
}
