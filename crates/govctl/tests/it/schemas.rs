//! What the program answers is what `schema/` promises.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Stdio,
    slice, thread,
    time::{Duration, Instant},
};

use flock_guard::{LockFile, Wait};
use serde_json::Value;

use crate::{Bench, Ran, SHA, json_schema::faults};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema");

/// Panics unless `answer`, or each entry of a list, is what the schema that it names says.
pub(crate) fn check(answer: &Value) {
    for answer in entries(answer) {
        let first = answer.as_object().unwrap().keys().next();
        assert_eq!(first.map(String::as_str), Some("schema"), "{answer:#}");
        let name = file_name(answer);
        let schema = fs::read_to_string(Path::new(DIRECTORY).join(&name)).unwrap_or_else(|_| {
            panic!("there is no schema/{name}: add a line in crates/govctl/src/schema.rs")
        });
        let faults = faults(&serde_json::from_str(&schema).unwrap(), answer);
        assert_eq!(faults, [""; 0], "schema/{name}: {answer:#}");
    }
}

fn entries(answer: &Value) -> &[Value] {
    answer.as_array().map_or(slice::from_ref(answer), Vec::as_slice)
}

fn file_name(answer: &Value) -> String {
    format!("{}.json", answer["schema"].as_str().unwrap().replace('/', "-"))
}

/// In one state directory, one after the other; the second column is the exit code.
const RUNS: &[(&[&str], i32)] = &[
    (&["state", "path"], 0),
    (&["doctor"], 0),
    (&["completions", "bash"], 0),
    (&["status"], 0),
    (&["config", "check"], 0),
    (&["config", "show"], 0),
    (&["explain", "cooldown"], 0),
    (&["explain", "allow_low"], 0),
    (&["explain", SHA], 0),
    (&["check", SHA], 0),
    (&["check", SHA, "--paths-from", "paths"], 1),
    (&["deploy", SHA, "--dry-run"], 0),
    (&["deploy", SHA, "--", "false"], 4),
    (&["deploy", SHA, "--", "true"], 1),
    (&["explain", SHA], 1),
    (&["deploy", SHA, "--timeout", "50ms", "--redeploy", "--reason", "once more", "--", "true"], 1),
    (&["--state-dir", "second", "deploy", SHA, "--timeout", "50ms", "--", "sleep", "60"], 4),
    (&["--state-dir", "third", "deploy", SHA, "--", "true"], 0),
    (&["--state-dir", "third", "deploy", SHA, "--", "true"], 0),
    (&["--state-dir", "third", "status"], 0),
    (&["record", SHA, "pending", "--delivery-id", "run-1"], 0),
    (&["deploy", SHA, "--", "true"], 6),
    (&["status"], 0),
    (&["resolve", SHA, "--as", "success", "--reason", "seen"], 0),
    (&["resolve", SHA, "--as", "success"], 1),
    (&["approve", SHA, "--reason", "looked at it"], 0),
    (&["approvals", "list"], 0),
    (&["approvals", "revoke", SHA], 0),
    (&["approvals", "revoke", SHA], 1),
    (&["approvals", "list", "--all"], 0),
    (&["--state-dir", "third", "rollback", "--to", SHA, "--", "true"], 0),
    (&["rollback", "--", "true"], 1),
    (&["freeze", "list"], 0),
    (
        &[
            "freeze",
            "add",
            "--weekly",
            "Fri 16:00-Mon 08:00",
            "--tz",
            "Asia/Tokyo",
            "--reason",
            "w",
        ],
        0,
    ),
    (&["freeze", "add", "--from", "2030-01-01", "--until", "2031-01-01", "--reason", "year"], 0),
    (&["freeze", "add", "--reason", "fair"], 0),
    (&["status"], 0),
    (&["check", SHA], 0),
    (&["freeze", "list"], 0),
    (&["freeze", "end"], 2),
    (&["freeze", "end", "1"], 0),
    (&["freeze", "end", "1"], 1),
    (&["freeze", "end", "2"], 0),
    (&["freeze", "end", "--reason", "over"], 0),
    (&["freeze", "end"], 1),
    (&["freeze", "list", "--all"], 0),
    (&["history"], 0),
    (&["verify", SHA], 0),
    (&["wait", SHA, "--timeout", "0"], 0),
    (&["health", "--url", "http://127.0.0.1:1/", "--retries", "0"], 4),
    (&["delivery", "has", "acme/shop", SHA], 1),
    (&["delivery", "claim", "acme/shop", SHA, "one"], 0),
    (&["delivery", "claim", "acme/shop", SHA, "two"], 1),
    (&["delivery", "record", "acme/shop", "deploy_run_1", "three"], 0),
    (&["delivery", "list"], 0),
    (&["delivery", "prune", "--keep", "1"], 0),
    (&["ids", "map", "TASK-SHOP-1", "jira", "--key", "SHOP"], 0),
    (&["ids", "link", "TASK-SHOP-1", "github", "7"], 0),
    (&["ids", "next", "github"], 0),
    (&["ids", "show", "TASK-SHOP-1"], 0),
    (&["ids", "link", "TASK-SHOP-1", "github", "8"], 1),
    (&["breaker", "failure", "api"], 0),
    (&["breaker", "trip", "api", "--reason", "seen"], 0),
    (&["breaker", "check", "api"], 1),
    (&["breaker", "run", "api", "--", "true"], 1),
    (&["breaker", "list"], 0),
    (&["breaker", "reset", "api"], 0),
    (&["breaker", "run", "api", "--", "true"], 0),
    (&["lock", "run", "production-db", "--", "sh", "-c", "exit 7"], 7),
    (&["lock", "status", "production-db"], 0),
    (&["lock", "break", "production-db", "--reason", "seen"], 0),
    (&["session", "create", "planner", "--metadata", "topic=ships"], 0),
    (&["session", "list"], 0),
    (&["session", "touch", "sess_gone"], 1),
    (&["event", "--name", "push", "event.json", "--repo", "acme/shop"], 0),
    (&["init"], 0),
    (&["state", "check"], 0),
    (&["state", "restore", "delivery_ids.json", "--force"], 0),
    (&["state", "accept", "delivery_ids.json"], 0),
    (&["state", "edit", "delivery_ids.json"], 0),
    (&["state", "sweep"], 0),
    (&["state", "export"], 0),
    (&["--state-dir", "fourth", "state", "import", "export.json"], 0),
    (&["demo"], 0),
    (&["check", "HEAD"], 2),
    (&["status", "--frob"], 2),
];

