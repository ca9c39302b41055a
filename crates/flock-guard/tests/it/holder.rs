//! The record: what it says, what it survives, and that it decides nothing.

use crate::{events, fixture, scribble};
use flock_guard::{Holder, LockError, Machine, Wait};
use std::fs;
use std::thread;
use std::time::{Duration, SystemTime};

#[test]
fn the_record_names_the_holder_in_plain_json() {
    let it = fixture();
    let guard = it.lock.exclusive(Wait::Never).unwrap();
    let bytes = fs::read(it.lock.path()).unwrap();
    assert_eq!((bytes.len(), bytes.last()), (512, Some(&b'\n')));

    let record: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let keys: Vec<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys[..3], ["pid", "created", "hostname"]);
    assert_eq!(record["pid"], std::process::id());
    assert_eq!(record["token"], guard.token().to_string());
    assert_eq!(record["released"], false);
    let created = record["created"].as_str().unwrap();
    assert_eq!((created.len(), &created[10..11], &created[23..]), (24, "T", "Z"), "{created}");
    for key in ["hostname", "boot_id", "command"] {
        assert!(!record[key].as_str().unwrap().is_empty(), "{key}");
    }
    for key in ["start_time", "pid_namespace", "monotonic_ms"] {
        assert!(record[key].as_u64().unwrap() > 0, "{key}");
    }

    drop(guard);
    let after = fs::read(it.lock.path()).unwrap();
    let after: serde_json::Value = serde_json::from_slice(&after).unwrap();
    assert_eq!(after["released"], true);
    assert_eq!(after["token"], record["token"]);
}

#[test]
fn status_tells_held_from_free_and_me_from_others() {
    let it = fixture();
    let status = it.lock.status().unwrap();
    assert_eq!((status.held, status.holder, status.is_me), (false, None, false));
    assert!(!it.lock.path().exists(), "looking creates nothing");

    let guard = it.lock.exclusive(Wait::Never).unwrap();
    let status = it.lock.status().unwrap();
    assert!(status.held && status.is_me);
    let holder = status.holder.unwrap();
    assert_eq!((holder.pid, holder.token), (std::process::id(), Some(guard.token())));
    assert!(!holder.released);
    guard.check().unwrap();
    let stolen =
        thread::scope(|scope| scope.spawn(|| it.lock.exclusive(Wait::Never).is_ok()).join());
    assert!(!stolen.unwrap(), "looking disturbs nobody");

    drop(guard);
    let status = it.lock.status().unwrap();
    assert!(!status.held && !status.is_me);
    assert!(status.holder.unwrap().released, "whoever held it last");
}

#[test]
fn whoever_finds_the_lock_busy_learns_who_has_it() {
    let it = fixture();
    let guard = it.lock.exclusive(Wait::Never).unwrap();
    let error = thread::scope(|scope| {
        scope.spawn(|| it.lock.exclusive(Wait::Never).map(drop).unwrap_err()).join().unwrap()
    });
    let LockError::Busy { path, waited, holder, .. } = error else { panic!("{error:?}") };
    assert_eq!((path.as_path(), waited), (it.lock.path(), Duration::ZERO));
    assert_eq!(holder.unwrap().token, Some(guard.token()));
}

