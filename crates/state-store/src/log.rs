//! An append-only file of lines: whole lines only, durable one by one.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use flock_guard::{LockFile, Wait};
use rustix::fs::OFlags;

use crate::{StoreError, directory::create_private_dir, file::locked};

/// How much is read at a time when looking for the last line.
const STEP_BYTES: u64 = 8 * 1024;

/// A file that only grows, by whole lines.
///
/// An append is one write and one sync and never rewrites what is there, so that its cost
/// does not grow with the file. A line that a crash tore was never acknowledged: readers
/// leave it out, and the next append cuts it off.
///
/// # Examples
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// let log = state_store::LineLog::at(dir.path().join("audit.jsonl"));
/// log.append(|last| format!("line {}", if last.is_some() { 2 } else { 1 }))?;
/// log.append(|last| format!("after {:?}", last.unwrap()))?;
/// let lines: Vec<String> = log.lines()?.collect::<Result<_, _>>()?;
/// assert_eq!(lines, ["line 1", "after \"line 1\""]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct LineLog {
    path: PathBuf,
    wait: Wait,
}

impl LineLog {
    /// The log at `path`, which need not be there yet.
    pub fn at(path: impl Into<PathBuf>) -> LineLog {
        LineLog { path: path.into(), wait: Wait::UpTo(Duration::from_secs(30)) }
    }

    /// Sets how long an append waits for its turn; 30 seconds if it is never set.
    #[must_use]
    pub fn waiting(self, wait: Wait) -> LineLog {
        LineLog { wait, ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the line that `line` makes of the last one. When this returns `Ok`, it
    /// survives a power cut.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`], [`StoreError::Io`]: nothing was appended, or what was is not
    /// acknowledged and may be missing later. A line that contains a newline is refused.
    pub fn append(&self, line: impl FnOnce(Option<&str>) -> String) -> Result<(), StoreError> {
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(directory) = directory {
            create_private_dir(directory)?;
        }
        let _guard = LockFile::beside(&self.path)
            .exclusive(self.wait)
            .map_err(|source| locked(&self.path.display().to_string(), source))?;
        let is_new = !self.path.exists();
        let mut file = self.open().map_err(|source| self.failed("open", source))?;
        let (end, last) = self
            .cut_torn_line(&mut file)
            .map_err(|source| self.failed("read the end of", source))?;
        let mut line = line(last.as_deref());
        if line.contains('\n') {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "a line with a newline in it");
            return Err(self.failed("append to", source));
        }
        line.push('\n');
        if let Err(source) = file.write_all(line.as_bytes()).and_then(|()| file.sync_data()) {
            file.set_len(end).ok(); // Best effort: what stays is cut off by the next append.
            return Err(self.failed("append to", source));
        }
        if is_new {
            let synced = File::open(directory.unwrap_or(Path::new("."))).and_then(|d| d.sync_all());
            synced.map_err(|source| self.failed("sync the directory of", source))?;
        }
        Ok(())
    }

    /// Reads the whole lines, oldest first, as they are now. No lock is taken.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if it could not be opened. Each line can fail on its own, if it
    /// could not be read or is not UTF-8.
    pub fn lines(&self) -> Result<Lines, StoreError> {
        let reader = match File::open(&self.path) {
            Ok(file) => Some(BufReader::new(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(self.failed("open", source)),
        };
        Ok(Lines { reader, log: self.clone() })
    }

    fn open(&self) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(flags.bits().cast_signed())
            .open(&self.path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        Ok(file)
    }

    /// Removes what follows the last newline. Returns where the file ends now, and its last
    /// line.
    fn cut_torn_line(&self, file: &mut File) -> io::Result<(u64, Option<String>)> {
        let length = file.metadata()?.len();
        let mut tail = Vec::new();
        let mut start = length;
        let newlines = |tail: &[u8]| tail.iter().filter(|byte| **byte == b'\n').count();
        // Two newlines enclose the last whole line.
        while start > 0 && newlines(&tail) < 2 {
            let step = STEP_BYTES.min(start);
            start -= step;
            file.seek(SeekFrom::Start(start))?;
            let mut chunk = Vec::new();
            (&*file).take(step).read_to_end(&mut chunk)?;
            chunk.append(&mut tail);
            tail = chunk;
        }
        let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let torn = tail.len() - whole;
        let end = length - torn as u64;
        if torn > 0 {
            tracing::warn!(path = %self.path.display(), bytes = torn, "cutting off a torn last line");
            file.set_len(end)?;
        }
        let last = tail[..whole].strip_suffix(b"\n").map(|lines| {
            let from = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            String::from_utf8_lossy(&lines[from..]).into_owned()
        });
        Ok((end, last))
    }

    fn failed(&self, action: &'static str, source: io::Error) -> StoreError {
        StoreError::Io { action, place: self.path.display().to_string(), source }
    }
}

/// The whole lines of a [`LineLog`], oldest first, without their newlines.
#[derive(Debug)]
pub struct Lines {
    reader: Option<BufReader<File>>,
    log: LineLog,
}

impl Iterator for Lines {
    type Item = Result<String, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(_) if line.ends_with('\n') => {
                line.pop();
                Some(Ok(line))
            }
            // The end, or a line that is being written or was torn.
            Ok(_) => None,
            Err(source) => Some(Err(self.log.failed("read a line of", source))),
        }
    }
}
