//! What there is: the root and the packages.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// Returns the root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lives one below the root")
}

/// Returns what `cargo metadata` says about the members of the workspace.
pub(crate) fn metadata() -> Result<Value> {
    let words = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"];
    let text = process::capture(&words)?;
    serde_json::from_str(&text).context("cannot parse the output of `cargo metadata`")
}
