//! What is in a directory, as the libraries read it: each document and each log.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use state_store::{Change, Document, Key, LineLog, Schema, Store, Wait};

use crate::tree::Tree;

/// A document of any kind.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Anything(Map<String, Value>);

impl Schema for Anything {
    const FORMAT: Option<u64> = None;
}

/// What was read from each, in words that can be compared. An error is read as well: what a
/// person has edited is refused before, and after.
pub(super) type Readings = BTreeMap<String, String>;

/// Reads all documents and logs below `top`.
pub(super) fn read(top: &Path) -> Result<Readings> {
    let names = Tree::read(top)?.names;
    let mut readings = Readings::new();
    for name in names.into_keys().filter(|name| !is_hidden(name)) {
        // A document that is gone is read from its backup.
        let name = name.strip_suffix(".bak").map_or(name.clone(), str::to_owned);
        if name.ends_with(".jsonl") {
            let lines: Result<Vec<String>, _> = log(top, &name).lines()?.collect();
            readings.insert(name, told(top, lines.map(|lines| lines.join("\n"))));
        } else if name.ends_with(".json") {
            let seen = document(top, &name)?.look().map(|seen| match seen {
                None => "nothing".to_owned(),
                Some(seen) if seen.instead_of.is_some() => {
                    format!("its backup: {:?}", seen.value.0)
                }
                Some(seen) => format!("{:?}", seen.value.0),
            });
            readings.insert(name, told(top, seen));
        }
    }
    Ok(readings)
}

/// Changes each of these once more, without another value, and appends a line to each log.
pub(super) fn go_on(top: &Path, readings: &Readings) -> Result<()> {
    for (name, before) in readings.iter().filter(|(_, told)| !told.starts_with(REFUSED)) {
        if name.ends_with(".jsonl") {
            log(top, name).append(|_| NEXT.to_owned())?;
        } else {
            document(top, name)?.update(|_| Change::Write(()))?;
        }
        let after = read(top)?.remove(name).unwrap_or_default();
        let due = if name.ends_with(".jsonl") { followed(before) } else { before.clone() };
        ensure!(after == due, "the next change of {name} makes {after} of {before}");
    }
    Ok(())
}

const NEXT: &str = "{\"next\":1}";
const REFUSED: &str = "refused: ";

fn followed(lines: &str) -> String {
    if lines.is_empty() { NEXT.to_owned() } else { format!("{lines}\n{NEXT}") }
}

/// Where it is read is another directory each time.
fn told<E: std::error::Error>(top: &Path, read: Result<String, E>) -> String {
    read.unwrap_or_else(|error| {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        format!("{REFUSED}{error}: {cause}").replace(&top.display().to_string(), "")
    })
}

fn document(top: &Path, name: &str) -> Result<Document<Anything>> {
    Ok(Store::files(top).waiting(Wait::Never).document(Key::new(name)?))
}

/// A log whose turns nobody else takes.
fn log(top: &Path, name: &str) -> LineLog {
    LineLog::at(top.join(name)).waiting(Wait::Never)
}

fn is_hidden(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.'))
}
