//! Whether the documents and the audit log can be trusted, as `govctl state check` finds it.

use super::{command, finding::Finding};
use crate::{
    context::Context,
    documents::{has_audit, is_well, present},
    exit::CliError,
    view::counted,
};

const CHECK: &str = "documents";

pub(crate) fn look(context: &Context, findings: &mut Vec<Finding>) {
    findings.push(match unwell(context) {
        Err(error) => Finding::of_error(CHECK, &error),
        Ok(unwell) if unwell.is_empty() => {
            Finding::ok(CHECK, "whole, as far as there are any, and the audit log too")
        }
        Ok(unwell) => {
            let count = counted(unwell.len(), "file");
            Finding::fail(CHECK, format!("{count} cannot be trusted: {}", unwell.join(", ")))
                .hint(command(context, "state check"))
        }
    });
}

/// The paths of those that cannot be trusted, or whose backups cannot.
fn unwell(context: &Context) -> Result<Vec<String>, CliError> {
    let mut unwell: Vec<String> = present(context)?
        .iter()
        .filter(|document| !is_well(&document.examine()))
        .map(|document| format!("`{}`", document.place()))
        .collect();
    if has_audit(context) && context.audit().verify().is_err() {
        unwell.push(format!("`{}`", context.audit().place()));
    }
    Ok(unwell)
}
