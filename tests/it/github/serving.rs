//! `serve`: a delivery is handled once, however it comes and however the server ends.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::thread;

use flock_guard::{LockFile, Wait};
use rustix::process::Signal;
use serde_json::{Value, json};
use system_tests::{Exit, GitHub, Random, Reply, Stage, Webhooks, eventually, is_gone};

use super::events::verified;
use super::model::{World, github, stage};

fn start(stage: &Stage, github: &GitHub, options: &str) -> Webhooks {
    let run = stage.govctl(&format!("serve --retry-after 20ms {options}"));
    Webhooks::start(stage, github.for_run(run))
}

pub(super) fn kept(stage: &Stage) -> usize {
    stage.dir.names("state/webhooks").iter().filter(|name| name.ends_with(".delivery")).count()
}

/// The commits that were dispatched, in order of their names.
pub(super) fn dispatched(github: &GitHub) -> Vec<String> {
    let asked = github.asked_for("POST", "/dispatches");
    let sha = |body: &Value| body["inputs"]["sha"].as_str().unwrap().to_owned();
    let mut shas: Vec<String> = asked.iter().map(|asked| sha(&asked.body)).collect();
    shas.sort();
    shas
}

fn busy_stage(commits: usize) -> (Stage, GitHub, Arc<Mutex<World>>, Vec<String>) {
    let stage = stage();
    stage.repository.configure("max_deploys_per_hour: 100000");
    let commits = stage.repository.commits(commits);
    let (github, world) = github();
    (stage, github, world, commits)
}

#[test]
fn a_signed_delivery_is_handled_once_and_its_replay_is_told_so() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    let server = start(&stage, &github, "");
    let payload = verified(&stage.repository.head(), 1, "success");
    let said = server.deliver("workflow_run", "a-1", &payload);
    assert_eq!(said.status, 200, "{said:?}");
    assert_eq!(
        said.json(),
        json!({ "schema": "govctl.webhook/1", "status": "handled", "delivery_id": "a-1",
                "outcome": "decided", "deploy": "unknown" })
    );
    for id in ["a-1", "a-2"] {
        let said = server.deliver("workflow_run", id, &payload);
        assert_eq!((said.status, &said.json()["outcome"]), (200, &json!("duplicate")), "{id}");
    }
    let said = server.deliver("ping", "a-3", &json!({ "repository": { "full_name": "acme/shop" }}));
    assert_eq!((said.status, &said.json()["outcome"]), (200, &json!("ignored")));
    assert_eq!(dispatched(&github).len(), 1);
    assert_eq!(kept(&stage), 0);
    assert_eq!(server.metric("govctl_deliveries_total{outcome=\"duplicate\"}"), 2);
    assert_eq!(server.metric("govctl_deploys_total{outcome=\"unknown\"}"), 1);
    assert_eq!(server.metric("govctl_http_requests_total{code=\"200\"}"), 6);
    assert_eq!(server.metric("govctl_breaker_state{state=\"closed\"}"), 1);
}

#[test]
fn what_is_not_signed_is_not_even_looked_at() {
    let stage = stage();
    let (github, _) = github();
    let server = start(&stage, &github, "");
    let body = verified(&stage.repository.head(), 1, "success").to_string();
    let right = Webhooks::signature(Webhooks::SECRET, &body);
    let others = [
        Webhooks::signature("another", &body),
        Webhooks::signature(Webhooks::SECRET, &format!("{body} ")),
        right.replace("sha256=", "sha1="),
        right.replace("sha256=", ""),
        right[..70].to_owned(),
        format!("{right}0"),
        format!("{right}, {right}"),
        String::new(),
        format!("{right}\r\nx-hub-signature-256: {right}"),
    ];
    let signed = String::from_utf8(Webhooks::request("workflow_run", "a-1", &body)).unwrap();
    for other in others {
        let said = server.send(signed.replace(&right, &other).as_bytes());
        assert_eq!(said.status, 401, "{other}: {said:?}");
        assert_eq!(said.json()["error"], "the signature is missing or wrong");
    }
    let said = server.send(signed.replace("X-Hub-Signature-256", "X-Other").as_bytes());
    assert_eq!(said.status, 401);
    assert!(github.asked().is_empty());
    assert_eq!(kept(&stage), 0);
    assert!(server.get("/metrics").text.contains("# TYPE govctl_deliveries_total counter\n# HELP"));
    // That was no use of the id.
    assert_eq!(server.send(signed.as_bytes()).json()["outcome"], "decided");
    server.victim.signal(Signal::TERM);
    let shown = server.victim.wait().shown();
    assert!(!shown.contains(Webhooks::SECRET) && !shown.contains(GitHub::TOKEN), "{shown}");
}

