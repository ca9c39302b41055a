//! A state in which ten thousand things have happened.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use system_tests::{Exit, Stage};

/// So many deploys of three lines each; one more line makes ten thousand.
const DEPLOYS: usize = 3_333;

/// A day and an hour before the present of this test.
const LONG_AGO: &str = "2026-11-19T11:00:00Z";
const NOW: &str = "2026-11-20T12:00:00Z";

/// A stage with that many lines in its log, and a history that was never pruned. Returns every
/// commit that was deployed, which git knows the last one of.
fn crowded() -> (Stage, Vec<String>) {
    let stage = Stage::new();
    let head = stage.repository.head();
    let mut shas: Vec<String> = (1..DEPLOYS).map(|number| format!("{number:0>40}")).collect();
    shas.push(head.clone());
    let mut log = Log::default();
    log.add(&json!({"what": "approved", "repo": "local/shop", "sha": shas[0]}));
    let mut history = Vec::new();
    for (number, sha) in shas.iter().enumerate() {
        let id = format!("govctl-{number}");
        let waits = json!({"command": "not_started", "delivery_id": null});
        let about = |what: &str, before: Value, after: Value| json!({"what": what, "repo": "local/shop", "sha": sha, "before": before, "after": after});
        log.add(&about("deploy_started", waits, json!(id)));
        log.add(&about("command_started", json!(id), json!({"pid": 1, "created": LONG_AGO})));
        log.add(&about("deploy_finished", json!("started"), json!("success")));
        history.push(json!({"sha": sha, "time_iso8601": LONG_AGO, "result": "success"}));
    }
    stage.dir.write("state/audit.jsonl", &log.text);
    let release = json!({
        "production_sha_current": head,
        "production_sha_previous": shas[DEPLOYS - 2],
        "last_deploy_attempt_sha": head,
        "last_deploy_time": LONG_AGO,
        "last_deploy_result": "success",
        "last_health_check": null,
        "deploy_history": history,
    });
    stage.dir.write("state/release.json", &release.to_string());
    (stage, shas)
}

/// Lines as `docs/formats.md` has them.
#[derive(Default)]
struct Log {
    text: String,
    seq: usize,
    last: Option<String>,
}

impl Log {
    fn add(&mut self, entry: &Value) {
        self.seq += 1;
        let prev = self.last.as_deref().map_or("0".repeat(64), digest);
        let mut line = json!({"seq": self.seq, "time": LONG_AGO, "who": "ana@build-3 pid 4711"});
        let line = line.as_object_mut().unwrap();
        line.extend(entry.as_object().unwrap().clone());
        line.insert("prev".into(), prev.into());
        let body = Value::from(line.clone()).to_string();
        let body = body.strip_suffix('}').unwrap();
        let line = format!("{body},\"hash\":\"{}\"}}", digest(body));
        writeln!(self.text, "{line}").unwrap();
        self.last = Some(line);
    }
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn ten_thousand_lines_and_a_long_history_change_no_answer() {
    let (stage, shas) = crowded();
    let count = |words: &str| {
        let run = stage.govctl(words).at(NOW).run().any_stderr();
        run.json(Exit::Yes).as_array().unwrap().len()
    };
    let verify = stage.govctl("history --verify --limit 1").run();
    verify.stderr_has("the log is whole: 10000 entries\n").stdout_has("finished").exit(Exit::Yes);
    assert_eq!(count("history --json"), 10_000);
    assert_eq!(count("history --json --limit 7"), 7);
    assert_eq!(count("history --json --since 1h"), 0);
    assert_eq!(count("history --json --since 48h"), 10_000);
    assert_eq!(count(&format!("history --json --sha {}", shas[0])), 4);
    assert_eq!(count(&format!("history --json --limit 2 --sha {}", shas[0])), 2);

    let live = shas.last().unwrap();
    assert_eq!(stage.status()["production_sha_current"], live.as_str());
    let check = stage.govctl("check --json HEAD").at(NOW).run().json(Exit::Yes);
    assert_eq!(check["reason"], "already_deployed");

    let next = stage.repository.commit("a.txt", "a");
    stage.govctl("deploy HEAD -- ran").at(NOW).run().stdout_has("DEPLOYED").exit(Exit::Yes);
    assert_eq!(stage.ran(), std::slice::from_ref(&next));
    let status = stage.status();
    let sides = [&status["production_sha_current"], &status["production_sha_previous"]];
    assert_eq!(sides, [next.as_str(), live.as_str()]);
    assert_eq!(count("history --json --since 1h"), 3);
    assert_eq!(count(&format!("history --json --sha {next}")), 3);
    // The history is as long as the rules need it, and the log has it all.
    let kept = stage.dir.read("state/release.json").matches("time_iso8601").count();
    assert!(kept < DEPLOYS, "{kept} deploys are kept");
    let again = stage.govctl(&format!("check --json {live}")).at(NOW).run().json(Exit::No);
    assert_eq!(again["reason"], "redeploy_required", "{again:#}");
    let rollback = stage.govctl("rollback -- ran").at(NOW).run();
    rollback.stdout_has("TAKEN BACK").stdout_has("DEPLOYED").exit(Exit::Yes);
    assert_eq!(stage.ran(), [next, live.clone()]);
    let verify = stage.govctl("history --verify --limit 1").run();
    verify.stderr("the log is whole: 10007 entries\n").stdout_has("finished").exit(Exit::Yes);
}
