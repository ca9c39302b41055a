//! Every kind of document that we write, and what reading a damaged one may answer.

use std::cell::OnceCell;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use booty_state::{AuditLog, DeliveryCache, DeployResult, Keep, NewEntry, ReleaseStore};
use circuit_breaker::{CircuitBreaker, Machine, ManualClock, Opening, Settings, Stored};
use external_ids::{ExternalIds, Series, Tracker};
use flock_guard::{LockFile, Wait};
use release_policy::Config;
use session_store::{FileStore, Message, Metadata, SessionStore};
use state_store::{Backend, Change, Key, MemoryBackend, Store, Swap};
use tempfile::TempDir;

use crate::quick;
use crate::savers::{LEDGER, Ledger};

/// A document as we write it, and its reader.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) written: Vec<u8>,
    /// Reads what it is given, and compares it with what was written.
    pub(crate) read: fn(damaged: &[u8], written: &[u8]) -> Reading,
}

impl Kind {
    /// Whether nothing at all that was made of what was written may be taken for it: it ends in
    /// a seal, and these bytes still have one. Lines of sessions can be repeated and left out,
    /// and a record of a lock can be made to look like another program's.
    pub(crate) fn allows_nothing(&self, bytes: &[u8]) -> bool {
        let has = |bytes: &[u8]| bytes.windows(SEAL.len()).any(|window| window == SEAL);
        self.name == "audit.jsonl" || (has(&self.written) && has(bytes))
    }
}

/// How reading went.
pub(crate) enum Reading {
    /// It was refused, or says nothing that was not written.
    Right,
    /// It was taken for something else.
    Wrong(String),
    /// Something that must hold for every input does not.
    Broken(String),
}

const RELEASE: Key = Key::fixed("release.json");
const DELIVERIES: Key = Key::fixed("delivery_ids.json");
const MAPPING: Key = Key::fixed("external_id_mapping.json");
const COUNTERS: Key = Key::fixed("external_id_counters.json");
const BREAKER: Key = Key::fixed("breakers/api.json");
/// What every sealed document has near its end.
const SEAL: &[u8] = b"  \"checksum\": \"sha256:";
const NOW: SystemTime = SystemTime::UNIX_EPOCH;

/// All of them, written by the code that writes them.
pub(crate) fn kinds() -> Result<Vec<Kind>> {
    let memory = Arc::new(MemoryBackend::new());
    let store = Store::on(Arc::clone(&memory));
    let written = |key: &Key| -> Result<Vec<u8>> {
        Ok(memory.load(key)?.with_context(|| format!("no {}", key.as_str()))?.contents)
    };
    let now = "2026-11-20T18:53:00Z".parse()?;
    let releases = ReleaseStore::new(&store);
    for sha in ["9f2c1ab5d0", "0a1b2c3d4e"] {
        releases.attempt_started(&sha.parse()?, now)?;
        releases.finished(&sha.parse()?, DeployResult::Success, now)?;
    }
    let deliveries = DeliveryCache::new(&store, Keep::default());
    for number in 0..5 {
        deliveries.record(&format!("acme/site:run_{number}").parse()?, &"event-1".parse()?)?;
    }
    let ids = ExternalIds::new(&store);
    for number in 0..3 {
        ids.map(&format!("TASK-E01-b2c{number}").parse()?, &series()?, NOW)?;
    }
    let opening = Settings::default().opening(Opening::ConsecutiveFailures(1));
    let builder = CircuitBreaker::builder().settings(opening).clock(ManualClock::new(NOW));
    builder.stored(Stored::new(&store, BREAKER)).build()?.record_failure();
    store.document::<Ledger>(LEDGER).update(|ledger| {
        ledger.turn_page(7);
        Change::Write(())
    })?;
    Ok(vec![
        Kind { name: "release.json", written: written(&RELEASE)?, read: release },
        Kind { name: "delivery_ids.json", written: written(&DELIVERIES)?, read: claims },
        Kind { name: "external_id_mapping.json", written: written(&MAPPING)?, read: mapping },
        Kind { name: "external_id_counters.json", written: written(&COUNTERS)?, read: counters },
        Kind { name: "breakers/NAME.json", written: written(&BREAKER)?, read: breaker },
        Kind { name: "any document", written: written(&LEDGER)?, read: ledger },
        Kind { name: "audit.jsonl", written: audit_lines()?, read: audit },
        Kind { name: "sessions/ID.jsonl", written: session_lines()?, read: session },
        Kind { name: "NAME.lock", written: record()?, read: holder },
        Kind { name: ".booty.yml", written: BOOTY_YML.as_bytes().to_vec(), read: config },
    ])
}

