//! `govctl state path`

use std::fmt;

use serde::Serialize;

use crate::{
    context::Context,
    exit::{CliError, Exit},
    output::Output,
};

pub(crate) fn run(context: &Context, out: &Output) -> Result<Exit, CliError> {
    let path = context.state_dir.display().to_string();
    out.report(&Report { schema: "govctl.state-path/1", path })?;
    Ok(Exit::Yes)
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: &'static str,
    /// Where the state is.
    path: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}
