//! `cargo xtask bench` and `cargo xtask prove`: they take long and are no part of the gate.

use anyhow::{Result, bail};
use serde_json::Value;

use crate::{process, workspace};

/// Runs the benchmarks, with what they are compared to.
pub(crate) fn bench(args: &[String]) -> Result<()> {
    run("bench", &["--features", "peers"], args.iter().map(String::as_str))
}

/// Runs one proof, or all of them.
pub(crate) fn prove(name: Option<&str>, long: bool) -> Result<()> {
    run("proofs", &[], name.into_iter().chain(long.then_some("--long")))
}

fn run<'a>(
    package: &'a str,
    cargo_args: &[&'a str],
    args: impl Iterator<Item = &'a str>,
) -> Result<()> {
    if !has_package(&workspace::metadata()?, package) {
        bail!("there is no package `{package}` in this workspace, so there is nothing to run");
    }
    let mut words = vec!["cargo", "run", "--release", "--locked", "-p", package];
    words.extend(cargo_args);
    words.push("--");
    words.extend(args);
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
