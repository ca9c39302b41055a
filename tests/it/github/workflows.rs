//! The steps of the workflows that `govctl init` writes, run on a real repository.
//!
//! What stands in for GitHub's runner is in the kit.

use std::path::Path;
use std::process::Output;

use system_tests::{Run, Stage, Workflow, govctl_binary};

use super::{initialised, our_top};

fn workflow(stage: &Stage, name: &str) -> Workflow {
    Workflow::read(&stage.repository.path().join(".github/workflows").join(name))
}

/// A run of the deploy workflow, in which an `ssh` that only says what it was asked stands in for
/// the real one. That one is in `deploy_script`.
fn deploy<'a>(workflow: &'a Workflow, stage: &Stage, sha: &str) -> Run<'a> {
    stage.script("ssh", "printf '%s\\n' \"$@\" > \"$HOME/asked\"; cat > \"$HOME/script\"");
    let run = workflow.run(stage.dir.path()).origin(stage.repository.path());
    run.given("inputs.sha", sha)
        .given("github.ref_name", "main")
        .given("vars.DEPLOY_HOST", "deploy@web.example.com")
        .given("vars.DEPLOY_PATH", "/srv/it's here")
        .given("vars.DEPLOY_KNOWN_HOSTS", "web.example.com ssh-ed25519 AAAA")
        .given("secrets.DEPLOY_SSH_KEY", "the key")
}

fn said(outputs: &[Output]) -> String {
    let shown = |output: &Output| {
        let (out, err) = (&output.stdout, &output.stderr);
        format!(
            "{}\n{}{}",
            output.status,
            String::from_utf8_lossy(out),
            String::from_utf8_lossy(err)
        )
    };
    outputs.iter().map(shown).collect()
}

fn has_failed(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| !output.status.success())
}

#[test]
fn the_deploy_workflow_checks_out_exactly_the_commit_it_was_given() {
    let (stage, first) = initialised();
    stage.repository.commit("shop.txt", "closed");
    let workflow = workflow(&stage, "deploy.yml");
    let clone = stage.dir.join("clone");
    let outputs = deploy(&workflow, &stage, &first).start(&clone);
    assert!(!has_failed(&outputs) && outputs.len() == 4, "{}", said(&outputs));
    assert_eq!(std::fs::read_to_string(clone.join("shop.txt")).unwrap(), "open");
    let asked = stage.dir.read("asked");
    let last: Vec<&str> = asked.lines().rev().take(2).collect();
    let words = format!("DEPLOY_SHA='{first}' DEPLOY_PATH='/srv/it'\\''s here' exec bash -s");
    assert_eq!(last, [words.as_str(), "deploy@web.example.com"]);
    assert!(stage.dir.read("ssh-config").contains("StrictHostKeyChecking yes"));
    assert!(!stage.dir.join("deploy-key").exists(), "the key stays on the runner");
}

#[test]
fn the_deploy_workflow_fails_at_once_without_a_full_commit_id() {
    let (stage, sha) = initialised();
    let workflow = workflow(&stage, "deploy.yml");
    let declared = &workflow.yaml["on"]["workflow_dispatch"]["inputs"]["sha"];
    assert_eq!(declared["required"], true);
    let more = format!("x\n{sha}");
    let injected = format!("{sha}; touch $HOME/owned");
    let quoted = format!("\"; touch \"$HOME/owned\"; echo \"{sha}");
    let upper = sha.to_uppercase();
    let cases =
        ["", "main", "HEAD", &sha[..39], &sha[..7], &more, &injected, &quoted, &upper, "--help"];
    for case in cases {
        let outputs = deploy(&workflow, &stage, case).start(&stage.dir.join("clone"));
        assert!(has_failed(&outputs) && outputs.len() == 1, "{case:?}: {}", said(&outputs));
        assert!(said(&outputs).contains("::error::the input sha is not"), "{}", said(&outputs));
    }
    assert!(!stage.dir.join("asked").exists() && !stage.dir.join("owned").exists());
}

#[test]
fn the_deploy_workflow_refuses_a_commit_of_another_branch() {
    let (stage, _) = initialised();
    stage.repository.git(&["switch", "-q", "-c", "fork"]);
    let sha = stage.repository.commit("shop.txt", "forged");
    stage.repository.git(&["switch", "-q", "main"]);
    let workflow = workflow(&stage, "deploy.yml");
    let outputs = deploy(&workflow, &stage, &sha).start(&stage.dir.join("clone"));
    assert!(has_failed(&outputs) && outputs.len() == 3, "{}", said(&outputs));
    assert!(!stage.dir.join("asked").exists());
}

