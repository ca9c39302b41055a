//! What a person lives through with `govctl deploy`, from the first commit on.

use system_tests::{Exit, Stage};

const NOON: &str = "2026-11-20T12:00:00Z";

#[test]
fn the_first_deploy_is_allowed_and_runs_once() {
    let stage = Stage::new();
    let run = stage.govctl("deploy HEAD -- ran").run();
    run.stdout_has("ALLOW").stdout_has("allow_low").stdout_has("DEPLOYED").exit(Exit::Yes);
    let head = stage.repository.head();
    assert_eq!(stage.ran(), [head.as_str()]);
    let status = stage.status();
    assert_eq!(status["production_sha_current"], head);
    assert_eq!(status["last_deploy_result"], "success");
}

#[test]
fn the_same_commit_again_is_already_deployed_and_not_run() {
    let stage = Stage::new();
    stage.deploy();
    let again = stage.govctl("deploy HEAD -- ran").run();
    again.stdout_has("ALREADY DEPLOYED").exit(Exit::Yes);
    let json = stage.govctl("deploy --json HEAD -- ran").run().json(Exit::Yes);
    assert_eq!(
        (&json["outcome"], &json["reason"]),
        (&"already_deployed".into(), &"already_deployed".into())
    );
    assert_eq!(stage.ran().len(), 1);
}

#[test]
fn the_command_knows_what_it_deploys_and_where() {
    let stage = Stage::new();
    stage.repository.git(&["remote", "add", "origin", "git@github.com:acme/shop.git"]);
    let told = "$DEPLOY_SHA $DEPLOY_REPO $DEPLOY_ENVIRONMENT [$DEPLOY_PREVIOUS_SHA] $GOVCTL_FENCE";
    stage.script("tell", &format!("echo \"{told}\" >> \"$STAGE\"/told; pwd >> \"$STAGE\"/told"));
    let first = stage.repository.head();
    stage.govctl("deploy HEAD -- tell").run().stdout_has("DEPLOYED").exit(Exit::Yes);
    let second = stage.repository.commit("a.txt", "a");
    stage.govctl("deploy HEAD -- tell").run().stdout_has("DEPLOYED").exit(Exit::Yes);

    let told = stage.dir.read("told");
    let [one, place, two, _] = told.lines().collect::<Vec<_>>()[..] else { panic!("{told}") };
    assert_eq!(place, stage.repository.path().to_str().unwrap());
    let fence = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap();
    assert_eq!(one, format!("{first} acme/shop production [] {}", fence(one)));
    assert_eq!(two, format!("{second} acme/shop production [{first}] {}", fence(two)));
    assert!(fence(one) < fence(two), "the fence only rises");
}

#[test]
fn the_command_gets_its_arguments_as_they_are_and_no_shell() {
    let stage = Stage::new();
    stage.script("tell", "printf '<%s>' \"$@\" > \"$STAGE\"/told");
    let hostile = "$(touch \"$STAGE\"/pwned); `id` 'x' \u{1f980}";
    let run = stage.govctl("deploy HEAD -- tell --json").arg(hostile).arg("").run();
    run.stdout_has("DEPLOYED").exit(Exit::Yes);
    assert_eq!(stage.dir.read("told"), format!("<--json><{hostile}><>"));
    assert!(!stage.dir.join("pwned").exists());
}

#[test]
fn what_the_command_says_passes_through_and_leaves_stdout_to_json() {
    let stage = Stage::new();
    stage.script("talk", "echo out; echo err >&2");
    let json =
        stage.govctl("deploy --json HEAD -- talk").run().stderr("out\nerr\n").json(Exit::Yes);
    assert_eq!((&json["outcome"], &json["exit_code"]), (&"success".into(), &0.into()));
    stage.repository.commit("a.txt", "a");
    let run = stage.govctl("deploy HEAD -- talk").run();
    run.stdout_has("\nout\n").stderr("err\n").exit(Exit::Yes);
}

#[test]
fn a_migration_is_held_until_somebody_approves() {
    let stage = Stage::new();
    stage.deploy();
    stage.repository.commit("db/migrations/0007_drop.sql", "DROP TABLE carts;");
    let held = stage.govctl("deploy HEAD -- ran").run();
    held.stdout_has("HOLD")
        .stdout_has("high_risk_no_approval")
        .stdout_has("0007_drop.sql")
        .exit(Exit::No);
    assert_eq!(stage.ran().len(), 1);
    stage.govctl("check HEAD").run().stdout_has("high_risk_no_approval").exit(Exit::No);
    let other_code = stage.govctl("--hold-exit-code 42 check HEAD").run();
    assert_eq!(other_code.code(), 42);

    let approved =
        stage.govctl("deploy HEAD -- ran").env("RELEASE_GOVERNOR_APPROVED", "true").run();
    approved
        .stdout_has("allow_high_approved")
        .stderr_has("warning: RELEASE_GOVERNOR_APPROVED approves everything in this run")
        .exit(Exit::Yes);
    assert_eq!(stage.ran().len(), 2);

    stage.repository.commit("db/migrations/0008_drop.sql", "DROP TABLE users;");
    stage.govctl("deploy HEAD -- ran").run().stdout_has("high_risk_no_approval").exit(Exit::No);
    stage.govctl("approve HEAD --reason seen").run().stdout_has("APPROVED").exit(Exit::Yes);
    stage.govctl("deploy HEAD -- ran").run().stdout_has("allow_high_approved").exit(Exit::Yes);
    assert_eq!(stage.ran().len(), 3);
}

