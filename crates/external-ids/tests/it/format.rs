//! What is in the files, and that the replaced program can read it.

use std::fs;

use external_ids::{IdsError, Tracker};
use serde_json::Value;
use state_store::StoreError;

use crate::{COUNTERS, MAPPING, external, github, given, ids, internal, jira, now, read};

/// As the replaced program writes them: `json.dump(..., indent=2, sort_keys=True)`.
const GOLDEN_MAPPING: &str = include_str!("golden/external_id_mapping.json");
const GOLDEN_COUNTERS: &str = include_str!("golden/external_id_counters.json");

fn without_checksum(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.contains("\"checksum\": \"sha256:"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_files_have_sorted_keys_and_the_format_of_the_first_program() {
    let dir = tempfile::tempdir().unwrap();
    let ids = ids(dir.path());
    ids.map(&internal("TASK-E02-c"), &jira("proj"), now()).unwrap();
    ids.map(&internal("TASK-E01-b"), &jira("PROJ"), now()).unwrap();
    ids.map(&internal("TASK-E01-b"), &github(), now()).unwrap();
    ids.next(&jira("ABC"), now()).unwrap();
    assert_eq!(
        without_checksum(&read(dir.path(), MAPPING)),
        r#"{
  "mappings": {
    "TASK-E01-b": {
      "github": "1",
      "jira": "PROJ-2"
    },
    "TASK-E02-c": {
      "jira": "PROJ-1"
    }
  },
  "updated": "2026-11-21T06:12:34Z",
  "version": "1.0",
}"#
    );
    assert_eq!(
        without_checksum(&read(dir.path(), COUNTERS)),
        r#"{
  "counters": {
    "azure_devops": 0,
    "github": 1,
    "jira": {
      "ABC": 1,
      "PROJ": 2
    },
    "linear": {}
  },
  "updated": "2026-11-21T06:12:34Z",
  "version": "1.0",
}"#
    );
    for name in [MAPPING, COUNTERS] {
        assert!(dir.path().join(format!("{name}.bak")).is_file(), "{name}.bak");
    }
}

/// What the replaced program demands of a mapping; anything else it throws away.
fn old_program_reads_mapping(text: &str) -> bool {
    let file: Value = serde_json::from_str(text).unwrap();
    let is_text =
        |entry: &Value| entry.as_object().is_some_and(|entry| entry.values().all(Value::is_string));
    file["version"] == "1.0"
        && file.get("updated").is_some()
        && file["mappings"].as_object().is_some_and(|all| all.values().all(is_text))
}

/// What the replaced program demands of counters, and which keys it then takes for granted.
fn old_program_reads_counters(text: &str) -> bool {
    let file: Value = serde_json::from_str(text).unwrap();
    let is_number = |value: &Value| value.is_i64() || value.is_u64();
    let is_counter = |value: &Value| {
        is_number(value) || value.as_object().is_some_and(|all| all.values().all(is_number))
    };
    file["version"] == "1.0"
        && file.get("updated").is_some()
        && file["counters"].as_object().is_some_and(|all| all.values().all(is_counter))
        && ["jira", "linear"].iter().all(|name| file["counters"][name].is_object())
        && ["azure_devops", "github"].iter().all(|name| is_number(&file["counters"][name]))
}

#[test]
fn files_of_the_replaced_program_are_read_updated_and_still_readable_by_it() {
    assert!(old_program_reads_mapping(GOLDEN_MAPPING));
    assert!(old_program_reads_counters(GOLDEN_COUNTERS));
    let dir = tempfile::tempdir().unwrap();
    given(dir.path(), MAPPING, GOLDEN_MAPPING);
    given(dir.path(), COUNTERS, GOLDEN_COUNTERS);
    let ids = ids(dir.path());

    let registry = ids.load().unwrap();
    assert_eq!(registry.iter().count(), 7);
    let epic = external(Tracker::Jira, "AUTH_2025-3");
    assert_eq!(registry.find(&epic), [internal("EPIC-001-a1b2")]);

    let mapped = ids.map(&internal("TASK-E09-new"), &jira("AUTH_2025"), now()).unwrap();
    assert_eq!(mapped.external.to_string(), "AUTH_2025-4");
    ids.link(&internal("DOC-XYZ-z7w6"), &external(Tracker::Github, "#99"), now()).unwrap();
    ids.skip_after_restore(1, now()).unwrap();
    assert_eq!(ids.next(&github(), now()).unwrap().to_string(), "101");

    let (mapping, counters) = (read(dir.path(), MAPPING), read(dir.path(), COUNTERS));
    assert!(old_program_reads_mapping(&mapping), "{mapping}");
    assert!(old_program_reads_counters(&counters), "{counters}");
    let added = |text: &str, golden: &str| {
        let old: Vec<&str> = golden.lines().map(|line| line.trim_end_matches(',')).collect();
        let is_new = |line: &&str| !old.contains(&line.trim_end_matches(','));
        let trimmed = |line: &str| line.trim().trim_end_matches(',').to_owned();
        text.lines().filter(is_new).map(trimmed).collect::<Vec<_>>()
    };
    let lines = added(&mapping, GOLDEN_MAPPING);
    assert_eq!(lines[0], "\"github\": \"99\"");
    assert_eq!(lines[1], "\"TASK-E09-new\": {");
    assert_eq!(lines[2], "\"jira\": \"AUTH_2025-4\"");
    assert_eq!(lines[3], "\"updated\": \"2026-11-21T06:12:34Z\"");
    assert_eq!(lines.len(), 5, "{lines:?}");
}

