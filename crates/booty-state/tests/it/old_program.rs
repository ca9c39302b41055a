//! Files of the Python program that this system replaces: read, changed, and still its own.

use std::{fs, path::Path};

use booty_state::{Claim, DeliveryCache, DeployResult, Keep, ReleaseStore, StateError};
use serde_json::{Value, json};
use state_store::{Store, StoreError};

use crate::{at, given, id, key};

const RELEASE: &str = include_str!("../golden/release.json");
const DELIVERIES: &str = include_str!("../golden/delivery_ids.json");
const NOW: &str = "2026-11-20T18:55:00.25Z";

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What the old program writes back of what it read: the keys it knows, in their order.
fn rewritten_release(document: &Value) -> String {
    let keys = [
        "production_sha_current",
        "production_sha_previous",
        "last_deploy_attempt_sha",
        "last_deploy_time",
        "last_deploy_result",
        "last_health_check",
        "deploy_history",
    ];
    let known: serde_json::Map<String, Value> =
        keys.map(|key| (key.to_owned(), document[key].clone())).into_iter().collect();
    serde_json::to_string_pretty(&known).unwrap()
}

/// As `datetime.fromisoformat(text.replace("Z", "+00:00"))` reads it in every Python since 3.7.
fn is_time_for_python(value: &Value) -> bool {
    let text = value.as_str().unwrap();
    let shape: String =
        text.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect();
    ["0000-00-00T00:00:00Z", "0000-00-00T00:00:00.000000Z"].contains(&&*shape)
}

#[test]
fn its_release_state_is_read_as_it_meant_it() {
    let dir = tempfile::tempdir().unwrap();
    given(&dir.path().join("release.json"), RELEASE);
    let state = ReleaseStore::new(&Store::files(dir.path())).load().unwrap();
    let [a, b, c] = [0, 2, 4].map(|index| state.deploy_history[index].sha.clone());
    assert!(state.is_live(&b));
    assert_eq!(state.production_sha_previous, Some(a.clone()));
    assert_eq!(state.last_deploy_attempt_sha, Some(c.clone()));
    assert_eq!(state.last_deploy_time, Some(at("2026-11-20T18:53:00.123456Z")));
    assert_eq!(state.last_health_check, None);
    assert_eq!(state.outcome_of(&c), Some(&DeployResult::Failure));
    // It leaves the pending entry of every deploy behind.
    assert_eq!(state.unknown(), Vec::<&booty_state::Sha>::new());
    assert_eq!(state.deploys_since(at("2026-11-20T17:55:00Z")), 2);
    assert_eq!(state.deploys_since(at("2026-11-19T00:00:00Z")), 3);
}

#[test]
fn its_release_state_is_changed_and_it_can_read_the_result() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("release.json");
    given(&path, RELEASE);
    let releases = ReleaseStore::new(&Store::files(dir.path()));
    let c = releases.load().unwrap().last_deploy_attempt_sha.unwrap();
    assert_eq!(releases.attempt_started(&c, at(NOW)).unwrap().unknown(), [&c]);
    releases.finished(&c, DeployResult::Success, at(NOW)).unwrap();
    releases.health_checked(at("2026-11-20T18:56:00Z")).unwrap();

    let document = json(&path);
    let old: Value = serde_json::from_str(RELEASE).unwrap();
    assert_eq!(document["production_sha_current"], old["last_deploy_attempt_sha"]);
    assert_eq!(document["production_sha_previous"], old["production_sha_current"]);
    assert_eq!(document["last_deploy_attempt_sha"], old["last_deploy_attempt_sha"]);
    assert_eq!(document["last_deploy_time"], "2026-11-20T18:55:00.250000Z");
    assert_eq!(document["last_health_check"], "2026-11-20T18:56:00Z");
    assert_eq!(document["last_deploy_result"], "success");
    let history = document["deploy_history"].as_array().unwrap();
    assert_eq!(history.len(), 7, "{history:?}");
    for entry in history {
        assert!(is_time_for_python(&entry["time_iso8601"]), "{entry}");
        assert!(entry["sha"].is_string() && entry["result"].is_string(), "{entry}");
        assert_eq!(entry.as_object().unwrap().len(), 3, "{entry}");
    }

    // It writes back what it knows: no checksum, which is accepted.
    given(&path, rewritten_release(&document));
    let state = releases.load().unwrap();
    assert!(state.is_live(&c));
    assert_eq!(state.last_deploy_time, Some(at(NOW)));
}

