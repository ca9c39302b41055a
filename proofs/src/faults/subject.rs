//! The commands that write, and how to see what they did.

use system_tests::{Exit, Govctl, Stage};

use crate::careless;

/// A command that writes.
pub(super) struct Subject {
    pub(super) name: &'static str,
    /// Whether it is part of the short form.
    pub(super) is_short: bool,
    pub(super) is_mutant: bool,
    /// Whether "could not do it" means that nothing was done. Elsewhere it may also mean that it
    /// could not be said, and to do it again does no harm.
    pub(super) is_strict: bool,
    /// Makes a state that can be lost.
    pub(super) prepare: fn(&Stage),
    pub(super) run: fn(&Stage) -> Govctl,
    /// Whether it was done. An error says what is damaged or gone.
    pub(super) effect: fn(&Stage) -> Result<bool, String>,
    /// Runs it once more, which works.
    pub(super) again: fn(&Stage, is_done: bool) -> Result<(), String>,
}

pub(super) const SUBJECTS: &[Subject] = &[
    Subject {
        name: "delivery claim",
        is_short: true,
        is_mutant: false,
        is_strict: true,
        prepare: with_claims,
        run: |stage| stage.govctl(&claim_of(NEW)).option("--lock-wait", "0"),
        effect: is_claimed,
        again: |stage, is_done| runs(stage.govctl(&claim_of(NEW)), i32::from(is_done)),
    },
    Subject {
        name: "delivery record",
        is_short: false,
        is_mutant: false,
        is_strict: false,
        prepare: with_claims,
        run: |stage| stage.govctl(&format!("delivery record acme/site {NEW} event-1")),
        effect: is_claimed,
        again: |stage, _| {
            runs(stage.govctl(&format!("delivery record acme/site {NEW} event-1")), 0)
        },
    },
    Subject {
        name: "record",
        is_short: false,
        is_mutant: false,
        is_strict: false,
        prepare: with_a_deploy,
        run: |stage| stage.govctl("record HEAD success"),
        effect: is_live,
        again: |stage, _| runs(stage.govctl("record HEAD success"), 0),
    },
    Subject {
        name: "resolve",
        is_short: false,
        is_mutant: false,
        is_strict: false,
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
    },
    Subject {
        name: "deploy",
        is_short: false,
        is_mutant: false,
        is_strict: false,
        prepare: with_a_deploy,
        run: |stage| stage.govctl("deploy HEAD -- ran"),
        effect: is_live,
        again: deploys_again,
    },
    Subject {
        name: "ids map",
        is_short: false,
        is_mutant: false,
        is_strict: false,
        prepare: |stage| works(stage, "ids map TASK-ONE-1 jira --key SHOP"),
        run: |stage| stage.govctl("ids map TASK-ONE-2 jira --key SHOP"),
        effect: |stage| {
            if !says(stage, "ids list --json", "TASK-ONE-1")? {
                return Err("the id before is gone".to_owned());
            }
            says(stage, "ids list --json", "TASK-ONE-2")
        },
        again: |stage, _| runs(stage.govctl("ids map TASK-ONE-2 jira --key SHOP"), 0),
    },
    Subject {
        name: "breaker failure",
        is_short: false,
        is_mutant: false,
        is_strict: false,
        prepare: |stage| works(stage, "breaker failure api"),
        run: |stage| stage.govctl("breaker failure api"),
        effect: |stage| {
            let is_before = says(stage, "--json breaker status api", "\"failure_count\": 1,")?;
            Ok(!is_before)
        },
        again: |stage, _| runs(stage.govctl("breaker failure api"), 0),
    },
    Subject {
        name: "session append",
        is_short: false,
        is_mutant: false,
        is_strict: false,
        prepare: with_a_session,
        run: |stage| append(stage, "after"),
        effect: is_appended,
        again: |stage, _| runs(append(stage, "after"), 0),
    },
    Subject {
        name: "approve",
        is_short: false,
        is_mutant: false,
        is_strict: false,
        prepare: with_a_deploy,
        run: |stage| stage.govctl("approve HEAD --reason seen"),
        effect: |stage| says(stage, "approvals list --json", "\"in_force\""),
        again: |stage, _| runs(stage.govctl("approve HEAD --reason seen"), 0),
    },
    Subject {
        name: "freeze add",
        is_short: false,
        is_mutant: false,
        is_strict: false,
        prepare: with_a_deploy,
        run: |stage| stage.govctl("freeze add --reason fair"),
        effect: |stage| says(stage, "freeze list --json", "\"in_force\""),
        again: |stage, _| runs(stage.govctl("freeze add --reason fair"), 0),
    },
    Subject {
        name: "a claim that ignores failed writes",
        is_short: true,
        is_mutant: true,
        is_strict: true,
        prepare: with_plain_claims,
        run: |stage| carelessly(stage, careless::SIBLING),
        effect: is_claimed,
        again: |_, _| Ok(()),
    },
    Subject {
        name: "a claim written in place",
        is_short: true,
        is_mutant: true,
        is_strict: true,
        prepare: with_plain_claims,
        run: |stage| carelessly(stage, careless::IN_PLACE),
        effect: is_claimed,
        again: |_, _| Ok(()),
    },
];

