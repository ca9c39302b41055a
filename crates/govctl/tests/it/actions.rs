//! Inside a workflow: outputs, summary and annotations, and nothing forged in them.

use std::{collections::BTreeMap, fs};

use crate::{Bench, Ran, SHA};

/// Runs as a step of GitHub Actions does.
fn step(bench: &Bench, args: &[&str]) -> Ran {
    let (output, summary) = (bench.path().join("output"), bench.path().join("summary"));
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_OUTPUT", output.to_str().unwrap()),
        ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
    ];
    bench.run_with(&variables, args)
}

fn read(bench: &Bench, name: &str) -> String {
    fs::read_to_string(bench.path().join(name)).unwrap_or_default()
}

/// The outputs of a step as the runner reads them.
fn outputs(text: &str) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let (name, end) = line.split_once("<<").expect(line);
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
        outputs.insert(name.to_owned(), value.join("\n"));
    }
    outputs
}

/// Lines that the runner would take as commands, wherever they are.
fn commands(ran: &Ran) -> Vec<String> {
    let (stdout, stderr) = (ran.stdout(), ran.stderr());
    let lines = stdout.lines().chain(stderr.lines());
    let is_command = |line: &&str| line.trim_start().starts_with("::") || line.contains("##[");
    lines.filter(is_command).map(str::to_owned).collect()
}

#[test]
fn a_hold_is_told_to_the_workflow_around_it() {
    let bench = Bench::new();
    bench.given("paths", "db/migrations/1.sql\n");
    let ran = step(&bench, &["check", SHA, "--paths-from", "paths"]).exits(1);
    let said = outputs(&read(&bench, "output"));
    assert_eq!((said["decision"].as_str(), said["risk_class"].as_str()), ("HOLD", "HIGH"));
    assert_eq!((said["sha"].as_str(), said["base"].as_str()), (SHA, ""));
    assert!(said["unblock_hints"].contains("RELEASE_GOVERNOR_APPROVED=true"), "{said:?}");
    let summary = read(&bench, "summary");
    assert!(summary.starts_with("### govctl: HOLD\n\n| | |\n|---|---|\n"), "{summary}");
    let commands = commands(&ran);
    assert_eq!(commands.len(), 1, "one annotation for one decision: {commands:?}");
    assert!(commands[0].starts_with("::warning title=govctl::HOLD 9f2c1ab to production"));
}

#[test]
fn a_deploy_is_told_once_and_adds_to_what_is_there() {
    let bench = Bench::new();
    bench.given("output", "mine<<e\n1\ne\n");
    let deploy = ["--json", "deploy", SHA, "--", "true"];
    let ran = step(&bench, &deploy).exits(0);
    assert_eq!(ran.json()["outcome"], "success");
    let said = outputs(&read(&bench, "output"));
    assert_eq!((said["mine"].as_str(), said["outcome"].as_str()), ("1", "success"));
    assert_eq!((said["exit_code"].as_str(), said["run_id"].as_str()), ("0", ""));
    assert_eq!(commands(&ran).len(), 1);
    let again = step(&bench, &deploy).exits(0);
    assert!(commands(&again)[0].starts_with("::notice title=govctl::ALREADY DEPLOYED 9f2c1ab"));
}

#[test]
fn elsewhere_or_unwanted_nothing_is_told() {
    let bench = Bench::new();
    let ran = step(&bench, &["--no-github", "check", SHA]).exits(0);
    assert_eq!(commands(&ran), [""; 0]);
    let ran = bench.run_with(&[("GITHUB_OUTPUT", "output")], &["check", SHA]).exits(0);
    assert_eq!(commands(&ran), [""; 0]);
    assert!(!bench.path().join("output").exists() && !bench.path().join("summary").exists());
}

#[test]
fn an_answer_that_cannot_be_told_allows_nothing() {
    let bench = Bench::new();
    fs::create_dir(bench.path().join("output")).unwrap();
    let ran = step(&bench, &["--json", "check", SHA]).exits(3);
    assert_eq!(ran.json()["error"]["exit_code"], 3);
    // What was done stays done.
    let ran = step(&bench, &["--json", "deploy", SHA, "--", "true"]).exits(0);
    assert_eq!(ran.json()["outcome"], "success");
    assert!(ran.stderr().contains("cannot write the answer"), "{}", ran.stderr());
}

#[test]
fn hostile_names_forge_no_command_output_or_table() {
    let bench = Bench::new();
    let environment = "\"x\\n::add-mask::y\\ndecision<<z|<b>\"";
    bench.given(
        ".booty.yml",
        &format!("release_governor:\n  production_environment_name: {environment}\n"),
    );
    bench.given("paths", "::stop-commands::x/migrations/1\n##[add-mask]a/migrations/%0A\n");
    for form in [&["--json"][..], &[]] {
        let check = ["check", SHA, "--show-paths", "--paths-from", "paths"];
        let ran = step(&bench, &[form, &check].concat()).exits(1);
        let commands = commands(&ran);
        assert_eq!(commands.len(), 1, "{commands:?}");
        if !form.is_empty() {
            assert_eq!(ran.json()["paths"][1], "##[add-mask]a/migrations/%0A");
        }
    }
    let said = outputs(&read(&bench, "output"));
    assert_eq!(said["environment"], "x\n::add-mask::y\ndecision<<z|<b>");
    assert_eq!(said["decision"], "HOLD");
    let summary = read(&bench, "summary");
    assert!(summary.contains("| Environment | x\u{fffd}&#58;&#58;add-mask"), "{summary}");
    assert!(!summary.contains("<b>"), "{summary}");
}

#[test]
fn an_error_is_one_annotation_too() {
    let bench = Bench::new();
    let ran = step(&bench, &["check", "##[error]x"]).exits(2);
    let commands = commands(&ran);
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert!(commands[0].starts_with("::error title=govctl::`##[error]x` is not a full commit id"));
}
