//! `govctl init`: what it writes, and what it leaves alone.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use serde_json::Value;

use crate::{Bench, Ran};

const FILES: [&str; 4] = [
    ".booty.yml",
    ".github/workflows/verify-main.yml",
    ".github/workflows/deploy.yml",
    "deploy.sh",
];

fn actions(ran: &Ran) -> Vec<String> {
    let files = ran.json()["files"].as_array().unwrap().clone();
    let action = |file: &Value| file["action"].as_str().unwrap().to_owned();
    files.iter().map(action).collect()
}

fn read(bench: &Bench, name: &str) -> String {
    fs::read_to_string(bench.path().join(name)).unwrap()
}

#[test]
fn everything_is_written_for_the_branch_that_is_checked_out() {
    let (bench, _) = Bench::with_commits(["package.json"]);
    bench.git(&["switch", "--quiet", "--create", "release/2"]);
    assert_eq!(actions(&bench.run(&["init", "--json"]).exits(0)), ["written"; 4]);
    assert!(read(&bench, FILES[1]).contains("branches: [\"release/2\"]"));
    assert!(read(&bench, FILES[0]).contains("test_command: npm ci && npm test\n"));
    for (name, mode) in FILES.into_iter().zip([0o644, 0o644, 0o644, 0o755]) {
        let text = read(&bench, name);
        let places = ["@BRANCH@", "@TEST@"].map(|place| text.contains(place));
        assert_eq!(places, [false; 2], "{name} has a place that was not filled in");
        let found = fs::metadata(bench.path().join(name)).unwrap().permissions().mode();
        assert_eq!(found & 0o700, mode & 0o700, "{name}");
    }
    bench.run(&["config", "check"]).exits(0);
}

#[test]
fn what_is_there_is_replaced_only_if_told_to() {
    let bench = Bench::new();
    bench.given("deploy.sh", "mine");
    symlink("nowhere", bench.path().join(".booty.yml")).unwrap();
    let ran = bench.run(&["init", "--json"]).exits(0);
    assert_eq!(actions(&ran), ["kept", "written", "written", "kept"]);
    assert_eq!(read(&bench, "deploy.sh"), "mine");
    assert!(!bench.path().join("nowhere").exists(), "a link was followed");
    fs::remove_file(bench.path().join(".booty.yml")).unwrap();
    let ran = bench.run(&["init", "--force", "--json"]).exits(0);
    assert_eq!(actions(&ran), ["written", "replaced", "replaced", "replaced"]);
    assert!(read(&bench, "deploy.sh").starts_with("#!"));
    let mode = fs::metadata(bench.path().join("deploy.sh")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
}

#[test]
fn a_link_does_not_lead_out_of_the_work_tree() {
    let (bench, elsewhere) = (Bench::new(), Bench::new());
    elsewhere.given("deploy.sh", "theirs");
    symlink(elsewhere.path().join("deploy.sh"), bench.path().join("deploy.sh")).unwrap();
    bench.run(&["init"]).exits(0);
    let ran = bench.run(&["init", "--force"]).exits(3);
    assert!(ran.stderr().contains("leads out of the work tree"), "{}", ran.stderr());
    let bench = Bench::new();
    symlink(elsewhere.path(), bench.path().join(".github")).unwrap();
    bench.run(&["init"]).exits(3);
    let found = fs::read_dir(elsewhere.path().join("workflows"));
    assert!(found.is_err() || found.unwrap().next().is_none(), "a file was written elsewhere");
    assert_eq!(read(&elsewhere, "deploy.sh"), "theirs");
}

#[test]
fn a_branch_that_could_be_read_otherwise_is_refused() {
    let bench = Bench::new();
    for branch in ["a\"b", "*", "-x", "a\nb"] {
        let branch = format!("--branch={branch}");
        bench.run(&["init", &branch]).exits(2);
    }
    assert!(!bench.path().join(".booty.yml").exists());
}

#[test]
fn what_cannot_be_written_whole_is_not_begun() {
    let elsewhere = Bench::new();
    elsewhere.given("deploy.sh", "theirs");
    let theirs = elsewhere.path().join("deploy.sh");
    let gone = elsewhere.path().join("gone");
    let spoilt: [&dyn Fn(&Path); 4] = [
        &|path| symlink(&theirs, path).unwrap(),
        &|path| symlink(&gone, path).unwrap(),
        &|path| fs::create_dir(path).unwrap(),
        &|path| symlink(elsewhere.path(), path.with_file_name(".github")).unwrap(),
    ];
    for (number, spoil) in spoilt.into_iter().enumerate() {
        let bench = Bench::new();
        spoil(&bench.path().join("deploy.sh"));
        bench.run(&["init", "--force"]).exits(3);
        assert!(!bench.path().join(".booty.yml").exists(), "{number}: it was begun");
        assert!(!gone.exists() && !elsewhere.path().join("workflows").exists(), "{number}");
    }
    assert_eq!(read(&elsewhere, "deploy.sh"), "theirs");
}
