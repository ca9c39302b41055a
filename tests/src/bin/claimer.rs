//! Claims one delivery each time a line comes in, and says who has it.
//!
//! `claimer STATE-DIR NAME`: for a line with a key on stdin, a line on stdout: `new`, or the
//! name of whoever was faster. One process for many rounds, so that a round costs a claim
//! and not the start of a program.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, Write, stdin, stdout};

use booty_state::{Claim, DeliveryCache, DeliveryId, DeliveryKey, Keep};
use state_store::Store;

fn main() {
    let [state_dir, name] = [1, 2].map(|at| std::env::args().nth(at).unwrap());
    let deliveries = DeliveryCache::new(&Store::files(state_dir), Keep::default());
    let id: DeliveryId = name.parse().unwrap();
    let mut out = stdout().lock();
    for line in stdin().lock().lines() {
        let key: DeliveryKey = line.unwrap().parse().unwrap();
        let answer = match deliveries.claim(&key, &id).unwrap() {
            Claim::New => "new".to_owned(),
            Claim::Already { by } => by,
        };
        writeln!(out, "{answer}").unwrap();
    }
}
