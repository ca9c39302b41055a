//! The command of a deploy while it runs: what it is given, what it may do, what ends it.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::fd::OwnedFd;

use rustix::process::{Pid, Signal, kill_process};
use system_tests::{Exit, Stage, eventually, is_gone};

#[test]
fn a_lock_that_is_taken_away_stops_the_command_and_the_failure_is_on_record() {
    let stage = Stage::new();
    let tell = "echo $$ > \"$STAGE\"/new; mv \"$STAGE\"/new \"$STAGE\"/pid";
    // Even if it says that it was done: somebody else may have deployed meanwhile.
    stage.script("endless", &format!("trap 'exit 0' TERM\n{tell}\nwhile :; do sleep 0.01; done"));
    let run = stage.govctl("deploy HEAD -- endless").start();
    eventually("the command runs", || stage.dir.join("pid").exists());
    let pid = stage.dir.read("pid").trim().parse().unwrap();
    let status = stage.status();
    assert_eq!(status["lock"]["held"], true);
    fs::remove_file(stage.state().join("locks/deploy-production.lock")).unwrap();
    run.wait().any_stderr().stdout_has("its lock was taken away").exit(Exit::Failed);
    assert!(is_gone(pid));
    let status = stage.status();
    assert_eq!(status["last_deploy_result"], "failure");
    assert_eq!(status["production_sha_current"], serde_json::Value::Null);
    let history = stage.govctl("history --verify").run();
    history.stderr_has("whole").stdout_has("its lock was taken away").exit(Exit::Yes);
}

#[test]
fn who_takes_the_lock_away_starts_nothing_while_the_command_runs() {
    let stage = Stage::new();
    // Deaf, so that it outlives the loss of the lock by the grace time.
    let tell = "echo $$ > \"$STAGE\"/new; mv \"$STAGE\"/new \"$STAGE\"/pid";
    stage.script("deaf", &format!("trap '' TERM\n{tell}\nwhile :; do sleep 0.01; done"));
    let run = stage.govctl("deploy HEAD -- deaf").start();
    eventually("the command runs", || stage.dir.join("pid").exists());
    let pid: i32 = stage.dir.read("pid").trim().parse().unwrap();
    fs::remove_file(stage.state().join("locks/deploy-production.lock")).unwrap();
    let other = stage.govctl("deploy --json HEAD -- ran").run().any_stderr().json(Exit::No);
    assert_eq!(other["reason"], "deploy_in_progress", "{other:#}");
    assert!(stage.ran().is_empty());
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    run.wait().any_stderr().stdout_has("FAILED").exit(Exit::Failed);
}

/// Starts a deploy of `HEAD` whose govctl is stopped while its command ends well, and takes its
/// lock away meanwhile.
fn robbed_in_its_sleep(stage: &Stage) -> system_tests::Victim {
    let tell = "echo $$ > \"$STAGE\"/new; mv \"$STAGE\"/new \"$STAGE\"/pid";
    let wait = "while [ ! -e \"$STAGE\"/end ]; do sleep 0.01; done";
    stage.script("waits", &format!("{tell}\n{wait}"));
    let run = stage.govctl("deploy HEAD -- waits").start();
    eventually("the command runs", || stage.dir.join("pid").exists());
    run.signal(Signal::STOP);
    stage.dir.write("end", "");
    let pid = stage.dir.read("pid").trim().parse().unwrap();
    eventually("the command has ended", || is_gone(pid));
    let words = "lock break deploy-production --force --reason hangs";
    stage.govctl(words).run().whatever_is_said().exit(Exit::Yes);
    run
}

/// Once a govctl that had been stopped, and robbed of its lock, recorded the result of its command
/// when it woke up: over what a person had said of it, and over what was live by then.
#[test]
fn whoever_lost_the_lock_records_nothing_over_what_was_said_since() {
    for settled in ["resolve HEAD --as failure", "record HEAD failure"] {
        let stage = Stage::new();
        stage.repository.configure("cooldown_minutes: 0");
        let robbed = stage.repository.head();
        let run = robbed_in_its_sleep(&stage);
        stage.govctl(settled).run().whatever_is_said().exit(Exit::Yes);
        let live = stage.repository.commit("next.txt", "next");
        stage.deploy();
        let before = stage.dir.read("state/release.json");
        run.signal(Signal::CONT);
        run.wait()
            .stdout_has("ALLOW")
            .stderr_has("ended with success, which is not recorded")
            .stderr_has("its lock was taken away")
            .exit(Exit::Unknown);
        assert_eq!(stage.dir.read("state/release.json"), before, "{settled}");
        assert_eq!(stage.status()["production_sha_current"], live, "{settled}");
        let words = format!("history --sha {robbed}");
        stage.govctl(&words).run().stdout_has("result_not_recorded").exit(Exit::Yes);
    }
}

#[test]
fn whoever_lost_the_lock_records_no_success_over_what_went_live_since() {
    let stage = Stage::new();
    let run = robbed_in_its_sleep(&stage);
    let live = stage.repository.commit("next.txt", "next");
    stage.govctl("record HEAD success").run().whatever_is_said().exit(Exit::Yes);
    run.signal(Signal::CONT);
    run.wait().stdout_has("ALLOW").stderr_has("not recorded").exit(Exit::Unknown);
    assert_eq!(stage.status()["production_sha_current"], live);
}

#[test]
fn whoever_lost_the_lock_to_nobody_else_records_what_it_saw() {
    let stage = Stage::new();
    let run = robbed_in_its_sleep(&stage);
    run.signal(Signal::CONT);
    run.wait().any_stderr().stdout_has("DEPLOYED").exit(Exit::Yes);
    assert_eq!(stage.status()["production_sha_current"], stage.repository.head());
}

