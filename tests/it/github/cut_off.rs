//! A handler of an event is killed: the event is handled when it comes again, and its commit is
//! dispatched at most once.

use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use system_tests::{Exit, Stage, Webhooks, eventually, is_gone};

use super::events::{deployed, event, verified};
use super::model::{github, stage};

fn lines(stage: &Stage) -> usize {
    stage.dir.read("state/audit.jsonl").lines().count()
}

/// Which process wrote the last line of the audit log.
fn last_pid(stage: &Stage) -> u32 {
    let log = stage.dir.read("state/audit.jsonl");
    let line: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    line["who"].as_str().unwrap().rsplit("pid ").next().unwrap().parse().unwrap()
}

#[test]
fn an_event_that_was_cut_off_is_handled_once_more_and_only_once() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    let payload = verified(&stage.repository.head(), 1, "success");
    let held = world.lock().unwrap(); // It has claimed, and waits for GitHub.
    let victim = event(&stage, &github, &payload, "k-1").start();
    eventually("it is claimed", || lines(&stage) >= 2 && !github.asked().is_empty());
    victim.signal(Signal::KILL);
    victim.wait().killed_by(9);
    drop(held);
    // Another delivery of the run is not the one that was cut off.
    let other = event(&stage, &github, &payload, "k-2").run().any_stderr().json(Exit::No);
    assert_eq!(other["action"], "duplicate");
    let again = event(&stage, &github, &payload, "k-1").run();
    let again = again.stderr_has("going on with event-k-1").json(Exit::Unknown);
    assert_eq!(again["action"], "decided");
    assert_eq!(github.asked_for("POST", "/dispatches").len(), 1);
    let more = event(&stage, &github, &payload, "k-1").run().json(Exit::No);
    assert_eq!(more["action"], "duplicate");
    assert_eq!(github.asked_for("POST", "/dispatches").len(), 1);
}

#[test]
fn who_is_at_work_is_waited_for_and_not_taken_for_dead() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    let payload = verified(&stage.repository.head(), 1, "success");
    let held = world.lock().unwrap();
    let first = event(&stage, &github, &payload, "w-1").start();
    eventually("it waits for GitHub", || !github.asked().is_empty());
    let busy = event(&stage, &github, &payload, "w-1").option("--lock-wait", "0").run();
    let error = busy.any_stderr().json(Exit::Busy);
    assert_eq!(error["error"]["kind"], "busy", "{error:#}");
    let second = event(&stage, &github, &payload, "w-1").option("--lock-wait", "forever").start();
    drop(held);
    first.wait().whatever_is_said().exit(Exit::Unknown);
    second.wait().whatever_is_said().exit(Exit::No);
    assert_eq!(github.asked_for("POST", "/dispatches").len(), 1);
}

#[test]
fn killed_after_any_line_of_the_log_nothing_is_lost_and_nothing_dispatched_twice() {
    thread::scope(|scope| {
        for count in 0..=8 {
            scope.spawn(move || killed_after(count));
        }
    });
}

fn killed_after(count: usize) {
    let stage = stage();
    let sha = stage.repository.head();
    let (github, _) = github();
    let payload = verified(&sha, 1, "success");
    let victim = event(&stage, &github, &payload, "n-1").start();
    let pid = victim.pid();
    eventually("it has come so far", || lines(&stage) >= count || is_gone(pid));
    victim.signal(Signal::KILL);
    let _killed = victim.wait();
    let again = event(&stage, &github, &payload, "n-1").run().any_stderr();
    assert!(matches!(again.code(), 0 | 1 | 6), "after {count} lines: {}", again.shown());
    let status = stage.govctl("status --json").run().any_stderr().json(Exit::Yes);
    let (dispatched, unknown) =
        (github.asked_for("POST", "/dispatches").len(), status["unknown"] == json!([sha]));
    assert!(dispatched <= 1, "after {count} lines: dispatched {dispatched} times");
    let is_live = status["production_sha_current"] == json!(sha);
    assert!(is_live && dispatched == 1 || unknown, "after {count} lines it is lost: {status:#}");
    let more = event(&stage, &github, &payload, "n-1").run().any_stderr();
    assert_eq!(more.code(), 1, "after {count} lines: {}", more.shown());
    stage.govctl("history --verify --limit 1").run().whatever_is_said().exit(Exit::Yes);
}

