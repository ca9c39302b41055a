//! The public promise of `booty-state`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod approval;
mod audit;
mod audit_end;
mod cut_off;
mod damage;
mod delivery;
mod directory;
mod freeze;
mod key;
mod line_first;
mod moment;
mod names;
mod old_program;
mod open_deploy;
mod overrides;
mod release;
mod restored;
mod rollback;
mod stores;

use std::{fs::OpenOptions, io::Write, path::Path};

use booty_state::{DeliveryId, DeliveryKey, Moment, Sha};

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

/// A commit id that is easy to tell from others.
fn sha(letter: char) -> Sha {
    letter.to_string().repeat(40).parse().unwrap()
}

fn key(text: &str) -> DeliveryKey {
    text.parse().unwrap()
}

fn id(text: &str) -> DeliveryId {
    text.parse().unwrap()
}

/// Puts a file in place as another program would. Not by emptying it first: some file
/// systems sync a file that was emptied, and the tests do this thousands of times.
fn given(path: &Path, contents: impl AsRef<[u8]>) {
    let contents = contents.as_ref();
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path).unwrap();
    file.write_all(contents).unwrap();
    file.set_len(contents.len() as u64).unwrap();
}
