//! The audit log in its file.

use std::{io, path::PathBuf};

use serde::Deserialize;
use state_store::{LineLog, Lines, StoreError, Wait};

use crate::{ChainBreak, Entry, NewEntry, StateError, audit::Link};

/// The log `audit.jsonl`: one line for everything that changed the state.
///
/// Every line carries its own hash and that of the line before, so that a line that was
/// changed, removed or moved is found by [`verify`](AuditLog::verify), down to its number. A mark
/// beside the log (`NAME.mark`) says which line was the last, so that a cut end is found as well,
/// and a log that was written anew; the numbers go on behind what is missing.
///
/// # Limits
///
/// Whoever may write both files can cut off the end or write all of it anew, and a power cut may
/// take the newest mark. Compare [`Verified::head`] with one that was kept elsewhere to find that
/// too.
///
/// # Examples
///
/// ```
/// use booty_state::{AuditLog, Moment, NewEntry};
///
/// # let dir = tempfile::tempdir()?;
/// let log = AuditLog::at(dir.path().join("audit.jsonl"));
/// let now: Moment = "2026-11-20T18:53:00Z".parse()?;
/// let entry = NewEntry::new(now, "ana@build-3 pid 4711", "deploy_started")
///     .about(&"acme/site".parse()?, &"9f2c1ab5d0".parse()?)
///     .because("the fix for the login");
/// log.append(&entry)?;
///
/// let entries = log.entries()?.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((entries[0].seq, entries[0].what.as_str()), (1, "deploy_started"));
/// assert_eq!(log.verify()?.entries, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct AuditLog {
    log: LineLog,
}

/// What an audit log without a flaw is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has.
    pub entries: u64,
    /// The hash of its last line, which stands for all of them; 64 zeros if there is none.
    pub head: String,
    /// Whether the mark is that of its last line. Without it, or with an older one as after a crash,
    /// nobody can tell whether more lines were cut off behind it.
    pub is_end_known: bool,
}

impl AuditLog {
    /// The log at `path`, which need not be there yet.
    pub fn at(path: impl Into<PathBuf>) -> AuditLog {
        AuditLog { log: LineLog::at(path) }
    }

    /// Sets how long an append waits for its turn; 30 seconds if it is never set.
    #[must_use]
    pub fn waiting(self, wait: Wait) -> AuditLog {
        AuditLog { log: self.log.waiting(wait) }
    }

    /// Names the log for people.
    #[must_use]
    pub fn place(&self) -> String {
        self.log.path().display().to_string()
    }

    /// Writes one change down, and returns the number of its line, which only rises. When this
    /// returns `Ok`, it survives a power cut.
    ///
    /// A flaw in the lines before does not keep it out: it stays where it is, to be found. After
    /// lines that are missing at the end it has the number and the chain that would be next, and
    /// an error event tells of them.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: it is not written down, or may be missing later.
    pub fn append(&self, new: &NewEntry) -> Result<u64, StateError> {
        let mut seq = 0;
        self.log.append_marked(|last, mark| {
            let link = self.going_on(self.link_after(last), mark);
            seq = link.next();
            let line = link.line_for(new.clone());
            let mark = Link::after(seq, &line).mark();
            (line, mark)
        })?;
        Ok(seq)
    }

    /// Forgets which line was the last: whoever puts another log in the place of this one does so
    /// before.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`].
    pub fn forget_end(&self) -> Result<(), StateError> {
        Ok(self.log.forget_mark()?)
    }

    /// Reads the entries, oldest first, and leaves out what is none.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: the log could not be opened. Reading on can fail likewise.
    pub fn entries(&self) -> Result<Entries, StateError> {
        Ok(Entries { lines: Some(self.lines()?), skipped: 0 })
    }

