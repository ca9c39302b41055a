//! `cargo xtask tidy`: the house rules that no compiler knows.
//!
//! Every check is a function from the files to findings, so a test needs no disk.

mod length;
mod links;
mod manifests;
mod markdown;
mod modules;
mod shape;
mod shown_by;
mod test_names;
mod text;

use std::fmt;

use anyhow::{Result, bail};

use crate::workspace::Tree;

const CHECKS: &[fn(&Tree) -> Vec<Finding>] = &[
    length::check,
    links::check,
    links::unreachable_pages,
    manifests::check,
    modules::check,
    shape::crates,
    shape::changelog,
    shown_by::check,
    text::whitespace,
    text::words,
    text::reasons,
];

/// Prints what every check finds, and fails if one of them is more than a note.
pub(crate) fn run() -> Result<()> {
    let tree = Tree::read()?;
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for finding in &findings {
        println!("{finding}");
    }
    let failing = findings.iter().filter(|finding| !finding.is_note).count();
    if failing > 0 {
        bail!("tidy found {failing} to mend");
    }
    println!("{} files, nothing to mend", tree.under("").count());
    Ok(())
}

/// One place where a rule is not kept: what is wrong, and what to do.
#[derive(Debug, PartialEq)]
struct Finding {
    path: String,
    /// Starts at 1. It is 1 too when the whole file is meant.
    line: usize,
    text: String,
    /// A note does not fail.
    is_note: bool,
}

impl Finding {
    fn new(path: &str, line: usize, text: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), line, text: text.into(), is_note: false }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let note = if self.is_note { "note: " } else { "" };
        write!(f, "{}:{}: {note}{}", self.path, self.line, self.text)
    }
}

/// Lines with their numbers, as editors count them.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

/// Returns findings as the lines that would be printed, for tests.
#[cfg(test)]
fn printed(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(Finding::to_string).collect()
}
