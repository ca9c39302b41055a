//! A claim, by the real program.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use booty_state::{AuditLog, Claim, DeliveryCache, DeliveryKey, Keep};
use serde_json::{Map, Value};
use state_store::Store;
use system_tests::Govctl;

use crate::crash_states::operation::{Operation, Reading, has_leftovers, size};

/// `govctl delivery claim` of one commit more. The generation is the number of claims.
pub(crate) struct Claiming {
    /// The size of the cache before, about.
    pub(crate) bytes: usize,
}

/// A line of the cache.
const LINE_BYTES: usize = 70;

const CACHE: &str = "delivery_ids.json";

impl Operation for Claiming {
    fn name(&self) -> String {
        format!("`govctl delivery claim`, {}", size(self.bytes))
    }

    fn prepare(&self, top: &Path) -> Result<()> {
        let count = u64::try_from(self.bytes / LINE_BYTES)?;
        let lines: Vec<String> = (1..=count)
            .map(|number| format!("  \"acme/site:{}\": \"event-0\"", sha(number)))
            .collect();
        let text = format!("{{\n{}\n}}\n", lines.join(",\n"));
        atomic_file::replace(top.join(CACHE), text.as_bytes())?;
        // Two more, so that there is a checksum, a backup, and a lock that was held before.
        (0..2).try_for_each(|_| self.change(top))
    }

    fn victim(&self, top: &Path) -> Result<Govctl> {
        let words = format!("delivery claim acme/site {} event-1", sha(count(top)? + 1));
        Ok(Govctl::new(&words, Path::new("/"), top).option("--state-dir", top))
    }

    fn read(&self, top: &Path) -> Result<Reading> {
        let generation = count(top)?;
        AuditLog::at(top.join("audit.jsonl")).verify()?;
        let is_clean = !has_leftovers(top)?;
        Ok(Reading { generation, backup: Some(count_in_backup(top)?), is_clean })
    }

    fn change(&self, top: &Path) -> Result<()> {
        let key: DeliveryKey = format!("acme/site:{}", sha(count(top)? + 1)).parse()?;
        let claim = cache(top).claim(&key, &"event-2".parse()?)?;
        ensure!(claim == Claim::New, "it was claimed before");
        Ok(())
    }
}

fn sha(number: u64) -> String {
    format!("{number:0>40}")
}

fn cache(top: &Path) -> DeliveryCache {
    DeliveryCache::new(&Store::files(top), Keep::All)
}

/// The number of claims, which are those of the first commits and no others.
fn count(top: &Path) -> Result<u64> {
    let found = cache(top).list(None)?;
    let found: HashSet<String> = found.iter().map(|delivery| delivery.key.to_string()).collect();
    let count = u64::try_from(found.len())?;
    let missing =
        (1..=count).find(|number| !found.contains(&format!("acme/site:{}", sha(*number))));
    ensure!(missing.is_none(), "claim {missing:?} of {count} is missing");
    Ok(count)
}

fn count_in_backup(top: &Path) -> Result<u64> {
    let text = fs::read(top.join(format!("{CACHE}.bak"))).context("no backup")?;
    let claims: Map<String, Value> = serde_json::from_slice(&text).context("a torn backup")?;
    Ok(u64::try_from(claims.keys().filter(|key| *key != "checksum").count())?)
}
