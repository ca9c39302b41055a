//! Commands that only look, and the form of every answer.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use system_tests::{Exit, Stage};

#[test]
fn every_answer_in_json_is_one_value_that_names_its_schema() {
    let stage = Stage::new();
    let sha = stage.repository.head();
    let claim = format!("delivery claim acme/site {sha} event-1");
    let has = format!("delivery has acme/site {sha}");
    let table = [
        ("status", Exit::Yes, "govctl.status/1"),
        ("check HEAD", Exit::Yes, "govctl.decision/1"),
        ("simulate HEAD --degraded", Exit::Yes, "govctl.decision/1"),
        ("explain cooldown", Exit::Yes, "govctl.reason/1"),
        ("explain HEAD", Exit::Yes, "govctl.decision/1"),
        ("deploy HEAD --dry-run", Exit::Yes, "govctl.deploy/1"),
        ("deploy HEAD --dry-run -- ran", Exit::Yes, "govctl.deploy/1"),
        ("deploy HEAD -- ran", Exit::Yes, "govctl.deploy/1"),
        ("trigger HEAD -- ran", Exit::Yes, "govctl.deploy/1"),
        ("record HEAD success", Exit::Yes, "govctl.status/1"),
        (&has, Exit::No, "govctl.delivery-has/1"),
        (&claim, Exit::Yes, "govctl.delivery-claim/1"),
        (&claim, Exit::No, "govctl.delivery-claim/1"),
        (&has, Exit::Yes, "govctl.delivery-has/1"),
        ("delivery record acme/site deploy_run_1 event-2", Exit::Yes, "govctl.delivery-record/1"),
        ("delivery list", Exit::Yes, "a list"),
        ("delivery prune --keep 1", Exit::Yes, "govctl.delivery-prune/1"),
        ("history", Exit::Yes, "a list"),
        ("config check", Exit::Yes, "govctl.config/1"),
        ("config show", Exit::Yes, "govctl.config/1"),
        ("state path", Exit::Yes, "govctl.state-path/1"),
    ];
    for (words, exit, schema) in table {
        let json =
            stage.govctl(words).option("--json-file", stage.dir.join("answer")).arg("--json");
        // What follows `--` belongs to the command that is run.
        let json =
            if words.contains(" -- ") { stage.govctl(&format!("--json {words}")) } else { json };
        let json = json.run().json(exit);
        let found = json["schema"].as_str().unwrap_or("a list");
        assert_eq!(found, schema, "{words}");
        if !words.contains(" -- ") {
            let copy: serde_json::Value = serde_json::from_str(&stage.dir.read("answer")).unwrap();
            assert_eq!(copy, json, "the file of `{words}`");
        }
    }
}

#[test]
fn every_error_in_json_is_one_value_with_its_exit_code() {
    let stage = Stage::new();
    let table = [
        ("check no-such-commit --json", Exit::Usage, "usage"),
        ("--json no-such-command", Exit::Usage, "usage"),
        ("--json", Exit::Usage, "usage"),
        ("status --json --config not-there", Exit::Usage, "usage"),
        ("--json deploy HEAD -- not-there", Exit::Broken, "broken"),
    ];
    for (words, exit, kind) in table {
        let json = stage.govctl(words).run().any_stderr().json(exit);
        assert_eq!(json["schema"], "govctl.error/1", "{words}");
        let error = &json["error"];
        assert_eq!(
            (&error["kind"], &error["exit_code"]),
            (&kind.into(), &exit.code().into()),
            "{words}"
        );
        assert!(!error["message"].as_str().unwrap().is_empty(), "{words}");
        assert!(error["causes"].is_array() && error["hints"].is_array(), "{words}");
    }
}

#[test]
fn a_decision_in_json_has_every_key_that_scripts_rely_on() {
    let stage = Stage::new();
    let decision: BTreeSet<_> = [
        "schema",
        "decision",
        "risk_class",
        "reason",
        "sha",
        "base",
        "repo",
        "environment",
        "unblock_hints",
        "retry_at",
        "paths",
        "path_matches",
        "rules",
        "evaluated_at",
    ]
    .into();
    let deploy: BTreeSet<_> =
        ["outcome", "delivery_id", "exit_code", "duration_ms", "health", "run_id", "run_url"]
            .into();
    let status = [
        "schema",
        "governor",
        "repo",
        "environment",
        "state_dir",
        "production_sha_current",
        "production_sha_previous",
        "last_deploy_attempt_sha",
        "last_deploy_time",
        "last_deploy_result",
        "last_health_check",
        "breaker",
        "rate",
        "lock",
        "freeze",
        "unknown",
    ];
    let table = [
        ("--json check HEAD", decision.clone()),
        ("--json explain HEAD", decision.clone()),
        ("--json deploy HEAD -- ran", &decision | &deploy),
        ("--json status", status.into()),
    ];
    for (words, expected) in table {
        let json = stage.govctl(words).run().json(Exit::Yes);
        let found: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let missing: Vec<_> = expected.difference(&found).collect();
        assert!(missing.is_empty(), "`{words}` lacks {missing:?}");
    }
}

