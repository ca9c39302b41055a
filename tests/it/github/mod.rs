//! Repositories at GitHub: their workflows, the script that deploys.

mod asking;
mod breaking_off;
mod cut_off;
mod deploy_script;
mod dispatching;
mod encrypted;
mod ending;
mod events;
mod going_back;
mod health;
mod kept;
mod model;
mod rules;
mod serving;
mod serving_badly;
mod serving_ends;
mod verifying;
mod workflows;

use std::path::Path;

use system_tests::{Exit, Stage};

/// A stage whose repository has what `govctl init` writes, committed.
fn initialised() -> (Stage, String) {
    let stage = Stage::new();
    stage.govctl("init").run().whatever_is_said().exit(Exit::Yes);
    stage.repository.git(&["add", "-A"]);
    stage.repository.git(&["commit", "-q", "-m", "Set up govctl"]);
    let head = stage.repository.head();
    (stage, head)
}

/// The top of our own repository.
fn our_top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
