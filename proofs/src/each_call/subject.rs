//! What is hit, and what may come of it.

use system_tests::Govctl;

use crate::each_call::scene::Scene;

/// A command that is hit.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) name: &'static str,
    /// Whether it starts a command.
    pub(super) has_command: bool,
    /// Whether somebody answers whether it is well.
    pub(super) has_health: bool,
    /// Makes the state from which it starts, and in which commits 0 and 1 were live.
    pub(super) prepare: fn(&Scene<'_>),
    /// What is hit, and what is tried again afterwards.
    pub(super) run: fn(&Scene<'_>) -> Govctl,
    /// The commit that is live in the end.
    pub(super) goal: usize,
}

pub(super) const SUBJECTS: &[Subject; 4] = &[
    Subject {
        name: "deploy",
        has_command: true,
        has_health: false,
        prepare: |_| {},
        run: |scene| scene.govctl(&format!("deploy --json {} -- slowly", scene.sha(2))),
        goal: 2,
    },
    Subject {
        name: "deploy with a health check",
        has_command: true,
        has_health: true,
        prepare: |_| {},
        run: |scene| {
            let (sha, url) = (scene.sha(2), scene.url());
            scene.govctl(&format!("deploy --json --health-url {url} {sha} -- slowly"))
        },
        goal: 2,
    },
    Subject {
        name: "rollback",
        has_command: true,
        has_health: false,
        prepare: |_| {},
        run: |scene| scene.govctl(&format!("rollback --json --to {} -- slowly", scene.sha(0))),
        goal: 0,
    },
    Subject {
        name: "resolve",
        has_command: false,
        has_health: false,
        prepare: |scene| {
            let cut_off = scene.govctl(&format!("deploy {} -- die", scene.sha(2))).run();
            cut_off.whatever_is_said().killed_by(9);
        },
        run: |scene| scene.govctl(&format!("resolve {} --as success --reason seen", scene.sha(2))),
        goal: 2,
    },
];
