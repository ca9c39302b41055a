//! A deploy that is stopped: its command is gone with all it started, and that is on record.

use rustix::process::{Pid, Signal, kill_process};
use system_tests::{Exit, Stage, Victim, eventually, is_gone};

/// Starts a deploy whose command, and a child of it, run until they are stopped. Returns once
/// both do, with their process ids.
fn endless(stage: &Stage, words: &str, leader: &str, child: &str) -> (Victim, Vec<u32>) {
    // Whole or not there at all, so that nobody reads half of it.
    let tell = "echo $$ $! > \"$STAGE\"/new; mv \"$STAGE\"/new \"$STAGE\"/pids";
    stage.script("endless", &format!("{leader}\n({child} exec sleep 1000) &\n{tell}\nwait"));
    // Whoever started this test may ignore them.
    let run = stage.govctl(words).under(["env", "--default-signal"]).start();
    eventually("the command runs", || stage.dir.join("pids").exists());
    let pids = stage.dir.read("pids").split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    (run, pids)
}

const DEAF: &str = "trap '' TERM;";

fn assert_gone(pids: &[u32]) {
    for pid in pids {
        eventually("the whole group is gone", || is_gone(*pid));
    }
}

fn assert_failure_on_record(stage: &Stage, why: &str) {
    let status = stage.status();
    assert_eq!(status["last_deploy_result"], "failure");
    assert_eq!(
        (&status["lock"]["held"], &status["unknown"]),
        (&false.into(), &Vec::<String>::new().into())
    );
    stage.govctl("history --verify").run().stderr_has("whole").stdout_has(why).exit(Exit::Yes);
}

#[test]
fn an_interrupted_deploy_stops_its_command_and_records_the_failure() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let stage = Stage::new();
        let (run, pids) = endless(&stage, "deploy HEAD -- endless", "", "");
        run.signal(signal);
        let number = signal.as_raw();
        run.wait().stdout_has("FAILED").exit(Exit::Interrupted(number));
        assert_gone(&pids);
        assert_failure_on_record(&stage, &format!("signal {number}"));
    }
}

/// Once a deploy that was started with `nohup` was stopped by the hangup all the same, when its
/// person went home.
#[test]
fn a_signal_that_is_ignored_at_the_start_stays_ignored() {
    let stage = Stage::new();
    let tell = "echo $$ > \"$STAGE\"/new; mv \"$STAGE\"/new \"$STAGE\"/pid";
    let wait = "while [ ! -e \"$STAGE\"/end ]; do sleep 0.01; done";
    // It is not hung up either.
    stage.script("waits", &format!("{tell}\n{wait}"));
    let run = stage.govctl("deploy HEAD -- waits").under(["env", "--ignore-signal=HUP"]).start();
    eventually("the command runs", || stage.dir.join("pid").exists());
    let pid = stage.dir.read("pid").trim().parse().unwrap();
    run.signal(Signal::HUP);
    // Whatever it did with that signal, it has done before it sees that its command has ended.
    kill_process(Pid::from_raw(pid).unwrap(), Signal::HUP).unwrap();
    stage.dir.write("end", "");
    run.wait().stdout_has("DEPLOYED").exit(Exit::Yes);

    // What is not ignored still stops it.
    let (run, pids) = endless(&stage, "deploy --redeploy --reason again HEAD -- endless", "", "");
    run.signal(Signal::HUP);
    run.wait().stdout_has("FAILED").exit(Exit::Interrupted(1));
    assert_gone(&pids);
}

#[test]
fn a_command_that_fails_because_of_a_signal_of_its_own_is_a_plain_failure() {
    let stage = Stage::new();
    stage.script("dies", "kill -TERM $$");
    stage.govctl("deploy HEAD -- dies").run().stdout_has("killed by signal 15").exit(Exit::Failed);
    assert_failure_on_record(&stage, "killed by signal 15");
}

#[test]
fn a_command_beyond_its_time_is_stopped_and_has_failed() {
    let stage = Stage::new();
    let (run, pids) = endless(&stage, "deploy --timeout 1s HEAD -- endless", "", "");
    run.wait().stdout_has("its time was over").exit(Exit::Failed);
    assert_gone(&pids);
    assert_failure_on_record(&stage, "its time was over");
}

#[test]
fn a_child_that_ignores_term_is_killed_once_its_parent_is_gone() {
    let stage = Stage::new();
    let (run, pids) = endless(&stage, "deploy --timeout 1s HEAD -- endless", "", DEAF);
    run.wait().stdout_has("its time was over").exit(Exit::Failed);
    assert_gone(&pids);
    assert_failure_on_record(&stage, "its time was over");
}

#[test]
fn a_child_that_begins_a_session_of_its_own_stays_and_keeps_nobody_waiting() {
    let stage = Stage::new();
    let child = "exec setsid sh -c 'echo $$ > \"$STAGE\"/away; exec sleep 1000' &&";
    let (run, _) = endless(&stage, "deploy HEAD -- endless", "", child);
    eventually("the child is away", || !stage.dir.read("away").is_empty());
    run.signal(Signal::TERM);
    run.wait().stdout_has("FAILED").exit(Exit::Interrupted(15));
    assert_failure_on_record(&stage, "signal 15");
    let pid: u32 = stage.dir.read("away").trim().parse().unwrap();
    assert!(!is_gone(pid), "the limit is documented: what leaves the group is not stopped with it");
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

#[test]
fn a_command_that_ignores_term_is_killed_after_its_grace() {
    let stage = Stage::new();
    let (run, pids) = endless(&stage, "deploy --timeout 1s HEAD -- endless", DEAF, "");
    run.wait().stdout_has("its time was over").exit(Exit::Failed);
    assert_gone(&pids);
    assert_failure_on_record(&stage, "its time was over");
}