/// A store in memory with these bytes under this key, and no backup of them.
fn holding(key: &Key, bytes: &[u8]) -> Store {
    let memory = MemoryBackend::new();
    let turn = memory.turn(key, Wait::Never);
    let put = turn.and_then(|turn| turn.swap(None, bytes)).expect("memory is always free");
    assert_eq!(put, Swap::Committed, "there was nothing before");
    Store::on(memory)
}

/// What carries our checksum is refused, however little of it has changed.
fn sealed<T, E>(read: Result<T, E>) -> Reading {
    match read {
        Ok(_) => Reading::Wrong("it was accepted".to_owned()),
        _ => Reading::Right,
    }
}

fn release(damaged: &[u8], _: &[u8]) -> Reading {
    sealed(ReleaseStore::new(&holding(&RELEASE, damaged)).load())
}

fn claims(damaged: &[u8], _: &[u8]) -> Reading {
    sealed(DeliveryCache::new(&holding(&DELIVERIES, damaged), Keep::default()).list(None))
}

fn mapping(damaged: &[u8], _: &[u8]) -> Reading {
    sealed(ExternalIds::new(&holding(&MAPPING, damaged)).load())
}

fn counters(damaged: &[u8], _: &[u8]) -> Reading {
    let series = series().expect("a series that is written here");
    sealed(ExternalIds::new(&holding(&COUNTERS, damaged)).next(&series, NOW))
}

fn ledger(damaged: &[u8], _: &[u8]) -> Reading {
    sealed(holding(&LEDGER, damaged).document::<Ledger>(LEDGER).load())
}

/// A breaker that cannot be trusted is a new one, which is closed.
fn breaker(damaged: &[u8], _: &[u8]) -> Reading {
    let stored = Stored::new(&holding(&BREAKER, damaged), BREAKER);
    match stored.load(&Settings::default(), NOW) {
        Ok(machine) if machine != Machine::new() => {
            Reading::Wrong(format!("it was accepted: {machine:?}"))
        }
        _ => Reading::Right,
    }
}

fn series() -> Result<Series> {
    Ok(Series::new(Tracker::Jira, Some("PROJ".parse()?))?)
}

thread_local! {
    /// Files are read from files: one directory for each thread that reads.
    static DIR: OnceCell<TempDir> = const { OnceCell::new() };
}

/// A file with these bytes, in place of the one before.
#[expect(clippy::disallowed_methods, reason = "what damages a file does not ask how")]
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    DIR.with(|dir| {
        let dir = dir.get_or_init(|| quick::dir().expect("there is room for a directory"));
        let path = dir.path().join(name);
        fs::write(&path, bytes).expect("there is room for a few bytes");
        path
    })
}

fn audit_lines() -> Result<Vec<u8>> {
    let path = file("written.jsonl", b"");
    let log = AuditLog::at(&path);
    for reason in ["the fix for the login", "\"quoted\", and more \u{fc}\n", ""] {
        let now = "2026-11-20T18:53:00Z".parse()?;
        let entry = NewEntry::new(now, "ana@build-3 pid 4711", "deploy_started")
            .about(&"acme/site".parse()?, &"9f2c1ab5d0".parse()?)
            .because(reason);
        log.append(&entry)?;
    }
    Ok(fs::read(path)?)
}

/// What a reader of lines takes: not a last line that has no end, or NUL bytes as a crash leaves
/// them. A last line that was damaged to look like that reads as torn, too.
fn without_torn_line(bytes: &[u8]) -> &[u8] {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let lines = &bytes[..whole];
    let last = lines.strip_suffix(b"\n").unwrap_or(lines);
    let start = last.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if whole == bytes.len() && last[start..].contains(&0) { &lines[..start] } else { lines }
}