#[test]
fn the_fence_rises_with_every_command_that_is_started() {
    let stage = Stage::new();
    stage.repository.configure("max_deploys_per_hour: 1000\ncooldown_minutes: 0");
    stage.script("tell", "echo $GOVCTL_FENCE >> \"$STAGE\"/fences; test ! -e \"$STAGE\"/fail");
    stage.script("dies", "echo $GOVCTL_FENCE >> \"$STAGE\"/fences; kill -KILL $PPID");
    let commits = stage.repository.commits(12);
    for (number, sha) in commits.iter().enumerate() {
        match number % 4 {
            0 => stage
                .govctl(&format!("deploy {sha} -- tell"))
                .run()
                .stdout_has("DEPLOYED")
                .exit(Exit::Yes),
            1 => {
                stage.dir.write("fail", "");
                let run = stage.govctl(&format!("deploy {sha} -- tell")).run();
                run.stdout_has("FAILED").exit(Exit::Failed);
                fs::remove_file(stage.dir.join("fail")).unwrap();
                let words = format!("deploy {sha} --redeploy --reason again -- tell");
                stage.govctl(&words).run().stdout_has("DEPLOYED").exit(Exit::Yes);
            }
            2 => {
                stage.govctl(&format!("deploy {sha} -- dies")).run().killed_by(9);
                eventually("it is settled", || {
                    let words = format!("resolve {sha} --as success");
                    stage.govctl(&words).run().whatever_is_said().code() == 0
                });
            }
            _ => {
                let run = stage.govctl(&format!("deploy {sha} -- not-there")).run();
                run.stdout_has("ALLOW").stderr_has("nothing was deployed").exit(Exit::Broken);
            }
        }
    }
    let text = stage.dir.read("fences");
    let fences: Vec<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(fences.len(), 12);
    assert!(fences.is_sorted_by(|one, next| one < next), "{fences:?}");
}

#[test]
fn a_child_that_forks_away_with_the_streams_keeps_nobody_waiting() {
    let stage = Stage::new();
    stage.script("forks", "sleep 1000 & echo $! > \"$STAGE\"/pid; exit 0");
    stage.govctl("deploy HEAD -- forks").run().stdout_has("DEPLOYED").exit(Exit::Yes);
    let pid = stage.dir.read("pid").trim().parse().unwrap();
    assert!(!is_gone(pid), "what a deploy starts may stay, as a server does");
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn bytes_of_any_kind_pass_through_as_they_are() {
    let stage = Stage::new();
    let random = "head -c 300000 /dev/urandom > \"$STAGE\"/bytes";
    stage.script("talks", &format!("{random}; cat \"$STAGE\"/bytes; cat >&2"));
    let said = tempfile::tempfile().unwrap();
    let run = stage
        .govctl("deploy HEAD -- talks")
        .stdin(b"what is asked")
        .stdout_to(said.try_clone().unwrap());
    run.run().stderr("what is asked").exit(Exit::Yes);
    let (said, bytes) = (whole(said), fs::read(stage.dir.join("bytes")).unwrap());
    let passed = said.windows(bytes.len()).any(|window| window == bytes);
    assert!(passed, "something was changed on the way");
}

#[test]
fn with_json_the_bytes_of_the_command_go_to_stderr_as_they_are() {
    let stage = Stage::new();
    stage.script("talks", "head -c 300000 /dev/urandom | tee \"$STAGE\"/bytes");
    let said = tempfile::tempfile().unwrap();
    let run = stage.govctl("deploy --json HEAD -- talks").stderr_to(said.try_clone().unwrap());
    assert_eq!(run.run().json(Exit::Yes)["outcome"], "success");
    assert!(whole(said) == fs::read(stage.dir.join("bytes")).unwrap(), "something was changed");
}

#[test]
fn pipes_that_nobody_empties_stop_the_command_and_not_the_clock() {
    let stage = Stage::new();
    stage.script("floods", "cat /dev/zero >&2 & while :; do cat /dev/zero; done");
    let (reader, writer) = std::io::pipe().unwrap();
    let (_unread, second) = std::io::pipe().unwrap();
    let run = stage.govctl("--json-file answer.json deploy --timeout 1s HEAD -- floods");
    let run = run.stdout_to(OwnedFd::from(writer)).stderr_to(OwnedFd::from(second)).start();
    let answer = stage.repository.path().join("answer.json");
    // The command is stopped at its time; only then is the pipe emptied, so that the report fits.
    eventually("it is on record", || stage.status()["last_deploy_result"] == "failure");
    std::thread::spawn(move || std::io::copy(&mut &reader, &mut std::io::sink()));
    run.wait().exit(Exit::Failed);
    let answer: serde_json::Value = serde_json::from_slice(&fs::read(answer).unwrap()).unwrap();
    assert_eq!(answer["outcome"], "failure");
}

#[test]
fn a_command_that_asks_the_terminal_gets_an_error_and_does_not_hang() {
    let stage = Stage::new();
    let ask = "if (: < /dev/tty) 2> /dev/null; then echo asked; else echo no terminal; fi";
    stage.script("asks", &format!("({ask}; cat) > \"$STAGE\"/told"));
    // `script` opens a terminal and takes one line for a shell.
    let line = "exec script -qec \"$(printf ' %q' \"$@\")\" /dev/null";
    let run = stage.govctl("deploy HEAD -- asks").under(["bash", "-c", line, "bash"]);
    run.run().stdout_has("DEPLOYED").exit(Exit::Yes);
    assert_eq!(stage.dir.read("told"), "no terminal\n");
}

fn whole(mut file: File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}
