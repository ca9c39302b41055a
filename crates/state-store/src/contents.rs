//! Reading a file as one whole version, and telling versions apart.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags},
    io::{Errno, fcntl_dupfd_cloexec, retry_on_intr},
};

use crate::{Damage, Loaded, NoFallback, StoreError, Version, file::LIMIT_BYTES};

pub(crate) fn load(path: &Path, place: &str) -> Result<Option<Loaded>, StoreError> {
    match read(path, place)? {
        None => absent(path, place),
        loaded => Ok(loaded),
    }
}

/// Reads the file at `path` as one whole version: a replace gives the path a new file, and
/// the one that is open stays what it was.
pub(crate) fn read(path: &Path, place: &str) -> Result<Option<Loaded>, StoreError> {
    let failed = |source| cannot_read(place, source);
    let Some(file) = open(path).map_err(failed)? else { return Ok(None) };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    // Looked at before reading, so that a huge file costs nothing.
    let found = metadata.len();
    if found > LIMIT_BYTES {
        let source = Damage::TooLarge { found, limit: LIMIT_BYTES };
        return Err(damaged(place, source));
    }
    let mut contents = Vec::with_capacity(usize::try_from(found).unwrap_or(0) + 1);
    (&file).take(LIMIT_BYTES).read_to_end(&mut contents).map_err(failed)?;
    Ok(Some(Loaded { contents, version: version(&metadata) }))
}

/// Tells a document that never was from one that was removed: nothing that this system does
/// leaves a backup without its document, and starting over would forget what was in it.
fn absent(path: &Path, place: &str) -> Result<Option<Loaded>, StoreError> {
    let backup = backup_of(path);
    if !backup.try_exists().map_err(|source| cannot_read(place, source))? {
        return Ok(None);
    }
    // Since it was found absent others may have made it and replaced it, with a backup.
    if let Some(loaded) = read(path, place)? {
        return Ok(Some(loaded));
    }
    let source = Damage::Missing { backup: backup.display().to_string() };
    Err(damaged(place, source))
}

/// The name of the version before the one at `path`.
pub(crate) fn backup_of(path: &Path) -> PathBuf {
    let mut backup = path.as_os_str().to_owned();
    backup.push(".bak");
    PathBuf::from(backup)
}

fn damaged(place: &str, source: Damage) -> StoreError {
    StoreError::Damaged { place: place.to_owned(), source, backup: NoFallback::NotAsked }
}

/// Opens a file for reading without hanging on a FIFO.
pub(crate) fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty())) {
        Ok(fd) => Ok(Some(fd.into())),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Opens a regular file as `options` say, without following a link and without hanging on a FIFO.
/// `None`: there is no such file.
pub(crate) fn open_regular(path: &Path, options: &OpenOptions) -> io::Result<Option<File>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match options.clone().custom_flags(flags.bits().cast_signed()).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.and_then(above_standard)?,
    };
    match file.metadata()?.is_file() {
        true => Ok(Some(file)),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// Moves a file away from descriptors 0 to 2. A process that was started without them gets them
/// for the next files that it opens, and whatever it prints then would be a line of the log.
fn above_standard(file: File) -> io::Result<File> {
    if file.as_raw_fd() > 2 { Ok(file) } else { Ok(fcntl_dupfd_cloexec(&file, 3)?.into()) }
}

pub(crate) fn version_at(path: &Path) -> io::Result<Option<Version>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(version(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What tells two states of a file apart: a replace changes the inode, an edit in place the
/// size or a time.
fn version(metadata: &fs::Metadata) -> Version {
    let facts = [
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        metadata.mtime().cast_unsigned(),
        metadata.mtime_nsec().cast_unsigned(),
    ];
    Version::new(facts.map(u64::to_le_bytes).concat())
}

pub(crate) fn cannot_read(place: &str, source: io::Error) -> StoreError {
    StoreError::Io { action: "read", place: place.to_owned(), source }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "plain files for a test")]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_came_after_it_was_found_absent_is_not_missing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        assert!(absent(&path, "x").unwrap().is_none());
        fs::write(dir.path().join("x.json.bak"), "1").unwrap();
        assert!(matches!(absent(&path, "x"), Err(StoreError::Damaged { .. })));
        fs::write(&path, "2").unwrap();
        assert_eq!(absent(&path, "x").unwrap().unwrap().contents, b"2");
    }
}