#[test]
fn both_names_of_a_rename_count() {
    for (from, to) in
        [("db/migrations/1.sql", "harmless.txt"), ("harmless.txt", "db/migrations/1.sql")]
    {
        let stage = Stage::new();
        stage.repository.commit(from, "a text that is long enough to be recognised again");
        std::fs::create_dir_all(stage.repository.path().join("db/migrations")).unwrap();
        stage.deploy();
        stage.repository.git(&["mv", from, to]);
        stage.repository.git(&["commit", "-q", "-m", "rename"]);
        let held = stage.govctl("check --show-paths HEAD").run();
        held.stdout_has("high_risk_no_approval").stdout_has("db/migrations/1.sql").exit(Exit::No);
    }
}

#[test]
fn a_failed_deploy_cools_down_and_then_needs_an_order() {
    let stage = Stage::new();
    stage.deploy();
    let head = stage.repository.commit("a.txt", "a");
    stage.script("fails", "echo $DEPLOY_SHA >> \"$STAGE\"/ran; exit 7");
    let at = |time: &str, words: &str| stage.govctl(words).at(time);
    let run = at(NOON, "deploy HEAD -- fails").run();
    run.stdout_has("FAILED").stdout_has("exit code 7").exit(Exit::Failed);
    assert_ne!(stage.status()["production_sha_current"], head);

    let cooling = at("2026-11-20T12:29:59Z", "deploy --json HEAD -- ran").run().json(Exit::No);
    assert_eq!(cooling["reason"], "cooldown");
    assert_eq!(cooling["retry_at"], "2026-11-20T12:30:00Z");
    let cooled = at("2026-11-20T12:30:00Z", "deploy HEAD -- ran").run();
    cooled.stdout_has("redeploy_required").exit(Exit::No);
    assert_eq!(stage.ran().len(), 2, "nothing was run but the first deploy and the failed one");

    let nameless = at("2026-11-20T12:31:00Z", "deploy HEAD --redeploy -- ran").run();
    nameless.stderr_has("--reason").exit(Exit::Usage);
    let ordered =
        at("2026-11-20T12:31:00Z", "deploy HEAD --redeploy --reason disk-mended -- ran").run();
    ordered.stdout_has("DEPLOYED").exit(Exit::Yes);
    assert_eq!(stage.ran().len(), 3);
    let history = stage.govctl("history --json").run().json(Exit::Yes);
    let reasons: Vec<_> = history.as_array().unwrap().iter().map(|entry| &entry["why"]).collect();
    assert!(reasons.contains(&&"disk-mended".into()), "the order is on record: {history:#}");
    assert_eq!(stage.status()["production_sha_current"], head);
}

#[test]
fn a_command_that_cannot_start_leaves_the_commit_to_be_tried_again() {
    let stage = Stage::new();
    let run = stage.govctl("deploy HEAD -- not-there").run();
    run.stdout_has("ALLOW")
        .stderr_has("cannot start `not-there`; nothing was deployed")
        .exit(Exit::Broken);
    stage.deploy();
    assert_eq!(stage.ran().len(), 1);
}

#[test]
fn the_rate_limit_counts_one_hour() {
    let stage = Stage::new();
    stage.repository.configure("max_deploys_per_hour: 2");
    let commits = [&[stage.repository.head()][..], &stage.repository.commits(2)].concat();
    let deploy =
        |sha: &str, time: &str| stage.govctl(&format!("deploy --json {sha} -- ran")).at(time).run();
    assert_eq!(deploy(&commits[0], NOON).json(Exit::Yes)["outcome"], "success");
    assert_eq!(deploy(&commits[1], "2026-11-20T12:20:00Z").json(Exit::Yes)["outcome"], "success");
    let held = deploy(&commits[2], "2026-11-20T12:59:59Z").json(Exit::No);
    assert_eq!(held["reason"], "rate_limit");
    let free_again = held["retry_at"].as_str().unwrap().to_owned();
    assert_eq!(stage.ran(), commits[..2]);
    assert_eq!(deploy(&commits[2], &free_again).json(Exit::Yes)["outcome"], "success");
    assert_eq!(stage.ran(), commits);
}

#[test]
fn the_first_deploy_can_need_an_approval() {
    let stage = Stage::new();
    stage.repository.configure("require_approval_for_first_deploy: true");
    stage.govctl("deploy HEAD -- ran").run().stdout_has("first_deploy_required").exit(Exit::No);
    assert!(stage.ran().is_empty());
    let approved = stage.govctl("deploy HEAD -- ran").env("RELEASE_GOVERNOR_APPROVED", "1").run();
    approved.stdout_has("DEPLOYED").stderr_has("approves everything").exit(Exit::Yes);
    stage.repository.commit("a.txt", "a");
    stage.deploy();
}

