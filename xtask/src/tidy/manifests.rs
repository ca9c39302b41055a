//! One version table, one lint table: members only refer to them.

use super::{Finding, numbered};
use crate::workspace::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let manifests = tree.ending("Cargo.toml").filter(|(_, text)| is_member(text));
    manifests.flat_map(|(path, text)| check_member(path, text)).collect()
}

/// Returns the version that all members share.
pub(super) fn shared_version(root_manifest: &str) -> Option<String> {
    let mut entries = entries(root_manifest).into_iter();
    let version = entries.find(|e| e.section == "workspace.package" && e.key == "version")?;
    Some(version.value.trim_matches('"').to_owned())
}

/// A manifest with a `[workspace]` of its own is a root, not a member.
fn is_member(manifest: &str) -> bool {
    !manifest.lines().any(|line| line.trim() == "[workspace]")
}

fn check_member(path: &str, text: &str) -> Vec<Finding> {
    let entries = entries(text);
    let mut findings = Vec::new();
    for entry in &entries {
        let Some(name) = entry.dependency_of_its_own() else { continue };
        let text = format!(
            "`{name}` goes past the version table: put it into [workspace.dependencies] \
             of the root, with its reason, and write `{name}.workspace = true` here"
        );
        findings.push(Finding::new(path, entry.line, text));
    }
    let shares_lints =
        |e: &Entry| e.section == "lints" && e.key == "workspace" && e.value == "true";
    if !entries.iter().any(shares_lints) {
        let text = "no lints: add `[lints]` with `workspace = true`, and nothing else about lints";
        findings.push(Finding::new(path, 1, text));
    }
    findings
}

/// One `key = value` of a manifest, and the section it stands in.
struct Entry {
    section: String,
    line: usize,
    key: String,
    value: String,
}

impl Entry {
    /// Returns the name of the dependency if this entry says where it comes from by itself.
    fn dependency_of_its_own(&self) -> Option<&str> {
        let section = self.section.rsplit_once("dependencies")?.1;
        if let Some(name) = section.strip_prefix('.') {
            // `[dependencies.name]`
            return is_origin(&self.key).then_some(name);
        }
        match self.key.split_once('.') {
            Some((name, attribute)) => is_origin(attribute).then_some(name),
            None => (!self.value.contains("workspace = true")).then_some(&self.key),
        }
    }
}

fn is_origin(attribute: &str) -> bool {
    matches!(attribute, "version" | "path" | "git" | "registry")
}

/// Reads as much TOML as manifests use.
fn entries(manifest: &str) -> Vec<Entry> {
    let mut section = String::new();
    let mut entries = Vec::new();
    for (line, text) in logical_lines(manifest) {
        if let Some(name) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, value)) = text.split_once('=') {
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            entries.push(Entry { section: section.clone(), line, key, value });
        }
    }
    entries
}

/// Joins lines until their brackets are closed; each keeps the number of its first line.
fn logical_lines(manifest: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let is_open = |text: &str| text.matches(['[', '{']).count() > text.matches([']', '}']).count();
    for (number, line) in numbered(manifest) {
        let line = if line.trim_start().starts_with('#') { "" } else { line };
        let line = line.split(" #").next().unwrap_or_default().trim();
        match lines.last_mut() {
            Some((_, open)) if is_open(open) => *open = format!("{open} {line}"),
            _ => lines.push((number, line.to_owned())),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{check, shared_version};
    use crate::tidy::printed;
    use crate::workspace::Tree;

    fn findings(manifest: &str) -> Vec<String> {
        let manifest = format!("{manifest}\n[lints]\nworkspace = true\n");
        printed(&check(&Tree::from([("crates/a/Cargo.toml", &*manifest)])))
    }

    #[test]
    fn a_dependency_with_an_origin_of_its_own_is_found() {
        let table = [
            "[dependencies]\nserde = \"1\"",
            "[dev-dependencies]\nserde = { version = \"1\", features = [\"derive\"] }",
            "[dependencies]\nserde = { path = \"../serde\" }",
            "[dependencies]\nserde.version = \"1\"",
            "[target.'cfg(unix)'.dependencies]\nserde = \"1\"",
            "[dependencies.serde]\nversion = \"1\"",
            "[dependencies]\nrustix = { workspace = true, features = [\n    \"fs\",\n] }\nserde = \"1\"",
        ];
        for manifest in table {
            let findings = findings(manifest);
            assert_eq!(findings.len(), 1, "{manifest}: {findings:?}");
            let line = manifest.lines().count();
            let start =
                format!("crates/a/Cargo.toml:{line}: `serde` goes past the version table: ");
            assert!(findings[0].starts_with(&start), "{manifest}: {findings:?}");
        }
    }

    #[test]
    fn everything_that_refers_to_the_table_is_fine() {
        let table = [
            "[dependencies]\nserde.workspace = true",
            "[dependencies]\nserde = { workspace = true, optional = true }",
            "[dependencies]\nserde.workspace = true\nserde.features = [\"rc\"]",
            "[dependencies.serde]\nworkspace = true\nfeatures = [\"rc\"]",
            "[dependencies]\n# serde = \"1\"",
            "[dependencies]\nserde = { features = [\n    \"rc\", # counted\n], workspace = true }",
            "[features]\nredis = [\"dep:redis\"]",
        ];
        for manifest in table {
            assert_eq!(findings(manifest), [""; 0], "{manifest}");
        }
    }

    #[test]
    fn a_member_without_the_lint_table_is_found_and_a_root_is_not_a_member() {
        let tree = Tree::from([
            ("Cargo.toml", "[workspace]\n[workspace.dependencies]\nserde = \"1\""),
            ("crates/a/Cargo.toml", "[lints]\nrust.unused = \"allow\""),
        ]);
        let text = "no lints: add `[lints]` with `workspace = true`, and nothing else about lints";
        assert_eq!(printed(&check(&tree)), [format!("crates/a/Cargo.toml:1: {text}")]);
    }

    #[test]
    fn the_shared_version_is_that_of_the_workspace() {
        let manifest = "[package]\nversion = \"9\"\n[workspace.package]\nversion = \"0.1.0\"";
        assert_eq!(shared_version(manifest), Some("0.1.0".to_owned()));
    }
}
