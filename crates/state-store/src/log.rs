//! An append-only file of lines: whole lines only, durable one by one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use flock_guard::{LockFile, LockGuard, Wait};

use crate::{
    Lines, StoreError,
    contents::open_regular,
    directory::create_private_dir,
    file::locked,
    mark::Mark,
    tail::{LINE_MAX_BYTES, Tail, too_long},
};

/// A file that only grows, by whole lines.
///
/// An append is one write and one sync and never rewrites what is there, so that its cost
/// does not grow with the file. A line that a crash tore was never acknowledged: readers
/// leave it out, and the next append cuts it off. It has no newline, or a block of zeros: a power
/// cut may keep the end of a line and lose its beginning, if a block of the file ends within it.
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
    turns: LockFile,
    wait: Wait,
}

impl LineLog {
    /// The log at `path`, which need not be there yet.
    pub fn at(path: impl Into<PathBuf>) -> LineLog {
        let path = path.into();
        let turns = LockFile::beside(&path);
        LineLog { path, turns, wait: Wait::UpTo(Duration::from_secs(30)) }
    }

    /// Sets how long a change waits for its turn; 30 seconds if it is never set.
    #[must_use]
    pub fn waiting(self, wait: Wait) -> LineLog {
        LineLog { wait, ..self }
    }