#[test]
fn a_disabled_governor_lets_nothing_out_and_says_so() {
    let stage = Stage::new();
    stage.repository.configure("enabled: false");
    stage.govctl("deploy HEAD -- ran").run().stdout_has("governor_disabled").exit(Exit::No);
    assert!(stage.ran().is_empty());
    let status = stage.status();
    assert_eq!(status["governor"], "disabled");
}

#[test]
fn a_broken_configuration_is_named_by_line_and_column_and_nothing_is_run() {
    let stage = Stage::new();
    stage.repository.configure("cooldown_minuts: 5");
    for words in ["deploy HEAD -- ran", "check HEAD", "status", "config check"] {
        let run = stage.govctl(words).run();
        run.stderr_has("line 3, column 3: unknown key `cooldown_minuts`")
            .stderr_has("3 |   cooldown_minuts: 5")
            .stderr_has("did you mean `cooldown_minutes`?")
            .exit(Exit::Usage);
    }
    stage.repository.configure("");
    let run =
        stage.govctl("deploy HEAD -- ran").env("RELEASE_GOVERNOR_COOLDOWN_MINUTES", "soon").run();
    run.stderr_has("RELEASE_GOVERNOR_COOLDOWN_MINUTES").exit(Exit::Usage);
    let run = stage.govctl("deploy HEAD -- ran").env("RELEASE_GOVERNOR_APPROVED", "perhaps").run();
    run.stderr_has("RELEASE_GOVERNOR_APPROVED").exit(Exit::Usage);
    assert!(stage.ran().is_empty());
}

#[test]
fn without_a_configuration_the_defaults_are_in_force() {
    let stage = Stage::new();
    assert_eq!(stage.status()["rate"]["limit"], 6);
    stage.deploy();
    stage.repository.commit("Cargo.toml", "[package]");
    let medium = stage.govctl("check HEAD --json").run().json(Exit::Yes);
    assert_eq!(
        (&medium["risk_class"], &medium["reason"]),
        (&"MEDIUM".into(), &"allow_medium".into())
    );
}

#[test]
fn outside_of_a_work_tree_a_commit_is_named_in_full() {
    let stage = Stage::new();
    let outside = stage.dir.join("outside");
    std::fs::create_dir(&outside).unwrap();
    let run = stage.govctl("deploy HEAD -- ran").in_dir(&outside).run();
    run.stderr_has("`HEAD` is not a full commit id, and the workspace is not a git work tree")
        .exit(Exit::Usage);
    let sha = "0123456789abcdef0123456789abcdef01234567";
    let first = stage.govctl(&format!("deploy {sha} -- ran")).in_dir(&outside).run();
    first.stdout_has("DEPLOYED").exit(Exit::Yes);
    let next = sha.replace('0', "f");
    let run = stage.govctl(&format!("deploy {next} -- ran")).in_dir(&outside).run();
    run.stdout_has("the workspace is not a git work tree")
        .stdout_has("high_risk_no_approval")
        .exit(Exit::No);
    assert_eq!(stage.ran(), [sha]);
}

#[test]
fn wrong_uses_are_told_apart_from_a_no() {
    let stage = Stage::new();
    for words in [
        "deploy no-such-commit -- ran",
        "deploy HEAD",
        "deploy --lock-wait soon HEAD -- ran",
        "deploy --now yesterday HEAD -- ran",
        "deploy --repo not-a-repository HEAD -- ran",
        "deploy -C not-there HEAD -- ran",
        "deploy --config not-there.yml HEAD -- ran",
        "delivery claim acme/site HEAD",
        "explain no-such-thing",
        "no-such-command",
    ] {
        stage.govctl(words).run().stderr_has("error: ").exit(Exit::Usage);
    }
    assert!(stage.ran().is_empty());
}

#[test]
fn a_dry_run_changes_nothing() {
    let stage = Stage::new();
    stage.govctl("deploy --dry-run HEAD -- ran").run().stdout_has("ALLOW").exit(Exit::Yes);
    stage.govctl("check HEAD").run().stdout_has("ALLOW").exit(Exit::Yes);
    assert!(stage.ran().is_empty());
    assert!(stage.dir.names("state").is_empty(), "{:?}", stage.dir.names("state"));
}

#[test]
fn damaged_state_stops_every_deploy_and_is_left_as_it_is() {
    for document in ["release.json", "delivery_ids.json"] {
        let stage = Stage::new();
        stage.deploy();
        stage.repository.commit("a.txt", "a");
        stage.edit(document, |text| text.replacen("\": ", "\"; ", 1));
        let backup = stage.state().join(format!("{document}.bak"));
        if backup.exists() {
            std::fs::remove_file(backup).unwrap();
        }
        let damaged = stage.dir.read(&format!("state/{document}"));
        let run = stage.govctl("deploy HEAD -- ran").run();
        run.stderr_has(document).stderr_has("is damaged").stderr_has("line 2").exit(Exit::Broken);
        assert_eq!(stage.ran().len(), 1, "{document}");
        assert_eq!(stage.dir.read(&format!("state/{document}")), damaged);
    }
}
