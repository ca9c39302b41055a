//! `serve`, where somebody goes away: who sent a delivery, who idles, the lock, the room for files.

use std::io::Write;
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::json;
use system_tests::{Exit, GitHub, Reply, Stage, Webhooks, eventually};

use super::events::verified;
use super::model::{github, stage};
use super::serving::{dispatched, kept};

fn start(stage: &Stage, github: &GitHub, options: &str) -> Webhooks {
    let run = stage.govctl(&format!("serve --retry-after 20ms {options}"));
    Webhooks::start(stage, github.for_run(run))
}

/// GitHub had hung up, the handler failed, and the delivery was removed because its answer was on
/// its way: nobody was told, and nothing was tried again.
#[test]
fn a_failure_that_nobody_waited_for_is_tried_again() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().refusal = Some(Reply::json(403, &json!({ "message": "no" })));
    let server = start(&stage, &github, "");
    let held = world.lock().unwrap();
    let payload = verified(&stage.repository.head(), 1, "success").to_string();
    let mut client = TcpStream::connect(&server.address).unwrap();
    client.write_all(&Webhooks::request("workflow_run", "a-1", &payload)).unwrap();
    eventually("it is on disk", || kept(&stage) == 1);
    drop(client);
    eventually("its handler asks GitHub", || !github.asked().is_empty());
    drop(held);
    let failed = "govctl_deliveries_total{outcome=\"failed\"}";
    eventually("it has failed", || server.metric(failed) > 0);
    world.lock().unwrap().refusal = None;
    let decided = "govctl_deliveries_total{outcome=\"decided\"}";
    eventually("it was tried again", || server.metric(decided) == 1);
    eventually("it is forgotten", || kept(&stage) == 0);
}

/// One connection on which nothing came kept a server for the ten seconds of a request.
#[test]
fn who_only_listens_keeps_no_server() {
    let stage = stage();
    let (github, _) = github();
    let server = start(&stage, &github, "--request-timeout 1h");
    let _idle = server.connect();
    eventually("it is served", || server.metric("govctl_http_connections") == 2);
    server.victim.signal(Signal::TERM);
    server.victim.wait().whatever_is_said().exit(Exit::Yes);
}

/// Its lock was broken and another server started; the first went on as if nothing had happened.
#[test]
fn a_server_whose_lock_was_broken_serves_no_more() {
    let stage = stage();
    let (github, _) = github();
    let server = start(&stage, &github, "");
    let order = "lock break serve --reason stuck --force";
    stage.govctl(order).run().whatever_is_said().exit(Exit::Yes);
    drop(server.connect());
    let ended = server.victim.wait();
    ended.stdout_has("listening").stderr_has("cannot go on serving").exit(Exit::Broken);
}

/// What a handler says went through a temporary file: without room for one a delivery that had been
/// dispatched was answered with 500.
#[test]
fn without_room_for_temporary_files_a_delivery_is_handled() {
    let stage = stage();
    let (github, _) = github();
    let run = github.for_run(stage.govctl("serve")).env("TMPDIR", "/does/not/exist");
    let server = Webhooks::start(&stage, run);
    let payload = verified(&stage.repository.head(), 1, "success");
    let said = server.deliver("workflow_run", "d-1", &payload);
    assert_eq!((said.status, &said.json()["outcome"]), (200, &json!("decided")), "{said:?}");
    assert_eq!(dispatched(&github).len(), 1);
}