/// A log whose end was cut off is whole as far as it goes; nothing else may verify.
fn audit(damaged: &[u8], written: &[u8]) -> Reading {
    let verified = AuditLog::at(file("audit.jsonl", damaged)).verify();
    match verified {
        Ok(_) if !written.starts_with(without_torn_line(damaged)) => {
            Reading::Wrong("it was verified".to_owned())
        }
        _ => Reading::Right,
    }
}

const MESSAGES: [&str; 3] =
    [r#"{"role": "user", "n": 1}"#, r#"{"s": "\n"}"#, r#"{"last": [1, 2]}"#];

fn session_lines() -> Result<Vec<u8>> {
    let path = file("planner.jsonl", b"");
    let dir = path.parent().context("a file is in a directory")?;
    let store = FileStore::new(dir);
    let session = store.create("planner", Metadata::new(), NOW)?;
    for message in MESSAGES {
        store.append(&session.id, &[message.parse()?], NOW)?;
    }
    let path = dir.join(format!("{}.jsonl", session.id));
    let lines = fs::read(&path)?;
    fs::remove_file(path)?;
    Ok(lines)
}

/// Nothing is read that was not written, and what is missing in the middle is said to be.
fn session(damaged: &[u8], written: &[u8]) -> Reading {
    let id = "00000000-0000-4000-8000-000000000000";
    let text = String::from_utf8_lossy(written);
    let own = text.split_once("\"id\":\"").and_then(|(_, rest)| rest.split_once('"'));
    let id = own.map_or(id, |(id, _)| id);
    let path = file(&format!("{id}.jsonl"), damaged);
    let store = FileStore::new(path.parent().expect("a file is in a directory"));
    let id = id.parse().expect("an id that the store has made");
    let Ok(Some(history)) = store.load(&id, NOW + Duration::from_secs(1)) else {
        return Reading::Right;
    };
    let all: Vec<Message> = MESSAGES.iter().filter_map(|text| text.parse().ok()).collect();
    let mut rest = all.iter();
    for message in &history.messages {
        if !rest.any(|written| written.as_str() == message.as_str()) {
            return Reading::Wrong(format!("it says {}", message.as_str()));
        }
    }
    let is_torn = written.starts_with(without_torn_line(damaged));
    if history.messages.len() < all.len() && history.skipped == 0 && !is_torn {
        return Reading::Wrong("messages are missing, and nobody says so".to_owned());
    }
    Reading::Right
}

fn record() -> Result<Vec<u8>> {
    let path = file("written.lock", b"");
    LockFile::new(&path).exclusive(Wait::Never)?.release();
    Ok(fs::read(path)?)
}

/// A record names its holder or nobody. Only the word that it let go is outside the checksum.
fn holder(damaged: &[u8], written: &[u8]) -> Reading {
    let read = |name: &str, bytes: &[u8]| {
        let status = LockFile::new(file(name, bytes)).status();
        status.ok().and_then(|status| status.holder)
    };
    let Some(mut holder) = read("damaged.lock", damaged) else { return Reading::Right };
    let Some(original) = read("whole.lock", written) else {
        return Reading::Wrong("what was written cannot be read".to_owned());
    };
    holder.released = original.released;
    match holder == original {
        true => Reading::Right,
        false => Reading::Wrong(format!("it names {holder:?}")),
    }
}

/// People write it, so nothing seals it: it is understood or refused, and that at once.
fn config(damaged: &[u8], _: &[u8]) -> Reading {
    if let Ok(text) = std::str::from_utf8(damaged) {
        Config::parse(text).ok();
    }
    Reading::Right
}

const BOOTY_YML: &str = "\
schema_version: 1
test_command: \"cargo test\"
timeout_seconds: 300
release_governor:
  enabled: true
  cooldown_minutes: 10
  max_deploys_per_hour: 6
  deploy:
    workflow_name: \"deploy.yml\"
  high_risk_paths:
    - \".github/workflows/**\"
    - '**/*auth*'
  first_deploy_requires_approval: false
";
