//! Shas and repositories: what is one, and what is not.

use booty_state::{DeliveryId, Repo, Sha};

#[test]
fn a_sha_is_7_to_64_hex_digits_in_lower_case() {
    let longest = "a".repeat(64);
    for (text, expected) in [
        ("abcdef0", "abcdef0"),
        ("ABCDEF0", "abcdef0"),
        ("9f2C1ab5d0e4f7a8b6c3d2e1f00112233445566a", "9f2c1ab5d0e4f7a8b6c3d2e1f00112233445566a"),
        (longest.as_str(), longest.as_str()),
    ] {
        let sha: Sha = text.parse().unwrap();
        assert_eq!(sha.as_str(), expected, "{text}");
        assert_eq!(sha.short(), &expected[..7], "{text}");
        let json = serde_json::to_string(&sha).unwrap();
        assert_eq!(json, format!("\"{expected}\""), "{text}");
        assert_eq!(serde_json::from_str::<Sha>(&json).unwrap(), sha, "{text}");
    }
    let too_long = "a".repeat(65);
    let bad = ["", "abcdef", "abcdefg", "abcdef0 ", "abcdéf0", "0xabcdef0", "HEAD~1", &too_long];
    for text in bad {
        assert!(text.parse::<Sha>().is_err(), "{text:?} was accepted");
        assert!(serde_json::from_value::<Sha>(text.into()).is_err(), "{text:?} was read");
    }
}

#[test]
fn a_repository_is_what_github_allows() {
    let owner = "o".repeat(39);
    let name = "n".repeat(100);
    for text in [
        "acme/site",
        "a/b",
        "Acme-2/web.site_1-x",
        "local/work-tree",
        "acme/.github",
        "acme/...",
        "acme/-",
        &format!("{owner}/{name}"),
    ] {
        let repo: Repo = text.parse().unwrap();
        assert_eq!(repo.to_string(), text);
        assert_eq!(format!("{}/{}", repo.owner(), repo.name()), text);
        assert_eq!(serde_json::to_value(&repo).unwrap(), text);
    }
    for (text, rule) in [
        ("", "`owner/name`"),
        ("acme", "`owner/name`"),
        ("/site", "the owner has 1 to 39 characters"),
        (&format!("o{owner}/site"), "the owner has 1 to 39 characters"),
        ("ac_me/site", "the owner is letters, digits and hyphens"),
        ("äcme/site", "the owner is letters, digits and hyphens"),
        ("acme:x/site", "the owner is letters, digits and hyphens"),
        ("-acme/site", "the owner has single hyphens, and none at its ends"),
        ("acme-/site", "the owner has single hyphens, and none at its ends"),
        ("ac--me/site", "the owner has single hyphens, and none at its ends"),
        ("acme/", "the name has 1 to 100 characters"),
        (&format!("acme/n{name}"), "the name has 1 to 100 characters"),
        ("acme/web/site", "the name is letters, digits, `.`, `_` and `-`"),
        ("acme/site:x", "the name is letters, digits, `.`, `_` and `-`"),
        ("acme/si te", "the name is letters, digits, `.`, `_` and `-`"),
        ("acme/site\n", "the name is letters, digits, `.`, `_` and `-`"),
        ("acme/.", "`.` and `..` are not names"),
        ("acme/..", "`.` and `..` are not names"),
    ] {
        let error = text.parse::<Repo>().unwrap_err().to_string();
        assert!(error.ends_with(rule), "{text:?}: {error}");
        assert!(serde_json::from_value::<Repo>(text.into()).is_err(), "{text:?} was read");
    }
}

#[test]
fn a_delivery_id_is_a_short_line_of_text() {
    let longest = "é".repeat(100);
    for text in ["1", "72d3162e-cc78-11e3-81ab-4c9367dc0958", "sha256:x", "an a: b/c", &longest] {
        assert_eq!(text.parse::<DeliveryId>().unwrap().as_str(), text);
    }
    for text in ["", "a\nb", "a\u{1b}[31m", "\u{85}", &format!("{longest}x")] {
        assert!(text.parse::<DeliveryId>().is_err(), "{text:?} was accepted");
    }
}

#[test]
fn a_message_shows_a_refused_text_in_one_line_without_control_characters() {
    let error = "\u{1b}[31m\n".repeat(100).parse::<Sha>().unwrap_err().to_string();
    assert!(!error.chars().any(char::is_control), "{error:?}");
    assert!(error.chars().count() < 300, "{error}");
    assert!(error.ends_with("…` is not a commit id: 7 to 64 hex digits"), "{error}");
}
