//! Many processes and one session, in files and in Redis.

use std::thread;

use system_tests::{Exit, Victim};

use super::{Place, message};

#[test]
fn of_100_appends_by_8_processes_to_one_file_none_is_lost() {
    append_100(&Place::file());
}

#[test]
fn of_100_appends_by_8_processes_to_one_session_in_redis_none_is_lost() {
    append_100(&Place::redis());
}

#[test]
fn a_session_that_is_deleted_while_4_use_it_stays_deleted() {
    for place in [Place::file(), Place::redis()] {
        for round in 0..40 {
            let id = place.create();
            let users = |_| {
                let append = place.append(&id, &message(0)).start();
                [append, place.session(&format!("touch {id}")).start()]
            };
            let mut runs: Vec<Victim> = (0..1).flat_map(users).collect();
            let delete = place.session(&format!("delete {id}")).start();
            runs.extend((1..2).flat_map(users));
            delete.wait().stdout(&format!("{id} deleted\n")).exit(Exit::Yes);
            for run in runs {
                let run = run.wait().whatever_is_said();
                assert!([0, 1].contains(&run.code()), "round {round}: {}", run.shown());
            }
            place.show(&id).run().stdout(&format!("{id} is not alive\n")).exit(Exit::No);
            place.session("list").run().exit(Exit::Yes);
        }
    }
}

fn append_100(place: &Place) {
    let id = place.create();
    thread::scope(|scope| {
        for process in 0..8 {
            let id = &id;
            scope.spawn(move || {
                (0..100).filter(|n| n % 8 == process).for_each(|n| place.appended(id, n));
            });
        }
    });
    let mut history = place.history(&id);
    let mut expected: Vec<String> = (0..100).map(message).collect();
    history.sort_unstable();
    expected.sort_unstable();
    assert_eq!(history, expected);
}
