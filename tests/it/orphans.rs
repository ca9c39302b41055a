//! A command that runs on after its govctl was killed: it is found, it holds, it can be stopped.

use rustix::process::Signal;
use serde_json::Value;
use system_tests::{Exit, Stage, eventually, is_gone};

const ENDLESS: &str = "
    echo $DEPLOY_SHA >> \"$STAGE\"/ran
    (trap '' TERM; exec sleep 1000) &
    echo $$ $! > \"$STAGE\"/new; mv \"$STAGE\"/new \"$STAGE\"/pids
    wait";

/// A stage where the command of `HEAD` runs on without its govctl, and the ids of its
/// processes, of which the first leads.
fn orphaned() -> (Stage, String, Vec<u32>) {
    let stage = Stage::new();
    stage.deploy();
    let head = stage.repository.commit("a.txt", "a");
    stage.script("endless", ENDLESS);
    let run = stage.govctl("deploy HEAD -- endless").start();
    eventually("the command runs", || stage.dir.join("pids").exists());
    run.signal(Signal::KILL);
    run.wait().killed_by(9);
    let pids = stage.dir.read("pids").split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    (stage, head, pids)
}

fn stop(stage: &Stage, words: &str) {
    let run = stage.govctl(&format!("resolve HEAD --stop {words}")).run();
    run.stderr_has("stopped pid").stdout_has("last attempt").exit(Exit::Yes);
}

#[test]
fn it_holds_every_deploy_and_is_named() {
    let (stage, head, pids) = orphaned();
    stage.repository.commit("b.txt", "b");
    for sha in ["HEAD", "HEAD~1"] {
        let held = stage.govctl(&format!("deploy --json {sha} -- ran")).run().any_stderr();
        let json = held.json(Exit::No);
        assert_eq!(json["reason"], "deploy_in_progress", "{json:#}");
        let told = json["rules"][2]["detail"].as_str().unwrap();
        assert!(told.contains(&format!("pid {} on ", pids[0])), "{told}");
        assert!(told.contains(&format!("govctl resolve {head} --stop")), "{told}");
    }
    let status = stage.govctl("status").run();
    status.stdout_has("running").stdout_has(&pids[0].to_string()).exit(Exit::Yes);
    let json = stage.status();
    assert_eq!(json["unknown"], Value::from(Vec::<Value>::new()));
    assert_eq!(json["in_progress"]["sha"], head);
    let by = json["in_progress"]["by"].as_str().unwrap();
    assert!(by.contains(&format!("pid {} on ", pids[0])), "{by}");
    // Nobody says how it ended before it has.
    for words in ["", "--as success"] {
        let run = stage.govctl(&format!("resolve HEAD~1 {words}")).run();
        run.stderr_has("still runs").stderr_has("--stop").exit(Exit::Busy);
    }
    assert_eq!(stage.ran().len(), 2);
    stage.repository.git(&["reset", "-q", "--hard", "HEAD~1"]);
    stop(&stage, "");
}

/// Once `govctl record` settled a commit whose command was still running, and the next deploy ran
/// beside it.
#[test]
fn nothing_is_recorded_of_a_commit_whose_command_runs() {
    let (stage, _, pids) = orphaned();
    for result in ["success", "failure", "pending"] {
        let run = stage.govctl(&format!("record HEAD {result}")).run();
        run.stderr_has("still runs")
            .stderr_has(&format!("pid {}", pids[0]))
            .stderr_has("--stop")
            .exit(Exit::Busy);
    }
    let next = stage.repository.commit("b.txt", "b");
    let held = stage.govctl("deploy --json HEAD -- ran").run().any_stderr().json(Exit::No);
    assert_eq!(held["reason"], "deploy_in_progress", "{held:#}");
    assert!(!stage.ran().contains(&next));
    stage.repository.git(&["reset", "-q", "--hard", "HEAD~1"]);
    stop(&stage, "");
}

#[test]
fn it_is_stopped_with_all_it_started_and_has_failed() {
    let (stage, head, pids) = orphaned();
    stop(&stage, "--reason hangs");
    for pid in pids {
        eventually("the whole group is gone", || is_gone(pid));
    }
    let status = stage.status();
    assert_eq!(
        (&status["last_deploy_result"], &status["unknown"][0]),
        (&"failure".into(), &Value::Null)
    );
    assert_eq!(status["last_deploy_attempt_sha"], head);
    let history = stage.govctl("history --verify").run();
    history.stderr_has("whole").stdout_has("hangs (its command was stopped)").exit(Exit::Yes);
    let again = stage.govctl("resolve HEAD --stop").run();
    again.stderr_has("nothing about").stdout_has("last attempt").exit(Exit::No);
}

#[test]
fn whoever_stops_it_may_have_seen_that_it_was_done() {
    let (stage, head, _) = orphaned();
    stop(&stage, "--as success");
    assert_eq!(stage.status()["production_sha_current"], head);
}

#[test]
fn once_it_has_ended_nothing_proves_how() {
    let (stage, head, pids) = orphaned();
    let pid = rustix::process::Pid::from_raw(i32::try_from(pids[0]).unwrap()).unwrap();
    rustix::process::kill_process_group(pid, Signal::KILL).unwrap();
    for pid in pids {
        eventually("the whole group is gone", || is_gone(pid));
    }
    let run = stage.govctl("deploy HEAD -- ran").run().any_stderr();
    run.stdout_has("outcome_unknown").exit(Exit::Unknown);
    let run = stage.govctl("resolve HEAD").run();
    run.stderr_has("nothing proves how the deploy of")
        .stderr_has("its command, pid")
        .stderr_has(&format!("govctl resolve {head} --as success"))
        .exit(Exit::Unknown);
    // Nor is there anything to stop.
    stage.govctl("resolve HEAD --stop").run().stderr_has("nothing proves").exit(Exit::Unknown);
    stage.govctl("resolve HEAD --as success").run().stdout_has("success").exit(Exit::Yes);
    assert_eq!(stage.ran().len(), 2);
}

#[test]
fn another_process_with_its_number_is_not_taken_for_it() {
    let (stage, _, pids) = orphaned();
    let start_time = |text: &str| {
        let (before, after) = text.split_once("\"start_time\":").unwrap();
        let end = after.find(',').unwrap();
        (before.to_owned(), after[..end].parse::<u64>().unwrap(), after[end..].to_owned())
    };
    // As if the machine had given the number to a process that was started later.
    let line =
        |text: &str| text.lines().position(|line| line.contains(&format!("\"pid\":{}", pids[0])));
    stage.edit("audit.jsonl", |text| {
        let number = line(&text).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let (before, time, after) = start_time(&lines[number]);
        lines[number] = format!("{before}\"start_time\":{}{after}", time - 1);
        lines.join("\n") + "\n"
    });
    let run = stage.govctl("resolve HEAD --stop").run();
    run.stderr_has("its pid belongs to another process now").exit(Exit::Unknown);
    assert!(!is_gone(pids[0]), "it was stopped");
    let pid = rustix::process::Pid::from_raw(i32::try_from(pids[0]).unwrap()).unwrap();
    rustix::process::kill_process_group(pid, Signal::KILL).unwrap();
}
