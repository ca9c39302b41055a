//! What a table says is shown by a test is shown by one that exists.
//!
//! In each table whose last column is headed *shown by*, a row names at least one test or proof, or
//! says that it states a limit. A test is `package: module::name`, or `module::name`, which is of
//! the packages that follow (`a::b` in `tests/`, `govctl`) or else of the one in the heading
//! above. A `*` stands for any part of a name, and a module for all tests in it. A proof is
//! named after the word "proof".

use std::collections::BTreeMap;

use super::{Finding, markdown, numbered, test_names};
use crate::workspace::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let named = Named { tests: test_names::tests(tree), proofs: test_names::proofs(tree) };
    let pages = tree.ending(".md").filter(|(path, _)| path.starts_with("docs/"));
    pages.flat_map(|(path, text)| check_page(path, text, &named)).collect()
}

fn check_page(path: &str, text: &str, named: &Named) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut heading, mut is_inside) = (None, false);
    for (line, text) in numbered(text) {
        if text.starts_with('#') {
            heading = markdown::spans(text).last().map(|(_, span)| *span);
        }
        let Some(cell) = last_cell(text) else {
            is_inside = false;
            continue;
        };
        if cell == "shown by" {
            is_inside = true;
        } else if is_inside && !cell.starts_with("---") {
            let wrong = named.wrong_in(cell, heading);
            findings.extend(wrong.into_iter().map(|text| Finding::new(path, line, text)));
        }
    }
    findings
}

/// The last cell of a row of a table.
fn last_cell(line: &str) -> Option<&str> {
    let cells = line.strip_prefix('|')?.trim_end().strip_suffix('|')?;
    Some(cells.rsplit('|').next()?.trim())
}

struct Named {
    tests: BTreeMap<String, Vec<String>>,
    proofs: Vec<String>,
}

impl Named {
    /// What is wrong with a cell under a heading that is about the package `of`.
    fn wrong_in(&self, cell: &str, of: Option<&str>) -> Vec<String> {
        let (mut wrong, mut waiting, mut has_any) = (Vec::new(), Vec::new(), false);
        let spans = markdown::spans(cell);
        let mut packages: Vec<&str> = Vec::new();
        for (before, span) in &spans {
            if before.ends_with("proof ") {
                has_any = true;
                if !self.proofs.iter().any(|proof| proof == span) {
                    wrong.push(format!("there is no proof `{span}`: what shows it now?"));
                }
            } else if let Some((package, test)) = span.split_once(": ") {
                has_any = true;
                wrong.extend(self.lacking(&[package], test));
            } else if let Some(package) = self.package(span) {
                packages.push(package);
                continue;
            } else if is_test(span) {
                has_any = true;
                if !packages.is_empty() {
                    wrong.extend(self.lacking_of(&waiting, &packages, of));
                    (waiting, packages) = (Vec::new(), Vec::new());
                }
                waiting.push(*span);
            }
        }
        if packages.is_empty() {
            packages.extend(of);
        }
        wrong.extend(self.lacking_of(&waiting, &packages, of));
        if !has_any && !cell.starts_with("limit") {
            wrong
                .push("it names no test or proof: name one, or say which `limit` it is".to_owned());
        }
        wrong
    }

    /// The package that a span names: `govctl`, `tests/`.
    fn package<'a>(&self, span: &'a str) -> Option<&'a str> {
        let name = span.trim_end_matches('/');
        let is_one = self.tests.contains_key(name) && (name != "tests" || span.ends_with('/'));
        is_one.then_some(name)
    }

    /// What `tests` in `packages` lack. The last one is there; those before it may be of the
    /// package in the heading, too.
    fn lacking_of(&self, tests: &[&str], packages: &[&str], of: Option<&str>) -> Vec<String> {
        let (last, before) = match tests.split_last() {
            Some((last, before)) => (self.lacking(packages, last), before),
            None => return Vec::new(),
        };
        let is_at_home = |test: &&&str| of.is_some_and(|of| self.lacking(&[of], test).is_empty());
        let away = before.iter().filter(|test| !is_at_home(test));
        away.flat_map(|test| self.lacking(packages, test)).chain(last).collect()
    }

    /// Those of the packages that have no such test.
    fn lacking(&self, packages: &[&str], test: &str) -> Vec<String> {
        let lacks = |package: &&&str| {
            let tests = self.tests.get(**package).map(Vec::as_slice).unwrap_or_default();
            !tests.iter().any(|name| is_meant(test, name))
        };
        let say = |package: &&str| format!("there is no test `{test}` in `{package}`: renamed?");
        packages.iter().filter(lacks).map(say).collect()
    }
}

