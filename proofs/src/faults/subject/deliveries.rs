//! Claims of deliveries, and mutants of them.

use system_tests::{Govctl, Stage};

use crate::careless;
use crate::faults::subject::{PLAIN, Subject, is_yes, runs, says, works};

pub(super) const SUBJECTS: &[Subject] = &[
    Subject {
        name: "delivery claim",
        is_short: true,
        is_strict: true,
        prepare: with_claims,
        run: |stage| stage.govctl(&claim_of(NEW)).option("--lock-wait", "0"),
        effect: is_claimed,
        again: |stage, is_done| runs(stage.govctl(&claim_of(NEW)), i32::from(is_done)),
        ..PLAIN
    },
    Subject {
        name: "delivery record",
        prepare: with_claims,
        run: |stage| stage.govctl(&format!("delivery record acme/site {NEW} event-1")),
        effect: is_claimed,
        again: |stage, _| {
            runs(stage.govctl(&format!("delivery record acme/site {NEW} event-1")), 0)
        },
        ..PLAIN
    },
    Subject {
        name: "delivery prune",
        prepare: with_claims,
        run: |stage| stage.govctl("delivery prune --keep 1"),
        effect: |stage| {
            if !is_yes(stage, &format!("delivery has acme/site {}", OLD[1]))? {
                return Err("the newest claim is gone".to_owned());
            }
            Ok(!says(stage, "delivery list", OLD[0])?)
        },
        again: |stage, _| runs(stage.govctl("delivery prune --keep 1"), 0),
        ..PLAIN
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
        ..PLAIN
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
        ..PLAIN
    },
];

pub(super) const OLD: [&str; 2] =
    ["0000000000000000000000000000000000000001", "0000000000000000000000000000000000000002"];
pub(super) const NEW: &str = "0000000000000000000000000000000000000003";

fn claim_of(sha: &str) -> String {
    format!("delivery claim acme/site {sha} event-1")
}

pub(super) fn with_claims(stage: &Stage) {
    OLD.iter().for_each(|old| works(stage, &claim_of(old)));
}

/// As an older program wrote them: a mutant knows nothing of checksums.
fn with_plain_claims(stage: &Stage) {
    let lines = OLD.map(|old| format!("  \"acme/site:{old}\": \"event-0\""));
    stage.dir.write("state/delivery_ids.json", &format!("{{\n{}\n}}\n", lines.join(",\n")));
}

pub(super) fn is_claimed(stage: &Stage) -> Result<bool, String> {
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