#[test]
fn a_payload_that_is_not_one_of_ours_is_an_error_that_github_shows() {
    let stage = stage();
    let (github, _) = github();
    let server = start(&stage, &github, "");
    for (id, body) in [("b-1", "\u{1b}[31m$(x)"), ("b-2", "{\"repository\":\"\u{1b}[31m\"}")] {
        let said = server.send(&Webhooks::request("workflow_run", id, body));
        assert_eq!((said.status, &said.json()["outcome"]), (422, &json!("refused")), "{said:?}");
    }
    for (name, id) in [("--help", "b"), ("", "b"), ("push", "../b"), ("push", ""), ("push", "é")] {
        let said = server.send(&Webhooks::request(name, id, "{}"));
        assert_eq!(said.status, 400, "{name} {id}: {said:?}");
    }
    assert_eq!(kept(&stage), 0);
    server.victim.signal(Signal::TERM);
    let shown = server.victim.wait().shown();
    assert!(!shown.contains('\u{1b}'), "{shown}");
}

#[test]
fn a_failure_is_told_and_may_come_again() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().refusal = Some(Reply::json(403, &json!({ "message": "no" })));
    let server = start(&stage, &github, "--lock-wait 0");
    let payload = verified(&stage.repository.head(), 1, "success");
    let said = server.deliver("workflow_run", "c-1", &payload);
    assert_eq!((said.status, &said.json()["outcome"]), (500, &json!("failed")), "{said:?}");
    let lock = LockFile::new(stage.state().join("locks/deploy-production.lock"));
    let held = lock.exclusive(Wait::Never).unwrap();
    let said = server.deliver("workflow_run", "c-1", &payload);
    assert_eq!((said.status, &said.json()["outcome"]), (503, &json!("busy")), "{said:?}");
    held.release();
    assert_eq!(kept(&stage), 0, "what was told is not tried again by itself");
    world.lock().unwrap().refusal = None;
    assert_eq!(server.deliver("workflow_run", "c-1", &payload).json()["outcome"], "decided");
}

#[test]
fn a_failure_that_nobody_was_told_about_is_tried_again() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().refusal = Some(Reply::json(403, &json!({ "message": "no" })));
    let server = start(&stage, &github, "--answer-within 0");
    let payload = verified(&stage.repository.head(), 1, "success");
    let said = server.deliver("workflow_run", "d-1", &payload);
    assert_eq!((said.status, &said.json()["status"]), (202, &json!("accepted")), "{said:?}");
    eventually("it was tried", || !dispatched(&github).is_empty());
    world.lock().unwrap().refusal = None;
    let decided = "govctl_deliveries_total{outcome=\"decided\"}";
    eventually("it was tried again", || server.metric(decided) == 1);
    eventually("it is forgotten", || kept(&stage) == 0);
}

