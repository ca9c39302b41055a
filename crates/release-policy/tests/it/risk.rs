//! From paths to a class, and what is said about it.

use release_policy::{
    Change, ChangeStatus, Changes, Facts, Field, Patterns, Policy, RiskClass, decide,
};

use crate::support::{changed, high, low, medium, ready};

#[test]
fn the_default_patterns_find_what_they_are_for() {
    let cases = [
        ("README.md", RiskClass::Low),
        ("migrations.md", RiskClass::Low),
        ("src/migrations.rs", RiskClass::Low),
        (".github/CODEOWNERS", RiskClass::Low),
        ("x/.github/workflows/a.yml", RiskClass::Low),
        ("package-lock.json", RiskClass::Low),
        ("package.json", RiskClass::Medium),
        ("web/package.json", RiskClass::Medium),
        ("requirements-dev.txt", RiskClass::Medium),
        ("a/b/pyproject.toml", RiskClass::Medium),
        ("Cargo.toml", RiskClass::Medium),
        ("go.mod", RiskClass::Medium),
        ("tools/go.sum", RiskClass::Medium),
        (".github/workflows/deploy.yml", RiskClass::High),
        (".github/workflows/nested/deploy.yml", RiskClass::High),
        ("migrations/0001.sql", RiskClass::High),
        ("db/migrations/a/b.sql", RiskClass::High),
        ("./db//migrations/a.sql", RiskClass::High),
        ("docs/../db/migrations/a.sql", RiskClass::High),
    ];
    for (path, expected) in cases {
        let decision = decide(&Facts { changes: changed([path]), ..ready() }, &Policy::default());
        assert_eq!(decision.risk_class, expected, "{path}");
        let drove = if expected == RiskClass::Low { vec![] } else { vec![path] };
        assert_eq!(decision.paths, drove, "what drove the risk of {path}");
    }
}

#[test]
fn migration_paths_are_high_risk_too() {
    let policy = Policy { migration_paths: Patterns::new(["sql/"]).unwrap(), ..Policy::default() };
    let decision = decide(&Facts { changes: changed(["sql/a.sql"]), ..ready() }, &policy);
    assert_eq!(decision.risk_class, RiskClass::High);
    assert_eq!(decision.path_matches[0].list, Field::MigrationPaths);
}

#[test]
fn only_what_drove_the_risk_is_listed_and_each_path_once() {
    let policy = Policy { migration_paths: Patterns::new(["*.sql"]).unwrap(), ..Policy::default() };
    let changes = changed(["docs/a.md", "package.json", "db/migrations/1.sql"]);
    let decision = decide(&Facts { changes, ..ready() }, &policy);
    assert_eq!(decision.paths, ["db/migrations/1.sql"]);
    let found: Vec<_> =
        decision.path_matches.iter().map(|m| (m.pattern.as_str(), m.list)).collect();
    assert_eq!(
        found,
        [("**/migrations/**", Field::HighRiskPaths), ("*.sql", Field::MigrationPaths)]
    );
}

#[test]
fn both_names_of_a_rename_count() {
    let renamed = |from, to| {
        Changes::complete([
            Change::new(ChangeStatus::Renamed, from),
            Change::new(ChangeStatus::Renamed, to),
        ])
    };
    for changes in
        [renamed("db/migrations/1.sql", "old/1.sql"), renamed("old/1.sql", "db/migrations/1.sql")]
    {
        let decision = decide(&Facts { changes, ..ready() }, &Policy::default());
        assert_eq!(decision.risk_class, RiskClass::High);
        assert_eq!(decision.paths, ["db/migrations/1.sql"]);
    }
}

#[test]
fn an_incomplete_list_is_high_and_says_so() {
    for list in [low().list, medium().list, high().list, Vec::new()] {
        let changes = Changes::truncated(list, "the comparison ends at 300 files");
        let decision = decide(&Facts { changes, ..ready() }, &Policy::default());
        assert_eq!(decision.risk_class, RiskClass::High);
        assert!(
            decision.risk_notes[0].contains("the comparison ends at 300 files"),
            "{:?}",
            decision.risk_notes
        );
    }
}

#[test]
fn a_security_override_is_high_and_says_so() {
    let facts = Facts { security_override: Some("3 days old".into()), ..ready() };
    let decision = decide(&facts, &Policy::default());
    assert_eq!(decision.risk_class, RiskClass::High);
    assert!(decision.risk_notes[0].contains("3 days old"), "{:?}", decision.risk_notes);
}

#[test]
fn no_change_at_all_is_low() {
    let decision = decide(&Facts { changes: Changes::complete([]), ..ready() }, &Policy::default());
    assert_eq!(decision.risk_class, RiskClass::Low);
}

#[test]
fn every_letter_of_git_survives() {
    for letter in ['A', 'C', 'D', 'M', 'R', 'T', 'U', 'X'] {
        assert_eq!(ChangeStatus::from_letter(letter).letter(), letter);
    }
}
