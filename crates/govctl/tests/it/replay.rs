//! The same configuration, state, changes and time give the same decision for ever, to the byte.
//!
//! `replay/` holds a state directory as it was recorded, the configuration of that day, and what
//! was answered. An answer that differs today is a broken promise, or a key that was added: then
//! look at the difference, and write the files anew with `GOVCTL_WRITE_REPLAYS=1`.

use std::{collections::BTreeMap, env, fs, path::Path};

use crate::{Bench, Ran, SHA};

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/replay");

/// What was taken back on that day.
const BAD: &str = "bad0bad0bad0bad0bad0bad0bad0bad0bad0bad0";

/// The file of the answer, the commit, the changed paths, the time and the exit code.
const ANSWERS: &[(&str, &str, &str, &str, i32)] = &[
    ("high-approved", SHA, "high", "2026-11-19T12:00:00Z", 0),
    ("high-expired", SHA, "high", "2026-11-19T14:00:00Z", 1),
    ("low-free", SHA, "low", "2026-11-19T14:00:00Z", 0),
    ("low-weekend", SHA, "low", "2026-11-21T12:00:00Z", 1),
    ("low-after-weekend", SHA, "low", "2026-11-23T07:00:00Z", 0),
    ("low-rate", SHA, "low", "2026-11-19T10:45:00Z", 1),
    ("bad-taken-back", BAD, "low", "2026-11-24T12:00:00Z", 1),
    ("medium-summer", SHA, "medium", "2027-03-29T05:59:59Z", 1),
];

fn answered(bench: &Bench, (_, sha, paths, at, code): (&str, &str, &str, &str, i32)) -> Ran {
    let paths = format!("{RECORDED}/{paths}.txt");
    let config = format!("{RECORDED}/booty.yml");
    let where_from = ["--json", "--quiet", "--repo", "acme/shop", "--config", &config];
    let check = ["--state-dir", "state", "check", sha, "--paths-from", &paths, "--at", at];
    bench.run(&[&where_from[..], &check].concat()).exits(code)
}

/// The names and contents of the files below a directory.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let inner = contents(&path).into_iter();
            found.extend(inner.map(|(file, text)| (format!("{name}/{file}"), text)));
        } else {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            found.insert(name, fs::read(&path).unwrap());
        }
    }
    found
}

/// A workspace with a copy of the recorded state directory.
fn of_that_day() -> Bench {
    let bench = Bench::new();
    for (name, bytes) in contents(&Path::new(RECORDED).join("state")) {
        bench.given(&format!("state/{name}"), &String::from_utf8(bytes).unwrap());
    }
    bench
}

#[test]
fn what_was_answered_on_that_day_is_answered_today() {
    let bench = of_that_day();
    let before = contents(&bench.path().join("state"));
    #[expect(clippy::disallowed_methods, reason = "no answer of the program depends on it")]
    let rewrite = env::var_os("GOVCTL_WRITE_REPLAYS").is_some();
    for answer in ANSWERS {
        let file = Path::new(RECORDED).join(format!("{}.json", answer.0));
        let said = answered(&bench, *answer).stdout();
        if rewrite {
            atomic_file::replace(&file, said.as_bytes()).unwrap();
        }
        let recorded = fs::read_to_string(&file).unwrap_or_default();
        assert!(said == recorded, "{} is answered differently:\n{said}", answer.0);
    }
    assert_eq!(contents(&bench.path().join("state")), before, "asking changes nothing");
}

#[test]
fn the_answer_does_not_depend_on_the_clock_the_zone_or_the_place() {
    let (bench, other) = (of_that_day(), of_that_day());
    for answer in ANSWERS {
        let once = answered(&bench, *answer).stdout();
        let paths = format!("{RECORDED}/{}.txt", answer.2);
        let config = format!("{RECORDED}/booty.yml");
        let surroundings = [("TZ", "Pacific/Kiritimati"), ("LANG", "tr_TR.UTF-8"), ("USER", "bo")];
        // Instead of `--at`, and from another directory.
        let where_from =
            ["--json", "-q", "--repo", "acme/shop", "--config", &config, "-C", "state"];
        let check = ["--state-dir", "state", "--now", answer.3, "check", answer.1];
        let args = [&where_from[..], &check, &["--paths-from", &paths]].concat();
        let again = other.run_with(&surroundings, &args).exits(answer.4).stdout();
        assert_eq!(once, again, "{}", answer.0);
    }
}

#[test]
fn a_time_before_what_is_on_record_is_said_aloud() {
    let bench = of_that_day();
    let ask = |at: &str| {
        let args = ["--repo", "acme/shop", "--state-dir", "state", "check", SHA, "--at", at];
        bench.run(&args).stderr()
    };
    let note = ask("2026-11-19T09:00:00Z");
    assert!(note.contains("note: the state on record is of 2026-11-"), "{note}");
    assert_eq!(ask("2027-01-01T00:00:00Z"), "");
}
