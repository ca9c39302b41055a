//! A line of the audit log.

use std::path::Path;

use anyhow::{Result, bail, ensure};
use booty_state::{AuditLog, NewEntry};
use system_tests::Govctl;

use crate::crash_states::operation::{Operation, Reading, has_leftovers, size};
use crate::worker;

/// One more entry. The generation is the number of entries.
pub(crate) struct Logging {
    /// The size of the log before, about.
    pub(crate) bytes: usize,
}

/// The name of the job.
pub(crate) const LOG_LINE: &str = "log-line";

/// A line of the log, about.
const LINE_BYTES: usize = 320;

impl Operation for Logging {
    fn name(&self) -> String {
        format!("append to the audit log, {}", size(self.bytes))
    }

    fn prepare(&self, top: &Path) -> Result<()> {
        (0..self.bytes / LINE_BYTES).try_for_each(|_| append(top))
    }

    fn victim(&self, top: &Path) -> Result<Govctl> {
        let mut words = worker::start(LOG_LINE)?;
        words.push(top.into());
        Ok(Govctl::new("", top, top).under(words))
    }

    fn read(&self, top: &Path) -> Result<Reading> {
        let generation = log(top).verify()?.entries;
        let entries = log(top).entries()?.collect::<Result<Vec<_>, _>>()?;
        ensure!(u64::try_from(entries.len())? == generation, "{} can be read", entries.len());
        Ok(Reading { generation, backup: None, is_clean: !has_leftovers(top)? })
    }

    fn change(&self, top: &Path) -> Result<()> {
        append(top)
    }
}

/// The job: `TOP`, and words that belong to what started it.
#[expect(clippy::print_stdout, reason = "this is how it acknowledges")]
pub(crate) fn log_line(words: &[String]) -> Result<()> {
    let [top, ..] = words else { bail!("a directory is needed") };
    append(Path::new(top))?;
    println!("done");
    Ok(())
}

fn append(top: &Path) -> Result<()> {
    let entry = NewEntry::new("2026-11-20T18:53:00Z".parse()?, "ana@build-3", "deploy_started")
        .about(&"acme/site".parse()?, &"9f2c1ab5d0".parse()?)
        .because("the fix for the login");
    log(top).append(&entry)?;
    Ok(())
}

fn log(top: &Path) -> AuditLog {
    AuditLog::at(top.join("audit.jsonl"))
}
