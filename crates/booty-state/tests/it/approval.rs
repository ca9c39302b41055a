//! Approvals: of one commit in one place, for a while, and never again once taken back.

use std::time::Duration;

use booty_state::{Approval, ApprovalStore, Moment, Owner, Sha, Standing, StateError, Withdrawn};
use state_store::Store;

use crate::{at, given, sha};

fn owner(repo: &str, environment: &str) -> Owner {
    Owner { repo: repo.parse().unwrap(), environment: environment.into() }
}

fn shop() -> Owner {
    owner("acme/shop", "production")
}

fn noon() -> Moment {
    at("2026-11-20T12:00:00Z")
}

/// Given at noon, for two hours.
fn approval(owner: Owner, sha: Sha) -> Approval {
    Approval {
        owner,
        sha,
        by: "ana@build-3".into(),
        reason: Some("looked at it".into()),
        given_at: noon(),
        expires_at: noon().later_by(Duration::from_secs(7200)),
        revoked: None,
        unknown: Default::default(),
    }
}

fn withdrawn(time: &str) -> Withdrawn {
    Withdrawn { at: at(time), by: "bo@build-3".into(), reason: None }
}

#[test]
fn it_counts_for_one_commit_in_one_place_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let approvals = ApprovalStore::new(&Store::files(dir.path()));
    approvals.give(&approval(shop(), sha('a'))).unwrap();
    let cases = [
        (shop(), sha('a'), 1),
        (shop(), sha('b'), 0),
        (owner("acme/shop", "staging"), sha('a'), 0),
        (owner("acme/site", "production"), sha('a'), 0),
        // An abbreviation of the commit is another commit.
        (shop(), "aaaaaaaaaaaa".parse().unwrap(), 0),
    ];
    let loaded = approvals.load().unwrap();
    for (owner, sha, expected) in cases {
        assert_eq!(loaded.in_force(&owner, &sha, noon()).count(), expected, "{owner} {sha}");
    }
}

#[test]
fn it_counts_from_its_moment_to_its_end_and_not_at_it() {
    let approval = approval(shop(), sha('a'));
    let cases = [
        ("2026-11-20T11:59:59.999999Z", Standing::NotYetGiven),
        ("2026-11-20T12:00:00Z", Standing::InForce),
        ("2026-11-20T13:59:59.999999Z", Standing::InForce),
        ("2026-11-20T14:00:00Z", Standing::Expired),
        ("2036-11-20T14:00:00Z", Standing::Expired),
    ];
    for (time, expected) in cases {
        assert_eq!(approval.standing(at(time)), expected, "{time}");
    }
}

#[test]
fn what_was_taken_back_counts_at_no_time() {
    let dir = tempfile::tempdir().unwrap();
    let approvals = ApprovalStore::new(&Store::files(dir.path()));
    approvals.give(&approval(shop(), sha('a'))).unwrap();
    approvals.give(&approval(shop(), sha('b'))).unwrap();
    let revoked = approvals.revoke(&shop(), &sha('a'), &withdrawn("2026-11-20T12:30:00Z")).unwrap();
    assert_eq!(revoked.len(), 1);
    assert_eq!(revoked[0].revoked.as_ref().unwrap().by, "bo@build-3");
    let loaded = approvals.load().unwrap();
    // Also before it was taken back: a clock that goes back must not bring it back.
    for time in ["2026-11-20T12:10:00Z", "2026-11-20T12:40:00Z"] {
        assert_eq!(loaded.in_force(&shop(), &sha('a'), at(time)).count(), 0, "{time}");
        assert_eq!(loaded.in_force(&shop(), &sha('b'), at(time)).count(), 1, "{time}");
    }
}

#[test]
fn taking_back_what_is_not_there_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let approvals = ApprovalStore::new(&Store::files(dir.path()));
    let none = approvals.revoke(&shop(), &sha('a'), &withdrawn("2026-11-20T12:30:00Z")).unwrap();
    assert_eq!(none, []);
    assert!(!dir.path().join("approvals.json").exists());
    approvals.give(&approval(shop(), sha('a'))).unwrap();
    let late = withdrawn("2026-11-20T15:00:00Z");
    assert_eq!(approvals.revoke(&shop(), &sha('a'), &late).unwrap(), [], "it has expired");
}