    /// Takes turns by the lock file at `path` instead of one beside the log.
    ///
    /// Lock files are never deleted, so logs that come and go share a few. Everybody who
    /// changes a log has to name the same one.
    #[must_use]
    pub fn taking_turns_by(self, path: impl Into<PathBuf>) -> LineLog {
        LineLog { turns: LockFile::new(path), ..self }
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
    /// acknowledged and may be missing later. A line is refused that contains a newline or a zero
    /// byte, or has more than 64 MiB. So is a log in a directory in which everybody may replace
    /// files, and in one like `/tmp` a log that is a stranger's.
    pub fn append(&self, line: impl FnOnce(Option<&str>) -> String) -> Result<(), StoreError> {
        self.append_if(|last| Some(line(last))).map(|_| ())
    }

    /// As [`append`](LineLog::append), and puts the mark in its place that `line` returns beside
    /// the line. It gets the last line and the last mark.
    ///
    /// A *mark* is a short text beside the log (`NAME.mark`) that says how far the log has got, so
    /// that a log which was cut short can be told. It is written once the line is durable, and
    /// not synced: it is never ahead of the log, and after a crash it may be behind or missing.
    /// A mark that cannot be read or written is a warning event and keeps no line out.
    ///
    /// # Errors
    ///
    /// As [`append`](LineLog::append).
    ///
    /// # Examples
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// let log = state_store::LineLog::at(dir.path().join("audit.jsonl"));
    /// log.append_marked(|_, _| ("line 1".into(), "1".into()))?;
    /// assert_eq!(log.mark()?.as_deref(), Some("1"));
    /// std::fs::remove_file(log.path())?;
    /// log.append_marked(|last, mark| {
    ///     assert_eq!((last, mark), (None, Some("1")));
    ///     ("line 2".into(), "2".into())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn append_marked(
        &self,
        line: impl FnOnce(Option<&str>, Option<&str>) -> (String, String),
    ) -> Result<(), StoreError> {
        let turn = self.turn()?;
        let warn = |error: StoreError| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(cause, "{error}: a cut end of the log may stay unnoticed");
        };
        let before = self.mark().unwrap_or_else(|error| {
            warn(error);
            None
        });
        let mut mark = String::new();
        self.append_in(&turn, |last| {
            let (line, after) = line(last, before.as_deref());
            mark = after;
            Some(line)
        })?;
        Mark::beside(&self.path).write(&mark).unwrap_or_else(warn);
        Ok(())
    }

    /// Reads the mark that was left last, if it is there and whole. No lock is taken.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn mark(&self) -> Result<Option<String>, StoreError> {
        Mark::beside(&self.path).read()
    }

    /// Removes the mark: whoever puts another log in the place of this one does so before.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn forget_mark(&self) -> Result<(), StoreError> {
        Mark::beside(&self.path).remove()
    }

    /// As [`append`](LineLog::append), for a line that the last one may forbid. Returns
    /// whether there was one to append; if not, nothing was changed or created.
    ///
    /// # Errors
    ///
    /// As [`append`](LineLog::append).
    pub fn append_if(
        &self,
        line: impl FnOnce(Option<&str>) -> Option<String>,
    ) -> Result<bool, StoreError> {
        self.append_in(&self.turn()?, line)
    }

    /// Removes the log if `decide` says so of its last line (`None`: it has no whole line; one that
    /// is too long to be read counts as empty). Returns whether there was one to remove; if so, it
    /// stays away after a power cut.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`]: nothing was changed. [`StoreError::Io`]: nothing was changed,
    /// or the log is gone and a power cut may bring it back.
    pub fn remove_if(&self, decide: impl FnOnce(Option<&str>) -> bool) -> Result<bool, StoreError> {
        let _turn = self.turn()?;
        let Some(file) = self.open(&to_append())? else { return Ok(false) };
        self.accept_place(Some(&file))?;
        let last = match Tail::of(&file) {
            Ok(tail) => tail.last,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Some(String::new()),
            Err(source) => return Err(self.failed("read the end of", source)),
        };
        if !decide(last.as_deref()) {
            return Ok(false);
        }
        fs::remove_file(&self.path).map_err(|source| self.failed("remove", source))?;
        self.sync_directory()?;
        Ok(true)
    }

    /// Reads the whole lines, oldest first, as they are now. No lock is taken.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if it could not be opened. Each line can fail on its own, if it
    /// could not be read, is not UTF-8 or has more than 64 MiB; those are skipped, not kept in
    /// memory.
    pub fn lines(&self) -> Result<Lines, StoreError> {
        Ok(Lines::of(self.clone(), self.open_to_read()?))
    }

    /// Reads the last whole line as it is now, without the ones before. No lock is taken.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn last(&self) -> Result<Option<String>, StoreError> {
        let Some(file) = self.open_to_read()? else { return Ok(None) };
        let tail = Tail::of(&file).map_err(|source| self.failed("read the end of", source))?;
        Ok(tail.last)
    }

    fn turn(&self) -> Result<LockGuard, StoreError> {
        for file in [self.path.as_path(), self.turns.path()] {
            create_private_dir(directory_of(file))?;
        }
        let taken = self.turns.exclusive(self.wait);
        taken.map_err(|source| locked(&self.path.display().to_string(), source))
    }

    fn append_in(
        &self,
        _turn: &LockGuard,
        line: impl FnOnce(Option<&str>) -> Option<String>,
    ) -> Result<bool, StoreError> {
        let found = self.open(&to_append())?;
        self.accept_place(found.as_ref())?;
        let (end, last) = match &found {
            Some(file) => self.cut_torn_line(file)?,
            None => (0, None),
        };
        let Some(mut line) = line(last.as_deref()) else { return Ok(false) };
        if line.len() as u64 > LINE_MAX_BYTES {
            return Err(self.failed("append to", too_long()));
        }
        if line.contains(['\n', '\0']) {
            let why = "a line with a newline or a zero byte in it";
            let source = io::Error::new(io::ErrorKind::InvalidInput, why);
            return Err(self.failed("append to", source));
        }
        line.push('\n');
        let mut file = match found {
            Some(file) => file,
            None => self.create()?,
        };
        if end == 0 {
            // Before its first line and not after: whoever finds a line knows that the file stays.
            // A writer that is killed in between leaves an empty file, and the next one syncs again.
            self.sync_directory()?;
        }
        if let Err(source) = file.write_all(line.as_bytes()).and_then(|()| file.sync_data()) {
            // As good as it goes: what stays is cut off by the next append. For good, as there.
            file.set_len(end).and_then(|()| file.sync_data()).ok();
            return Err(self.failed("append to", source));
        }
        Ok(true)
    }

    fn create(&self) -> Result<File, StoreError> {
        let file = self.open(to_append().create(true).mode(0o600))?;
        // Without its directory a file cannot even be created.
        file.ok_or_else(|| self.failed("create", io::ErrorKind::NotFound.into()))
    }

    fn open_to_read(&self) -> Result<Option<File>, StoreError> {
        self.open(OpenOptions::new().read(true))
    }

    fn open(&self, options: &OpenOptions) -> Result<Option<File>, StoreError> {
        open_regular(&self.path, options).map_err(|source| self.failed("open", source))
    }

    /// Removes what follows the last newline. Returns where the file ends now, and its last
    /// line.
    fn cut_torn_line(&self, file: &File) -> Result<(u64, Option<String>), StoreError> {
        let failed = |source| self.failed("read the end of", source);
        let Tail { end, torn, last, .. } = Tail::of(file).map_err(failed)?;
        if torn > 0 {
            tracing::warn!(path = %self.path.display(), bytes = torn, "cutting off a torn last line");
            file.set_len(end).map_err(failed)?;
            // Else its bytes may come back in the middle of the line that takes its place: a block
            // in which only the old line was on disk, before one in which the new line ends.
            file.sync_data().map_err(|source| self.failed("sync", source))?;
        }
        Ok((end, last))
    }

    /// Refuses a directory in which everybody may replace the log, and a log there that may be a
    /// stranger's, as `atomic_file` does for documents.
    fn accept_place(&self, found: Option<&File>) -> Result<(), StoreError> {
        let failed = |source| self.failed("change", source);
        let directory = fs::metadata(directory_of(&self.path)).map_err(failed)?;
        if directory.mode() & 0o002 == 0 {
            return Ok(());
        }
        let refused = |why| Err(failed(io::Error::new(io::ErrorKind::PermissionDenied, why)));
        if directory.mode() & 0o1000 == 0 {
            return refused("everybody may remove and replace files in its directory");
        }
        let Some(file) = found else { return Ok(()) };
        let owner = file.metadata().map_err(failed)?.uid();
        if owner != directory.uid() && owner != rustix::process::geteuid().as_raw() {
            return refused("it belongs to another user, and everybody may write to its directory");
        }
        Ok(())
    }

    fn sync_directory(&self) -> Result<(), StoreError> {
        let synced =
            File::open(directory_of(&self.path)).and_then(|directory| directory.sync_all());
        synced.map_err(|source| self.failed("sync the directory of", source))
    }

    pub(crate) fn failed(&self, action: &'static str, source: io::Error) -> StoreError {
        StoreError::Io { action, place: self.path.display().to_string(), source }
    }
}

fn to_append() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    options
}

fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