#[test]
fn a_server_handles_once_more_what_was_killed_beside_it() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    let serve = github.for_run(stage.govctl("serve --answer-within 0 --retry-after 20ms"));
    let server = Webhooks::start(&stage, serve);
    let held = world.lock().unwrap();
    let payload = verified(&stage.repository.head(), 1, "success");
    assert_eq!(server.deliver("workflow_run", "s-1", &payload).status, 202);
    eventually("the handler waits for GitHub", || !github.asked().is_empty());
    let handler = last_pid(&stage);
    assert_ne!(handler, server.victim.pid());
    kill_process(Pid::from_raw(handler.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
    eventually("it is gone", || is_gone(handler));
    drop(held);
    eventually("it is dispatched", || github.asked_for("POST", "/dispatches").len() == 1);
    let decided = "govctl_deliveries_total{outcome=\"decided\"}";
    eventually("it is handled", || server.metric(decided) == 1);
    assert_eq!(github.asked_for("POST", "/dispatches").len(), 1);
}

#[test]
fn the_next_start_handles_what_was_stopped_or_killed_with_its_server() {
    for signal in [Signal::TERM, Signal::KILL] {
        let stage = stage();
        let (github, world) = github();
        world.lock().unwrap().conclusion = None;
        let serve = "serve --answer-within 0 --stop-within 0 --retry-after 20ms";
        let server = Webhooks::start(&stage, github.for_run(stage.govctl(serve)));
        let held = world.lock().unwrap();
        let payload = verified(&stage.repository.head(), 1, "success");
        assert_eq!(server.deliver("workflow_run", "t-1", &payload).status, 202);
        eventually("the handler waits for GitHub", || !github.asked().is_empty());
        let handler = last_pid(&stage);
        server.victim.signal(signal);
        let _ended = server.victim.wait();
        if signal == Signal::KILL {
            kill_process(Pid::from_raw(handler.try_into().unwrap()).unwrap(), signal).unwrap();
        }
        eventually("the handler is gone", || is_gone(handler));
        drop(held);
        let server = Webhooks::start(&stage, github.for_run(stage.govctl(serve)));
        assert_eq!(server.resumed, 1);
        eventually("it is dispatched", || github.asked_for("POST", "/dispatches").len() == 1);
        eventually("it is forgotten", || stage.dir.names("state/webhooks").is_empty());
        assert_eq!(github.asked_for("POST", "/dispatches").len(), 1);
    }
}

#[test]
fn the_end_of_a_run_that_was_cut_off_is_recorded_when_it_comes_again() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    let payload = verified(&stage.repository.head(), 1, "success");
    event(&stage, &github, &payload, "e-1").run().whatever_is_said().exit(Exit::Unknown);
    let run = world.lock().unwrap().runs[1].clone();
    let payload = deployed(&run, "success");
    // Nobody answers the question how production is.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", silent.local_addr().unwrap());
    let checking = event(&stage, &github, &payload, "e-2");
    let victim = checking.env("RELEASE_GOVERNOR_HEALTH_URL", address).start();
    silent.set_nonblocking(true).unwrap();
    let mut asked = None;
    eventually("it is asked", || {
        asked = silent.accept().ok();
        asked.is_some()
    });
    victim.signal(Signal::KILL);
    victim.wait().killed_by(9);
    let again = event(&stage, &github, &payload, "e-2").run().any_stderr().json(Exit::Yes);
    assert_eq!(again["action"], "recorded", "{again:#}");
    assert_eq!(stage.status()["last_deploy_result"], "success");
}
