//! What a kill has left half done is ended before anything else is begun.

use booty_state::{CutOff, NewEntry};

use crate::{context::Context, exit::CliError, output::Output, project::Project};

/// Instead of what was there before, in a line that tells how a deploy ended and that somebody else
/// wrote afterwards.
const AFTERWARDS: &str = "found_afterwards";

/// Ends it. Only for whoever holds the deploy lock.
pub(crate) fn end(context: &Context, project: &Project, out: &Output) -> Result<(), CliError> {
    let releases = context.releases(project);
    let state = releases.load()?;
    match context.audit().cut_off(&project.repo, &state)? {
        None => {}
        Some(CutOff::Change(line)) => {
            releases.redo(&line)?;
            let sha = line.sha.as_ref().map(|sha| sha.short().to_owned()).unwrap_or_default();
            out.note(&format!(
                "note: `{}` of {sha} was cut off after its line in the audit log, and is done now",
                line.what
            ));
        }
        Some(CutOff::Line { sha, result }) => {
            let entry = NewEntry::new(context.now().into(), context.who(), "deploy_finished")
                .about(&project.repo, &sha)
                .because("its govctl had ended before it could write this line")
                .changing(AFTERWARDS, result.as_str());
            context.audit().append(&entry)?;
        }
    }
    Ok(())
}
