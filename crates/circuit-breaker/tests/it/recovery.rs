//! A wait that grows from one failed trial to the next.

use circuit_breaker::{Event, Machine, Recovery, Settings};
use proptest::prelude::*;

use crate::{at, opens_after, secs, trip};

fn growing(jitter: f64) -> Settings {
    let recovery = Recovery::Growing { first: secs(10), factor: 3.0, cap: secs(60), jitter };
    opens_after(1).recovery(recovery)
}

/// The waits in seconds of a machine whose trials fail again and again.
fn waits(machine: &mut Machine, settings: &Settings, chance: f64, count: usize) -> Vec<u64> {
    let mut now = at(0);
    let mut waits = Vec::new();
    for _ in 0..count {
        let ticket = machine.ask("me", now, settings).ticket.unwrap();
        machine.apply(&Event::Failure(ticket), now, chance, settings);
        let retry_at = machine.retry_at(now).unwrap();
        waits.push(retry_at.duration_since(now).unwrap().as_secs());
        now = retry_at;
    }
    waits
}

#[test]
fn each_failed_trial_makes_the_wait_longer_up_to_the_cap() {
    let settings = growing(0.0);
    assert_eq!(waits(&mut Machine::new(), &settings, 1.0, 5), [10, 30, 60, 60, 60]);
}

#[test]
fn chance_takes_its_share_off_and_never_adds() {
    let settings = growing(0.5);
    assert_eq!(waits(&mut Machine::new(), &settings, 1.0, 4), [5, 15, 30, 30]);
    assert_eq!(waits(&mut Machine::new(), &settings, 0.5, 4), [7, 22, 45, 45]);
    assert_eq!(waits(&mut Machine::new(), &settings, 0.0, 4), [10, 30, 60, 60]);
}

#[test]
fn a_recovery_begins_with_the_first_wait_again() {
    let settings = growing(0.0);
    let mut machine = Machine::new();
    waits(&mut machine, &settings, 0.0, 3);
    let ticket = machine.ask("me", at(10_000), &settings).ticket.unwrap();
    machine.apply(&Event::Success(ticket), at(10_000), 0.0, &settings);
    machine.apply(&Event::Failure(machine.ticket()), at(10_001), 0.0, &settings);
    assert_eq!(machine.retry_at(at(10_001)), Some(at(10_011)));
}

#[test]
fn tripping_an_open_one_does_not_make_the_wait_grow() {
    let settings = growing(0.0);
    let mut machine = Machine::new();
    for _ in 0..3 {
        machine.apply(&trip(&machine, "again"), at(0), 0.0, &settings);
    }
    assert_eq!(machine.retry_at(at(0)), Some(at(10)));
}

proptest! {
    #[test]
    fn no_wait_is_longer_than_the_cap_or_shorter_than_chance_allows(
        streak in any::<u32>(),
        chance in any::<f64>(),
        jitter in 0.0..=1.0,
        factor in 1.0..=1e6,
    ) {
        let recovery = Recovery::Growing { first: secs(10), factor, cap: secs(60), jitter };
        let wait = recovery.wait(streak, chance).as_secs_f64();
        prop_assert!(wait <= 60.0);
        prop_assert!(wait >= 10.0 * (1.0 - jitter) - 1e-6);
    }
}
