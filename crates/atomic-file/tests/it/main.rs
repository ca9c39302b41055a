//! The public promise of `atomic-file`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attributes;
mod backup;
mod leftovers;
mod other;
mod permissions;
mod refused;
mod replace;
mod slot;
mod surroundings;
mod sweep;

use std::{fs, path::Path};

/// Every name in `dir`, sorted: what a test expects to find there, and nothing else.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Puts a file in place before the test acts on it.
#[expect(clippy::disallowed_methods, reason = "a plain file for a test to find")]
fn given(path: &Path, contents: &str) {
    fs::write(path, contents).unwrap();
}

/// Whether this process may become others and give files away. What a test can only show as
/// root is not shown without.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn fifo(path: &Path) {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}
