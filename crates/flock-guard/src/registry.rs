//! Which locks this process holds, and which of its threads took them.

use crate::Token;
use crate::opened::{FileId, Mode};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// One acquisition.
#[derive(Debug)]
struct Entry {
    /// A fork copies this table, but the locks in it stay the parent's.
    pid: u32,
    thread: ThreadId,
    mode: Mode,
}

type Table = BTreeMap<(FileId, Token), Entry>;

/// Sorted by file, so that the entries of one file are a range. A guard that
/// was forgotten keeps its descriptor open, hence its inode number in use:
/// no later file can be mistaken for it.
static HELD: Mutex<Table> = Mutex::new(BTreeMap::new());

fn table() -> MutexGuard<'static, Table> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn entries_of(table: &Table, file: FileId) -> impl Iterator<Item = &Entry> {
    table.range((file, Token(0))..=(file, Token(u128::MAX))).map(|(_, entry)| entry)
}

/// Whether this thread would wait for itself.
pub(crate) fn would_deadlock(file: FileId, mode: Mode, pid: u32) -> bool {
    let table = table();
    let this_thread = thread::current().id();
    entries_of(&table, file).any(|entry| {
        let excludes = mode == Mode::Exclusive || entry.mode == Mode::Exclusive;
        entry.pid == pid && entry.thread == this_thread && excludes
    })
}

/// Whether any thread of this process has the lock.
pub(crate) fn is_held(file: FileId, pid: u32) -> bool {
    entries_of(&table(), file).any(|entry| entry.pid == pid)
}

/// Remembers that this thread has taken the lock.
pub(crate) fn add(file: FileId, token: Token, mode: Mode, pid: u32) {
    let entry = Entry { pid, thread: thread::current().id(), mode };
    table().insert((file, token), entry);
}

/// Forgets an acquisition, from whichever thread. Must come before the unlock,
/// or the thread that took it could be refused a lock that is free.
pub(crate) fn remove(file: FileId, token: Token) {
    table().remove(&(file, token));
}