#[test]
fn whatever_stands_in_the_file_the_lock_works_and_the_record_is_replaced() {
    let deep = "[".repeat(3000);
    let long = format!("{{\"pid\": 1, \"hostname\": \"{}\"}}", "x".repeat(2000));
    let table: [(&str, &[u8], Option<u32>); 12] = [
        ("empty", b"", None),
        ("garbage", b"\xff\xfe not json", None),
        ("NULs", &[0; 600], None),
        ("1 MiB", &vec![b'x'; 1 << 20], None),
        ("nested", deep.as_bytes(), None),
        ("an array", b"[1]", None),
        ("a pid that is none", br#"{"pid": -1}"#, None),
        ("half a record", br#"{"pid": 77, "created": "2026-1"#, None),
        ("a wrong checksum", br#"{"pid":77,"checksum":"0000000000000000","released":false}"#, None),
        ("a long record", long.as_bytes(), Some(1)),
        ("only a pid", br#"{"pid": 77}"#, Some(77)),
        (
            "the Go program's",
            b"{\"pid\":77,\"created\":\"2026-01-02T03:04:05Z\",\"hostname\":\"ci\"}\n\n{}",
            Some(77),
        ),
    ];
    for (name, contents, pid) in table {
        let it = fixture();
        scribble(&it.lock, contents);
        assert_eq!(it.lock.status().unwrap().holder.map(|holder| holder.pid), pid, "{name}");
        let (guard, lines) = events::during(|| it.lock.exclusive(Wait::Never).unwrap());
        assert_eq!(lines.len(), 1, "{name}: nothing to warn about in {lines:?}");
        let record = fs::read(it.lock.path()).unwrap();
        assert_eq!(record.len(), 512, "{name}");
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(record["pid"], std::process::id(), "{name}");
        drop(guard);
    }
}

#[test]
fn a_flipped_byte_makes_the_record_a_missing_hint() {
    let it = fixture();
    it.lock.exclusive(Wait::Never).unwrap().release();
    let whole = fs::read(it.lock.path()).unwrap();
    let covered = whole.windows(12).position(|window| window == b",\"checksum\":").unwrap();
    for at in 0..covered {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        scribble(&it.lock, &damaged);
        assert_eq!(it.lock.status().unwrap().holder, None, "byte {at}");
    }
    scribble(&it.lock, &whole);
    assert!(it.lock.status().unwrap().holder.is_some());
}

#[test]
fn a_program_that_empties_the_file_changes_nothing() {
    let it = fixture();
    let guard = it.lock.exclusive(Wait::Never).unwrap();
    scribble(&it.lock, b"");
    let status = it.lock.status().unwrap();
    assert_eq!((status.held, status.holder), (true, None));
    guard.check().unwrap();
    drop(guard);
    assert!(it.lock.status().unwrap().holder.unwrap().released, "the record is whole again");
}

#[test]
fn nothing_in_a_record_reaches_a_terminal_raw() {
    let it = fixture();
    scribble(
        &it.lock,
        br#"{"pid":1,"hostname":"\u001b[2Jweb","created":"a\nb","command":"\u0007"}"#,
    );
    let holder = it.lock.status().unwrap().holder.unwrap();
    assert_eq!(holder.to_string(), "pid 1 on \u{fffd}[2Jweb since a\u{fffd}b");
    assert_eq!(holder.command.as_deref(), Some("\u{fffd}"));
}

#[test]
fn an_age_counts_in_one_boot_of_one_machine_only() {
    let here = Machine::here();
    let seconds = Duration::from_secs;
    let Machine { machine_id: Some(machine), boot_id: Some(boot), .. } = &here else { return };
    let record = |machine: &str, boot: &str, namespace: u64| {
        let text = format!(
            r#"{{"pid":1,"machine_id":"{machine}","boot_id":"{boot}","pid_namespace":{namespace},"monotonic_ms":5000}}"#
        );
        serde_json::from_str::<Holder>(&text).unwrap()
    };
    let namespace = here.pid_namespace.unwrap();
    let table = [
        (record(machine, boot, namespace), seconds(9), Some(seconds(4))),
        (record(machine, boot, namespace), seconds(5), Some(Duration::ZERO)),
        (record(machine, boot, namespace), seconds(4), None),
        (record("elsewhere", boot, namespace), seconds(9), None),
        (record(machine, "before", namespace), seconds(9), None),
        (record(machine, boot, 1), seconds(9), None),
    ];
    for (holder, uptime, age) in table {
        assert_eq!(holder.held_for(&here, uptime), age, "{holder:?} at {uptime:?}");
    }
    let unknown = record(machine, boot, namespace);
    assert_eq!(unknown.held_for(&Machine::default(), seconds(9)), None);
}

#[test]
fn an_age_is_never_negative() {
    let it = fixture();
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let table = [
        ("1970-01-01T00:01:00Z", at(90), Some(Duration::from_secs(30))),
        ("1970-01-01T01:01:00+01:00", at(60), Some(Duration::ZERO)),
        ("2970-01-01T00:00:00Z", at(90), Some(Duration::ZERO)),
        ("yesterday", at(90), None),
    ];
    for (created, now, age) in table {
        scribble(&it.lock, format!(r#"{{"pid":1,"created":"{created}"}}"#).as_bytes());
        assert_eq!(it.lock.status().unwrap().holder.unwrap().age(now), age, "{created}");
    }
}
