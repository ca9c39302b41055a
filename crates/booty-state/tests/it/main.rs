//! The public promise of `booty-state`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod key;
mod moment;
mod names;

use booty_state::Moment;

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}
