//! A short text that is overwritten in place, and is either whole or missing.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{StoreError, codec::digest, contents::open_regular};

/// A file of one block, written in one call and never renamed: nothing of it can be left lying
/// about, and a reader that meets a writer reads once more.
///
/// It is not synced. After a power cut an older text is there or none, so what it says must have
/// been true for ever.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    path: PathBuf,
}

/// All of the file, with its newline. Less than a sector, which a disk writes whole.
const SIZE: usize = 256;

/// How often a text that does not fit its checksum is read, before it counts as none.
const TRIES: usize = 3;

impl Mark {
    /// The one beside `file`: its name and `.mark`.
    pub(crate) fn beside(file: &Path) -> Mark {
        let mut path = file.as_os_str().to_owned();
        path.push(".mark");
        Mark { path: path.into() }
    }

    /// What was written last, if that is there and whole.
    pub(crate) fn read(&self) -> Result<Option<String>, StoreError> {
        let failed = |source| self.failed("read", source);
        let opened = open_regular(&self.path, OpenOptions::new().read(true)).map_err(failed)?;
        let Some(file) = opened else { return Ok(None) };
        for _ in 0..TRIES {
            let mut bytes = [0; SIZE];
            match file.read_exact_at(&mut bytes, 0) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                read => read.map_err(failed)?,
            }
            if let Some(text) = text_in(&bytes) {
                return Ok(Some(text.to_owned()));
            }
        }
        Ok(None)
    }

    /// Puts `text` in its place.
    ///
    /// Whoever writes has a turn: two at once would leave a mixture.
    pub(crate) fn write(&self, text: &str) -> Result<(), StoreError> {
        let failed = |source| self.failed("write", source);
        let bytes = bytes_of(text).ok_or_else(|| {
            failed(io::Error::new(io::ErrorKind::InvalidInput, "it is too long, or not one line"))
        })?;
        let options = OpenOptions::new().write(true).create(true).mode(0o600).clone();
        let file = open_regular(&self.path, &options).map_err(failed)?;
        // Without its directory a file cannot even be created.
        let file = file.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        file.write_all_at(&bytes, 0).map_err(failed)
    }

    /// Removes it, if it is there.
    pub(crate) fn remove(&self) -> Result<(), StoreError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|source| self.failed("remove", source)),
        }
    }

    fn failed(&self, action: &'static str, source: io::Error) -> StoreError {
        StoreError::Io { action, place: self.path.display().to_string(), source }
    }
}

/// The text, its checksum, blanks and a newline.
fn bytes_of(text: &str) -> Option<[u8; SIZE]> {
    let line = format!("{text} {}", digest(text.as_bytes()));
    let fits = line.len() < SIZE && !text.contains(['\n', '\0']);
    let padded = format!("{line:width$}\n", width = SIZE - 1);
    padded.into_bytes().try_into().ok().filter(|_| fits)
}

fn text_in(bytes: &[u8; SIZE]) -> Option<&str> {
    let line = str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let (text, checksum) = line.trim_end_matches(' ').rsplit_once(' ')?;
    (digest(text.as_bytes()) == checksum).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Mark, SIZE, bytes_of, text_in};

    #[test]
    fn a_text_is_read_as_it_was_written_and_the_shorter_one_leaves_nothing_of_the_longer() {
        let dir = tempfile::tempdir().unwrap();
        let mark = Mark::beside(&dir.path().join("a.jsonl"));
        assert_eq!(mark.read().unwrap(), None);
        for text in ["{\"seq\":100}", "{}", ""] {
            mark.write(text).unwrap();
            assert_eq!(mark.read().unwrap().as_deref(), Some(text));
            let size = fs::metadata(dir.path().join("a.jsonl.mark")).unwrap().len();
            assert_eq!(size, SIZE as u64);
        }
        mark.remove().unwrap();
        mark.remove().unwrap();
        assert_eq!(mark.read().unwrap(), None);
    }

    #[test]
    fn a_flipped_bit_or_a_cut_anywhere_leaves_no_text() {
        let whole = bytes_of("{\"seq\":7}").unwrap();
        for bit in 0..SIZE * 8 {
            let mut bytes = whole;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(text_in(&bytes), None, "bit {bit}");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mark = Mark::beside(&path);
        mark.write("{\"seq\":7}").unwrap();
        for size in (0..SIZE).rev() {
            let file = fs::OpenOptions::new().write(true).open(dir.path().join("a.mark")).unwrap();
            file.set_len(size as u64).unwrap();
            assert_eq!(mark.read().unwrap(), None, "{size} bytes");
        }
    }

    #[test]
    fn what_does_not_fit_or_is_no_file_is_refused_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mark = Mark::beside(&dir.path().join("a"));
        mark.write("old").unwrap();
        for text in ["a\nb", "a\0b", &"x".repeat(SIZE)] {
            mark.write(text).unwrap_err();
            assert_eq!(mark.read().unwrap().as_deref(), Some("old"));
        }
        let target = dir.path().join("target");
        std::os::unix::fs::symlink(&target, dir.path().join("b.mark")).unwrap();
        fs::create_dir(dir.path().join("c.mark")).unwrap();
        for name in ["b", "c"] {
            let mark = Mark::beside(&dir.path().join(name));
            mark.write("new").unwrap_err();
            mark.read().unwrap_err();
        }
        assert!(!target.exists());
    }
}
