//! Security overrides: another program's file, read and never written.

use std::{fs, path::Path};

use booty_state::{Override, Repo, SecurityOverrides, Sha, StateError};
use serde_json::json;
use state_store::Store;

use crate::{at, given, sha};

const NOW: &str = "2026-11-20T18:53:00Z";

fn find(dir: &Path, sha: &Sha) -> Result<Option<Override>, StateError> {
    let repo: Repo = "acme/site".parse().unwrap();
    SecurityOverrides::new(&Store::files(dir)).find(&repo, sha, at(NOW))
}

#[test]
fn an_override_counts_for_14_days_and_in_doubt() {
    for (created_at, counts) in [
        (json!("2026-11-20T18:53:00Z"), true),
        (json!("2026-11-06T18:53:00.000001+00:00"), true),
        (json!("2026-11-06T18:53:00+00:00"), false),
        (json!("2026-11-06T18:52:59.999999+00:00"), false),
        (json!("2025-11-20T18:53:00Z"), false),
        (json!("2027-11-20T18:53:00Z"), true),
        (json!("2025-11-20T18:53:00"), true),
        (json!("last year"), true),
        (json!(1_763_664_780), true),
        (json!(null), true),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let about = format!("acme/site:{}", sha('a'));
        let file = dir.path().join("security_overrides.json");
        given(&file, json!({ about: { "created_at": created_at, "reason": "why" } }).to_string());
        let found = find(dir.path(), &sha('a')).unwrap();
        assert_eq!(found.is_some(), counts, "created at {created_at}");
        assert_eq!(found.map_or("why".to_owned(), |found| found.to_string()), "why");
    }
}

#[test]
fn only_an_override_of_the_same_commit_counts_however_it_is_capitalised() {
    let dir = tempfile::tempdir().unwrap();
    let about = format!("ACME/site:{}", "A".repeat(40));
    let file = dir.path().join("security_overrides.json");
    given(&file, json!({ about: {}, "acme/site": {}, "version": {} }).to_string());
    let found = find(dir.path(), &sha('a')).unwrap().unwrap();
    assert_eq!((found.created_at(), found.to_string()), (None, "no reason given".to_owned()));
    assert_eq!(find(dir.path(), &sha('b')).unwrap(), None);
}

#[test]
fn no_file_is_no_override_and_a_damaged_one_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(find(dir.path(), &sha('a')).unwrap(), None);
    for text in ["", "{", "[]", "null", "{\"acme/site:x\": true}", "{\"a\": {}, \"a\": {}}"] {
        given(&dir.path().join("security_overrides.json"), text);
        assert!(find(dir.path(), &sha('a')).is_err(), "{text:?} was read");
    }
}

#[test]
fn what_the_old_program_wrote_is_read_and_the_file_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let golden = include_str!("../golden/security_overrides.json");
    given(&dir.path().join("security_overrides.json"), golden);
    let sha = "9f2c1ab5d0e4f7a8b6c3d2e1f00112233445566a".parse().unwrap();
    let found = find(dir.path(), &sha).unwrap().unwrap();
    assert_eq!(found.reason(), Some("permission_surface_change"));
    assert_eq!(found.created_at(), Some(at("2026-11-20T18:00:00.123456Z")));
    assert_eq!(found.entry["paths"], json!([".github/workflows/ci.yml"]));
    let names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["security_overrides.json"]);
    let after = fs::read_to_string(dir.path().join("security_overrides.json")).unwrap();
    assert_eq!(after, golden);
}
