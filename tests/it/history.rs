//! What is on record, and that nobody can change the record unseen.

use system_tests::{Exit, Stage};

/// A stage with six lines in its log.
fn six_lines() -> Stage {
    let stage = Stage::new();
    stage.deploy();
    stage.repository.commit("a.txt", "a");
    stage.deploy();
    assert_eq!(stage.dir.read("state/audit.jsonl").lines().count(), 6);
    stage
}

#[test]
fn everything_that_changed_the_state_is_listed() {
    let stage = six_lines();
    stage
        .govctl("record HEAD failure --run-url https://ci/7 --delivery-id event-9")
        .run()
        .stdout_has("failure")
        .exit(Exit::Yes);
    let head = stage.repository.head();
    stage
        .govctl(&format!("delivery claim acme/other {head} event-10"))
        .run()
        .stdout_has("new")
        .exit(Exit::Yes);

    let list = stage.govctl("history --json").run().json(Exit::Yes);
    let what: Vec<_> =
        list.as_array().unwrap().iter().map(|entry| entry["what"].as_str().unwrap()).collect();
    let deploy = ["deploy_started", "command_started", "deploy_finished"];
    assert_eq!(what, [&deploy[..], &deploy, &["recorded", "delivery_claimed"]].concat());
    assert_eq!(list[6]["why"], "https://ci/7");
    assert!(list[6]["who"].as_str().unwrap().starts_with("ana@"), "{list:#}");

    let count = |words: &str| stage.govctl(words).run().json(Exit::Yes).as_array().unwrap().len();
    assert_eq!(count("history --json --limit 2"), 2);
    assert_eq!(count("history --json --sha HEAD~1"), 3);
    assert_eq!(count("history --json --since 1h"), 8);
}

#[test]
fn a_deploy_seen_elsewhere_is_recorded() {
    let stage = Stage::new();
    let head = stage.repository.head();
    stage
        .govctl("record HEAD success --delivery-id event-1")
        .run()
        .stdout_has("success")
        .exit(Exit::Yes);
    assert_eq!(stage.status()["production_sha_current"], head);
    stage
        .govctl(&format!("delivery has local/shop {head}"))
        .run()
        .stdout("handled by event-1\n")
        .exit(Exit::Yes);
    stage.govctl("deploy HEAD -- ran").run().stdout_has("ALREADY DEPLOYED").exit(Exit::Yes);

    stage.repository.commit("a.txt", "a");
    stage.govctl("record HEAD timed_out").run().stdout_has("timed_out").exit(Exit::Yes);
    assert_eq!(stage.status()["last_deploy_result"], "timed_out");
    assert_eq!(stage.status()["production_sha_current"], head);
    stage.govctl("record HEAD").arg("no word at all").run().stderr_has("error: ").exit(Exit::Usage);
}

#[test]
fn a_log_that_was_tampered_with_is_found_out() {
    type Edit = fn(&mut Vec<String>);
    let edits: [(&str, Edit, &str); 7] = [
        ("a word changed", |lines| lines[2] = lines[2].replace("success", "failure"), "line 3"),
        ("a line removed", |lines| drop(lines.remove(1)), "line 2"),
        ("two lines swapped", |lines| lines.swap(1, 2), "line 2"),
        ("the first line removed", |lines| drop(lines.remove(0)), "line 1"),
        ("a line doubled", |lines| lines.insert(1, lines[0].clone()), "line 2"),
        ("a line made up", |lines| lines.insert(2, "{}".to_owned()), "line 3"),
        ("a blank in a line", |lines| lines[3].insert(1, ' '), "line 4"),
    ];
    let stage = six_lines();
    stage
        .govctl("history --verify")
        .run()
        .stderr("the log is whole: 6 entries\n")
        .stdout_has("deploy_finished")
        .exit(Exit::Yes);
    let whole = stage.dir.read("state/audit.jsonl");
    for (what, edit, place) in edits {
        let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
        edit(&mut lines);
        stage.edit("audit.jsonl", |_| lines.join("\n") + "\n");
        let run = stage.govctl("history --verify").run();
        assert_eq!(run.code(), Exit::Broken.code(), "{what}: {}", run.shown());
        run.stderr_has(place).exit(Exit::Broken);
    }
}

#[test]
fn a_torn_last_line_is_no_tampering_and_the_next_entry_replaces_it() {
    let stage = six_lines();
    stage.edit("audit.jsonl", |text| text + "{\"seq\":7,\"ti");
    stage
        .govctl("history --verify")
        .run()
        .stderr_has("6 entries")
        .stdout_has("deploy")
        .exit(Exit::Yes);
    stage.repository.commit("b.txt", "b");
    let run = stage.govctl("deploy HEAD -- ran").run();
    run.stderr_has("cutting off a torn last line").stdout_has("DEPLOYED").exit(Exit::Yes);
    stage
        .govctl("history --verify")
        .run()
        .stderr_has("9 entries")
        .stdout_has("deploy")
        .exit(Exit::Yes);
}
