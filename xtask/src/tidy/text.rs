//! Text that does not belong: blanks nobody sees, words for later, exceptions without a reason.

use super::{Finding, numbered};
use crate::workspace::Tree;

/// Words that say "not finished". Written in two halves, or this file would find itself.
const WORDS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("unimple", "mented!"),
    concat!("to", "do!"),
];

pub(super) fn whitespace(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in [".rs", ".md", ".toml"].iter().flat_map(|suffix| tree.ending(suffix)) {
        for (line, text) in numbered(text) {
            if text.contains('\t') {
                findings.push(Finding::new(path, line, "a tab: indent with spaces"));
            }
            if text.trim_end() != text {
                findings.push(Finding::new(
                    path,
                    line,
                    "blanks at the end of the line: remove them",
                ));
            }
        }
    }
    findings
}

pub(super) fn words(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in [".rs", ".toml", ".sh"].iter().flat_map(|suffix| tree.ending(suffix)) {
        for (line, text) in numbered(text) {
            for word in WORDS.iter().filter(|word| contains_word(text, word)) {
                let text = format!("`{word}` promises work to nobody: do it now, or open an issue");
                findings.push(Finding::new(path, line, text));
            }
        }
    }
    findings
}

pub(super) fn reasons(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".rs") {
        let mut rest = text;
        for (line, start) in numbered(text) {
            let start = start.trim_start();
            let opens = ["#[expect(", "#![expect(", "#[allow(", "#![allow("];
            if opens.iter().any(|open| start.starts_with(open)) {
                let attribute = rest.split(")]").next().unwrap_or_default();
                if !attribute.contains("reason = ") {
                    let text = "an exception without a reason: add `reason = \"...\"`";
                    findings.push(Finding::new(path, line, text));
                }
            }
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        }
    }
    findings
}

/// Whether `word` stands in `text` and is not a part of a longer word.
fn contains_word(text: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(start, _)| {
        let after = &text[start + word.len()..];
        let runs_on = !word.ends_with('!') && is_part(after.chars().next());
        !is_part(text[..start].chars().next_back()) && !runs_on
    })
}

#[cfg(test)]
mod tests {
    use super::{reasons, whitespace, words};
    use crate::tidy::printed;
    use crate::workspace::Tree;

    #[test]
    fn tabs_and_trailing_blanks_are_found_where_people_write() {
        let text = "fine\n\tindented\nend \n";
        let tree = Tree::from([("a.md", text), ("a.json", text)]);
        let expected = [
            "a.md:2: a tab: indent with spaces",
            "a.md:3: blanks at the end of the line: remove them",
        ];
        assert_eq!(printed(&whitespace(&tree)), expected);
    }

    #[test]
    fn unfinished_words_are_found_as_whole_words() {
        let table = [
            (concat!("// TO", "DO: later"), true),
            (concat!("    to", "do!()"), true),
            (concat!("unimple", "mented!(\"later\")"), true),
            (concat!("let FIX", "ME = 1;"), true),
            (concat!("mktemp XX", "XXXX"), false),
            (concat!("AUTO", "DO"), false),
            ("fn todo_list() {}", false),
        ];
        for (text, found) in table {
            assert_eq!(words(&Tree::from([("a.rs", text)])).len(), usize::from(found), "{text}");
        }
    }

    #[test]
    fn an_exception_needs_a_reason_on_whatever_line() {
        let table = [
            ("#[expect(dead_code)]\nfn a() {}\n// reason = none\n", true),
            ("#![allow(clippy::all)]\n", true),
            ("    #[expect(\n        dead_code,\n    )]\n", true),
            ("#[expect(dead_code, reason = \"read by the debugger\")]\n", false),
            ("#[expect(\n    dead_code,\n    reason = \"read (twice)\"\n)]\n", false),
            ("//! Open it with `#[expect(dead_code)]`.\n", false),
        ];
        for (text, found) in table {
            assert_eq!(reasons(&Tree::from([("a.rs", text)])).len(), usize::from(found), "{text}");
        }
    }
}
