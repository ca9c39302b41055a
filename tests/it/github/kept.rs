//! The deliveries that `serve` keeps on disk, as whoever looks after the state finds them.

use std::path::Path;

use serde_json::{Value, json};
use system_tests::{Exit, GitHub, Govctl, Stage, Webhooks, eventually};

use super::events::verified;
use super::model::{github, stage};

/// Lets a server stop while two deliveries are on disk: `w-0`, which it has begun, and `w-1`,
/// which is about the commit that is returned.
fn left_waiting(stage: &Stage, github: &GitHub) -> String {
    let shas = stage.repository.commits(2);
    // One that waits for a lock of ours keeps all others waiting.
    let lock = flock_guard::LockFile::new(stage.state().join("locks/deploy-production.lock"));
    std::fs::create_dir_all(stage.state().join("locks")).unwrap();
    let held = lock.exclusive(flock_guard::Wait::Never).unwrap();
    let options = "serve --jobs 1 --answer-within 0 --lock-wait forever --stop-within 0";
    let server = Webhooks::start(stage, github.for_run(stage.govctl(options)));
    for (number, sha) in shas.iter().enumerate() {
        let payload = verified(sha, number as u64, "success");
        let said = server.deliver("workflow_run", &format!("w-{number}"), &payload);
        assert_eq!(said.status, 202);
    }
    eventually("one is running", || server.metric("govctl_deliveries_running") == 1);
    looked_at(stage, 2);
    server.victim.signal(rustix::process::Signal::TERM);
    server.victim.wait().whatever_is_said().exit(Exit::Interrupted(15));
    held.release();
    shas[1].clone()
}

/// While a server runs, its deliveries are no fault, and no sweep takes them.
fn looked_at(stage: &Stage, count: usize) {
    let findings = stage.govctl("doctor --json").run().any_stderr().json(Exit::Yes);
    let findings = findings["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["check"] == "deliveries").unwrap();
    assert_eq!(found["status"], "ok", "{found:#}");
    assert!(found["detail"].as_str().unwrap().starts_with(&format!("{count} webhook")));
    stage.govctl("state sweep").run().stdout("nothing to remove\n").exit(Exit::Yes);
    assert_eq!(names(stage).len(), count);
}

fn names(stage: &Stage) -> Vec<String> {
    stage.dir.names("state/webhooks").into_iter().collect()
}

fn lines(run: Govctl, exit: Exit) -> Vec<(String, String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = run.run().json(exit);
    let ours = lines
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["path"].as_str().unwrap().contains("/webhooks/"));
    ours.map(|line| {
        let name = Path::new(line["path"].as_str().unwrap()).file_name().unwrap();
        (name.to_str().unwrap().to_owned(), word(&line["status"]), word(&line["detail"]))
    })
    .collect()
}

#[test]
fn webhooks_that_wait_are_listed_carried_on_and_handled_where_they_come_to() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    left_waiting(&stage, &github);
    stage.dir.write(&format!("state/webhooks/.w-2.delivery.{}.tmp", "a".repeat(32)), "half");
    let found = lines(stage.govctl("state check --json"), Exit::Yes);
    assert_eq!(found.len(), 3, "{found:?}");
    let waits = ("w-1.delivery", "whole", "an event `workflow_run` that waits");
    let as_text = |line: &(String, String, String)| {
        (line.0.as_str(), line.1.as_str(), line.2.as_str()) == waits
    };
    assert!(found.iter().any(as_text), "{found:?}");
    let doctor = stage.govctl("doctor").run();
    doctor.any_stderr().stdout_has("and no server runs").exit(Exit::Yes);
    stage.govctl("state sweep").run().stdout_has("removed ").exit(Exit::Yes);
    assert_eq!(names(&stage).len(), 2, "a delivery was swept");
    // Carried to another place, they wait there.
    let bundle = stage.dir.join("all.json");
    stage.govctl("state export").arg(&bundle).run().any_stderr().exit(Exit::Yes);
    let elsewhere = |words: &str| {
        Govctl::new(words, stage.repository.path(), stage.dir.path())
            .option("--state-dir", stage.dir.join("new"))
    };
    elsewhere("state import").arg(&bundle).run().stdout_has("imported").exit(Exit::Yes);
    let old = stage.dir.read("state/webhooks/w-1.delivery");
    assert_eq!(stage.dir.read("new/webhooks/w-1.delivery"), old);
    let again = elsewhere("state import").arg(&bundle).run();
    again.stderr_has("there is a state already").exit(Exit::Usage);
    let server = Webhooks::start(&stage, github.for_run(elsewhere("serve")));
    assert_eq!(server.resumed, 2);
    eventually("both are handled", || stage.dir.names("new/webhooks").is_empty());
    assert_eq!(github.asked_for("POST", "/dispatches").len(), 1);
}

#[test]
fn a_damaged_webhook_is_reported_with_what_to_do_and_is_never_handled() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    let sha = left_waiting(&stage, &github);
    // Another commit, in the middle of a body that is JSON all the same.
    stage.edit("webhooks/w-1.delivery", |text| text.replacen(&sha[..8], "00000000", 1));
    let found = lines(stage.govctl("state check --json"), Exit::Broken);
    let of_it: Vec<_> = found.iter().filter(|line| line.1 == "damaged").collect();
    assert_eq!(of_it.len(), 1, "{found:?}");
    assert!(of_it[0].2.contains("send it again from the page of the webhook"), "{of_it:?}");
    let doctor = stage.govctl("doctor").run();
    doctor.any_stderr().stdout_has("1 webhook cannot be trusted").exit(Exit::Broken);
    let export = stage.govctl("state export").run();
    export.stderr_has("w-1.delivery` cannot be trusted").exit(Exit::Broken);
    let server = Webhooks::start(&stage, github.for_run(stage.govctl("serve --retry-after 20ms")));
    assert_eq!(server.resumed, 2);
    let damaged = "govctl_deliveries_total{outcome=\"damaged\"}";
    eventually("both had their turn", || names(&stage).len() == 1 && server.metric(damaged) > 0);
    // A process starts and ends, which takes longer than the wait for another try.
    stage.govctl("state check").run().whatever_is_said().exit(Exit::Broken);
    assert_eq!(server.metric(damaged), 1, "it was tried again");
    assert_eq!(names(&stage), ["w-1.delivery"]);
    let asked = github.asked_for("POST", "/dispatches").into_iter();
    let shas: Vec<Value> = asked.map(|asked| asked.body["inputs"]["sha"].clone()).collect();
    assert!(shas.iter().all(|it| !it.as_str().unwrap().ends_with(&sha[8..])), "{shas:?}");
}

#[test]
fn what_is_no_webhook_of_ours_is_not_imported() {
    let stage = stage();
    let import = |path: &str, text: &str| {
        let files = json!([{ "path": path, "text": text }]);
        let bundle =
            json!({ "schema": "govctl.state-export/1", "exported_at": "", "files": files });
        let run = stage.govctl("state import -").stdin(bundle.to_string().as_bytes()).run();
        run.any_stderr().exit(Exit::Usage);
    };
    import("webhooks/a.delivery", "workflow_run\n{}");
    import("webhooks/../a.delivery", "workflow_run\n{}");
    import("webhooks/a", "x");
    assert!(stage.dir.names("state").is_empty(), "something was written");
}