/// Whether a span is a name, and not a command or a constant.
fn is_test(span: &str) -> bool {
    span.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:*".contains(c))
}

/// Whether `pattern` means the test `name`: it is its path, its own name or a module around it.
fn is_meant(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<&str>, Vec<&str>) =
        (pattern.split("::").collect(), name.split("::").collect());
    let fits = |name: &[&str]| {
        pattern.len() <= name.len() && pattern.iter().zip(name).all(|(p, n)| is_like(p, n))
    };
    fits(&name) || name.last().is_some_and(|last| fits(&[last]))
}

/// Whether `name` is `pattern`, where `*` stands for any part of it.
fn is_like(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name
            .strip_prefix(start)
            .is_some_and(|end| (0..=end.len()).any(|at| is_like(rest, &end[at..]))),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::printed;
    use crate::workspace::Tree;

    const LOCKS: &str = "#[test]\nfn a_lock_is_held() {}\n#[test]\nfn a_lock_is_free() {}\n";
    const PROOF: &str = "const PROOF: Proof = Proof {\n    name: \"kills\",\n};\n";

    fn findings(heading: &str, cell: &str) -> Vec<String> {
        let page = format!("## {heading}\n\n| event | shown by |\n|---|---|\n| one | {cell} |\n");
        printed(&check(&Tree::from([
            ("docs/guarantees.md", &*page),
            ("crates/flock/tests/it/locks.rs", LOCKS),
            ("crates/flock/src/inner.rs", "mod tests {\n    #[test]\n    fn inline() {}\n}\n"),
            ("tests/it/storm.rs", "#[test]\nfn nothing_is_lost() {}\n"),
            ("proofs/src/kills/mod.rs", PROOF),
        ])))
    }

    #[test]
    fn what_exists_may_be_named_in_each_way() {
        let table = [
            ("A lock (`flock`)", "`locks::a_lock_is_held`"),
            ("A lock (`flock`)", "`locks::a_lock_*`, `a_lock_is_free`, `inner::tests`"),
            ("A lock (`flock`)", "`locks::*_free`, `storm` in `tests/`"),
            ("A lock (`flock`)", "`storm` in `tests/`, proof `kills`: `cargo xtask prove kills`"),
            ("Anything", "`locks::*` in `flock`, `storm::nothing_*` in `tests/`"),
            ("Anything", "`flock: locks::*_held`, `tests: storm`"),
            ("Anything", "limit: nobody can see that"),
        ];
        for (heading, cell) in table {
            assert_eq!(findings(heading, cell), [""; 0], "{cell}");
        }
    }

    #[test]
    fn what_does_not_exist_is_found_with_its_line() {
        let no_test = |test: &str, package: &str| {
            format!("docs/guarantees.md:5: there is no test `{test}` in `{package}`: renamed?")
        };
        let no_proof = "docs/guarantees.md:5: there is no proof `stops`: what shows it now?";
        let nothing =
            "docs/guarantees.md:5: it names no test or proof: name one, or say which `limit` it is";
        let table = [
            ("`locks::a_lock_is_lost`", no_test("locks::a_lock_is_lost", "flock")),
            ("`other::a_lock_is_held`", no_test("other::a_lock_is_held", "flock")),
            ("`locks::a_key_*`", no_test("locks::a_key_*", "flock")),
            ("`storm`", no_test("storm", "flock")),
            ("`locks` in `tests/`, `flock: locks`", no_test("locks", "tests")),
            ("`gone`, `storm` in `tests/`", no_test("gone", "tests")),
            ("`storm` in `tests/` and `flock`", no_test("storm", "flock")),
            ("`gone: storm`", no_test("storm", "gone")),
            ("proof `kills`, proof `stops`", no_proof.to_owned()),
            ("its own promise", nothing.to_owned()),
            ("`EIO`", nothing.to_owned()),
        ];
        for (cell, expected) in table {
            assert_eq!(findings("A lock (`flock`)", cell), [expected], "{cell}");
        }
    }

    #[test]
    fn other_tables_and_pages_say_what_they_like() {
        let table = "| event | shown by |\n|---|---|\n| one | nothing |\n";
        let other = "| key | value |\n|---|---|\n| one | `gone::test` |\n";
        let tree = Tree::from([("README.md", table), ("docs/formats.md", other)]);
        assert_eq!(printed(&check(&tree)), [""; 0]);
    }
}
