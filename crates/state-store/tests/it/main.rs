//! The public promise of `state-store`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
mod damage;
mod directory;
mod fallback;
mod files;
mod format;
mod log;
mod repair;

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use state_store::{Change, Document, Key, Schema, Store};

/// A small document with everything a real one has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Counter {
    #[serde(default)]
    count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl Counter {
    fn set(&mut self, count: u64) -> Change<()> {
        self.count = count;
        Change::Write(())
    }

    fn add(&mut self, count: u64) -> Change<()> {
        self.set(self.count + count)
    }
}

impl Schema for Counter {
    fn check(&self) -> Result<(), String> {
        if self.count == 13 { Err("`count` is 13".to_owned()) } else { Ok(()) }
    }
}

const KEY: Key = Key::fixed("counter.json");

fn counter(dir: &Path) -> Document<Counter> {
    Store::files(dir).document(KEY)
}

/// Every name in `dir`, sorted: what a test expects to find there, and nothing else.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Puts a file in place as an editor or another program would.
#[expect(clippy::disallowed_methods, reason = "a plain file for a test to find")]
fn given(path: &Path, contents: impl AsRef<[u8]>) {
    fs::write(path, contents).unwrap();
}
