//! `cargo xtask test`: all tests, then the examples in the documentation.

use anyhow::Result;

use crate::process::{self, Watch};

/// The features that are off by default and belong to the promise. Not those of `bench`, which
/// bring its peers: no gate compiles them.
pub(crate) const FEATURES: &str = "session-store/redis";

/// Runs everything and returns how many tests passed; a failure is an error. Tests that try their
/// luck begin with `seed`, if there is one.
///
/// Uses nextest where it is installed, because it is faster and keeps tests in processes of
/// their own; nothing may depend on that, so the same tests pass without it.
pub(crate) fn run(seed: Option<&str>) -> Result<usize> {
    let names = ["GOVCTL_TEST_SEED", "PROPTEST_RNG_SEED"];
    let chance: Vec<_> = seed.into_iter().flat_map(|seed| names.map(|name| (name, seed))).collect();
    let mut passed = 0;
    if process::works(&["cargo", "nextest", "--version"]) {
        // The summary goes to stderr.
        let words = ["cargo", "nextest", "run", "--workspace", "--features", FEATURES, "--locked"];
        process::run_watching(&words, &chance, Watch::Stderr, |line| {
            passed += in_nextest_summary(line)
        })?;
    } else {
        let words = [
            "cargo",
            "test",
            "--workspace",
            "--features",
            FEATURES,
            "--locked",
            "--lib",
            "--bins",
            "--tests",
        ];
        process::run_watching(&words, &chance, Watch::Stdout, |line| {
            passed += in_libtest_result(line)
        })?;
    }
    let words = ["cargo", "test", "--doc", "--workspace", "--features", FEATURES, "--locked"];
    process::run_watching(&words, &chance, Watch::Stdout, |line| {
        passed += in_libtest_result(line)
    })?;
    Ok(passed)
}

/// Reads `Summary [   0.010s] 12 tests run: 11 passed (1 slow), 1 failed, 0 skipped`.
fn in_nextest_summary(line: &str) -> usize {
    let line = line.trim_start();
    let counts = line.strip_prefix("Summary [").and_then(|rest| rest.split_once(" run: "));
    counts.map_or(0, |(_, counts)| number_before(counts, " passed"))
}

/// Reads `test result: ok. 3 passed; 0 failed; 0 ignored; ...`, one for each test binary.
fn in_libtest_result(line: &str) -> usize {
    let counts = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "));
    counts.map_or(0, |(_, counts)| number_before(counts, " passed"))
}

fn number_before(text: &str, word: &str) -> usize {
    text.split_once(word).and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{in_libtest_result, in_nextest_summary};

    #[test]
    fn only_the_summary_line_counts() {
        let table = [
            ("     Summary [   0.010s] 12 tests run: 12 passed, 0 skipped", 12),
            ("     Summary [   0.010s] 12 tests run: 11 passed (1 slow), 1 failed, 0 skipped", 11),
            ("     Summary [   0.010s] 4/12 tests run: 3 passed, 1 failed, 0 skipped", 3),
            ("     Summary [   0.001s] 1 test run: 1 passed, 0 skipped", 1),
            ("error: of 9 tests run: 9 passed", 0),
            ("", 0),
        ];
        for (line, passed) in table {
            assert_eq!(in_nextest_summary(line), passed, "{line}");
        }
    }

    #[test]
    fn only_the_result_lines_count() {
        let table = [
            ("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out", 3),
            ("test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured", 2),
            ("test tests::nine ... 9 passed", 0),
            ("running 5 tests", 0),
        ];
        for (line, passed) in table {
            assert_eq!(in_libtest_result(line), passed, "{line}");
        }
    }
}
