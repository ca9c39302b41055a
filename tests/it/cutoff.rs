//! A deploy that was cut off: nobody knows, and nothing is guessed.

use serde_json::Value;
use system_tests::{Exit, Stage, Trace, eventually, is_gone};

const SIGKILL: i32 = 9;

/// A stage where govctl was killed while its command ran.
fn cut_off() -> (Stage, String) {
    let stage = Stage::new();
    stage.deploy();
    let head = stage.repository.commit("a.txt", "a");
    stage.script("kills", "echo $DEPLOY_SHA >> \"$STAGE\"/ran; kill -KILL $PPID");
    stage.govctl("deploy HEAD -- kills").run().killed_by(SIGKILL);
    assert_eq!(stage.ran().len(), 2);
    (stage, head)
}

const NOTE: &str = "locks/deploy-production.waits";

/// A stage where govctl was killed between the line that names its command's process and the
/// moment at which that may start.
fn let_go() -> (Stage, String) {
    let stage = Stage::new();
    stage.deploy();
    let head = stage.repository.commit("a.txt", "a");
    let words = ["--trace=sendmsg", "--inject=sendmsg:signal=KILL:when=1"].map(str::to_owned);
    let (_, answer) = Trace::of(stage.govctl("deploy HEAD -- ran"), &words);
    answer.stdout_has("ALLOW").killed_by(SIGKILL);
    let log = stage.dir.read("state/audit.jsonl");
    assert!(log.lines().last().is_some_and(|line| line.contains("command_started")), "{log}");
    assert!(stage.state().join(NOTE).exists());
    let pid = log.rsplit_once("{\"pid\":").unwrap().1.split_once(',').unwrap().0.parse().unwrap();
    eventually("the process has gone away", || is_gone(pid));
    (stage, head)
}

#[test]
fn a_deploy_that_was_cut_off_is_unknown_and_never_run_again() {
    let (stage, head) = cut_off();
    for _ in 0..2 {
        let run = stage.govctl("deploy HEAD -- ran").run().any_stderr();
        run.stdout_has("HOLD")
            .stdout_has("outcome_unknown")
            .stdout_has("govctl resolve")
            .exit(Exit::Unknown);
    }
    let json = stage.govctl("deploy --json HEAD -- ran").run().any_stderr().json(Exit::Unknown);
    assert_eq!(json["outcome"], "unknown");
    assert_eq!(stage.status()["unknown"], Value::from(vec![head.clone()]));
    // No order starts it again either, before somebody has looked.
    let ordered = stage.govctl("deploy HEAD --redeploy --reason again -- ran").run();
    ordered.stdout_has("outcome_unknown").exit(Exit::Unknown);
    assert_eq!(stage.ran().len(), 2);
}

#[test]
fn a_deploy_that_was_cut_off_as_its_command_was_let_go_is_taken_back() {
    let (stage, head) = let_go();
    let run = stage.govctl("deploy HEAD -- ran").run();
    run.stderr_has("was cut off before its command started").stdout_has("DEPLOYED").exit(Exit::Yes);
    assert_eq!(stage.ran().last(), Some(&head));
    assert!(!stage.state().join(NOTE).exists());
    stage.govctl("history --verify").run().stderr_has("whole").stdout_has("taken").exit(Exit::Yes);
}

#[test]
fn without_the_note_that_its_command_waits_nothing_is_proven() {
    type Harm = fn(&Stage);
    let harms: [(&str, Harm); 3] = [
        ("it is lost", |stage| std::fs::remove_file(stage.state().join(NOTE)).unwrap()),
        ("it is of another deploy", |stage| stage.edit(NOTE, |text| format!("{text}0"))),
        ("the log was changed since", |stage| {
            stage
                .edit("audit.jsonl", |text| text.replacen("\"created\":\"2", "\"created\":\"3", 2));
        }),
    ];
    for (what, harm) in harms {
        let (stage, _) = let_go();
        harm(&stage);
        let run = stage.govctl("deploy HEAD -- ran").run().any_stderr();
        assert_eq!(run.code(), Exit::Unknown.code(), "{what}\n{}", run.shown());
        run.stdout_has("outcome_unknown").exit(Exit::Unknown);
        assert_eq!(stage.ran().len(), 1, "{what}");
    }
}