#[test]
fn all_approvals_of_a_commit_are_taken_back_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let approvals = ApprovalStore::new(&Store::files(dir.path()));
    let later = at("2026-11-20T13:00:00Z");
    approvals.give(&approval(shop(), sha('a'))).unwrap();
    approvals.give(&Approval { given_at: later, ..approval(shop(), sha('a')) }).unwrap();
    // One that is yet to come too: it was given, and the clock has gone back.
    let revoked = approvals.revoke(&shop(), &sha('a'), &withdrawn("2026-11-20T12:30:00Z")).unwrap();
    assert_eq!(revoked.len(), 2);
    assert_eq!(approvals.load().unwrap().in_force(&shop(), &sha('a'), later).count(), 0);
}

#[test]
fn those_that_count_stay_and_of_the_others_the_newest_hundred() {
    let mut approvals = booty_state::Approvals::default();
    let long = Approval { expires_at: at("2027-01-01T00:00:00Z"), ..approval(shop(), sha('a')) };
    approvals.give(long);
    for minute in 0..150 {
        let given_at = noon().later_by(Duration::from_secs(minute * 60));
        let expires_at = given_at.later_by(Duration::from_secs(1));
        approvals.give(Approval { given_at, expires_at, ..approval(shop(), sha('b')) });
    }
    // The newest counts as it is given.
    assert_eq!(approvals.list().len(), 1 + 100 + 1);
    let now = at("2026-11-21T12:00:00Z");
    assert_eq!(approvals.in_force(&shop(), &sha('a'), now).count(), 1);
}

#[test]
fn a_file_that_cannot_be_trusted_is_an_error_and_no_approval() {
    let whole = |approval: &str| format!("{{\"approvals\": [{approval}]}}");
    let fields = |sha: &str, from: &str, to: &str| {
        format!(
            r#"{{"repo": "acme/shop", "environment": "production", "sha": "{sha}", "by": "ana",
                "given_at": "{from}", "expires_at": "{to}"}}"#
        )
    };
    let (noon, two) = ("2026-11-20T12:00:00Z", "2026-11-20T14:00:00Z");
    let full = "a".repeat(40);
    let dir = tempfile::tempdir().unwrap();
    let approvals = ApprovalStore::new(&Store::files(dir.path()));
    let path = dir.path().join("approvals.json");
    given(&path, whole(&fields(&full, noon, two)));
    assert_eq!(approvals.load().unwrap().list().len(), 1, "the form itself is right");
    let damaged = [
        "{".to_owned(),
        "[]".to_owned(),
        r#"{"approvals": {}}"#.to_owned(),
        whole(&fields("aaaaaaa", noon, two)),
        whole(&fields(&full, two, noon)),
        whole(&fields(&full, "noon", two)),
        whole(&fields(&full, noon, two).replace(r#""by": "ana","#, "")),
        whole(&fields(&full, noon, two).replace(r#""environment": "production","#, "")),
    ];
    for text in damaged {
        given(&path, &text);
        let error = approvals.load().unwrap_err();
        assert!(matches!(error, StateError::Store(_)), "{text}: {error}");
        let again = approvals.give(&approval(shop(), sha('a')));
        assert!(again.is_err(), "what cannot be trusted is not overwritten: {text}");
    }
}

#[test]
fn keys_of_a_newer_program_stay() {
    let dir = tempfile::tempdir().unwrap();
    let approvals = ApprovalStore::new(&Store::files(dir.path()));
    approvals.give(&approval(shop(), sha('a'))).unwrap();
    let path = dir.path().join("approvals.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.lines().filter(|line| !line.contains("checksum")).collect::<String>();
    let text = text.replace(r#""by":"#, r#""ticket": "OPS-1", "by":"#).replace("],}", "]}");
    given(&path, text.replace(r#""approvals""#, r#""team": "web", "approvals""#));
    approvals.give(&approval(shop(), sha('b'))).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(r#""ticket": "OPS-1""#) && text.contains(r#""team": "web""#), "{text}");
}