#[test]
fn a_run_of_the_deploy_workflow_can_be_found_by_its_commit() {
    let (stage, _) = initialised();
    let workflow = workflow(&stage, "deploy.yml");
    assert_eq!(workflow.yaml["run-name"], "Deploy ${{ inputs.sha }}");
    assert_eq!(workflow.yaml["concurrency"]["cancel-in-progress"], false);
}

#[test]
fn the_verify_workflow_runs_govctl_and_says_what_it_lacks() {
    let (stage, _) = initialised();
    let workflow = workflow(&stage, "verify-main.yml");
    let run = |name: &str| {
        let run = workflow.run(stage.dir.path()).origin(stage.repository.path());
        run.start(&stage.dir.join(name))
    };
    let outputs = run("without");
    assert!(has_failed(&outputs) && outputs.len() == 2, "{}", said(&outputs));
    assert!(said(&outputs).contains("::error::set the variables GOVCTL_SOURCE"));
    stage.script("govctl", "echo \"$@\" > \"$HOME/asked\"");
    let outputs = run("with");
    assert!(!has_failed(&outputs) && outputs.len() == 3, "{}", said(&outputs));
    assert_eq!(stage.dir.read("asked"), "verify\n");
}

/// A run of our own action, with the real program on the path.
fn action(stage: &Stage, inputs: &[(&str, &str)], dir: &Path) -> Vec<Output> {
    let action = Workflow::read(&our_top().join("action.yml"));
    let program = govctl_binary().display();
    stage.script("govctl", &format!("exec '{program}' \"$@\""));
    let mut run = action
        .run(stage.dir.path())
        .given("github.action_path", our_top().to_str().unwrap())
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_OUTPUT", stage.dir.join("output"));
    for (name, declared) in action.yaml["inputs"].as_object().unwrap() {
        let default = declared["default"].as_str().unwrap_or_default();
        run = run.given(&format!("inputs.{name}"), default);
    }
    for (name, value) in inputs {
        run = run.given(&format!("inputs.{name}"), value);
    }
    run.start(dir)
}

#[test]
fn our_action_decides_and_deploys_in_one_step() {
    let stage = Stage::new();
    let sha = stage.repository.head();
    let state = stage.state();
    let given = [("state-dir", state.to_str().unwrap()), ("sha", sha.as_str())];
    let outputs = action(&stage, &given, stage.repository.path());
    assert!(!has_failed(&outputs), "{}", said(&outputs));
    assert!(stage.dir.read("output").contains("\nALLOW\n"));
    // Each line is one word of the command, whatever is in it.
    let arguments = "--\nsh\n-c\nprintf '%s|' \"$@\" > \"$HOME/words\"\nx\na b\n$(touch owned)\n";
    let deploy = [&given[..], &[("command", "deploy"), ("arguments", arguments)]].concat();
    let outputs = action(&stage, &deploy, stage.repository.path());
    assert!(!has_failed(&outputs), "{}", said(&outputs));
    assert_eq!(stage.dir.read("words"), "a b|$(touch owned)|");
    let written = stage.dir.read("output");
    assert!(written.contains("\nsuccess\n"));
    // What govctl says as an output can be read from the step.
    let action = std::fs::read_to_string(our_top().join("action.yml")).unwrap();
    let names: Vec<&str> =
        written.lines().filter_map(|line| Some(line.split_once("<<govctl_")?.0)).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let output = format!("value: ${{{{ steps.govctl.outputs.{name} }}}}\n");
        assert!(action.contains(&output), "action.yml lacks {name}");
    }
}

#[test]
fn our_action_ends_as_govctl_did() {
    let stage = Stage::new();
    let outputs = action(&stage, &[("sha", "; touch owned")], stage.repository.path());
    assert_eq!(outputs.last().unwrap().status.code(), Some(2), "{}", said(&outputs));
    let outputs = action(&stage, &[("command", "check --now")], stage.repository.path());
    assert_eq!(outputs.last().unwrap().status.code(), Some(2), "{}", said(&outputs));
}
