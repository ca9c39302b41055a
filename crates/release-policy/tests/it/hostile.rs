//! `.booty.yml`: no text brings the reader down or keeps it busy.

use proptest::prelude::*;
use release_policy::{Config, PolicyError};

use crate::config::FULL;

#[test]
fn a_text_that_is_too_much_is_refused_quickly() {
    let laughs = (1..12).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, n| {
        let before = vec![format!("*a{}", n - 1); 9].join(",");
        text + &format!("a{n}: &a{n} [{before}]\n")
    });
    const TOO_MUCH: &str = "too deep, too long or too many aliases for a configuration";
    let one_mebibyte = |end: &str| format!("timeout: 20\n#{}{end}", "x".repeat(1024 * 1024 - 13));
    assert!(Config::parse(&one_mebibyte("")).is_ok(), "exactly as long as allowed");
    let cases = [
        (one_mebibyte("x"), "the configuration is longer than 1 MiB"),
        (format!("a: [{}]\n", "1,".repeat(60_000)), TOO_MUCH),
        (format!("a: {}{}\n", "[".repeat(70), "]".repeat(70)), TOO_MUCH),
        (format!("a: &a 1\nb: [{}]\n", "*a,".repeat(1_100)), TOO_MUCH),
        (laughs, TOO_MUCH),
    ];
    for (text, expected) in cases {
        let error = Config::parse(&text).expect_err("too much").to_string();
        assert!(error.ends_with(expected), "{error:.200} for {:.40}", text);
    }
    for opened in ["[", "{a: ", "- ? : ["] {
        let text = format!("a: {}\n", opened.repeat(20_000));
        let error = Config::parse(&text).expect_err("too deep").to_string();
        assert!(error.len() < 200, "a short message: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        answers(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_yaml_like_text_brings_it_down(text in r"([ \t\n:\-\[\]\{\},&*!|>'%@#?~a-c019\.]|release_governor|enabled|<<){0,80}") {
        answers(&text);
    }

    #[test]
    fn no_change_of_a_good_text_brings_it_down(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_usize..20), 1..6)
    ) {
        let mut bytes = FULL.as_bytes().to_vec();
        for (at, byte, length) in changes {
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            match byte % 3 {
                0 => bytes[at] = byte,
                1 => { bytes.drain(at..end); }
                _ => { let copy = bytes[at..end].to_vec(); bytes.splice(at..at, copy); }
            }
            bytes.push(b'\n');
        }
        answers(&String::from_utf8_lossy(&bytes));
    }
}

/// Reads a text of any kind; whatever is said about it must hold together.
fn answers(text: &str) {
    if let Err(error) = Config::parse(text) {
        if let (PolicyError::Config { at: Some(at), .. }, Some(snippet)) = (&error, error.snippet())
        {
            assert!(at.line >= 1 && at.column >= 1);
            assert_eq!(snippet.lines().count(), 2, "{snippet:?}");
        }
        assert!(!error.to_string().is_empty());
    }
}
