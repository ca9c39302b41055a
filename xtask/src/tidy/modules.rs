//! No forgotten file: a module that nobody declares is never compiled, and a test in it never runs.

use super::{Finding, numbered};
use crate::workspace::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let modules = tree.ending(".rs").filter_map(|(path, _)| Some((path, declaration(path)?)));
    let forgotten = modules.filter_map(|(path, Declaration { name, parents })| {
        let mut present = parents.iter().filter_map(|parent| tree.text(parent));
        if present.any(|text| declares(text, &name)) {
            return None;
        }
        let parent = parents.iter().find(|parent| tree.has(parent)).unwrap_or(&parents[0]);
        let text = format!("never compiled: add `mod {name};` to `{parent}`, or delete the file");
        Some(Finding::new(path, 1, text))
    });
    forgotten.collect()
}

/// What must stand in one of the parents for a file to be compiled.
struct Declaration {
    name: String,
    parents: Vec<String>,
}

/// Returns `None` for the roots that cargo finds by itself, and outside of `src/` and `tests/it/`.
fn declaration(path: &str) -> Option<Declaration> {
    let (root, rest) = ["src/", "tests/it/"].into_iter().find_map(|root| {
        let start = format!("/{path}").find(&format!("/{root}"))?;
        Some(path.split_at(start + root.len()))
    })?;
    let mut inner: Vec<&str> = rest.strip_suffix(".rs")?.split('/').collect();
    if matches!(inner[..], ["lib" | "main"] | ["bin", _] | ["bin", _, "main"]) {
        return None;
    }
    if inner.len() > 1 && inner.last() == Some(&"mod") {
        inner.pop();
    }
    let name = inner.pop()?.to_owned();
    let parents = match inner[..] {
        [] => ["lib", "main"].map(|file| format!("{root}{file}.rs")),
        ["bin", program] => ["main", "mod"].map(|file| format!("{root}bin/{program}/{file}.rs")),
        _ => ["/mod", ""].map(|file| format!("{root}{}{file}.rs", inner.join("/"))),
    };
    Some(Declaration { name, parents: parents.into() })
}

fn declares(text: &str, name: &str) -> bool {
    numbered(text).any(|(_, line)| {
        let line = line.trim();
        let declared = line.strip_suffix(';').and_then(|line| line.rsplit_once("mod "));
        !line.starts_with("//") && declared.is_some_and(|(_, declared)| declared == name)
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::printed;
    use crate::workspace::Tree;

    #[test]
    fn declared_files_and_roots_are_fine() {
        let tree = Tree::from([
            ("build.rs", ""),
            ("crates/a/src/lib.rs", "mod replace;\npub(crate) mod imp;\n"),
            ("crates/a/src/replace.rs", ""),
            ("crates/a/src/imp/mod.rs", "mod unix;\n"),
            ("crates/a/src/imp/unix.rs", "mod deep;"),
            ("crates/a/src/imp/unix/deep.rs", ""),
            ("crates/a/tests/it/main.rs", "mod replace;\n"),
            ("crates/a/tests/it/replace.rs", ""),
            ("tests/it/main.rs", "mod crash;\n"),
            ("tests/it/crash.rs", ""),
            ("tests/src/bin/victim.rs", ""),
            ("tests/src/bin/other/main.rs", "mod part;"),
            ("tests/src/bin/other/part.rs", ""),
        ]);
        assert_eq!(printed(&check(&tree)), [""; 0]);
    }

    #[test]
    fn a_forgotten_file_is_found_wherever_it_is() {
        let tree = Tree::from([
            ("crates/a/src/main.rs", "// mod lost;\nmod lost_and_found;\n"),
            ("crates/a/src/lost.rs", ""),
            ("crates/a/src/imp/unix.rs", ""),
            ("tests/it/main.rs", "mod crash;\n"),
            ("tests/it/forgotten.rs", ""),
        ]);
        let never = |path: &str, name: &str, parent: &str| {
            format!("{path}:1: never compiled: add `mod {name};` to `{parent}`, or delete the file")
        };
        let expected = [
            never("crates/a/src/imp/unix.rs", "unix", "crates/a/src/imp/mod.rs"),
            never("crates/a/src/lost.rs", "lost", "crates/a/src/main.rs"),
            never("tests/it/forgotten.rs", "forgotten", "tests/it/main.rs"),
        ];
        assert_eq!(printed(&check(&tree)), expected);
    }
}