    /// Reads the entries whose line has one of these texts in it, oldest first: all of an id, say.
    /// It looks at the whole log, and reads only those lines.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: the log could not be read, so nobody knows.
    ///
    /// # Examples
    ///
    /// ```
    /// use booty_state::{AuditLog, Moment, NewEntry};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// let log = AuditLog::at(dir.path().join("audit.jsonl"));
    /// let now: Moment = "2026-11-20T18:53:00Z".parse()?;
    /// log.append(&NewEntry::new(now, "ana", "event_begun").changing((), "event-7"))?;
    /// log.append(&NewEntry::new(now, "ana", "event_begun").changing((), "event-8"))?;
    /// let found = log.entries_with(&["event-8"])?;
    /// assert_eq!(found.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn entries_with(&self, texts: &[&str]) -> Result<Vec<Entry>, StateError> {
        let mut found = Vec::new();
        for line in self.lines()? {
            match line {
                Ok(line) if texts.iter().any(|text| line.contains(text)) => {
                    found.extend(serde_json::from_str::<Entry>(&line));
                }
                Ok(_) => {}
                Err(error) if is_not_text(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }

    /// Proves that no line was changed, removed or moved since it was written.
    ///
    /// # Errors
    ///
    /// - [`StateError::ChainBroken`]: one was, and this is the first that does not fit.
    /// - [`StateError::Store`]: the log or its mark could not be read.
    pub fn verify(&self) -> Result<Verified, StateError> {
        let broken = |line, source| StateError::ChainBroken { place: self.place(), line, source };
        let mark = self.end_mark()?;
        let mut link = Link::beginning();
        for line in self.log.lines()? {
            let followed = match line {
                Ok(line) => link.follow(&line),
                Err(error) if is_not_text(&error) => Err(ChainBreak::NotText),
                Err(error) => return Err(error.into()),
            };
            followed.map_err(|source| broken(link.next(), source))?;
            let is_marked = mark.as_ref().is_some_and(|mark| mark.lines == link.lines);
            if is_marked && mark.as_ref() != Some(&link) {
                return Err(broken(link.lines, ChainBreak::Rewritten));
            }
        }
        match mark {
            Some(mark) if mark.lines > link.lines => {
                Err(broken(link.next(), ChainBreak::Missing { last: mark.lines }))
            }
            mark => Ok(Verified {
                is_end_known: mark.as_ref() == Some(&link),
                entries: link.lines,
                head: link.head,
            }),
        }
    }

    /// The lines as they are, oldest first.
    pub(crate) fn lines(&self) -> Result<Lines, StateError> {
        Ok(self.log.lines()?)
    }

    /// What the mark says about the end. To be asked before the lines are read, which may become
    /// more meanwhile and never fewer.
    pub(crate) fn end_mark(&self) -> Result<Option<Link>, StateError> {
        Ok(self.log.mark()?.as_deref().and_then(Link::marked))
    }

    /// Where the next line goes on: at the mark, if the log does not have the line that it tells of.
    fn going_on(&self, link: Link, mark: Option<&str>) -> Link {
        let mark = mark.and_then(Link::marked);
        let Some(mark) = mark.filter(|mark| mark.is_beyond(&link)) else { return link };
        let (found, last) = (link.lines, mark.lines);
        tracing::error!(log = self.place(), found, last, "the audit log lacks lines at its end");
        mark
    }

    /// Where the chain has got to with the `last` line.
    fn link_after(&self, last: Option<&str>) -> Link {
        #[derive(Deserialize)]
        struct Numbered {
            seq: u64,
        }
        let Some(last) = last else { return Link::beginning() };
        let number = match serde_json::from_str::<Numbered>(last) {
            Ok(Numbered { seq }) => seq,
            // Not a line of ours: the lines themselves say which one it is.
            Err(_) => self.log.lines().map_or(0, |lines| {
                let may_go_on = |line: &Result<String, StoreError>| {
                    line.as_ref().map_or_else(is_not_text, |_| true)
                };
                lines.take_while(may_go_on).map(|_| 1).sum()
            }),
        };
        Link::after(number, last)
    }
}

/// The entries of an [`AuditLog`], oldest first.
#[derive(Debug)]
pub struct Entries {
    /// `None` once reading has failed: it would fail for ever.
    lines: Option<Lines>,
    skipped: u64,
}

impl Entries {
    /// How many lines were left out so far, because they are not entries.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.lines.as_mut()?.next()? {
                Ok(line) => match serde_json::from_str(&line) {
                    Ok(entry) => return Some(Ok(entry)),
                    Err(_) => self.skipped += 1,
                },
                Err(error) if is_not_text(&error) => self.skipped += 1,
                Err(error) => {
                    self.lines = None;
                    return Some(Err(error.into()));
                }
            }
        }
    }
}

/// Whether reading failed because of what the line says, and can go on after it.
pub(crate) fn is_not_text(error: &StoreError) -> bool {
    matches!(error, StoreError::Io { source, .. } if source.kind() == io::ErrorKind::InvalidData)
}