/// `.booty.yml` was broken for a moment, and each delivery that was accepted in it was taken for
/// one that is none of ours, and removed.
#[test]
#[expect(clippy::disallowed_methods, reason = "as an editor saves that knows nothing better")]
fn a_broken_configuration_loses_no_delivery() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    let server = start(&stage, &github, "--answer-within 0");
    stage.repository.configure("max_deploys_per_hour: 100");
    let file = stage.repository.path().join(".booty.yml");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "release_governor: [").unwrap();
    let payload = verified(&stage.repository.head(), 1, "success");
    assert_eq!(server.deliver("workflow_run", "i-1", &payload).status, 202);
    let failed = "govctl_deliveries_total{outcome=\"failed\"}";
    eventually("it was tried", || server.metric(failed) > 0);
    assert_eq!(kept(&stage), 1);
    let kept_file = stage.state().join("webhooks/i-1.delivery");
    assert_eq!(kept_file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&file, good).unwrap();
    eventually("it is dispatched", || dispatched(&github).len() == 1);
    eventually("it is forgotten", || kept(&stage) == 0);
}

#[test]
fn one_server_serves_a_state() {
    let stage = stage();
    let (github, _) = github();
    let _server = start(&stage, &github, "");
    let second = github.for_run(stage.govctl("serve --lock-wait 0 --listen 127.0.0.1:0"));
    let second = second.env("GOVCTL_WEBHOOK_SECRET", "x").run();
    second.stderr_has("another server has this state").exit(Exit::Busy);
}

#[test]
fn without_a_secret_nothing_is_served() {
    let stage = stage();
    let (github, _) = github();
    let empty = stage.dir.write("empty", "\n");
    let file = |run: system_tests::Govctl| run.arg("--secret-file").arg(&empty);
    let run = || github.for_run(stage.govctl("serve --listen 127.0.0.1:0"));
    let secret = "GOVCTL_WEBHOOK_SECRET";
    for run in [run(), run().env(secret, ""), run().env(secret, "a\tb"), file(run())] {
        run.run().stderr_has("secret").exit(Exit::Usage);
    }
}

#[test]
fn term_lets_what_is_running_end() {
    let (stage, github, world, commits) = busy_stage(1);
    let server = start(&stage, &github, "--answer-within 0");
    let held = world.lock().unwrap();
    let said = server.deliver("workflow_run", "e-1", &verified(&commits[0], 1, "success"));
    assert_eq!(said.status, 202);
    eventually("it is running", || server.metric("govctl_deliveries_running") == 1);
    server.victim.signal(Signal::TERM);
    eventually("nobody listens", || std::net::TcpStream::connect(&server.address).is_err());
    assert!(!is_gone(server.victim.pid()), "it did not wait");
    drop(held);
    server.victim.wait().whatever_is_said().exit(Exit::Yes);
    assert_eq!((dispatched(&github), kept(&stage)), (commits, 0));
}

#[test]
fn what_has_to_be_stopped_is_gone_on_with_by_the_next_start() {
    let (stage, github, world, commits) = busy_stage(3);
    for (number, (signal, exit)) in [(Signal::INT, 130), (Signal::TERM, 143)].iter().enumerate() {
        let (held, asked) = (world.lock().unwrap(), github.asked().len());
        let server = start(&stage, &github, "--answer-within 0 --jobs 1 --stop-within 50ms");
        if number == 0 {
            for (sha, (id, run)) in commits.iter().zip([("f-1", 1), ("f-2", 2), ("f-3", 3)]) {
                let said = server.deliver("workflow_run", id, &verified(sha, run, "success"));
                assert_eq!(said.status, 202, "{said:?}");
            }
        }
        eventually("a handler waits for GitHub", || github.asked().len() > asked);
        server.victim.signal(*signal);
        assert_eq!(server.victim.wait().whatever_is_said().code(), *exit);
        assert!(kept(&stage) > 1, "what waited is lost");
        drop(held);
    }
    let server = start(&stage, &github, "");
    assert!(server.resumed > 1);
    eventually("everything is done", || kept(&stage) == 0);
    let shas = dispatched(&github);
    assert!(shas.contains(&commits[2]), "{shas:?}");
    let mut once = shas.clone();
    once.dedup();
    assert_eq!(shas, once, "a commit was dispatched twice");
}

