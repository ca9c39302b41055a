//! What `govctl doctor` looks at: each file here looks at one thing and says what it found.
//!
//! What only thinks ([`finding`], [`file_system`], [`mounts`]) is apart from what looks.

mod clock;
mod deliveries;
mod directory;
mod documents;
mod file_system;
mod finding;
mod leftovers;
mod locks;
mod mounts;
mod probe;
mod space;
mod workspace;

use crate::{context::Context, output::Output, view::quoted};

pub(crate) use finding::{Finding, Status};
pub(crate) use probe::second_process;

/// What helps against every file system that does not do what it should.
const ELSEWHERE: &str = "put the state on a local disk: govctl --state-dir DIR doctor";

/// Looks at everything, in the order in which one would repair it.
pub(crate) fn examine(context: &Context, out: &Output) -> Vec<Finding> {
    let mut findings = Vec::new();
    let place = directory::look(&context.state_dir, &mut findings);
    if let Some(place) = &place {
        file_system::look(context, place, &mut findings);
        space::look(place, &mut findings);
        probe::look(place, &mut findings);
        leftovers::look(context, &mut findings);
        documents::look(context, &mut findings);
        deliveries::look(context, &mut findings);
        locks::look(context, &mut findings);
        clock::look(context, &mut findings);
    }
    workspace::look(context, out, &mut findings);
    findings
}

/// A command about this state directory.
fn command(context: &Context, what: &str) -> String {
    format!("govctl --state-dir {} {what}", quoted(&context.state_dir))
}
