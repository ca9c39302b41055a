//! What appending a message to a session costs, to a short one and to a long one.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use session_store::{FileStore, Message, Metadata, SessionId, SessionStore};

use crate::arena::Arena;
use crate::contest::{self, Contender, Pace};
use crate::gate::Gate;
use crate::report::Table;

const FLOOR: &str = "raw append, fdatasync (floor)";
const SHORT: &str = "session-store, 10 messages";
const LONG: &str = "session-store, 100,000 messages";
const RAW_LONG: &str = "raw, as long as 100,000 messages";

const GATES: &[Gate] = &[
    Gate { of: SHORT, to: FLOOR, at_most: 1.2 },
    Gate { of: LONG, to: RAW_LONG, at_most: 1.2 },
    Gate { of: LONG, to: SHORT, at_most: 1.1 },
];
const PACE: Pace = Pace { samples: 4, batch: 1 };
const LIMIT: Duration = Duration::from_secs(10);
const NOW: SystemTime = SystemTime::UNIX_EPOCH;

pub(crate) fn run(arena: &Arena) -> Result<Vec<Table>> {
    let dir = arena.field("append")?;
    let store = FileStore::new(dir.join("sessions"));
    let short = session(&store, 10)?;
    let long = session(&store, 100_000)?;
    let bytes_of = |id: &SessionId| -> Result<Vec<u8>> {
        Ok(fs::read(dir.join("sessions").join(format!("{id}.jsonl")))?)
    };
    // The same lines as in the sessions; the last one is what is appended.
    let lines = bytes_of(&short)?;
    let last = lines.split_inclusive(|&byte| byte == b'\n').next_back();
    let line = last.context("a session has lines")?.to_vec();
    let mut raw = open(&dir.join("raw-short"), &lines)?;
    let mut raw_long = open(&dir.join("raw-long"), &bytes_of(&long)?)?;

    let append = |id: SessionId| {
        let store = &store;
        move || {
            ensure!(store.append(&id, &[message()?], NOW)?, "the session has ended");
            Ok(())
        }
    };
    let contenders = vec![
        Contender::timed(FLOOR, PACE, || append_raw(&mut raw, &line)),
        Contender::timed(SHORT, PACE, append(short)),
        Contender::timed(RAW_LONG, PACE, || append_raw(&mut raw_long, &line)),
        Contender::timed(LONG, PACE, append(long)),
    ];
    let standings = contest::hold(arena, LIMIT, contenders)?;
    Ok(vec![standings.table("append: one message to a session in a file, durable", GATES)])
}

fn session(store: &FileStore, messages: usize) -> Result<SessionId> {
    let id = store.create("bench", Metadata::new(), NOW)?.id;
    let at_once = messages.min(1000);
    for _ in 0..messages / at_once {
        let many = (0..at_once).map(|_| message()).collect::<Result<Vec<_>>>()?;
        ensure!(store.append(&id, &many, NOW)?, "the session has ended");
    }
    // What is appended later is one line with one message: so is this last line.
    ensure!(store.append(&id, &[message()?], NOW)?, "the session has ended");
    Ok(id)
}

fn message() -> Result<Message> {
    let text = "It may go out when the migration has been looked at by somebody who knows it.";
    Ok(format!(r#"{{"role": "assistant", "content": "{text}"}}"#).parse()?)
}

/// A file with these contents whose descriptor stays open.
fn open(path: &Path, contents: &[u8]) -> Result<File> {
    let mut file = File::options().append(true).create_new(true).open(path)?;
    file.write_all(contents)?;
    Ok(file)
}

fn append_raw(file: &mut File, line: &[u8]) -> Result<()> {
    file.write_all(line)?;
    Ok(rustix::fs::fdatasync(file)?)
}
