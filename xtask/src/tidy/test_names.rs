//! The names of all tests and proofs, as the files say them.

use std::collections::BTreeMap;

use crate::workspace::Tree;

/// For each package its tests, by their paths within it: `replace::a_reader_never_sees_half`.
pub(super) fn tests(tree: &Tree) -> BTreeMap<String, Vec<String>> {
    let mut tests: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in tree.ending(".rs") {
        if let Some((package, modules)) = place(path) {
            tests.entry(package).or_default().extend(tests_in(text, &modules));
        }
    }
    tests
}

/// The names of the proofs.
pub(super) fn proofs(tree: &Tree) -> Vec<String> {
    let sources = tree.ending(".rs").filter(|(path, _)| path.starts_with("proofs/src/"));
    let named = sources.filter_map(|(_, text)| {
        let (_, proof) = text.split_once("const PROOF: Proof = Proof {")?;
        Some(proof.split_once("name: \"")?.1.split_once('"')?.0.to_owned())
    });
    named.collect()
}

/// The package of a source file, and the modules that lead to it: `tests/it/a/mod.rs` is `a`.
fn place(path: &str) -> Option<(String, Vec<&str>)> {
    let (package, rest) = match path.strip_prefix("crates/") {
        Some(rest) => rest.split_once('/')?,
        None => path.split_once('/')?,
    };
    let file = ["src/", "tests/it/", "it/"].into_iter().find_map(|root| rest.strip_prefix(root))?;
    let mut modules: Vec<&str> = file.strip_suffix(".rs")?.split('/').collect();
    if matches!(modules.last(), Some(&("mod" | "lib" | "main"))) {
        modules.pop();
    }
    Some((package.to_owned(), modules))
}

fn tests_in(text: &str, modules: &[&str]) -> Vec<String> {
    // The tests of a macro have the names of the functions that it is given.
    let by_macro = text.contains("fn $");
    let mut inner: Vec<(usize, &str)> = Vec::new();
    let mut is_test = false;
    let mut tests = Vec::new();
    for line in text.lines() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if code == "}" {
            inner.retain(|(opened, _)| *opened < indent);
        }
        let module = code.strip_suffix(" {").and_then(|code| code.split_once("mod "));
        if let Some((_, name)) = module.filter(|(before, _)| matches!(*before, "" | "pub ")) {
            inner.push((indent, name));
        }
        is_test |= code == "#[test]";
        let function = code.strip_prefix("fn ").and_then(|code| code.split(['(', '<']).next());
        let Some(name) = function.filter(|name| !name.starts_with('$')) else { continue };
        if is_test || by_macro && indent == 0 {
            let inner = inner.iter().map(|(_, name)| *name);
            let path: Vec<&str> = modules.iter().copied().chain(inner).chain([name]).collect();
            tests.push(path.join("::"));
        }
        is_test = false;
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::{proofs, tests};
    use crate::workspace::Tree;

    #[test]
    fn a_test_is_found_wherever_it_may_stand() {
        let inline =
            "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn inline() {\n    }\n}\n";
        let with_a_reason =
            "#[test]\n#[expect(dead_code, reason = \"b\")]\nfn plain() {}\nfn kit() {}\n";
        let by_macro =
            "macro_rules! all {\n    #[test]\n    fn $name() {}\n}\nall!(one);\nfn one() {}\n";
        let nested = "mod deep {\n    #[test]\n    fn below() {}\n}\n#[test]\nfn above() {}\n";
        let tree = Tree::from([
            ("crates/a/src/lib.rs", inline),
            ("crates/a/src/part/inner.rs", inline),
            ("crates/a/tests/it/main.rs", with_a_reason),
            ("crates/a/tests/it/redis/mod.rs", nested),
            ("tests/it/contract.rs", by_macro),
            ("crates/a/build.rs", with_a_reason),
        ]);
        let found = tests(&tree);
        let expected = [
            "tests::inline",
            "part::inner::tests::inline",
            "plain",
            "redis::deep::below",
            "redis::above",
        ];
        assert_eq!(found["a"], expected);
        assert_eq!(found["tests"], ["contract::one"]);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_proof_is_found_by_the_name_it_goes_by() {
        let proof = "pub(crate) const PROOF: Proof = Proof {\n    name: \"long-run\",\n    claim: \"b\",\n};\n";
        let other = "Subject { name: \"deploy\" }";
        let tree = Tree::from([("proofs/src/a/mod.rs", proof), ("proofs/src/a/b.rs", other)]);
        assert_eq!(proofs(&tree), ["long-run"]);
    }
}
