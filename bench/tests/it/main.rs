//! The program itself: how it ends, and that its processes find each other.

use std::process::{Command, Output};

fn bench(args: &[&str]) -> Output {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the build is writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    let output = command.arg("--dir").arg(dir.path()).args(args).output().expect("it was built");
    let mut left = std::fs::read_dir(dir.path()).expect("it is still there");
    assert!(left.next().is_none(), "something was left behind");
    output
}

#[test]
fn processes_that_write_at_once_lose_nothing_and_end_in_a_table() {
    let output = bench(&["writers", "--quick", "--markdown", "--only", "update"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("\n| update, 8 processes | "), "{text}");
    assert!(text.contains(" missed; the load is "), "{text}");
}

#[test]
fn a_benchmark_without_contenders_cannot_run() {
    let output = bench(&["lock", "--quick", "--only", "nobody"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(message, "error: no contender of `lock` has that in its name\n");
}