#[test]
fn its_first_version_had_no_history() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("release.json");
    given(&path, include_str!("../golden/release_first_version.json"));
    let releases = ReleaseStore::new(&Store::files(dir.path()));
    let state = releases.load().unwrap();
    assert_eq!(state.deploy_history, []);
    let sha = state.production_sha_current.unwrap();
    releases.finished(&sha, DeployResult::Success, at(NOW)).unwrap();
    assert_eq!(json(&path)["deploy_history"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_missing_or_null_is_what_it_took_it_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("release.json");
    let releases = ReleaseStore::new(&Store::files(dir.path()));
    for text in ["{}", "{\"deploy_history\": null}", "{\"last_deploy_result\": null}"] {
        given(&path, text);
        assert_eq!(releases.load().unwrap(), booty_state::ReleaseState::default(), "{text}");
    }
}

#[test]
fn unknown_keys_survive_a_change() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("release.json");
    let mut document: Value = serde_json::from_str(RELEASE).unwrap();
    document["pinned"] = json!({"by": ["ana", 1, null]});
    document["deploy_history"][5]["run_id"] = json!(17);
    given(&path, document.to_string());
    let releases = ReleaseStore::new(&Store::files(dir.path()));
    let c = releases.load().unwrap().last_deploy_attempt_sha.unwrap();
    releases.attempt_started(&c, at(NOW)).unwrap();
    assert_eq!(json(&path)["pinned"], document["pinned"]);
    assert_eq!(json(&path)["deploy_history"][5], {
        let mut entry = document["deploy_history"][5].clone();
        entry["time_iso8601"] = json!("2026-11-20T18:53:00.123456Z");
        entry
    });
}

#[test]
fn the_keys_are_written_in_the_order_of_the_format() {
    let dir = tempfile::tempdir().unwrap();
    let releases = ReleaseStore::new(&Store::files(dir.path()));
    let sha = "abcdef0".parse().unwrap();
    releases.finished(&sha, DeployResult::Other("timed_out".to_owned()), at(NOW)).unwrap();
    let text = fs::read_to_string(dir.path().join("release.json")).unwrap();
    let (body, checksum) = text.rsplit_once("  \"checksum\": \"sha256:").unwrap();
    let expected = "{\n  \"production_sha_current\": null,\n  \"production_sha_previous\": null,\n  \
        \"last_deploy_attempt_sha\": \"abcdef0\",\n  \
        \"last_deploy_time\": \"2026-11-20T18:55:00.250000Z\",\n  \"last_health_check\": null,\n  \
        \"last_deploy_result\": \"timed_out\",\n  \"deploy_history\": [\n    {\n      \
        \"sha\": \"abcdef0\",\n      \"time_iso8601\": \"2026-11-20T18:55:00.250000Z\",\n      \
        \"result\": \"timed_out\"\n    }\n  ],\n";
    assert_eq!(body, expected);
    assert_eq!(checksum.len(), 64 + "\"\n}\n".len());
}

#[test]
fn its_delivery_cache_is_read_and_changed_and_keeps_every_entry() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("delivery_ids.json");
    given(&path, DELIVERIES);
    let deliveries = DeliveryCache::new(&Store::files(dir.path()), Keep::Newest(1_000));
    let find = |text: &str| deliveries.find(&key(text)).unwrap();
    let known = "72d3162e-cc78-11e3-81ab-4c9367dc0958";
    let sha = "41be77c0d2a94e1b8f3c5d6e7f8091a2b3c4d5e6";
    assert_eq!(find(&format!("acme/site:{sha}")).as_deref(), Some(known));
    assert_eq!(find("acme/site:deploy_run_123").as_deref(), Some("deploy-123"));
    let capitals = "Acme-2/web.app:9f2c1ab5d0e4f7a8b6c3d2e1f00112233445566a";
    assert_eq!(find(capitals).as_deref(), Some("grün"));
    assert_eq!(deliveries.list(None).unwrap().len(), 4, "a key that is not one was listed");

    let new = key("acme/site:abcdef0");
    assert_eq!(deliveries.claim(&new, &id("new")).unwrap(), Claim::New);
    let document = json(&path);
    let old: Value = serde_json::from_str(DELIVERIES).unwrap();
    let keys = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .unwrap()
            .keys()
            .map(|key| {
                key.replace(
                    &"9F2C1AB5D0E4F7A8B6C3D2E1F00112233445566A".to_owned(),
                    "9f2c1ab5d0e4f7a8b6c3d2e1f00112233445566a",
                )
            })
            .collect()
    };
    let mut expected = keys(&old);
    expected.extend(["acme/site:abcdef0".to_owned(), "checksum".to_owned()]);
    assert_eq!(keys(&document), expected);
    assert!(document.as_object().unwrap().values().all(Value::is_string), "{document}");
}

#[test]
fn a_delivery_cache_that_it_wrote_to_is_reported_and_not_answered_from() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("delivery_ids.json");
    let deliveries = DeliveryCache::new(&Store::files(dir.path()), Keep::default());
    let about = key("acme/site:abcdef0");
    assert_eq!(deliveries.claim(&about, &id("1")).unwrap(), Claim::New);
    let mut document = json(&path);
    document["acme/site:deploy_run_1"] = json!("2");
    given(&path, serde_json::to_string_pretty(&document).unwrap());
    let answers =
        [deliveries.find(&about).map(|_| ()), deliveries.claim(&about, &id("3")).map(|_| ())];
    for answer in answers {
        let error = answer.unwrap_err();
        assert!(matches!(error, StateError::Store(StoreError::ChangedOutside { .. })), "{error:?}");
    }
    // A person accepts it by taking the checksum out.
    document.as_object_mut().unwrap().shift_remove("checksum");
    given(&path, serde_json::to_string_pretty(&document).unwrap());
    let expected = Claim::Already { by: "2".to_owned() };
    assert_eq!(deliveries.claim(&key("acme/site:deploy_run_1"), &id("3")).unwrap(), expected);
}
