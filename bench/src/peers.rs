//! Everybody else, each used as its documentation says.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Result, ensure};
use atomic_write_file::AtomicWriteFile;
use atomicwrites::{AllowOverwrite, AtomicFile};
use failsafe::CircuitBreaker;
use fs4::FileExt;
use nix::sys::resource::{UsageWho, getrusage};
use recloser::Recloser;
use redb::{Database, ReadableTable, TableDefinition};
use rusqlite::{Connection, TransactionBehavior};
use tempfile::NamedTempFile;

use crate::breaker::{self, FAILSAFE, RECLOSER, work};
use crate::claim::{ENTRIES, REDB, SQLITE, id, key};
use crate::contest::{Contender, Pace};

pub(crate) fn replacing<'a>(dir: &Path, contents: &'a [u8], pace: Pace) -> Vec<Contender<'a>> {
    let [path, old_path, persisted] =
        ["atomic-write-file", "atomicwrites", "tempfile"].map(|name| dir.join(name));
    let dir = dir.to_owned();
    vec![
        Contender::timed("atomic-write-file", pace, move || {
            let mut file = AtomicWriteFile::open(&path)?;
            file.write_all(contents)?;
            Ok(file.commit()?)
        }),
        Contender::timed("tempfile + 2 syncs", pace, move || {
            let mut file = NamedTempFile::new_in(&dir)?;
            file.write_all(contents)?;
            file.as_file().sync_all()?;
            file.persist(&persisted)?;
            Ok(File::open(&dir)?.sync_all()?)
        }),
        Contender::timed("atomicwrites", pace, move || {
            let file = AtomicFile::new(&old_path, AllowOverwrite);
            file.write(|file| file.write_all(contents)).map_err(std::io::Error::from)?;
            Ok(())
        }),
    ]
}

pub(crate) fn locking(dir: &Path, pace: Pace) -> Result<Vec<Contender<'static>>> {
    let open = |name| File::options().write(true).create(true).truncate(false).open(dir.join(name));
    let mut guarded = fd_lock::RwLock::new(open("fd-lock.lock")?);
    let file = open("fs4.lock")?;
    Ok(vec![
        Contender::timed("fd-lock, no record", pace, move || {
            drop(guarded.write()?);
            Ok(())
        }),
        Contender::timed("fs4, no record", pace, move || {
            FileExt::lock(&file)?;
            Ok(FileExt::unlock(&file)?)
        }),
    ])
}

/// One transaction each: look whether it is there, add it, forget the oldest.
pub(crate) fn claiming(dir: &Path, pace: Pace) -> Result<Vec<Contender<'static>>> {
    let mut sqlite = sqlite(&dir.join("claims.sqlite"))?;
    let mut claim_in_redb = redb(&dir.join("claims.redb"))?;
    let (mut claimed, mut stored) = (ENTRIES, ENTRIES);
    Ok(vec![
        Contender::timed(SQLITE, pace, move || {
            claimed += 1;
            let transaction = sqlite.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let added = transaction
                .prepare_cached("INSERT OR IGNORE INTO deliveries (key, id) VALUES (?1, ?2)")?
                .execute((key(0, claimed)?.to_string(), id(claimed)))?;
            ensure!(added == 1, "claimed twice");
            let oldest = "DELETE FROM deliveries WHERE rowid = (SELECT min(rowid) FROM deliveries)";
            transaction.prepare_cached(oldest)?.execute(())?;
            Ok(transaction.commit()?)
        }),
        Contender::timed(REDB, pace, move || {
            stored += 1;
            claim_in_redb(stored)
        }),
    ])
}

fn sqlite(path: &Path) -> Result<Connection> {
    let mut sqlite = Connection::open(path)?;
    sqlite.pragma_update(None, "journal_mode", "WAL")?;
    sqlite.pragma_update(None, "synchronous", "FULL")?;
    sqlite.execute("CREATE TABLE deliveries (key TEXT UNIQUE NOT NULL, id TEXT NOT NULL)", ())?;
    let all = sqlite.transaction()?;
    for count in 0..ENTRIES {
        let values = (key(0, count)?.to_string(), id(count));
        all.execute("INSERT INTO deliveries (key, id) VALUES (?1, ?2)", values)?;
    }
    all.commit()?;
    Ok(sqlite)
}

/// Returns what claims the delivery with this number; the oldest is always 1,000 before it.
fn redb(path: &Path) -> Result<impl FnMut(u64) -> Result<()> + use<>> {
    const DELIVERIES: TableDefinition<'_, &str, &str> = TableDefinition::new("deliveries");
    let database = Database::create(path)?;
    let all = database.begin_write()?;
    for count in 1..=ENTRIES {
        all.open_table(DELIVERIES)?.insert(&*key(0, count)?.to_string(), &*id(count))?;
    }
    all.commit()?;
    Ok(move |count| {
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(DELIVERIES)?;
            let key_text = key(0, count)?.to_string();
            ensure!(table.get(&*key_text)?.is_none(), "claimed twice");
            table.insert(&*key_text, &*id(count))?;
            table.remove(&*key(0, count - ENTRIES)?.to_string())?;
        }
        Ok(transaction.commit()?)
    })
}

/// Breakers as they come, with the settings that their authors chose.
pub(crate) fn breaking(threads: u32) -> Vec<Contender<'static>> {
    let (recloser, failsafe) = (Recloser::default(), failsafe::Config::new().build());
    vec![
        breaker::contender(RECLOSER, threads, move || recloser.call(work).is_ok()),
        breaker::contender(FAILSAFE, threads, move || failsafe.call(work).is_ok()),
    ]
}

/// The most memory in MiB that any program run by this process ever used.
pub(crate) fn peak_of_children() -> Result<f64> {
    let kibibytes = u32::try_from(getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss())?;
    Ok(f64::from(kibibytes) / 1024.0)
}
