//! Deliveries on disk, from the moment they are accepted until they are handled.
//!
//! A file `webhooks/ID.delivery` is the name of the event on a line, then the body as it came.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    path::PathBuf,
};

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

const ENDING: &str = ".delivery";

impl Spool {
    pub(crate) fn at(dir: PathBuf) -> Spool {
        Spool { dir }
    }

    fn path(&self, id: &Id) -> PathBuf {
        self.dir.join(format!("{}{ENDING}", id.0))
    }

    /// Keeps a delivery. Once this returns it survives a power cut.
    pub(crate) fn keep(&self, id: &Id, name: &EventName, body: &[u8]) -> io::Result<()> {
        let contents = [name.0.as_bytes(), b"\n", body].concat();
        atomic_file::replace(self.path(id), &contents).map_err(io::Error::other)
    }

    /// Opens one: the name of its event, and a file that goes on with the body.
    pub(crate) fn open(&self, id: &Id) -> io::Result<(EventName, File)> {
        let mut file = File::open(self.path(id))?;
        let mut first = Vec::new();
        file.by_ref().take(65).read_to_end(&mut first)?;
        let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let name = EventName::read(line).ok_or(ErrorKind::InvalidData)?;
        file.seek(SeekFrom::Start(line.len() as u64 + 1))?;
        Ok((name, file))
    }

    /// Forgets one that was handled. One that comes back after a power cut is a duplicate then.
    pub(crate) fn forget(&self, id: &Id) {
        if let Err(error) = fs::remove_file(self.path(id)) {
            tracing::warn!(delivery = id.as_str(), %error, "cannot remove a delivery");
        }
    }

    /// What is kept, oldest first.
    pub(crate) fn kept(&self) -> io::Result<Vec<Id>> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(ENDING));
            if let Some(id) = id.and_then(|id| Id::read(id.as_bytes())) {
                kept.push((entry.metadata()?.modified()?, id));
            }
        }
        kept.sort_unstable();
        Ok(kept.into_iter().map(|(_, id)| id).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_kept_as_it_came_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::at(dir.path().to_owned());
        let (id, name) = (Id::read(b"a-1").unwrap(), EventName::read(b"workflow_run").unwrap());
        let body = b"\n\0{}\xff\n".as_slice();
        spool.keep(&id, &name, body).unwrap();
        assert_eq!(spool.kept().unwrap(), std::slice::from_ref(&id));
        let (found, mut file) = spool.open(&id).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
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