#[test]
fn counters_of_one_key_in_two_spellings_are_one() {
    for (upper, lower) in [(3, 8), (8, 3)] {
        let dir = tempfile::tempdir().unwrap();
        let two = format!("\"PROJ\": {upper},\n      \"proj\": {lower}");
        given(dir.path(), COUNTERS, crate::old_counters("3").replace("\"PROJ\": 3", &two));
        assert_eq!(ids(dir.path()).next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-9");
        assert!(!read(dir.path(), COUNTERS).contains("proj"));
    }
}

#[test]
fn unknown_keys_are_kept_in_their_place_at_every_level() {
    let dir = tempfile::tempdir().unwrap();
    let mapping = r#"{
  "a_key": [1.5, null],
  "mappings": {
    "TASK-E01-b": {
      "gitlab": "77",
      "jira": "PROJ-1",
      "trello": {"z": 1, "a": 2}
    },
    "TASK-E02-c": {}
  },
  "updated": "2025-11-10T14:45:00Z",
  "version": "1.0",
  "z_key": {"b": 1}
}"#;
    let counters = r#"{
  "a_key": true,
  "counters": {
    "azure_devops": 0, "gitlab": 12, "github": 3, "jira": {"PROJ": 1}, "linear": {}, "zoho": {"A": 1}
  },
  "updated": "2025-11-10T14:45:00Z",
  "version": "1.0",
  "z_key": 18446744073709551615
}"#;
    given(dir.path(), MAPPING, mapping);
    given(dir.path(), COUNTERS, counters);
    let ids = ids(dir.path());
    for task in ["TASK-E01-b", "TASK-E02-c"] {
        ids.map(&internal(task), &github(), now()).unwrap();
    }

    let mut expected: Value = serde_json::from_str(mapping).unwrap();
    expected["mappings"]["TASK-E01-b"]["github"] = "4".into();
    expected["mappings"]["TASK-E02-c"]["github"] = "5".into();
    let mut found = vec![(MAPPING, expected)];
    let mut expected: Value = serde_json::from_str(counters).unwrap();
    expected["counters"]["github"] = 5.into();
    found.push((COUNTERS, expected));
    for (name, mut expected) in found {
        expected["updated"] = "2026-11-21T06:12:34Z".into();
        let text = read(dir.path(), name);
        let mut file: Value = serde_json::from_str(&text).unwrap();
        file.as_object_mut().unwrap().remove("checksum").unwrap();
        assert_eq!(file, expected);
        let keys: Vec<&String> = file.as_object().unwrap().keys().collect();
        assert!(keys.is_sorted(), "{keys:?}");
    }
    let text = read(dir.path(), MAPPING);
    let at = |word: &str| text.find(word).unwrap();
    assert!(at("\"github\"") < at("\"gitlab\"") && at("\"gitlab\"") < at("\"jira\""), "{text}");
}

#[test]
fn a_newer_format_can_be_looked_at_and_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let newer = GOLDEN_MAPPING.replace("\"version\": \"1.0\"", "\"version\": \"2.0\"");
    given(dir.path(), MAPPING, &newer);
    given(dir.path(), COUNTERS, GOLDEN_COUNTERS);
    let ids = ids(dir.path());
    assert_eq!(ids.load().unwrap().iter().count(), 7);
    let error = ids.map(&internal("TASK-E09-new"), &github(), now()).unwrap_err();
    assert!(matches!(error, IdsError::Store(StoreError::NewerFormat { .. })), "{error:?}");
    assert_eq!(fs::read_to_string(dir.path().join(MAPPING)).unwrap(), newer);
    assert_eq!(read(dir.path(), COUNTERS), GOLDEN_COUNTERS, "no number was taken");
}
