//! Links in Markdown lead somewhere, and every page can be reached.

use super::markdown::{self, Link};
use super::{Finding, numbered};
use crate::workspace::Tree;

/// Pages that a reader finds without help; everything under `docs/` is linked from one of them.
const ENTRANCES: &[&str] = &["README.md", "docs/architecture.md"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".md") {
        for Link { line, target } in markdown::links(text) {
            if let Some(complaint) = complaint(tree, path, target) {
                findings.push(Finding::new(path, line, complaint));
            }
        }
    }
    findings
}

pub(super) fn unreachable_pages(tree: &Tree) -> Vec<Finding> {
    let entrances: Vec<(&str, &str)> =
        ENTRANCES.iter().filter_map(|path| Some((*path, tree.text(path)?))).collect();
    if entrances.is_empty() {
        return Vec::new();
    }
    let linked: Vec<String> = entrances
        .iter()
        .flat_map(|(path, text)| {
            markdown::links(text).into_iter().filter_map(|link| resolve(path, link.target))
        })
        .map(|(path, _)| path)
        .collect();
    let unreachable = tree
        .under("docs/")
        .filter(|path| !ENTRANCES.contains(path) && !linked.iter().any(|linked| linked == path));
    let text = format!("nobody finds it: link it from {}", ENTRANCES.join(" or "));
    unreachable.map(|path| Finding::new(path, 1, &*text)).collect()
}

fn complaint(tree: &Tree, from: &str, target: &str) -> Option<String> {
    if target.starts_with("https:") || target.starts_with("http:") || target.starts_with("mailto:")
    {
        return None;
    }
    let Some((path, anchor)) = resolve(from, target) else {
        return Some(format!(
            "`{target}` leads out of the repository: link to a file inside of it"
        ));
    };
    if !tree.has(&path) {
        return Some(format!("`{target}` leads nowhere: there is no `{path}`"));
    }
    let anchor = anchor?;
    let text = tree.text(&path).unwrap_or_default();
    let has_anchor = match path.ends_with(".md") {
        true => markdown::anchors(text).iter().any(|it| it == anchor),
        // `file.rs#L12`: the line must exist.
        false => anchor
            .strip_prefix('L')
            .is_some_and(|number| numbered(text).any(|(line, _)| line.to_string() == number)),
    };
    (!has_anchor).then(|| format!("`{target}` leads nowhere: `{path}` has no `#{anchor}`"))
}

/// Returns the path from the root and the anchor; `None` if the link leaves the repository.
fn resolve<'a>(from: &str, target: &'a str) -> Option<(String, Option<&'a str>)> {
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target, None),
    };
    if path.is_empty() {
        return Some((from.to_owned(), anchor));
    }
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some((parts.join("/"), anchor))
}

#[cfg(test)]
mod tests {
    use super::{check, unreachable_pages};
    use crate::tidy::printed;
    use crate::workspace::Tree;

    #[test]
    fn a_link_leads_to_a_file_and_an_anchor_that_exist() {
        let table = [
            ("docs/formats.md", true),
            ("docs/", true),
            ("./docs/formats.md#release", true),
            ("#here", true),
            ("https://example.com/nothing", true),
            ("xtask/src/main.rs#L2", true),
            ("docs/format.md", false),
            ("docs/formats.md#releases", false),
            ("#there", false),
            ("../docs/formats.md", false),
            ("/docs/formats.md", false),
            ("xtask/src/main.rs#L3", false),
        ];
        for (target, is_fine) in table {
            let readme = format!("# Here\n\n[a link]({target})\n");
            let tree = Tree::from([
                ("README.md", &*readme),
                ("docs/formats.md", "# Release\n"),
                ("xtask/src/main.rs", "one\ntwo\n"),
            ]);
            let findings = printed(&check(&tree));
            assert_eq!(findings.is_empty(), is_fine, "{target}: {findings:?}");
            assert!(findings.iter().all(|it| it.starts_with("README.md:3: `")), "{findings:?}");
        }
    }

    #[test]
    fn a_link_starts_in_the_directory_of_its_page() {
        let tree = Tree::from([
            ("crates/a/README.md", "[formats](../../docs/formats.md) [lost](docs/formats.md)"),
            ("docs/formats.md", ""),
        ]);
        let expected = "crates/a/README.md:1: `docs/formats.md` leads nowhere: there is no `crates/a/docs/formats.md`";
        assert_eq!(printed(&check(&tree)), [expected]);
    }

    #[test]
    fn every_page_is_linked_from_an_entrance_once_there_is_one() {
        let pages = [("docs/cli.md", ""), ("docs/style.md", "[cli](cli.md)")];
        assert!(unreachable_pages(&Tree::from(pages)).is_empty(), "no entrance, no claim");

        let entrance = ("docs/architecture.md", "[style](style.md)");
        let tree = Tree::from([pages[0], pages[1], entrance]);
        let expected =
            "docs/cli.md:1: nobody finds it: link it from README.md or docs/architecture.md";
        assert_eq!(printed(&unreachable_pages(&tree)), [expected]);
    }
}