const OLD: [&str; 2] =
    ["0000000000000000000000000000000000000001", "0000000000000000000000000000000000000002"];
const NEW: &str = "0000000000000000000000000000000000000003";

fn claim_of(sha: &str) -> String {
    format!("delivery claim acme/site {sha} event-1")
}

fn with_claims(stage: &Stage) {
    OLD.iter().for_each(|old| works(stage, &claim_of(old)));
}

/// As an older program wrote them: a mutant knows nothing of checksums.
fn with_plain_claims(stage: &Stage) {
    let lines = OLD.map(|old| format!("  \"acme/site:{old}\": \"event-0\""));
    stage.dir.write("state/delivery_ids.json", &format!("{{\n{}\n}}\n", lines.join(",\n")));
}

fn is_claimed(stage: &Stage) -> Result<bool, String> {
    for old in OLD {
        if !is_yes(stage, &format!("delivery has acme/site {old}"))? {
            return Err(format!("the claim of {old} is gone"));
        }
    }
    is_yes(stage, &format!("delivery has acme/site {NEW}"))
}

/// A mutant, which sees the state as govctl does.
fn carelessly(stage: &Stage, how: &str) -> Govctl {
    let path = stage.state().join("delivery_ids.json");
    stage.govctl("").under(careless::start(how, &path, NEW))
}

fn with_a_deploy(stage: &Stage) {
    stage.deploy();
    stage.repository.commit("a.txt", "a");
}

/// What `deploy` says of a commit that may have gone out, and how a person goes on.
fn deploys_again(stage: &Stage, is_done: bool) -> Result<(), String> {
    let answer = stage.govctl("deploy HEAD -- ran").run().whatever_is_said();
    match answer.code() {
        0 => Ok(()),
        6 if !is_done => runs(stage.govctl("resolve HEAD --as success --reason seen"), 0),
        _ => Err(format!("then\n{}", answer.shown())),
    }
}

fn with_a_session(stage: &Stage) {
    let created = stage.govctl("session create agent").run().whatever_is_said();
    stage.dir.write("session", created.said().trim());
    append(stage, "before").run().whatever_is_said().exit(Exit::Yes);
}

fn append(stage: &Stage, text: &str) -> Govctl {
    let words = format!("session append {}", stage.dir.read("session"));
    stage.govctl(&words).stdin(format!("{{\"text\": \"{text}\"}}\n").as_bytes())
}

fn is_appended(stage: &Stage) -> Result<bool, String> {
    let show = format!("session show {}", stage.dir.read("session"));
    if !says(stage, &show, "before")? {
        return Err("the message before is gone".to_owned());
    }
    says(stage, &show, "after")
}

fn works(stage: &Stage, words: &str) {
    stage.govctl(words).run().whatever_is_said().exit(Exit::Yes);
}

fn runs(run: Govctl, code: i32) -> Result<(), String> {
    let answer = run.run().whatever_is_said();
    if answer.code() == code { Ok(()) } else { Err(format!("then\n{}", answer.shown())) }
}

fn is_yes(stage: &Stage, words: &str) -> Result<bool, String> {
    let answer = stage.govctl(words).run().whatever_is_said();
    match answer.code() {
        0 => Ok(true),
        1 => Ok(false),
        _ => Err(format!("it cannot be read\n{}", answer.shown())),
    }
}

/// Whether these words are in what it says, which it must say.
fn says(stage: &Stage, words: &str, text: &str) -> Result<bool, String> {
    let answer = stage.govctl(words).run().whatever_is_said();
    match answer.code() {
        0 => Ok(answer.said().contains(text)),
        _ => Err(format!("it cannot be read\n{}", answer.shown())),
    }
}

fn is_live(stage: &Stage) -> Result<bool, String> {
    let text = format!("\"production_sha_current\": \"{}\"", stage.repository.head());
    says(stage, "status --json", &text)
}
