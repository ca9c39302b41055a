//! No file is longer than a reader's patience.

use super::Finding;
use crate::workspace::Tree;

/// A file above this must justify itself.
const NOTE_ABOVE: usize = 300;
/// A file above this does two things.
const FAIL_ABOVE: usize = 400;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let sources = tree.ending(".rs").filter(|(path, _)| !is_test(path));
    let long = sources.filter_map(|(path, text)| {
        let lines = lines_without_tests(text);
        let advice = "split it where the subject changes";
        let text = format!("{lines} lines of code and docs, {FAIL_ABOVE} at most: {advice}");
        let is_note = lines <= FAIL_ABOVE;
        (lines > NOTE_ABOVE).then(|| Finding { is_note, ..Finding::new(path, 1, text) })
    });
    long.collect()
}

/// Tables of cases may be long: nobody reads them from top to bottom.
fn is_test(path: &str) -> bool {
    path.contains("tests/it/") || path.ends_with("/tests.rs")
}

/// Counts up to the inline tests, which come last: clippy's `items_after_test_module` sees to it.
fn lines_without_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let starts_tests = |&index: &usize| {
        let mut attributes_skipped = lines[index + 1..].iter().skip_while(|l| l.starts_with("#["));
        lines[index] == "#[cfg(test)]"
            && attributes_skipped.next().is_some_and(|l| l.starts_with("mod ") && l.ends_with('{'))
    };
    (0..lines.len()).find(starts_tests).unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::printed;
    use crate::workspace::Tree;

    fn findings(path: &str, text: &str) -> Vec<String> {
        printed(&check(&Tree::from([(path, text)])))
    }

    #[test]
    fn three_hundred_lines_are_fine_and_four_hundred_are_the_end() {
        let lines = |count: usize| "x\n".repeat(count);
        let advice = "400 at most: split it where the subject changes";
        assert!(findings("src/a.rs", &lines(300)).is_empty());
        let note = format!("src/a.rs:1: note: 301 lines of code and docs, {advice}");
        assert_eq!(findings("src/a.rs", &lines(301)), [note]);
        let note = format!("src/a.rs:1: note: 400 lines of code and docs, {advice}");
        assert_eq!(findings("src/a.rs", &lines(400)), [note]);
        let fails = format!("src/a.rs:1: 401 lines of code and docs, {advice}");
        assert_eq!(findings("src/a.rs", &lines(401)), [fails]);
    }

    #[test]
    fn tests_do_not_count() {
        let inline =
            format!("fn a() {{}}\n\n#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(500));
        assert!(findings("src/a.rs", &inline).is_empty());
        assert!(findings("crates/a/tests/it/b.rs", &"x\n".repeat(500)).is_empty());
    }

    #[test]
    fn a_test_only_item_hides_nothing_below_it() {
        let text = format!("#[cfg(test)]\nfn kit() {{}}\n{}", "x\n".repeat(500));
        assert_eq!(findings("src/a.rs", &text).len(), 1);
    }
}
