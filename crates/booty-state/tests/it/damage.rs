//! A document that cannot be trusted is never an answer.

use std::{fs, path::Path};

use booty_state::{Claim, DeliveryCache, Keep, ReleaseStore, StateError};
use state_store::{Store, StoreError};

use crate::{at, given, id, key};

/// Every truncation and every single flipped bit of `whole`.
fn damaged(whole: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
    let flipped = (0..whole.len() * 8).map(|bit| {
        let mut bytes = whole.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    });
    cut.chain(flipped)
}

fn is_refusal<T>(answer: &Result<T, StateError>) -> bool {
    let Err(StateError::Store(error)) = answer else { return false };
    matches!(error, StoreError::Damaged { .. } | StoreError::ChangedOutside { .. })
}

/// Damages the document at `path` in every way, and tries `ask` each time.
fn check(path: &Path, ask: impl Fn() -> bool) {
    let whole = fs::read(path).unwrap();
    assert!(!ask(), "{}: the whole document was refused", path.display());
    for bytes in damaged(&whole) {
        given(path, &bytes);
        assert!(ask(), "it was answered from {:?}", String::from_utf8_lossy(&bytes));
        assert_eq!(fs::read(path).unwrap(), bytes, "a damaged document was written to");
    }
}

#[test]
fn a_damaged_delivery_cache_never_answers_not_handled() {
    let dir = tempfile::tempdir().unwrap();
    let deliveries = DeliveryCache::new(&Store::files(dir.path()), Keep::default());
    let about = key("a/b:abcdef0");
    assert_eq!(deliveries.claim(&about, &id("sha256:1")).unwrap(), Claim::New);
    let path = dir.path().join("delivery_ids.json");
    check(&path, || is_refusal(&deliveries.find(&about)));
    check_writing(&path, &deliveries);
}

/// Taking a lock for each of thousands of damages takes long, so writers get a sample.
fn check_writing(path: &Path, deliveries: &DeliveryCache) {
    let about = key("a/b:abcdef0");
    for text in ["", "{", "[]", "{\"a/b:abcdef0\": null}", "{\"a/b:abcdef0\": \"1\"} x"] {
        given(path, text);
        assert!(is_refusal(&deliveries.find(&about)), "find: {text}");
        assert!(is_refusal(&deliveries.claim(&about, &id("2"))), "claim: {text}");
        assert!(is_refusal(&deliveries.record(&about, &id("2"))), "record: {text}");
        assert!(is_refusal(&deliveries.give_back(&about, &id("1"))), "give_back: {text}");
        assert!(is_refusal(&deliveries.list(None)), "list: {text}");
        assert!(is_refusal(&deliveries.prune(Keep::All)), "prune: {text}");
        assert_eq!(fs::read_to_string(path).unwrap(), text);
    }
}

#[test]
fn a_damaged_release_state_is_never_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let releases = ReleaseStore::new(&Store::files(dir.path()));
    releases.health_checked(at("2026-11-20T18:53:00Z")).unwrap();
    check(&dir.path().join("release.json"), || is_refusal(&releases.load()));
}

#[test]
fn what_no_program_can_have_written_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let releases = ReleaseStore::new(&Store::files(dir.path()));
    for (text, why) in [
        (
            "{\"production_sha_previous\": \"abcdef0\"}",
            "`production_sha_previous` is there and `production_sha_current` is not",
        ),
        (
            "{\"last_deploy_time\": \"2026-11-20T18:53:00Z\"}",
            "`last_deploy_time` is there and `last_deploy_attempt_sha` is not",
        ),
        (
            "{\"last_deploy_result\": \"failure\"}",
            "`last_deploy_result` is known and `last_deploy_attempt_sha` is not there",
        ),
        ("{\"production_sha_current\": \"master\"}", "it has the wrong shape: `master` is not a"),
        ("{\"last_deploy_time\": \"2026-11-20T18:53:00\"}", "it has the wrong shape: `2026-11-20T"),
        ("{\"deploy_history\": [{\"sha\": \"abcdef0\"}]}", "it has the wrong shape: missing field"),
    ] {
        given(&dir.path().join("release.json"), text);
        let error = releases.load().unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.starts_with(why), "{text}: {source}");
    }
}
