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
    let texts = [
        "x".repeat(1024 * 1024 + 1),
        format!("a: {}\n", "[".repeat(20_000)),
        format!("a: {}\n", "{a: ".repeat(20_000)),
        (0..20_000).fold(String::new(), |text, n| text + &" ".repeat(n % 100) + "- \n"),
        laughs,
        "a: [1]\n".to_owned() + &"- ? : [".repeat(30_000),
    ];
    for text in texts {
        let error = Config::parse(&text).expect_err("too much");
        assert!(error.to_string().len() < 200, "a short message: {error}");
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
