//! The freezes as the audit log tells of them: their document may have been lost with its backup.

use serde_json::Value;

use crate::{
    AuditLog, Entry, Freeze, Freezes, NoWitness, StateError, Withdrawn,
    audit_store::is_not_text,
    line_first::{CHANGE_FAILED, made},
};

impl AuditLog {
    /// Makes of `freezes`, of which none was ever given a number, what the log tells.
    ///
    /// A log with a flaw does, too: what it still says was declared holds.
    pub(crate) fn remember_freezes(&self, freezes: &mut Freezes) -> Result<(), NoWitness> {
        let untrusted = |error| NoWitness::Untrusted(Box::new(error));
        let mut told = Vec::new();
        for line in self.lines().map_err(untrusted)? {
            let line = match line {
                Ok(line) => line,
                Err(error) if is_not_text(&error) => continue,
                Err(error) => return Err(untrusted(StateError::from(error))),
            };
            // Reading a line costs a hundred times what passing over it does.
            if line.contains("\"freeze_") || line.contains(CHANGE_FAILED) {
                told.extend(serde_json::from_str::<Entry>(&line).ok());
            }
        }
        for entry in made(told) {
            match entry.what.as_str() {
                "freeze_added" => {
                    let freeze = declared(&entry).ok_or_else(|| NoWitness::Lacks {
                        log: self.place(),
                        what: format!("the freeze of line {}", entry.seq),
                    })?;
                    freezes.add_as(freeze);
                }
                "freeze_ended" => {
                    let id = entry.before.as_ref().and_then(|before| before.get("id")?.as_u64());
                    let ended = Withdrawn { at: entry.time, by: entry.who, reason: entry.why };
                    id.map(|id| freezes.end(id, &ended));
                }
                _ => {}
            }
        }
        if freezes.next_id() > 1 {
            let log = self.place();
            tracing::error!(
                log,
                "the freezes are missing; what the audit log tells takes their place"
            );
        }
        Ok(())
    }
}

/// The freeze of a line, which has everything but by whom and when.
fn declared(entry: &Entry) -> Option<Freeze> {
    let mut freeze = entry.after.clone()?;
    let keys = freeze.as_object_mut()?;
    keys.retain(|_, value| !value.is_null());
    keys.insert("by".to_owned(), Value::from(entry.who.clone()));
    keys.insert("added_at".to_owned(), serde_json::to_value(entry.time).ok()?);
    serde_json::from_value(freeze).ok()
}
