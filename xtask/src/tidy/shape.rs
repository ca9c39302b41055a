//! Every crate has the same things in the same places, and the changelog is up to date.

use std::collections::BTreeSet;

use super::{Finding, manifests};
use crate::workspace::Tree;

/// What a crate must have: one of these files, and what it is for.
const PARTS: &[(&[&str], &str)] = &[
    (&["README.md"], "what it is, an example, what it is not for"),
    (&["src/lib.rs", "src/main.rs"], "the table of contents"),
    (&["tests/it/main.rs"], "the tests of its public promise"),
];

pub(super) fn crates(tree: &Tree) -> Vec<Finding> {
    let names: BTreeSet<&str> = tree
        .under("crates/")
        .filter_map(|path| path.strip_prefix("crates/")?.split_once('/'))
        .map(|(name, _)| name)
        .collect();
    let mut findings = Vec::new();
    for name in names {
        for (files, purpose) in PARTS {
            let mut paths = files.iter().map(|file| format!("crates/{name}/{file}"));
            if !paths.any(|path| tree.has(&path)) {
                let text = format!("missing in `{name}`: add it, with {purpose}");
                findings.push(Finding::new(&format!("crates/{name}/{}", files[0]), 1, text));
            }
        }
    }
    findings
}

pub(super) fn changelog(tree: &Tree) -> Vec<Finding> {
    let Some(version) = tree.text("Cargo.toml").and_then(manifests::shared_version) else {
        let text = "no version: add `version` to [workspace.package]";
        return vec![Finding::new("Cargo.toml", 1, text)];
    };
    let mut lines = tree.text("CHANGELOG.md").unwrap_or_default().lines();
    let is_heading = |line: &str| {
        line.strip_prefix("## ").is_some_and(|it| it.split(' ').next() == Some(&*version))
    };
    if lines.any(is_heading) {
        return Vec::new();
    }
    let text = format!(
        "says nothing about {version}: add a heading `## {version}` with what a user will notice"
    );
    vec![Finding::new("CHANGELOG.md", 1, text)]
}

#[cfg(test)]
mod tests {
    use super::{changelog, crates};
    use crate::tidy::printed;
    use crate::workspace::Tree;

    #[test]
    fn a_crate_lacks_nothing_or_is_told_what() {
        let tree = Tree::from([
            ("crates/whole/README.md", ""),
            ("crates/whole/src/main.rs", ""),
            ("crates/whole/tests/it/main.rs", ""),
            ("crates/half/src/lib.rs", ""),
            ("tests/Cargo.toml", ""),
        ]);
        let expected = [
            "crates/half/README.md:1: missing in `half`: add it, with what it is, an example, what it is not for",
            "crates/half/tests/it/main.rs:1: missing in `half`: add it, with the tests of its public promise",
        ];
        assert_eq!(printed(&crates(&tree)), expected);
    }

    #[test]
    fn the_changelog_has_a_heading_for_the_current_version() {
        let manifest = "[workspace.package]\nversion = \"0.2.0\"";
        let table = [
            ("# Changelog\n\n## 0.2.0 (unreleased)\n", true),
            ("## 0.2.0", true),
            ("## 0.2.0-rc.1\n", false),
            ("## 0.1.0\n\nBefore 0.2.0.\n", false),
        ];
        for (text, is_fine) in table {
            let tree = Tree::from([("Cargo.toml", manifest), ("CHANGELOG.md", text)]);
            assert_eq!(changelog(&tree).is_empty(), is_fine, "{text:?}");
        }
    }
}
