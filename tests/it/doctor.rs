//! `govctl doctor` where something is wrong with the disk, the user or the system calls.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use system_tests::{Exit, Mount, Stage, Trace};

use crate::surroundings::{stranger, usable};

/// What was said about `check`.
#[track_caller]
fn says(report: &Value, check: &str, status: &str, words: &str) {
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["check"] == check);
    let found = found.unwrap_or_else(|| panic!("nothing about {check}: {report:#}"));
    assert_eq!(found["status"], status, "{found:#}");
    assert!(found["detail"].as_str().unwrap().contains(words), "{words:?}: {found:#}");
}

#[test]
fn a_disk_in_memory_is_a_warning_and_a_small_one_too() {
    let stage = Stage::new();
    let Some(disk) = usable(Mount::small_disk(&stage.state(), 8 * 1024 * 1024)) else { return };
    let report = disk.seen_by(stage.govctl("doctor --json")).run().json(Exit::Yes);
    says(&report, "file_system", "warn", "tmpfs at `");
    says(&report, "disk_space", "warn", "left");
    for check in ["lock", "replace", "fence", "identity"] {
        says(&report, check, "ok", "");
    }
}

#[test]
fn a_read_only_disk_is_a_failure() {
    let stage = Stage::new();
    stage.deploy();
    let Some(disk) = usable(Mount::read_only(&stage.state())) else { return };
    let report = disk.seen_by(stage.govctl("doctor --json")).run().json(Exit::Broken);
    says(&report, "mount", "fail", "is mounted with `ro`");
    says(&report, "write", "fail", "Read-only file system");
}

#[test]
fn a_directory_of_somebody_else_is_a_failure_with_the_command_that_gives_it() {
    let stage = Stage::new();
    stage.deploy();
    let as_stranger = stranger(&stage);
    fs::set_permissions(stage.state(), Permissions::from_mode(0o500)).unwrap();
    let trust = stage
        .govctl("doctor --json")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*");
    let report = as_stranger(trust).run().json(Exit::Broken);
    says(&report, "write", "fail", "Permission denied");
    let text = report["findings"].to_string();
    assert!(text.contains("sudo chown "), "{text}");
}

#[test]
fn what_the_system_calls_really_do_is_found_out() {
    let stage = Stage::new();
    stage.deploy();
    for (fault, check, status, words) in [
        ("flock:retval=0", "lock", "fail", "keeps nobody out"),
        ("flock:error=ENOLCK", "lock", "fail", "flock does not work"),
        ("renameat:retval=0", "replace", "fail", "does not read as it was written"),
        ("renameat:retval=0", "fence", "fail", "can still be renamed"),
        ("renameat:error=EPERM", "replace", "fail", "cannot be replaced"),
        ("fsync:error=EIO", "replace", "fail", "cannot be replaced and synced"),
        ("linkat:error=EPERM", "replace", "warn", "no hard links"),
    ] {
        let call = fault.split(':').next().unwrap();
        let options =
            ["--follow-forks".to_owned(), format!("--trace={call}"), format!("--inject={fault}")];
        let (_, answer) = Trace::of(stage.govctl("doctor --json"), &options);
        let exit = if status == "fail" { Exit::Broken } else { Exit::Yes };
        says(&answer.any_stderr().json(exit), check, status, words);
    }
    let left = stage.dir.names("state").into_iter().filter(|name| name.contains("doctor"));
    assert_eq!(left.collect::<Vec<_>>(), [""; 0]);
}