#[test]
fn looking_writes_nothing() {
    let stage = Stage::new();
    for words in [
        "status",
        "check HEAD",
        "explain HEAD",
        "history",
        "history --verify",
        "delivery list",
        "config show",
        "state path",
        "delivery has acme/site deploy_run_1",
    ] {
        let run = stage.govctl(words).run().whatever_is_said();
        assert!([0, 1].contains(&run.code()), "{}", run.shown());
    }
    assert!(stage.dir.names("state").is_empty(), "{:?}", stage.dir.names("state"));
}

#[test]
fn the_configuration_is_shown_with_where_each_value_came_from() {
    let stage = Stage::new();
    stage.govctl("config check").run().stdout_has("the defaults are in force").exit(Exit::Yes);
    stage.repository.configure("cooldown_minutes: 5");
    stage.govctl("config check").run().stdout_has(".booty.yml is valid").exit(Exit::Yes);
    let show = stage.govctl("config show --json").env("RELEASE_GOVERNOR_MAX_DEPLOYS_PER_HOUR", "3");
    let show = show.run().json(Exit::Yes);
    let text = show["settings"].to_string();
    for word in
        ["cooldown_minutes", "max_deploys_per_hour", "RELEASE_GOVERNOR_MAX_DEPLOYS_PER_HOUR"]
    {
        assert!(text.contains(word), "{word}: {show:#}");
    }
    let text = stage.govctl("config show").env("RELEASE_GOVERNOR_COOLDOWN_MINUTE", "7").run();
    text.stdout_has("cooldown_minutes")
        .stderr_has("did you mean RELEASE_GOVERNOR_COOLDOWN_MINUTES?")
        .exit(Exit::Yes);
}

#[test]
fn a_decision_about_the_past_can_be_repeated() {
    let stage = Stage::new();
    stage.deploy();
    stage.repository.commit("a.txt", "a");
    let check = || {
        // Quietly: that the deploy came later is said on stderr.
        let check = stage.govctl("--json --quiet check HEAD --at 2026-11-20T12:00:00Z");
        check.run().json(Exit::Yes)
    };
    let first = check();
    assert_eq!(first["evaluated_at"], "2026-11-20T12:00:00Z");
    assert_eq!(check(), first);
    let paths =
        stage.govctl("--json check HEAD --paths-from -").stdin(b"db/migrations/1.sql\nb.txt\n");
    assert_eq!(paths.run().json(Exit::No)["reason"], "high_risk_no_approval");
}

#[test]
fn there_are_completions_for_every_shell() {
    let stage = Stage::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = stage.govctl(&format!("completions {shell}")).run();
        run.stdout_has("govctl").stdout_has("deploy").stdout_has("lock-wait").exit(Exit::Yes);
    }
    stage.govctl("completions cmd").run().stderr_has("possible values").exit(Exit::Usage);
}

#[test]
fn the_demo_shows_everything_in_under_a_minute() {
    let stage = Stage::new();
    let start = Instant::now();
    let run = stage.govctl("demo").run();
    let steps =
        ["DEPLOYED", "ALREADY DEPLOYED", "high_risk_no_approval", "cooldown", "outcome_unknown"];
    steps.into_iter().fold(run, |run, step| run.stdout_has(step)).exit(Exit::Yes);
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    let json = stage.govctl("demo --json").run().json(Exit::Yes);
    assert_eq!(json["schema"], "govctl.demo/1");
    assert!(stage.dir.names("state").is_empty(), "it keeps to its own directory");
}

#[test]
fn what_comes_from_outside_reaches_a_terminal_without_control_characters() {
    let stage = Stage::new();
    stage.deploy();
    stage.repository.commit("db/migrations/\u{1b}]0;pwned\u{7}\u{202e}.sql", "x");
    let run = stage.govctl("check --show-paths HEAD").run();
    assert!(!run.shown().contains(['\u{1b}', '\u{7}', '\u{202e}']), "{:?}", run.shown());
    run.stdout_has("]0;pwned").exit(Exit::No);
}
