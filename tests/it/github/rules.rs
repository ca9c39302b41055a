//! What every workflow keeps, ours and those of `govctl init`.

use std::fs;

use serde_json::Value;
use system_tests::Workflow;

use super::{initialised, our_top};

/// What is wrong with a workflow or an action, in words.
fn faults(workflow: &Workflow) -> Vec<String> {
    let yaml = &workflow.yaml;
    let mut faults = Vec::new();
    let is_action = yaml.get("runs").is_some();
    if !is_action {
        // Everything else is then refused by GitHub.
        if yaml["permissions"] != serde_json::json!({ "contents": "read" }) {
            faults.push("more permissions than reading the contents".to_owned());
        }
        unknown(
            yaml,
            &["name", "run-name", "on", "permissions", "concurrency", "env", "jobs"],
            &mut faults,
        );
    }
    for job in workflow.jobs() {
        if !is_action {
            let known = ["runs-on", "timeout-minutes", "environment", "steps"];
            unknown(job, &known, &mut faults);
            if !job["timeout-minutes"].is_number() || !job["runs-on"].is_string() {
                faults.push("a job without a time limit or a runner".to_owned());
            }
        }
    }
    for step in workflow.steps() {
        unknown(step, &["name", "id", "uses", "with", "run", "shell", "env", "if"], &mut faults);
        match (step["uses"].as_str(), step["run"].as_str()) {
            (Some(action), None) => used(action, step, &mut faults),
            (None, Some(script)) if script.contains("${{") => {
                faults.push(format!("an expression in a script: {script}"));
            }
            (None, Some(_)) => {}
            _ => faults.push(format!("a step that does not do one thing: {step}")),
        }
    }
    let declared = [&yaml["on"]["workflow_dispatch"]["inputs"], &yaml["inputs"]];
    for name in expressions(yaml) {
        let known = ["github.", "vars.", "secrets.", "steps.", "runner."];
        match name.strip_prefix("inputs.") {
            Some(input) if declared.iter().any(|inputs| inputs.get(input).is_some()) => {}
            None if known.iter().any(|prefix| name.starts_with(prefix)) => {}
            _ => faults.push(format!("nobody declares `{name}`")),
        }
        if name.starts_with("github.event") || name == "github.head_ref" {
            faults.push(format!("`{name}` is whatever somebody wrote"));
        }
    }
    faults
}

fn unknown(object: &Value, known: &[&str], faults: &mut Vec<String>) {
    let keys = object.as_object().into_iter().flatten().map(|(key, _)| key);
    faults.extend(
        keys.filter(|key| !known.contains(&key.as_str())).map(|key| format!("key `{key}`")),
    );
}

fn used(action: &str, step: &Value, faults: &mut Vec<String>) {
    let pinned = action.split_once('@').is_some_and(|(_, version)| {
        version.len() == 40 && version.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    if !pinned {
        faults.push(format!("`{action}` can be another one tomorrow"));
    }
    if action.starts_with("actions/checkout@") && step["with"]["persist-credentials"] != false {
        faults.push("the token stays in the clone".to_owned());
    }
}

/// The names in every `${{ name }}`.
fn expressions(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => {
            let parts = text.split("${{").skip(1);
            parts.filter_map(|part| Some(part.split_once("}}")?.0.trim().to_owned())).collect()
        }
        Value::Array(list) => list.iter().flat_map(expressions).collect(),
        Value::Object(map) => map.values().flat_map(expressions).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_workflows_of_init_and_our_own_keep_the_rules() {
    let (stage, _) = initialised();
    let theirs = stage.repository.path().join(".github/workflows");
    for dir in [theirs, our_top().join(".github/workflows")] {
        let files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty());
        for file in files {
            assert_eq!(faults(&Workflow::read(&file)), [""; 0], "{}", file.display());
        }
    }
}

#[test]
fn our_action_keeps_the_rules() {
    assert_eq!(faults(&Workflow::read(&our_top().join("action.yml"))), [""; 0]);
}

#[test]
fn the_rules_find_what_they_are_for() {
    let (stage, _) = initialised();
    let deploy = stage.repository.path().join(".github/workflows/deploy.yml");
    let deploy = fs::read_to_string(deploy).unwrap();
    let table = [
        ("contents: read", "contents: write", "more permissions"),
        ("    timeout-minutes: 30\n", "", "without a time limit"),
        ("@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "@v5", "tomorrow"),
        ("persist-credentials: false", "persist-credentials: true", "stays in the clone"),
        ("bash ./deploy.sh", "bash ./deploy.sh ${{ inputs.sha }}", "in a script"),
        ("      sha:\n", "      commit:\n", "nobody declares `inputs.sha`"),
        ("BRANCH: ${{ github.ref_name }}", "BRANCH: ${{ github.head_ref }}", "somebody wrote"),
        ("shell: bash", "shel: bash", "key `shel`"),
    ];
    for (good, bad, expected) in table {
        assert!(deploy.contains(good), "{good}");
        let found = faults(&Workflow::parse(&deploy.replacen(good, bad, 1)));
        assert!(found.iter().any(|fault| fault.contains(expected)), "{bad}: {found:?}");
    }
}
