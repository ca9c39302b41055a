//! `cargo xtask bench` and `cargo xtask prove`: programs of ours that look at all the others.

use anyhow::{Result, bail};
use serde_json::Value;

use crate::{process, workspace};

/// Runs the benchmarks, with what they are compared to.
pub(crate) fn bench(args: &[String]) -> Result<()> {
    run("bench", &["--release", "--features", "peers"], args)
}

/// Runs proofs, as these words for their program say.
///
/// The short form is part of the gate and takes seconds, fewer than it takes to build with
/// optimisation what the tests have built without. The long form is about numbers.
pub(crate) fn prove(args: &[String]) -> Result<()> {
    let is_long = args.iter().any(|arg| arg == "--long");
    run("proofs", if is_long { &["--release"] } else { &[] }, args)
}

fn run(package: &str, cargo_args: &[&str], args: &[String]) -> Result<()> {
    if !has_package(&workspace::metadata()?, package) {
        bail!("there is no package `{package}` in this workspace, so there is nothing to run");
    }
    let mut words = vec!["cargo", "run", "--locked", "-p", package];
    words.extend(cargo_args);
    words.push("--");
    words.extend(args.iter().map(String::as_str));
    process::run(&words, &[])
}

fn has_package(metadata: &Value, name: &str) -> bool {
    let packages = metadata["packages"].as_array();
    packages.is_some_and(|packages| packages.iter().any(|package| package["name"] == name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::has_package;

    #[test]
    fn only_a_package_of_that_very_name_is_there() {
        let metadata = json!({ "packages": [{ "name": "bench" }] });
        assert!(has_package(&metadata, "bench"));
        assert!(!has_package(&metadata, "proofs"));
        assert!(!has_package(&json!({}), "bench"));
    }
}
