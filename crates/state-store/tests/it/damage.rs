//! A document that cannot be trusted is an error, and is never overwritten.

use std::{error::Error, fs, path::Path};

use proptest::prelude::*;
use state_store::{Change, StoreError};

use crate::{Counter, counter, given, names};

/// What a person would read: the error and its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Loads and updates `contents`; both must fail alike and leave the file as it is.
fn refused(dir: &Path, contents: &[u8]) -> StoreError {
    let path = dir.join("counter.json");
    given(&path, contents);
    let loaded = counter(dir).load().expect_err("load accepted it");
    let updated = counter(dir).update(|value| value.set(0)).expect_err("update accepted it");
    assert_eq!(loaded.to_string(), updated.to_string());
    assert_eq!(fs::read(&path).unwrap(), contents, "the file was touched");
    assert_eq!(names(dir), ["counter.json", "counter.json.lock"]);
    updated
}

#[test]
fn damage_is_named_with_line_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("counter.json");
    let cases = [
        ("", "it is empty"),
        (
            "{\n  \"count\": 1",
            "it is not a JSON object: EOF while parsing an object at line 2 column 12",
        ),
        (
            "[1]",
            "it is not a JSON object: invalid type: sequence, expected an object at line 1 column 0",
        ),
        (
            "{\n  \"count\": \"one\"\n}",
            "it has the wrong shape: invalid type: string \"one\", expected u64 at line 2 column 16",
        ),
        (
            "{\"count\": 1.0}",
            "it has the wrong shape: invalid type: floating point `1.0`, expected u64 at line 1 column 13",
        ),
        (
            "{\"count\": -1}",
            "it has the wrong shape: invalid value: integer `-1`, expected u64 at line 1 column 12",
        ),
        (
            "{\"count\": 18446744073709551616}",
            "it has the wrong shape: invalid type: floating point `1.8446744073709552e+19`, expected u64 at line 1 column 30",
        ),
        ("{\"count\": NaN}", "it is not a JSON object: expected value at line 1 column 11"),
        ("{\"count\": 13}", "`count` is 13"),
        (
            "{\"count\": 1}garbage",
            "it is not a JSON object: trailing characters at line 1 column 13",
        ),
    ];
    for (contents, expected) in cases {
        let error = refused(dir.path(), contents.as_bytes());
        assert_eq!(
            chain(&error),
            format!("`{}` is damaged, and there is no backup of it: {expected}", place.display())
        );
    }
}

#[test]
fn a_huge_file_is_refused_without_reading_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("counter.json");
    let file = fs::OpenOptions::new().write(true).create_new(true).open(&path).unwrap();
    file.set_len(1 << 40).unwrap(); // Sparse: a terabyte that takes no space.
    let error = counter(dir.path()).load().unwrap_err();
    assert!(chain(&error).contains("it has 1099511627776 bytes"), "{}", chain(&error));
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_written_document_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let document = counter(dir.path());
    document
        .update(|value| {
            value.note = Some("as it was".to_owned());
            value.unknown.insert("later".to_owned(), 1.into());
            value.set(7)
        })
        .unwrap();
    let path = dir.path().join("counter.json");
    let whole = fs::read(&path).unwrap();

    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        given(&path, &flipped);
        assert!(document.load().is_err(), "bit {bit}: {}", String::from_utf8_lossy(&flipped));
    }
    for length in 0..whole.len() {
        given(&path, &whole[..length]);
        assert!(document.load().is_err(), "cut to {length} bytes");
    }
    given(&path, [whole.as_slice(), b"\n"].concat());
    assert!(document.load().is_err(), "a byte more");
    given(&path, &whole);
    assert_eq!(document.load().unwrap().unwrap().count, 7);
}

