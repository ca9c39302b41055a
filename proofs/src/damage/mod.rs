//! `damage`: whatever one byte becomes, what we wrote is refused or read as it was written.

mod kinds;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use anyhow::Result;

use crate::evidence::{Evidence, Tally};
use crate::proof::{Effort, Proof};

pub(crate) use kinds::{Kind, Reading, kinds};

pub(crate) const PROOF: Proof = Proof {
    name: "damage",
    claim: "no flipped bit, cut, missing or additional byte is taken for what was written, and \
            none makes a reader fail otherwise than by an error",
    run,
};

/// What is put between two bytes: what ends, begins or splits something somewhere.
const INSERTED: [u8; 9] = [0, b' ', b'\n', b'"', b'0', b',', b'}', b'e', 0xff];

/// Far beyond what reading a few kilobytes takes on the slowest machine.
pub(crate) const HANGS_AFTER_SECS: u64 = 10;

fn run(_: Effort, evidence: &mut Evidence) -> Result<()> {
    for kind in kinds()? {
        evidence.promise(kind.name, "every byte", |tally| {
            damage_each_byte(&kind, &kind.written, tally);
            Ok(())
        })?;
    }
    let kinds = kinds()?;
    let release = kinds.iter().find(|kind| kind.name == "release.json");
    if let Some(release) = release {
        // As another program writes it: what nobody has sealed can only be checked for its shape.
        let text = String::from_utf8_lossy(&release.written);
        let lines = text.lines().filter(|line| !line.contains("\"checksum\""));
        let bare = lines.collect::<Vec<_>>().join("\n").replace(",\n}", "\n}");
        evidence.mutant("release.json without its checksum", "every byte", |tally| {
            damage_each_byte(release, bare.as_bytes(), tally);
            Ok(())
        })?;
    }
    Ok(())
}

fn damage_each_byte(kind: &Kind, written: &[u8], tally: &mut Tally) {
    let mut try_one = |damaged: &[u8], what: &str, at: usize| {
        tally.tried(1);
        if let Some(words) = read_damaged(kind, damaged, true) {
            tally.violation(|| format!("{}, {what} at {at}: {words}", kind.name));
        }
    };
    let mut damaged = written.to_vec();
    for at in 0..written.len() {
        for bit in 0..8 {
            damaged[at] ^= 1 << bit;
            try_one(&damaged, "a flipped bit", at);
            damaged[at] ^= 1 << bit;
        }
        try_one(&written[..at], "cut", at);
        let without = [&written[..at], &written[at + 1..]].concat();
        try_one(&without, "a missing byte", at);
        for byte in INSERTED {
            let with = [&written[..at], &[byte], &written[at..]].concat();
            try_one(&with, "one byte more", at);
        }
    }
}

/// Reads it, and says what is wrong with how that went. `allows_nothing`: it may not be taken
/// for anything but what was written.
pub(crate) fn read_damaged(kind: &Kind, damaged: &[u8], allows_nothing: bool) -> Option<String> {
    let start = Instant::now();
    let reading = catch_unwind(AssertUnwindSafe(|| (kind.read)(damaged, &kind.written)));
    let took = start.elapsed();
    match reading {
        Err(_) => Some(format!("a panic: {}", String::from_utf8_lossy(damaged))),
        Ok(_) if took.as_secs() >= HANGS_AFTER_SECS => Some(format!("it took {took:?}")),
        Ok(Reading::Broken(why)) => Some(why),
        Ok(Reading::Wrong(why)) if allows_nothing && damaged != kind.written => Some(why),
        Ok(_) => None,
    }
}
