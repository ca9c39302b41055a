//! Files that cannot be trusted, on their way out of the way: kept under a new name, and never
//! written over or removed from here.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::{codec::hex, contents::open, file::LIMIT_BYTES};

/// What stands between the name of the document and the digits of its contents.
pub(crate) const ASIDE: &str = ".damaged-";

/// How many digits of the SHA-256 of its contents the name of such a file ends in.
pub(crate) const DIGITS: usize = 8;

/// How much of a file that is too large for a document its name says something about.
const BEGINNING_BYTES: u64 = 64 * 1024;

/// How many files whose digits are the same are told apart.
const NAMESAKES_MAX: u32 = 1_000;

/// What stands between the name of a file that is whole and the digits of its contents.
const REPLACED: &str = ".replaced-";

/// Keeps the file at `path` under a second name, `NAME.replaced-<8 hex digits>`, before another
/// takes its place. Returns that name, or `None` if there is no file. No name is given to two
/// files; once this returns, the second name survives a power cut.
///
/// # Errors
///
/// What the operating system says. Nothing has been replaced then.
pub fn set_aside(path: &Path) -> io::Result<Option<PathBuf>> {
    keep_as(path, REPLACED)
}

/// Gives the file at `path` a second name beside it, and returns that name, or `None` if there
/// is no file. When this returns, the second name survives a power cut.
///
/// It is named after its contents, so that the same damage is kept once and none is overwritten.
pub(crate) fn keep(path: &Path) -> io::Result<Option<PathBuf>> {
    keep_as(path, ASIDE)
}

fn keep_as(path: &Path, word: &str) -> io::Result<Option<PathBuf>> {
    let Some(mut file) = open(path)? else { return Ok(None) };
    let mut stem = path.as_os_str().to_owned();
    stem.push(word);
    stem.push(digits(&mut file)?);
    for number in 1..NAMESAKES_MAX {
        let mut aside = stem.clone();
        if number > 1 {
            aside.push(format!("-{number}"));
        }
        let aside = PathBuf::from(aside);
        match second_name(path, &mut file, &aside) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !is_same(&mut file, &aside)? {
                    continue;
                }
            }
            Err(error) => return Err(error),
        }
        // Before anything takes the place of `path`: a power cut could keep that and lose this.
        file.sync_all()?;
        let directory = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        return Ok(Some(aside));
    }
    Err(io::Error::other("there is no name left to set it aside under"))
}

/// A file that is too large for a document is named after its beginning.
fn digits(file: &mut File) -> io::Result<String> {
    let mut digest = Sha256::new();
    let is_huge = file.metadata()?.len() > LIMIT_BYTES;
    let read = if is_huge { BEGINNING_BYTES } else { LIMIT_BYTES };
    io::copy(&mut Read::take(&mut *file, read), &mut Sink(&mut digest))?;
    let mut digits = hex(&digest.finalize());
    digits.truncate(DIGITS);
    Ok(digits)
}

fn second_name(path: &Path, file: &mut File, aside: &Path) -> io::Result<()> {
    match fs::hard_link(path, aside) {
        Err(error) if cannot_link(&error) => copy(file, aside),
        linked => linked,
    }
}

/// For file systems without hard links, and files that the kernel does not let us link.
fn copy(file: &mut File, aside: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut to = options.write(true).create_new(true).mode(0o600).open(aside)?;
    file.rewind()?;
    let copied = io::copy(file, &mut to).and_then(|_| to.sync_all());
    if copied.is_err() {
        fs::remove_file(aside).ok(); // Best effort: half a copy, which we have just made.
    }
    copied
}

fn cannot_link(error: &io::Error) -> bool {
    let cannot = [Errno::PERM, Errno::OPNOTSUPP, Errno::NOSYS, Errno::MLINK, Errno::XDEV];
    Errno::from_io_error(error).is_some_and(|errno| cannot.contains(&errno))
}

/// Whether `aside` is this file already, or a copy of it.
fn is_same(file: &mut File, aside: &Path) -> io::Result<bool> {
    let Some(mut other) = open(aside)? else { return Ok(false) };
    let (ours, theirs) = (file.metadata()?, other.metadata()?);
    if (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()) {
        return Ok(true);
    }
    if !theirs.is_file() || ours.len() != theirs.len() || ours.len() > LIMIT_BYTES {
        return Ok(false);
    }
    let [mut our_bytes, mut their_bytes] = [Vec::new(), Vec::new()];
    file.rewind()?;
    Read::take(&mut *file, LIMIT_BYTES).read_to_end(&mut our_bytes)?;
    Read::take(&mut other, LIMIT_BYTES).read_to_end(&mut their_bytes)?;
    Ok(our_bytes == their_bytes)
}

/// A digest as a place to write to.
struct Sink<'a>(&'a mut Sha256);

impl io::Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "plain files for a test")]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_given_twice_and_the_same_damage_is_kept_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        assert_eq!(keep(&path).unwrap(), None);
        fs::write(&path, "bad").unwrap();
        let first = keep(&path).unwrap().unwrap();
        assert_eq!(keep(&path).unwrap().unwrap(), first, "a crash came before the replace");
        fs::remove_file(&path).unwrap();
        fs::write(&path, "bad").unwrap();
        assert_eq!(keep(&path).unwrap().unwrap(), first, "the same damage once more");
        // Somebody else's file of that name, or the half of a copy.
        fs::remove_file(&first).unwrap();
        fs::write(&first, "half").unwrap();
        let second = keep(&path).unwrap().unwrap();
        assert!(second.to_str().unwrap().ends_with("-2"), "{second:?}");
        assert_eq!(fs::read(&first).unwrap(), b"half");
        assert_eq!(fs::read(&second).unwrap(), b"bad");
    }

    #[test]
    fn without_links_it_is_copied() {
        let dir = tempfile::tempdir().unwrap();
        let (path, aside) = (dir.path().join("x.json"), dir.path().join("aside"));
        fs::write(&path, "bad").unwrap();
        let mut file = open(&path).unwrap().unwrap();
        digits(&mut file).unwrap();
        copy(&mut file, &aside).unwrap();
        assert_eq!(fs::read(&aside).unwrap(), b"bad");
        let again = copy(&mut file, &aside).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert!(is_same(&mut file, &aside).unwrap());
        assert!(cannot_link(&Errno::MLINK.into()) && !cannot_link(&Errno::NOSPC.into()));
    }
}
