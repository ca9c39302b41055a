//! What there is: the root, the files, the packages.

use std::collections::BTreeMap;
use std::fs;
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

/// The files of the repository as they are now: path from the root, with `/`, and text.
#[derive(Debug, Default)]
pub(crate) struct Tree(BTreeMap<String, String>);

impl Tree {
    /// Reads every file that git tracks or would track. Ignored and deleted files do not count.
    pub(crate) fn read() -> Result<Tree> {
        let words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listing = process::capture(&words).context("the files come from git")?;
        let mut files = BTreeMap::new();
        for path in listing.split_terminator('\0') {
            let full = root().join(path);
            if !full.is_file() {
                continue;
            }
            let bytes = fs::read(&full).with_context(|| format!("cannot read `{path}`"))?;
            files.insert(path.to_owned(), String::from_utf8_lossy(&bytes).into_owned());
        }
        Ok(Tree(files))
    }

    /// Returns the text of a file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// Whether there is a file or a directory of this name.
    pub(crate) fn has(&self, path: &str) -> bool {
        path.is_empty()
            || self.0.contains_key(path)
            || self.under(&format!("{path}/")).next().is_some()
    }

    /// Returns path and text of all files whose path ends like this.
    pub(crate) fn ending(&self, suffix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter(move |(path, _)| path.ends_with(suffix))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Returns the paths that begin with `prefix`.
    pub(crate) fn under(&self, prefix: &str) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(move |path| path.starts_with(prefix))
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Tree {
    fn from(files: [(&str, &str); N]) -> Tree {
        Tree(files.map(|(path, text)| (path.to_owned(), text.to_owned())).into())
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn the_tree_holds_this_file_and_nothing_that_git_ignores() {
        let tree = Tree::read().unwrap();
        assert!(tree.text("xtask/src/workspace.rs").unwrap().starts_with("//! What there is"));
        assert_eq!(tree.under("target/").next(), None);
    }

    #[test]
    fn a_directory_is_there_when_a_file_is_below_it() {
        let tree = Tree::from([("docs/style.md", "")]);
        assert!(tree.has("docs"));
        assert!(tree.has("docs/style.md"));
        assert!(!tree.has("doc"));
        assert!(!tree.has("docs/style"));
    }
}