#[test]
fn an_edit_by_hand_is_told_apart_from_damage() {
    let dir = tempfile::tempdir().unwrap();
    let document = counter(dir.path());
    document.update(|value| value.set(7)).unwrap();
    let path = dir.path().join("counter.json");
    let edited = fs::read_to_string(&path).unwrap().replace(": 7", ": 8");
    assert!(matches!(refused(dir.path(), edited.as_bytes()), StoreError::ChangedOutside { .. }));
    // Another program that rewrites the whole file keeps our key and moves it about.
    let rewritten = format!("{{\"checksum\":\"sha256:{}\",\"count\":8}}", "0".repeat(64));
    assert!(matches!(refused(dir.path(), rewritten.as_bytes()), StoreError::ChangedOutside { .. }));
}

#[test]
fn a_document_without_a_checksum_is_accepted_on_its_shape() {
    let dir = tempfile::tempdir().unwrap();
    given(&dir.path().join("counter.json"), "{\"count\": 4}");
    assert_eq!(counter(dir.path()).load().unwrap().unwrap().count, 4);
    counter(dir.path()).update(|value| value.add(1)).unwrap();
    assert_eq!(counter(dir.path()).load().unwrap().unwrap().count, 5);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_makes_the_loader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let dir = tempfile::tempdir().unwrap();
        given(&dir.path().join("counter.json"), &bytes);
        counter(dir.path()).load().ok();
    }

    #[test]
    fn any_value_survives_the_way_to_disk_and_back(count in any::<u64>().prop_filter("impossible", |count| *count != 13), note in any::<Option<String>>()) {
        let dir = tempfile::tempdir().unwrap();
        let value = Counter { count, note, ..Counter::default() };
        counter(dir.path())
            .update(|stored| {
                *stored = value.clone();
                Change::Write(())
            })
            .unwrap();
        prop_assert_eq!(counter(dir.path()).load().unwrap(), Some(value));
    }
}

#[test]
fn starting_over_keeps_what_it_could_not_trust() {
    let edited = {
        let dir = tempfile::tempdir().unwrap();
        counter(dir.path()).update(|value| value.set(1)).unwrap();
        fs::read_to_string(dir.path().join("counter.json")).unwrap().replace("1,", "2,")
    };
    for contents in ["", "{\"count\": 13}", "not JSON", edited.as_str()] {
        let dir = tempfile::tempdir().unwrap();
        given(&dir.path().join("counter.json"), contents);
        // Twice, because the second change replaces the backup that the first one leaves.
        for count in [1, 2] {
            counter(dir.path()).update_or_start_over(|value| value.add(1)).unwrap();
            assert_eq!(counter(dir.path()).load().unwrap().unwrap().count, count, "{contents}");
        }
        let names = names(dir.path());
        let aside: Vec<_> = names
            .iter()
            .filter(|name| name.starts_with("counter.json.damaged-") && !name.ends_with(".lock"))
            .collect();
        assert_eq!(aside.len(), 1, "{names:?}");
        assert_eq!(fs::read_to_string(dir.path().join(aside[0])).unwrap(), contents);
    }
}

#[test]
fn starting_over_changes_nothing_about_a_document_that_can_be_trusted() {
    let dir = tempfile::tempdir().unwrap();
    for count in [1, 2] {
        counter(dir.path()).update_or_start_over(|value| value.add(1)).unwrap();
        assert_eq!(counter(dir.path()).load().unwrap().unwrap().count, count);
    }
    assert_eq!(names(dir.path()), ["counter.json", "counter.json.bak", "counter.json.lock"]);
}

#[test]
fn nothing_is_started_over_while_there_is_a_backup() {
    let dir = tempfile::tempdir().unwrap();
    for count in [1, 2] {
        counter(dir.path()).update(|value| value.set(count)).unwrap();
    }
    fs::remove_file(dir.path().join("counter.json")).unwrap();
    counter(dir.path()).update_or_start_over(|value| value.add(5)).unwrap();
    assert_eq!(counter(dir.path()).load().unwrap().unwrap().count, 6);
}

#[test]
fn nothing_is_started_over_for_a_newer_format() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("counter.json");
    given(&path, "{\"version\": 2}");
    let error = counter(dir.path()).update_or_start_over(|value| value.add(1)).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"version\": 2}");
}
