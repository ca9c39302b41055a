//! The public promise of `external-ids`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod counters;
mod format;
mod interrupted;
mod killed;
mod map;
mod model;
mod other;
mod processes;
mod shaky;
mod syntax;

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use external_ids::{ExternalId, ExternalIds, InternalId, Series, Tracker};
use state_store::Store;

/// 2026-11-21T06:12:34.9Z
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_241_554_900)
}

const MAPPING: &str = "external_id_mapping.json";
const COUNTERS: &str = "external_id_counters.json";

fn ids(dir: &Path) -> ExternalIds {
    ExternalIds::new(&Store::files(dir))
}

fn internal(text: &str) -> InternalId {
    text.parse().unwrap()
}

fn jira(key: &str) -> Series {
    Series::new(Tracker::Jira, Some(key.parse().unwrap())).unwrap()
}

fn github() -> Series {
    Series::new(Tracker::Github, None).unwrap()
}

fn external(tracker: Tracker, text: &str) -> ExternalId {
    ExternalId::parse(tracker, text).unwrap()
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap()
}

/// Puts a file in place as an editor or another program would.
#[expect(clippy::disallowed_methods, reason = "a plain file for a test to find")]
fn given(dir: &Path, name: &str, contents: impl AsRef<[u8]>) {
    fs::write(dir.join(name), contents).unwrap();
}

/// Counters as the first program writes them, with `PROJ` at `jira`.
fn old_counters(jira: &str) -> String {
    format!(
        r#"{{
  "counters": {{
    "azure_devops": 0,
    "github": 0,
    "jira": {{
      "PROJ": {jira}
    }},
    "linear": {{}}
  }},
  "updated": "2025-11-10T14:45:00.123456+00:00",
  "version": "1.0"
}}"#
    )
}

/// A mapping as the first program writes it, with `PROJ-1` and so on in this order.
fn old_mapping(ids: &[(&str, &str)]) -> String {
    let entries: Vec<String> = ids
        .iter()
        .map(|(ours, theirs)| format!("    \"{ours}\": {{\n      \"jira\": \"{theirs}\"\n    }}"))
        .collect();
    format!(
        "{{\n  \"mappings\": {{\n{}\n  }},\n  \"updated\": \"2025-11-10T14:45:00.123456+00:00\",\n  \
         \"version\": \"1.0\"\n}}",
        entries.join(",\n")
    )
}