#[test]
fn another_commit_is_held_as_long_as_the_outcome_is_unknown() {
    let (stage, _) = cut_off();
    stage.repository.commit("b.txt", "b");
    let run = stage.govctl("deploy HEAD -- ran").run().any_stderr();
    run.stdout_has("HOLD").stdout_has("outcome_unknown").exit(Exit::No);
    assert_eq!(stage.ran().len(), 2);
}

#[test]
fn a_deploy_resolved_as_success_is_live() {
    let (stage, head) = cut_off();
    let run = stage.govctl("resolve HEAD --as success --reason seen-on-web-1").run();
    run.any_stderr().stdout_has("success").exit(Exit::Yes);
    let status = stage.status();
    assert_eq!(
        (&status["production_sha_current"], &status["unknown"]),
        (&head.into(), &Value::from(Vec::<Value>::new()))
    );
    stage.govctl("deploy HEAD -- ran").run().stdout_has("ALREADY DEPLOYED").exit(Exit::Yes);
    stage
        .govctl("history --verify")
        .run()
        .stderr_has("whole")
        .stdout_has("seen-on-web-1")
        .exit(Exit::Yes);
    stage.repository.commit("b.txt", "b");
    stage.deploy();
}

#[test]
fn a_deploy_resolved_as_failure_can_be_ordered_once_more() {
    let (stage, head) = cut_off();
    let resolve = stage.govctl("resolve HEAD --as failure").at("2026-11-20T12:00:00Z").run();
    resolve.any_stderr().stdout_has("failure").exit(Exit::Yes);
    assert_ne!(stage.status()["production_sha_current"], head);
    let at = |words: &str| stage.govctl(words).at("2026-11-20T12:30:00Z").run();
    at("deploy HEAD -- ran").stdout_has("redeploy_required").exit(Exit::No);
    at("deploy HEAD --redeploy --reason mended -- ran").stdout_has("DEPLOYED").exit(Exit::Yes);
    assert_eq!(stage.status()["production_sha_current"], head);
}

#[test]
fn there_is_nothing_to_resolve_about_a_deploy_that_ended() {
    let stage = Stage::new();
    let unknown = |exit| {
        let run = stage.govctl("resolve HEAD --as failure").run();
        run.stderr_has("nothing about").stdout_has("lock           free").exit(exit);
    };
    unknown(Exit::No);
    stage.deploy();
    unknown(Exit::No);
    assert_eq!(stage.status()["last_deploy_result"], "success");
}

#[test]
fn a_claim_without_a_start_is_unknown_too() {
    let stage = Stage::new();
    let head = stage.repository.head();
    stage
        .govctl(&format!("delivery claim local/shop {head} event-1"))
        .run()
        .stdout_has("new")
        .exit(Exit::Yes);
    stage.govctl("deploy HEAD -- ran").run().stdout_has("outcome_unknown").exit(Exit::Unknown);
    assert!(stage.ran().is_empty());
    stage.govctl("resolve HEAD --as failure").run().stdout_has("failure").exit(Exit::Yes);
}

#[test]
fn a_lost_delivery_cache_does_not_deploy_twice() {
    let (stage, head) = cut_off();
    stage
        .govctl("resolve HEAD --as success")
        .run()
        .any_stderr()
        .stdout_has("success")
        .exit(Exit::Yes);
    let remove = |name: &str| std::fs::remove_file(stage.state().join(name)).unwrap();
    remove("delivery_ids.json");
    stage.repository.commit("b.txt", "b");
    // Its backup lacks the last claim, and the audit log has it.
    let run = stage.govctl("deploy HEAD -- ran").run();
    run.stderr_has("it is missing, but its backup").stdout_has("DEPLOYED").exit(Exit::Yes);
    assert_eq!(stage.ran().len(), 3);
    let has = stage.govctl(&format!("delivery has local/shop {head}")).run();
    has.stdout_has("govctl-").exit(Exit::Yes);
    // Without a backup nobody knows what is missing.
    remove("delivery_ids.json.bak");
    stage.edit("delivery_ids.json", |text| text.replacen("\": ", "\"; ", 1));
    stage.repository.commit("c.txt", "c");
    let run = stage.govctl("deploy HEAD -- ran").run();
    run.stderr_has("is damaged, and there is no backup of it").exit(Exit::Broken);
    assert_eq!(stage.ran().len(), 3);
}
