//! What is in the file: made to be read and diffed by people.

use std::fs;

use state_store::Change;

use crate::{counter, given};

#[test]
fn the_file_is_pretty_json_with_its_checksum_and_a_newline() {
    let dir = tempfile::tempdir().unwrap();
    counter(dir.path()).update(|value| value.set(3)).unwrap();
    let text = fs::read_to_string(dir.path().join("counter.json")).unwrap();
    assert_eq!(
        text,
        "{\n  \"count\": 3,\n  \"checksum\": \
         \"sha256:6553adfc3edf86959860bf7b589b4be9acd2ccc505605f1aa369e83a99a2ba0f\"\n}\n"
    );
}

#[test]
fn unknown_keys_and_their_order_survive_an_update() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("counter.json");
    given(&path, r#"{"zebra": {"b": [1, {"x": null}], "a": 1.5}, "count": 1, "apple": "pie"}"#);
    counter(dir.path()).update(|value| value.set(2)).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assert_eq!(lines[1], "\"count\": 2,");
    assert_eq!(lines[2], "\"zebra\": {");
    assert!(text.contains("\"a\": 1.5") && text.contains("\"apple\": \"pie\""), "{text}");
    // And once more, now with a checksum in the file.
    counter(dir.path()).update(|value| value.set(3)).unwrap();
    let again = fs::read_to_string(&path).unwrap();
    let without_sum = |text: &str| text.lines().filter(|line| !line.contains("checksum")).count();
    assert_eq!(without_sum(&text), without_sum(&again));
    assert_eq!(again.matches("checksum").count(), 1);
}

#[test]
fn an_empty_object_is_a_document_too() {
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    struct Nothing {}
    impl state_store::Schema for Nothing {}

    let dir = tempfile::tempdir().unwrap();
    let nothing = state_store::Store::files(dir.path()).document::<Nothing>(crate::KEY);
    nothing.update(|_| Change::Write(())).unwrap();
    assert!(nothing.load().unwrap().is_some());
    nothing.update(|_| Change::Write(())).unwrap();
}

#[test]
fn a_newer_format_is_found_in_what_a_newer_program_has_sealed() {
    for (version, is_newer) in [
        (serde_json::json!(2), true),
        (serde_json::json!("2.1"), true),
        (serde_json::json!("1.9"), false),
        (serde_json::json!({ "version": 3 }), false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let document = counter(dir.path());
        document
            .update(|value| {
                value.unknown.insert("version".to_owned(), version.clone());
                value.set(4)
            })
            .unwrap();
        assert_eq!(document.load().unwrap().unwrap().count, 4);
        let updated = document.update(|value| value.set(5));
        let refused = matches!(updated, Err(state_store::StoreError::NewerFormat { found: 2, .. }));
        assert_eq!(refused, is_newer, "{version}: {updated:?}");
    }
}
