//! Deploys, and what decides about them.

use system_tests::{Answer, Govctl, Stage, eventually};

use crate::faults::subject::{PLAIN, Subject, runs, says, works};

pub(super) const SUBJECTS: &[Subject] = &[
    Subject {
        name: "record",
        prepare: with_a_deploy,
        run: |stage| stage.govctl("record HEAD success"),
        effect: is_live,
        again: |stage, _| runs(stage.govctl("record HEAD success"), 0),
        ..PLAIN
    },
    Subject {
        name: "resolve",
        prepare: |stage| {
            with_a_deploy(stage);
            stage.govctl("deploy HEAD -- die").run().killed_by(9);
        },
        run: |stage| stage.govctl("resolve HEAD --as success --reason seen"),
        effect: |stage| says(stage, "status --json", "\"last_deploy_result\": \"success\""),
        again: |stage, is_done| {
            let code =
                stage.govctl("resolve HEAD --as success --reason seen").run().whatever_is_said();
            // Nothing is left to settle, and that is not done twice.
            if code.code() == 0 || is_done {
                Ok(())
            } else {
                Err(format!("then\n{}", code.shown()))
            }
        },
        ..PLAIN
    },
    Subject {
        name: "deploy",
        prepare: with_a_deploy,
        run: |stage| stage.govctl("deploy HEAD -- ran"),
        effect: is_live,
        again: deploys_again,
        ..PLAIN
    },
    Subject {
        name: "rollback",
        prepare: |stage| {
            with_a_deploy(stage);
            stage.deploy();
        },
        run: |stage| stage.govctl("rollback -- ran"),
        effect: |stage| {
            let good = stage.repository.git(&["rev-parse", "HEAD~1"]);
            says(stage, "status --json", &format!("\"production_sha_current\": \"{good}\""))
        },
        again: rolls_back_again,
        ..PLAIN
    },
    Subject {
        name: "approve",
        prepare: with_a_deploy,
        run: |stage| stage.govctl("approve HEAD --reason seen"),
        effect: |stage| says(stage, "approvals list --json", "\"in_force\""),
        again: |stage, _| runs(stage.govctl("approve HEAD --reason seen"), 0),
        ..PLAIN
    },
    Subject {
        name: "approvals revoke",
        prepare: |stage| {
            with_a_deploy(stage);
            works(stage, "approve HEAD --reason seen");
        },
        run: |stage| stage.govctl("approvals revoke HEAD --reason late"),
        effect: |stage| Ok(!says(stage, "approvals list --json", "\"in_force\"")?),
        again: |stage, is_done| {
            runs(stage.govctl("approvals revoke HEAD --reason late"), i32::from(is_done))
        },
        ..PLAIN
    },
    Subject {
        name: "freeze add",
        prepare: with_a_deploy,
        run: |stage| stage.govctl("freeze add --reason fair"),
        effect: |stage| says(stage, "freeze list --json", "\"in_force\""),
        again: |stage, _| runs(stage.govctl("freeze add --reason fair"), 0),
        ..PLAIN
    },
    Subject {
        name: "freeze end",
        prepare: |stage| works(stage, "freeze add --reason fair"),
        run: |stage| stage.govctl("freeze end --reason over"),
        effect: |stage| Ok(!says(stage, "freeze list --json", "\"in_force\"")?),
        again: |stage, is_done| runs(stage.govctl("freeze end --reason over"), i32::from(is_done)),
        ..PLAIN
    },
    Subject {
        name: "health --record",
        // Nobody answers there, and that is what goes on record.
        yes: 4,
        prepare: |stage| stage.deploy(),
        run: |stage| stage.govctl(UNHEALTHY),
        effect: |stage| Ok(!says(stage, "status --json", "\"last_health_check\": null")?),
        again: |stage, _| runs(stage.govctl(UNHEALTHY), 4),
        ..PLAIN
    },
    Subject {
        name: "verify",
        prepare: |stage| {
            let text =
                "schema_version: 1\ntest_command: \"true\"\nrelease_governor:\n  enabled: true\n";
            stage.dir.write("shop/.booty.yml", text);
            stage.deploy();
        },
        run: |stage| stage.govctl("verify HEAD"),
        effect: |stage| says(stage, "history --json", "\"verified\""),
        again: |stage, _| runs(stage.govctl("verify HEAD"), 0),
        ..PLAIN
    },
    Subject {
        name: "init",
        place: "shop",
        run: |stage| stage.govctl("init"),
        effect: |stage| {
            let names = ["deploy.sh", ".github/workflows/deploy.yml", VERIFY];
            let is_there = |name: &&str| !stage.dir.read(&format!("shop/{name}")).is_empty();
            says(stage, "config check", "")?;
            Ok(names.iter().all(is_there))
        },
        again: |stage, _| runs(stage.govctl("init"), 0),
        ..PLAIN
    },
];

const UNHEALTHY: &str = "health --record --retries 0 --url http://127.0.0.1:1/";
const VERIFY: &str = ".github/workflows/verify-main.yml";

fn with_a_deploy(stage: &Stage) {
    stage.deploy();
    stage.repository.commit("a.txt", "a");
}

/// What `deploy` says of a commit that may have gone out, and how a person goes on.
fn deploys_again(stage: &Stage, is_done: bool) -> Result<(), String> {
    let answer = once_it_is_over(|| stage.govctl("deploy HEAD -- ran"));
    match answer.code() {
        0 => Ok(()),
        6 if !is_done => runs(stage.govctl("resolve HEAD --as success --reason seen"), 0),
        _ => Err(format!("then\n{}", answer.shown())),
    }
}

/// A command outlives a govctl that was killed, and holds the others until it has ended.
fn once_it_is_over(run: impl Fn() -> Govctl) -> Answer {
    let mut last = None;
    eventually("the command that was left has ended", || {
        let answer = run().run().whatever_is_said();
        let is_over = !answer.said().contains("deploy_in_progress");
        last = Some(answer);
        is_over
    });
    last.expect("it was asked at least once")
}

/// As [`deploys_again`], of the commit that was good.
fn rolls_back_again(stage: &Stage, is_done: bool) -> Result<(), String> {
    let answer = once_it_is_over(|| stage.govctl("rollback -- ran"));
    match answer.code() {
        0 => Ok(()),
        // There is nothing else to go back to.
        1 if is_done => Ok(()),
        6 if !is_done => runs(stage.govctl("resolve HEAD~1 --as success --reason seen"), 0),
        _ => Err(format!("then\n{}", answer.shown())),
    }
}

fn is_live(stage: &Stage) -> Result<bool, String> {
    let text = format!("\"production_sha_current\": \"{}\"", stage.repository.head());
    says(stage, "status --json", &text)
}
