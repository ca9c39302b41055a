//! What must hold for the document of savers once their disk has failed and is back.

use std::fs;
use std::path::Path;

use anyhow::Result;
use state_store::{Change, Key, Store};

use crate::savers::{Flaw, LEDGER, Ledger};

/// What is left on a disk: the document is whole, and its backup is whole and no older than the
/// version before. `None` is no document.
pub(crate) fn look(dir: &Path, flaw: Option<Flaw>) -> Result<Option<Ledger>, String> {
    let store = Store::files(dir);
    let last = store.document::<Ledger>(LEDGER).load();
    let last = last.map_err(|error| format!("damaged after a failure: {error:?}"))?;
    let Some(serial) = last.as_ref().map(|last| last.serial) else { return Ok(None) };
    if flaw.is_some() {
        return Ok(last); // A mutant keeps no backup, and that is not what it is caught by.
    }
    match store.document::<Ledger>(Key::fixed("ledger.json.bak")).load() {
        Ok(Some(backup)) if backup.serial + 1 >= serial && backup.serial <= serial => Ok(last),
        Ok(None) if serial <= 1 => Ok(last),
        Ok(backup) => {
            let found = backup.map_or("none".to_owned(), |backup| backup.serial.to_string());
            Err(format!("the backup of {serial} is {found}"))
        }
        Err(error) => Err(format!("a damaged backup after a failure: {error}")),
    }
}

/// The next update works, by the real store. Returns its serial number.
pub(crate) fn update(dir: &Path, attempt: u64) -> Result<u64, String> {
    let updated = Store::files(dir).document::<Ledger>(LEDGER).update(|ledger| {
        ledger.turn_page(attempt);
        Change::Write(ledger.serial)
    });
    updated.map_err(|error| format!("no update after a failure: {error}"))
}

/// Begins a new account: there is no document any more.
pub(crate) fn forget(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_file() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
