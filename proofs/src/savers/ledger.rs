//! The document that savers change.

use serde::{Deserialize, Serialize};
use state_store::{Key, Schema};

pub(crate) const LEDGER: Key = Key::fixed("ledger.json");

/// A number that only rises, who wrote it, and text that follows from both: a mixture of two
/// versions does not fit together, whatever its checksum says.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) serial: u64,
    /// The one attempt that wrote it.
    pub(crate) attempt: u64,
    text: String,
}

impl Ledger {
    /// Makes this the next version.
    pub(crate) fn turn_page(&mut self, attempt: u64) {
        self.serial += 1;
        self.attempt = attempt;
        self.text = text(self.serial, attempt);
    }
}

impl Schema for Ledger {
    fn check(&self) -> Result<(), String> {
        match self.text == text(self.serial, self.attempt) || *self == Ledger::default() {
            true => Ok(()),
            false => Err(format!("the text is not that of serial {}", self.serial)),
        }
    }

    /// Damage has to be seen here, not repaired.
    fn restored(&mut self) -> Result<(), String> {
        Err("a proof does not fall back".to_owned())
    }
}

/// From nothing to some 9 kB, so that documents have one block, two or three.
fn text(serial: u64, attempt: u64) -> String {
    let length = usize::try_from(serial * 37 % 290).expect("a small number");
    format!("{serial:016x}{attempt:016x}").repeat(length)
}
