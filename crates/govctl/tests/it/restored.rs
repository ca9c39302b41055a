//! Documents that fall back to their backups, and what a deploy makes of them.

use crate::{Bench, SHA};

const STATE: &str = ".booty/state";
const OTHER: &str = "41be77c041be77c041be77c041be77c041be77c0";

fn damage(bench: &Bench, file: &str) {
    bench.given(&format!("{STATE}/{file}"), "{\"torn\": ");
}

/// The words of the audit log.
fn history(bench: &Bench) -> Vec<String> {
    let json = bench.run(&["history", "--verify", "--json"]).exits(0).json();
    let entries = json.as_array().unwrap().iter();
    entries.map(|entry| entry["what"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_last_deploy_is_not_started_again_whichever_document_forgot_it() {
    for files in
        [&["delivery_ids.json"][..], &["release.json"], &["delivery_ids.json", "release.json"]]
    {
        let bench = Bench::new();
        bench.deploy(SHA, &[], "true").exits(0);
        bench.deploy(OTHER, &[], "true").exits(0);
        for file in files {
            damage(&bench, file);
        }
        let check = bench.run(&["check", OTHER, "--json"]).exits(0).json();
        assert_eq!(check["reason"], "already_deployed", "{files:?}");
        assert!(
            !history(&bench).contains(&"state_restored".to_owned()),
            "looking restores nothing"
        );
        bench.deploy(OTHER, &[], "true").exits(0);
        assert_eq!(bench.runs(), 2, "{files:?}");
        let status = bench.run(&["status", "--json"]).exits(0).json();
        assert_eq!(status["production_sha_current"], OTHER, "{files:?}");
        assert_eq!(status["production_sha_previous"], SHA, "{files:?}");
    }
}

#[test]
fn a_restore_by_a_deploy_is_in_the_history_and_on_stderr() {
    let bench = Bench::new();
    bench.deploy(SHA, &[], "true").exits(0);
    damage(&bench, "release.json");
    let ran = bench.deploy(OTHER, &[], "true").exits(0);
    assert!(ran.stderr().contains("put its backup in its place"), "{}", ran.stderr());
    assert_eq!(bench.runs(), 2);
    let restored = history(&bench).iter().filter(|what| *what == "state_restored").count();
    assert_eq!(restored, 1);
    let names = std::fs::read_dir(bench.path().join(STATE)).unwrap();
    let aside: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("release.json.damaged-"))
        .collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
}

#[test]
fn a_deploy_that_was_cut_off_stays_unknown_for_every_other_commit() {
    let bench = Bench::new();
    bench.deploy(SHA, &[], "true").exits(0);
    let cut_off = bench.deploy(OTHER, &[], "kill -KILL $PPID");
    assert_eq!(cut_off.output.status.code(), None);
    damage(&bench, "release.json");
    let third = "0123456789".repeat(4);
    bench.deploy(&third, &[], "true").exits(1);
    bench.deploy(OTHER, &[], "true").exits(6);
    assert_eq!(bench.runs(), 2);
}

#[test]
fn without_a_whole_audit_log_nothing_is_deployed() {
    for file in ["delivery_ids.json", "release.json"] {
        let bench = Bench::new();
        bench.deploy(SHA, &[], "true").exits(0);
        bench.deploy(OTHER, &[], "true").exits(0);
        let log = bench.path().join(STATE).join("audit.jsonl");
        let text = std::fs::read_to_string(&log).unwrap();
        bench.given(
            &format!("{STATE}/audit.jsonl"),
            &text.replacen("true", "tru3", 1).replacen("deploy", "d3ploy", 1),
        );
        damage(&bench, file);
        for _ in 0..2 {
            let ran = bench.deploy(OTHER, &[], "true").exits(3);
            assert!(ran.stderr().contains("nothing tells what that lacks"), "{}", ran.stderr());
        }
        assert_eq!(bench.runs(), 2, "{file}");
        bench.given(&format!("{STATE}/audit.jsonl"), &text);
        bench.deploy(OTHER, &[], "true").exits(0);
        assert_eq!(bench.runs(), 2, "{file}");
    }
}

#[test]
fn the_log_knows_what_an_event_has_claimed() {
    let bench = Bench::new();
    let repo = ["--repo", "acme/shop"];
    bench.deploy(SHA, &repo, "true").exits(0);
    let payload = serde_json::json!({
        "action": "completed", "repository": { "full_name": "acme/shop" },
        "workflow_run": {
            "id": 1, "name": "Verify main", "path": ".github/workflows/verify-main.yml",
            "event": "push", "head_branch": "main", "head_sha": SHA, "run_attempt": 1,
            "head_repository": { "full_name": "acme/shop" }, "status": "completed",
            "conclusion": "failure", "html_url": "https://x/1",
        },
    });
    bench.given("event.json", &payload.to_string());
    bench.given(".booty.yml", "release_governor: {}\n");
    let event = ["event", "--name", "workflow_run", "--delivery-id", "a-1", "event.json"];
    bench.run(&[&repo[..], &event].concat()).exits(0);
    bench.given(".booty/state/delivery_ids.json", "torn");
    bench.run(&["delivery", "has", "acme/shop", SHA]).exits(0);
    bench.run(&[&repo[..], &event].concat()).exits(1);
}

/// Once `record` wrote its line in the audit log, then could not change the state, and exited 5;
/// when the release state was damaged later, that line made a commit live which nobody had deployed.
#[test]
fn what_could_not_be_recorded_is_not_in_what_the_log_tells() {
    let bench = Bench::new();
    bench.deploy(SHA, &[], "true").exits(0);
    bench.run(&["record", SHA, "success"]).exits(0);
    let document = bench.path().join(STATE).join("release.json");
    let changing = flock_guard::LockFile::beside(&document);
    let changing = changing.exclusive(flock_guard::Wait::Never).unwrap();
    let record = ["--lock-wait", "0", "record", OTHER, "success", "--delivery-id", "x"];
    bench.run(&record).exits(5);
    changing.release();
    damage(&bench, "release.json");
    let status = bench.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["production_sha_current"], SHA, "{status:#}");
    assert!(history(&bench).ends_with(&["recorded".into(), "change_failed".into()]));
    let key = bench.run(&["delivery", "list", "--json"]).exits(0).stdout();
    assert!(!key.contains(OTHER), "{key}");
    bench.deploy(OTHER, &[], "true").exits(0);
}

/// Removes a document with its backup.
fn lose(bench: &Bench, name: &str) {
    for name in [name.to_owned(), format!("{name}.bak")] {
        std::fs::remove_file(bench.path().join(STATE).join(name)).ok(); // There is no backup yet.
    }
}

/// Once the next commit of high risk went out as the first deploy ever, because the release state
/// had been removed with its backup, though the audit log knew what was live.
#[test]
fn without_the_release_state_the_log_knows_what_is_live() {
    let (bench, [first, live]) = Bench::with_commits(["a", "b"]);
    bench.deploy(&first, &[], "true").exits(0);
    bench.deploy(&live, &[], "true").exits(0);
    bench.given("db/migrations/1.sql", "drop");
    let next = bench.commit("db/migrations/1.sql");
    lose(&bench, "release.json");
    let check = bench.run(&["check", &next, "--json"]).exits(1).json();
    assert_eq!(check["reason"], "high_risk_no_approval", "{check:#}");
    let status = bench.run(&["status", "--json"]).exits(0);
    assert!(status.stderr().contains("the release state is missing"), "{}", status.stderr());
    assert_eq!(status.json()["production_sha_current"], live);
    assert_eq!(status.json()["production_sha_previous"], first);
    bench.run(&["deploy", &next, "--", "true"]).exits(1);
    bench.deploy(&next, &[], "true").exits(0);
    let status = bench.run(&["status", "--json"]).exits(0);
    assert!(!status.stderr().contains("missing"), "{}", status.stderr());
    assert_eq!(status.json()["production_sha_previous"], live);

    // A log that was changed knows that something was live, and not what.
    lose(&bench, "release.json");
    let log = std::fs::read_to_string(bench.path().join(STATE).join("audit.jsonl")).unwrap();
    bench.given(
        &format!("{STATE}/audit.jsonl"),
        &log.replacen("deploy_started", "d3ploy_started", 1),
    );
    let check = bench.run(&["check", &next]).exits(3);
    assert!(check.stderr().contains("is missing, and nothing tells"), "{}", check.stderr());
}

/// Once a freeze was over when its document was removed with its backup.
#[test]
fn without_their_document_the_log_knows_the_freezes() {
    let bench = Bench::new();
    for reason in ["the fair", "the fair of the others"] {
        bench.run(&["freeze", "add", "--reason", reason, "--until", "2999-01-01"]).exits(0);
    }
    bench.run(&["freeze", "end", "1"]).exits(0);
    let before = bench.run(&["freeze", "list", "--all", "--json"]).exits(0).json();
    lose(&bench, "freezes.json");
    let check = bench.run(&["check", SHA, "--json"]).exits(1);
    assert_eq!(check.json()["reason"], "freeze");
    assert!(check.stderr().contains("the freezes are missing"), "{}", check.stderr());
    let after = bench.run(&["freeze", "list", "--all", "--json"]).exits(0).json();
    assert_eq!(after, before);
    bench.run(&["freeze", "add", "--reason", "a third"]).exits(0);
    let list = bench.run(&["freeze", "list", "--json"]).exits(0);
    assert!(!list.stderr().contains("missing"), "{}", list.stderr());
    assert_eq!((&list.json()[0]["id"], &list.json()[1]["id"]), (&2.into(), &3.into()));
    bench.run(&["freeze", "end", "2"]).exits(0);
    bench.run(&["freeze", "end", "3"]).exits(0);
    bench.run(&["check", SHA]).exits(0);
}
