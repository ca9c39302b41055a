//! Delivery keys: one text, one pair.

use booty_state::{DeliveryKey, InvalidName, Repo, Sha, Subject};
use proptest::prelude::*;

#[test]
fn a_subject_is_a_commit_or_a_word() {
    let word = "w".repeat(100);
    for (text, is_commit) in [
        ("abcdef0", true),
        ("ABCDEF0", true),
        ("deploy_run_123", false),
        ("abcdef", false),
        ("checksum", false),
        (word.as_str(), false),
    ] {
        let subject: Subject = text.parse().unwrap();
        assert_eq!(matches!(subject, Subject::Commit(_)), is_commit, "{text}");
    }
    for text in ["", "a:b", "a/b", "a b", "a\n", "é", &format!("w{word}")] {
        assert!(text.parse::<Subject>().is_err(), "{text:?} was accepted");
    }
}

#[test]
fn what_is_wrong_with_a_key_is_said() {
    for (text, expected) in [
        ("acme/site", "`acme/site` is not a delivery: `owner/name:commit`"),
        ("acme:abcdef0", "`acme` is not a repository: `owner/name`"),
        (
            "acme/site:a:b",
            "`a:b` is not the subject of a delivery: a commit id, or letters, digits, `.`, `_` and \
             `-`, at most 100",
        ),
    ] {
        let error: InvalidName = text.parse::<DeliveryKey>().unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

/// Texts that are made to be mistaken for each other.
fn tricky() -> impl Strategy<Value = String> {
    prop_oneof!["[aA0:/._-]{0,9}", "[aAbB0-9]{6,8}", "[a-z]{1,3}/[a-z.]{1,3}", ".{0,6}"]
}

proptest! {
    #[test]
    fn no_pair_can_forge_the_key_of_another(
        (a, b, c, d) in (tricky(), tricky(), tricky(), tricky())
    ) {
        let key = |repo: &str, subject: &str| -> Option<DeliveryKey> {
            Some(DeliveryKey::new(repo.parse::<Repo>().ok()?, subject.parse::<Subject>().ok()?))
        };
        if let (Some(one), Some(other)) = (key(&a, &b), key(&c, &d)) {
            prop_assert_eq!(one.to_string() == other.to_string(), one == other);
        }
        // Also when a caller puts the text of a whole key, or a part of one, into a part.
        let whole = format!("{a}:{b}");
        if let Ok(read) = whole.parse::<DeliveryKey>() {
            prop_assert_eq!(read.repo().as_str(), &a);
            prop_assert!(read.subject().as_str().eq_ignore_ascii_case(&b));
            prop_assert_eq!(key(&a, &b), Some(read));
        }
    }

    #[test]
    fn a_key_reads_back_as_the_pair_it_was_printed_from(
        repo in "[A-Za-z0-9]{1,5}(-[a-z]{1,3})?/[A-Za-z0-9_-]{1,8}",
        subject in "[A-Za-z0-9._-]{1,40}",
    ) {
        let repo: Repo = repo.parse().unwrap();
        let subject: Subject = subject.parse().unwrap();
        let key = DeliveryKey::new(repo.clone(), subject.clone());
        prop_assert_eq!(key.to_string().parse::<DeliveryKey>().unwrap(), key.clone());
        prop_assert_eq!(key.to_string(), format!("{repo}:{subject}"));
        prop_assert_eq!(key.sha().cloned(), subject.as_str().parse::<Sha>().ok());
    }
}
