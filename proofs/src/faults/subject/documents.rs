//! What a person does to documents.

use std::fs;

use system_tests::{Govctl, Stage};

use crate::faults::subject::deliveries::{NEW, OLD, is_claimed, with_claims};
use crate::faults::subject::{PLAIN, Subject, is_yes, runs, runs_unless, works};

pub(super) const SUBJECTS: &[Subject] = &[
    Subject {
        name: "state restore",
        prepare: with_an_edit,
        run: |stage| stage.govctl("state restore delivery_ids.json --reason seen"),
        effect: is_trusted,
        again: |stage, is_done| {
            let restore = stage.govctl("state restore delivery_ids.json --reason seen");
            runs_unless(is_done, restore)
        },
        ..PLAIN
    },
    Subject {
        name: "state accept",
        prepare: with_an_edit,
        run: |stage| stage.govctl("state accept delivery_ids.json --reason seen"),
        effect: is_trusted,
        again: |stage, _| runs(stage.govctl("state accept delivery_ids.json --reason seen"), 0),
        ..PLAIN
    },
    Subject {
        name: "state edit",
        prepare: |stage| {
            with_claims(stage);
            let line = format!("\"acme/site:{NEW}\": \"event-1\",");
            stage.script("add", &format!("sed -i '1s|{{|{{ {line}|' \"$1\""));
        },
        run: edit,
        effect: is_claimed,
        again: |stage, is_done| runs_unless(is_done, edit(stage)),
        ..PLAIN
    },
    Subject {
        name: "state sweep",
        is_sweep: true,
        prepare: |stage| {
            with_claims(stage);
            stage.dir.write(LEFT, "half of");
        },
        run: |stage| stage.govctl("state sweep"),
        effect: |stage| {
            if !is_yes(stage, &format!("delivery has acme/site {}", OLD[1]))? {
                return Err("more was swept than was left".to_owned());
            }
            Ok(!stage.dir.join(LEFT).exists())
        },
        again: |stage, _| runs(stage.govctl("state sweep"), 0),
        ..PLAIN
    },
    Subject {
        name: "state export",
        prepare: with_claims,
        run: |stage| stage.govctl("state export").arg(stage.dir.join(EXPORTED)),
        effect: |stage| {
            let text = stage.dir.read(EXPORTED);
            if text.is_empty() {
                return Ok(false);
            }
            let whole = serde_json::from_str::<serde_json::Value>(&text);
            whole.map(|_| true).map_err(|error| format!("half an export: {error}"))
        },
        again: |stage, _| runs(stage.govctl("state export").arg(stage.dir.join(EXPORTED)), 0),
        ..PLAIN
    },
    Subject {
        name: "state import",
        prepare: |stage| {
            with_claims(stage);
            works(stage, "state export ../exported.json");
            fs::remove_dir_all(stage.state()).expect("it is ours");
            fs::create_dir(stage.state()).expect("it is ours");
        },
        run: |stage| stage.govctl("state import ../exported.json"),
        effect: |stage| {
            let has = |sha: &&str| is_yes(stage, &format!("delivery has acme/site {sha}"));
            OLD.iter().map(has).try_fold(true, |all, has| Ok(all && has?))
        },
        again: |stage, _| runs(stage.govctl("state import --force ../exported.json"), 0),
        ..PLAIN
    },
];

/// What a writer that was killed has left.
const LEFT: &str = "state/.delivery_ids.json.0123456789abcdef0123456789abcdef.tmp";
const EXPORTED: &str = "state/exported.json";

/// Somebody has changed a claim with an editor.
fn with_an_edit(stage: &Stage) {
    with_claims(stage);
    stage.edit("delivery_ids.json", |text| text.replace("event-1", "event-9"));
}

/// A copy to edit outlives a govctl that is killed, and is to go with the stage.
fn edit(stage: &Stage) -> Govctl {
    let edit = stage.govctl("state edit delivery_ids.json --reason seen");
    edit.env("EDITOR", "add").env("TMPDIR", stage.dir.path())
}

/// Whether its claims are believed again.
fn is_trusted(stage: &Stage) -> Result<bool, String> {
    let answer = stage.govctl(&format!("delivery has acme/site {}", OLD[0]));
    let answer = answer.run().whatever_is_said();
    match answer.code() {
        0 => Ok(true),
        3 => Ok(false),
        _ => Err(format!("it is gone\n{}", answer.shown())),
    }
}