#[test]
fn every_answer_is_what_its_schema_says_and_every_schema_has_an_answer() {
    let bench = Bench::new();
    bench.given(".booty.yml", "test_command: 'true'\nrelease_governor:\n  cooldown_minutes: 5\n");
    let export = r#"{"schema": "govctl.state-export/1", "exported_at": "", "files": []}"#;
    bench.given("export.json", export);
    bench.given("event.json", "{\"repository\": {\"full_name\": \"acme/shop\"}}");
    bench.given("paths", "docs/a.md\ndb/migrations/1.sql\n");
    let mut seen = BTreeSet::new();
    let mut look = |ran: Ran| seen.extend(entries(&ran.json()).iter().map(file_name));
    for &(args, code) in RUNS {
        let variables = [("RELEASE_GOVERNOR_MAX_DEPLOYS_PER_HOUR", "20"), ("EDITOR", "true")];
        look(bench.run_with(&variables, &[&["--json"], args].concat()).exits(code));
    }
    seen.insert(file_name(&serving()));
    let files = fs::read_dir(DIRECTORY).unwrap();
    let files: BTreeSet<String> =
        files.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(seen, files, "each schema needs a line in RUNS that is answered with it");
}

/// What `serve` answers, which does not end.
fn serving() -> Value {
    let bench = Bench::new();
    let answer = bench.path().join("answer.json");
    let variables = [("GITHUB_TOKEN", "t"), ("GOVCTL_WEBHOOK_SECRET", "s")];
    let words = ["--json-file", "answer.json", "--repo", "acme/shop", "serve"];
    let args = [&words[..], &["--listen", "127.0.0.1:0"]].concat();
    let mut server = bench.command(&variables, &args).stdout(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    // It is replaced as a whole, so it is there or not.
    while !answer.exists() && Instant::now() < deadline {
        thread::yield_now();
    }
    server.kill().unwrap();
    server.wait().unwrap();
    let answer = serde_json::from_slice(&fs::read(answer).unwrap()).unwrap();
    check(&answer);
    answer
}

#[test]
fn who_holds_the_lock_and_what_is_damaged_is_answered_as_promised() {
    let bench = Bench::new();
    let locks = bench.path().join(".booty/state/locks");
    fs::create_dir_all(&locks).unwrap();
    let lock = LockFile::new(locks.join("deploy-production.lock"));
    let held = lock.exclusive(Wait::Never).unwrap();
    let status = bench.run(&["--json", "status"]).exits(0).json();
    assert_eq!(status["lock"]["holder"]["token"], held.token().to_string(), "{status:#}");
    let deploy = ["--json", "--lock-wait", "0", "deploy", SHA, "--", "true"];
    assert_eq!(bench.run(&deploy).exits(5).json()["error"]["kind"], "busy");
    held.release();
    bench.given(".booty/state/release.json", "{");
    assert_eq!(bench.run(&deploy).exits(3).json()["error"]["kind"], "broken");
}
