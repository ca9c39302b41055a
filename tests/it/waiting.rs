//! One deploy at a time: whoever comes second hears who is first.

use std::time::Duration;

use system_tests::{Exit, Stage, Victim, eventually};

/// Starts a deploy that goes on until the file `go` is there. Returns once its command runs.
fn hold(stage: &Stage) -> Victim {
    stage.script(
        "hold",
        "touch \"$STAGE\"/running\nwhile [ ! -e \"$STAGE\"/go ]; do sleep 0.01; done\nexec ran",
    );
    let holder = stage.govctl("deploy HEAD~0 -- hold").start();
    eventually("the command runs", || stage.dir.join("running").exists());
    holder
}

fn let_go(stage: &Stage, holder: Victim) {
    stage.dir.write("go", "");
    holder.wait().stdout_has("DEPLOYED").exit(Exit::Yes);
}

#[test]
fn a_second_deploy_is_told_who_holds_the_lock() {
    let stage = Stage::new();
    let holder = hold(&stage);
    let pid = format!("pid {}", holder.pid());
    for wait in ["0", "50ms"] {
        let run = stage.govctl(&format!("deploy --lock-wait {wait} HEAD -- ran")).run();
        run.stderr_has("cannot take the deploy lock of production")
            .stderr_has(&pid)
            .exit(Exit::Busy);
    }
    let json =
        stage.govctl("--json --lock-wait 0 deploy HEAD -- ran").run().any_stderr().json(Exit::Busy);
    assert_eq!(json["error"]["kind"], "busy");
    let resolve = stage.govctl("resolve --lock-wait 0 HEAD --as failure").run();
    resolve.stderr_has(&pid).exit(Exit::Busy);

    let status = stage.status();
    assert_eq!(status["lock"]["holder"]["pid"], holder.pid());
    assert_eq!(status["unknown"].as_array().unwrap().len(), 0, "a running deploy is no mystery");
    stage
        .govctl("check HEAD")
        .run()
        .stdout_has("deploy_in_progress")
        .stdout_has(&pid)
        .exit(Exit::No);
    let_go(&stage, holder);
    assert_eq!(stage.ran().len(), 1);
}

#[test]
fn whoever_waits_long_enough_gets_his_turn() {
    let stage = Stage::new();
    let holder = hold(&stage);
    stage.repository.commit("a.txt", "a");
    let next = stage.govctl("-v deploy --lock-wait forever HEAD -- ran").start();
    eventually("somebody waits", || waits_for_a_lock(next.pid()));
    let_go(&stage, holder);
    next.wait().stderr_has("waiting: ").stdout_has("DEPLOYED").exit(Exit::Yes);
    assert_eq!(stage.ran().len(), 2);
}

#[test]
fn whoever_waited_for_the_same_commit_finds_it_deployed() {
    let stage = Stage::new();
    let holder = hold(&stage);
    let next = stage.govctl("deploy HEAD -- ran").start();
    eventually("somebody waits", || waits_for_a_lock(next.pid()));
    let_go(&stage, holder);
    next.wait().stderr_has("waiting: ").stdout_has("ALREADY DEPLOYED").exit(Exit::Yes);
    assert_eq!(stage.ran().len(), 1);
}

#[test]
fn waiting_for_the_lock_ends_when_the_time_is_over() {
    let stage = Stage::new();
    let holder = hold(&stage);
    let start = std::time::Instant::now();
    let run = stage.govctl("deploy --lock-wait 300ms HEAD -- ran").run();
    run.stderr_has("waiting: ").stderr_has("--lock-wait").exit(Exit::Busy);
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
    let_go(&stage, holder);
}

/// Whether a thread of the process sleeps in `flock`, as the kernel lists it: `N: -> FLOCK`.
fn waits_for_a_lock(pid: u32) -> bool {
    let locks = std::fs::read_to_string("/proc/locks").unwrap();
    let pid = pid.to_string();
    locks
        .lines()
        .any(|line| line.contains("-> FLOCK") && line.split_whitespace().any(|word| word == pid))
}