#[test]
fn what_was_accepted_survives_a_kill_of_the_server() {
    let (stage, github, world, commits) = busy_stage(3);
    let server = start(&stage, &github, "--answer-within 0 --jobs 1");
    let held = world.lock().unwrap();
    for (number, sha) in commits.iter().enumerate() {
        let id = format!("g-{number}");
        let said = server.deliver("workflow_run", &id, &verified(sha, number as u64, "success"));
        assert_eq!(said.status, 202);
    }
    server.victim.signal(Signal::KILL);
    let _killed = server.victim.wait();
    drop(held);
    let server = start(&stage, &github, "");
    assert_eq!(server.resumed, 3);
    eventually("everything is handled", || kept(&stage) == 0);
    let list = || stage.govctl("delivery list").run().whatever_is_said().said().to_owned();
    let ids = ["event_g-0", "event_g-1", "event_g-2"];
    eventually("each is claimed", || ids.iter().all(|id| list().contains(id)));
    eventually("the first is dispatched", || dispatched(&github).contains(&commits[0]));
    let shas = dispatched(&github);
    let mut once = shas.clone();
    once.dedup();
    assert_eq!(shas, once, "a commit was dispatched twice");
}

#[test]
fn in_a_storm_with_a_stop_in_the_middle_each_commit_is_dispatched_once_at_most() {
    storm(20, 200);
}

#[test]
#[ignore = "it takes a minute: cargo nextest run -p system-tests --run-ignored only in_a_storm_of_1000_webhooks"]
fn in_a_storm_of_1000_webhooks_each_commit_is_dispatched_once_at_most() {
    storm(50, 1000);
}

/// So many deliveries for so many commits, many of them twice and in any order, by 8 clients; the
/// server is stopped in the middle, and starts again.
fn storm(count: usize, deliveries: usize) {
    let (stage, github, _, commits) = busy_stage(count);
    let mut storm: Vec<(Value, String)> = Vec::new();
    for number in 0..deliveries {
        // Of each commit two runs, each delivered as often as there is room, some under the same id.
        let (commit, run, copy) = (number % count, number / count % 2, number / count / 2);
        let payload = verified(&commits[commit], (commit * 10 + run) as u64, "success");
        storm.push((payload, format!("h-{commit}-{run}-{}", copy / 2)));
    }
    let mut random = Random::new();
    for last in (1..storm.len()).rev() {
        storm.swap(last, random.below(last as u64 + 1) as usize);
    }
    let (first, second) = storm.split_at(deliveries / 2);
    let mut statuses = Vec::new();
    for part in [first, second] {
        let server = start(&stage, &github, "--lock-wait forever --queue 20 --answer-within 1s");
        thread::scope(|scope| {
            let clients = part.chunks(part.len().div_ceil(8)).map(|part| {
                let server = &server;
                scope.spawn(move || {
                    let deliver = |(payload, id): &(Value, String)| {
                        server.deliver("workflow_run", id, payload).status
                    };
                    part.iter().map(deliver).collect::<Vec<_>>()
                })
            });
            let clients: Vec<_> = clients.collect();
            for client in clients {
                statuses.extend(client.join().unwrap());
            }
        });
        // Some wait for their turn.
        server.victim.signal(Signal::TERM);
        server.victim.wait().whatever_is_said().exit(Exit::Yes);
    }
    let _last = start(&stage, &github, "--lock-wait forever");
    eventually("everything that was accepted is handled", || kept(&stage) == 0);
    assert!(statuses.iter().all(|it| matches!(it, 200 | 202 | 503)), "{statuses:?}");
    assert!(statuses.iter().any(|it| *it != 503), "{statuses:?}");
    let shas = dispatched(&github);
    let mut once = shas.clone();
    once.dedup();
    assert_eq!(shas, once, "a commit was dispatched twice");
    assert!(!shas.is_empty());
    stage.govctl("history --verify --limit 1").run().whatever_is_said().exit(Exit::Yes);
}
