//! Who is alive: a table, and this very process.

use crate::fixture;
use flock_guard::{Holder, Life, Machine, Sighting, Wait};

const DEAD: &str = "dead";
const ALIVE: &str = "alive";
const UNKNOWN: &str = "unknown";

fn word(life: Life) -> &'static str {
    match life {
        Life::Alive => ALIVE,
        Life::Dead { .. } => DEAD,
        Life::Unknown { .. } => UNKNOWN,
    }
}

#[test]
fn only_proof_makes_a_holder_dead() {
    let (running, other) =
        (Sighting::Running { start_time: 8871 }, Sighting::Running { start_time: 9000 });
    let table = [
        ("itself", "{}", running, ALIVE),
        ("gone", "{}", Sighting::Absent, DEAD),
        ("ended", "{}", Sighting::Zombie, DEAD),
        ("its pid used again", "{}", other, DEAD),
        ("hidden", "{}", Sighting::Hidden, UNKNOWN),
        ("no start time, gone", r#"{"start_time": null}"#, Sighting::Absent, DEAD),
        ("no start time, running", r#"{"start_time": null}"#, running, UNKNOWN),
        ("rebooted since", r#"{"boot_id": "b0"}"#, running, DEAD),
        ("unknown boot", r#"{"boot_id": null}"#, Sighting::Absent, UNKNOWN),
        ("another machine", r#"{"machine_id": "m0"}"#, Sighting::Absent, UNKNOWN),
        ("another machine and boot", r#"{"machine_id": "m0", "boot_id": "b0"}"#, other, UNKNOWN),
        ("unknown machine", r#"{"machine_id": null}"#, Sighting::Absent, UNKNOWN),
        ("another container", r#"{"pid_namespace": 1}"#, Sighting::Absent, UNKNOWN),
        ("unknown container", r#"{"pid_namespace": null}"#, Sighting::Absent, UNKNOWN),
        ("another container, rebooted", r#"{"pid_namespace": 1, "boot_id": "b0"}"#, running, DEAD),
        ("renamed", r#"{"hostname": "web-2"}"#, running, ALIVE),
    ];
    let here = Machine {
        machine_id: Some("m1".into()),
        boot_id: Some("b1".into()),
        pid_namespace: Some(4026),
    };
    for (name, differs, seen, expected) in table {
        let mut record = serde_json::json!({
            "pid": 7, "hostname": "web-1", "start_time": 8871,
            "machine_id": "m1", "boot_id": "b1", "pid_namespace": 4026,
        });
        let differs: serde_json::Value = serde_json::from_str(differs).unwrap();
        record.as_object_mut().unwrap().extend(differs.as_object().unwrap().clone());
        let holder: Holder = serde_json::from_value(record).unwrap();
        assert_eq!(word(Life::judge(&holder, &here, seen)), expected, "{name}");
        let nowhere = word(Life::judge(&holder, &Machine::default(), seen));
        assert_eq!(nowhere, UNKNOWN, "{name}, seen from a machine that does not know itself");
    }
}

#[test]
fn this_process_is_alive_and_its_later_namesake_would_not_be() {
    let it = fixture();
    let _guard = it.lock.exclusive(Wait::Never).unwrap();
    let me = it.lock.status().unwrap().holder.unwrap();
    // A machine without an id of its own cannot prove anything, and must not pretend to.
    let here = Machine { machine_id: Some("this".into()), ..Machine::here() };
    let mut holder = me.clone();
    holder.machine_id = Some("this".into());
    assert_eq!(Life::judge(&holder, &here, Sighting::of(me.pid)), Life::Alive);
    holder.start_time = holder.start_time.map(|ticks| ticks - 1);
    assert_eq!(word(Life::judge(&holder, &here, Sighting::of(me.pid))), DEAD);
    // The kernel gives out no pid beyond 2^22.
    assert_eq!(Sighting::of(u32::MAX), Sighting::Absent);
}
