//! What git's settings and surroundings can do to an answer: nothing.

use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, fs::symlink},
};

use crate::{Bench, SHA, repository::Repository};

/// A repository whose second commit adds a migration, with the first commit live.
fn with_a_migration(bench: &Bench) -> Repository {
    let repository = Repository::at(&bench.path().join("shop"));
    let live = repository.commit(&[("web/index.html", "1")]);
    repository.commit(&[("web/index.html", "2"), ("db/migrations/1.sql", "drop table orders;")]);
    bench.run(&["-C", "shop", "record", &live, "success"]).exits(0);
    repository
}

/// The decision about HEAD, an hour later, seen from `dir`.
fn check(bench: &Bench, dir: &str, variables: &[(&str, &str)]) -> serde_json::Value {
    let args = ["-C", dir, "--repo", "local/shop", "check", "HEAD", "--json"];
    bench.run_with(variables, &args).exits(1).json()
}

#[test]
fn a_setting_of_git_hides_no_path() {
    let bench = Bench::new();
    let repository = with_a_migration(&bench);
    for (name, value) in
        [("diff.relative", "true"), ("diff.ignoreSubmodules", "all"), ("diff.renames", "copies")]
    {
        repository.git(&["config", name, value]);
        for dir in ["shop", "shop/web"] {
            let decision = check(&bench, dir, &[]);
            assert_eq!(decision["risk_class"], "HIGH", "{name} in {dir}: {decision}");
            assert_eq!(decision["changed_paths"], 2, "{name} in {dir}");
        }
    }
}

#[test]
fn a_replaced_commit_is_seen_as_it_was_committed() {
    let bench = Bench::new();
    let repository = with_a_migration(&bench);
    repository.git(&["replace", "HEAD", "HEAD~1"]);
    assert_eq!(check(&bench, "shop", &[])["risk_class"], "HIGH");
}

#[test]
fn a_variable_of_git_does_not_point_it_elsewhere() {
    let bench = Bench::new();
    let repository = with_a_migration(&bench);
    let head = repository.git(&["rev-parse", "HEAD"]);
    Repository::at(&bench.path().join("other")).commit(&[("README", "harmless")]);
    let other = bench.path().join("other").display().to_string();
    let elsewhere = format!("{other}/.git");
    for variables in [
        &[("GIT_DIR", elsewhere.as_str())][..],
        &[("GIT_DIR", elsewhere.as_str()), ("GIT_WORK_TREE", other.as_str())],
        &[("GIT_OBJECT_DIRECTORY", "/nonexistent")],
        &[("GIT_COMMON_DIR", elsewhere.as_str())],
        &[("GIT_CEILING_DIRECTORIES", bench.path().to_str().unwrap())],
        &[("GIT_EXTERNAL_DIFF", "/bin/true")],
    ] {
        for dir in ["shop", "shop/web"] {
            let decision = check(&bench, dir, variables);
            assert_eq!(decision["sha"], head.as_str(), "{variables:?} in {dir}");
            assert_eq!(decision["risk_class"], "HIGH", "{variables:?} in {dir}");
        }
    }
}

#[test]
fn a_repository_that_git_refuses_is_an_error_with_its_reason_and_advice() {
    let bench = Bench::new();
    with_a_migration(&bench);
    // What git reads where the repository belongs to somebody else.
    let stranger = [("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")];
    for args in [&["-C", "shop", "check", "HEAD"][..], &["-C", "shop", "deploy", SHA, "--", "true"]]
    {
        let stderr = bench.run_with(&stranger, args).exits(3).stderr();
        assert!(stderr.contains("dubious ownership"), "{stderr}");
        assert!(stderr.contains("hint: git config --global --add safe.directory"), "{stderr}");
    }
}

#[test]
fn a_damaged_repository_is_an_error_and_never_no_repository() {
    let bench = Bench::new();
    let repository = with_a_migration(&bench);
    repository.git(&["worktree", "add", "--quiet", "../linked"]);
    bench.given("shop/.git/config", "[core\n");
    let stderr = bench.run(&["-C", "shop", "status"]).exits(3).stderr();
    assert!(stderr.contains("caused by: fatal: bad config"), "{stderr}");
    std::fs::remove_dir_all(bench.path().join("shop")).unwrap();
    let stderr = bench.run(&["-C", "linked", "status"]).exits(3).stderr();
    assert!(stderr.contains("caused by: fatal: not a git repository: "), "{stderr}");
}

#[test]
fn a_bare_repository_has_no_work_tree() {
    let bench = Bench::new();
    let repository = Repository::at(&bench.path().join("shop"));
    repository.commit(&[("README", "1")]);
    repository.git(&["clone", "--quiet", "--bare", ".", "../bare.git"]);
    bench.run(&["-C", "bare.git", "check", SHA]).exits(0);
    bench.run(&["-C", "bare.git", "check", "HEAD"]).exits(2);
}

#[test]
fn a_changed_path_that_is_not_utf8_is_a_high_risk() {
    let bench = Bench::new();
    let repository = Repository::at(&bench.path().join("shop"));
    let live = repository.commit(&[("README", "1")]);
    bench.run(&["-C", "shop", "record", &live, "success"]).exits(0);
    let name = OsStr::from_bytes(b"harmless-\xff");
    symlink("README", bench.path().join("shop").join(name)).unwrap();
    repository.commit(&[]);
    let decision = check(&bench, "shop", &[]);
    assert_eq!(decision["risk_class"], "HIGH", "{decision}");
    assert!(decision["risk_notes"][0].as_str().unwrap().contains("is not UTF-8"), "{decision}");
}

#[test]
fn a_revision_that_is_not_one_commit_is_used_wrongly() {
    let bench = Bench::new();
    with_a_migration(&bench);
    for revision in ["^HEAD", "HEAD~1..HEAD", "HEAD:web", "nothing", "--all", ""] {
        let ran = bench.run(&["-C", "shop", "check", "--", revision]).exits(2);
        let expected = format!("`{revision}` is not a commit");
        assert!(ran.stderr().contains(&expected), "{revision}: {}", ran.stderr());
    }
}
