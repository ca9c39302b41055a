//! Ids, breakers, sessions and locks.

use flock_guard::{LockFile, Wait};
use system_tests::{Exit, Govctl, Stage};

use crate::faults::subject::{PLAIN, Subject, is_yes, runs, runs_unless, says, works};

pub(super) const SUBJECTS: &[Subject] = &[
    Subject {
        name: "ids map",
        prepare: |stage| works(stage, "ids map TASK-ONE-1 jira --key SHOP"),
        run: |stage| stage.govctl("ids map TASK-ONE-2 jira --key SHOP"),
        effect: |stage| {
            if !says(stage, "ids list --json", "TASK-ONE-1")? {
                return Err("the id before is gone".to_owned());
            }
            says(stage, "ids list --json", "TASK-ONE-2")
        },
        again: |stage, _| runs(stage.govctl("ids map TASK-ONE-2 jira --key SHOP"), 0),
        ..PLAIN
    },
    Subject {
        name: "ids link",
        prepare: with_an_id,
        run: |stage| stage.govctl("ids link TASK-ONE-2 jira SHOP-77"),
        effect: |stage| says(stage, "ids list --json", "TASK-ONE-2"),
        again: |stage, _| runs(stage.govctl("ids link TASK-ONE-2 jira SHOP-77"), 0),
        ..PLAIN
    },
    Subject {
        name: "ids next",
        prepare: with_an_id,
        run: |stage| stage.govctl("ids next jira --key SHOP"),
        effect: |stage| {
            works(stage, "ids list");
            Ok(!stage.dir.read(COUNTERS).contains("\"SHOP\": 1\n"))
        },
        again: |stage, is_done| {
            let answer = stage.govctl("ids next jira --key SHOP").run().whatever_is_said();
            let is_again = is_done && answer.said() == "SHOP-2\n";
            if answer.code() == 0 && !is_again {
                return Ok(());
            }
            Err(format!("then\n{}", answer.shown()))
        },
        ..PLAIN
    },
    Subject {
        name: "ids rebuild-counters",
        prepare: |stage| {
            with_an_id(stage);
            std::fs::remove_file(stage.dir.join(COUNTERS)).expect("an id was counted");
        },
        run: |stage| stage.govctl("ids rebuild-counters --floor 100"),
        effect: |stage| Ok(stage.dir.read(COUNTERS).contains("\"floor\": 100")),
        again: |stage, is_done| {
            runs_unless(is_done, stage.govctl("ids rebuild-counters --floor 100"))
        },
        ..PLAIN
    },
    Subject {
        name: "breaker failure",
        prepare: |stage| works(stage, "breaker failure api"),
        run: |stage| stage.govctl("breaker failure api"),
        effect: |stage| {
            let is_before = says(stage, "--json breaker status api", "\"failure_count\": 1,")?;
            Ok(!is_before)
        },
        again: |stage, _| runs(stage.govctl("breaker failure api"), 0),
        ..PLAIN
    },
    Subject {
        name: "breaker success",
        prepare: |stage| works(stage, "breaker failure api"),
        run: |stage| stage.govctl("breaker success api"),
        effect: |stage| says(stage, "--json breaker status api", "\"failure_count\": 0,"),
        again: |stage, _| runs(stage.govctl("breaker success api"), 0),
        ..PLAIN
    },
    Subject {
        name: "breaker run",
        owns_up: Some("how the command ended is not recorded"),
        prepare: |stage| works(stage, "breaker failure api"),
        run: |stage| stage.govctl("breaker run api -- true"),
        effect: |stage| says(stage, "--json breaker status api", "\"failure_count\": 0,"),
        again: |stage, _| runs(stage.govctl("breaker run api -- true"), 0),
        ..PLAIN
    },
    Subject {
        name: "breaker trip",
        prepare: |stage| works(stage, "breaker failure api"),
        run: |stage| stage.govctl("breaker trip api --reason seen"),
        effect: |stage| Ok(!says(stage, "--json breaker status api", "\"closed\"")?),
        again: |stage, _| runs(stage.govctl("breaker trip api --reason seen"), 0),
        ..PLAIN
    },
    Subject {
        name: "breaker reset",
        prepare: |stage| works(stage, "breaker trip api --reason seen"),
        run: |stage| stage.govctl("breaker reset api --reason seen"),
        effect: |stage| says(stage, "--json breaker status api", "\"closed\""),
        again: |stage, _| runs(stage.govctl("breaker reset api --reason seen"), 0),
        ..PLAIN
    },
    Subject {
        name: "breaker check, which takes the trial",
        prepare: |stage| {
            let trip = stage.govctl("breaker trip api --reason seen").at("2026-01-01T00:00:00Z");
            trip.run().whatever_is_said().exit(Exit::Yes);
        },
        run: |stage| stage.govctl("breaker check api"),
        effect: |stage| {
            says(stage, "--json breaker status api", "\"half_open\"")?;
            Ok(stage.dir.read("state/breakers/api.json").contains("\"trials\""))
        },
        again: |stage, is_done| runs(stage.govctl("breaker check api"), i32::from(is_done)),
        ..PLAIN
    },
    Subject {
        name: "session append",
        prepare: with_a_session,
        run: |stage| append(stage, "after"),
        effect: is_appended,
        again: |stage, _| runs(append(stage, "after"), 0),
        ..PLAIN
    },
    Subject {
        name: "session create",
        prepare: with_a_session,
        run: |stage| stage.govctl("session create other"),
        effect: |stage| {
            if !says(stage, "session list --json", "\"agent\"")? {
                return Err("the session before is gone".to_owned());
            }
            says(stage, "session list --json", "\"other\"")
        },
        again: |stage, _| runs(stage.govctl("session create other"), 0),
        ..PLAIN
    },
    Subject {
        name: "session touch",
        prepare: with_a_session,
        run: touch,
        effect: |stage| says(stage, "session list --json --expire-after never", "2030-01-01T"),
        again: |stage, _| runs(touch(stage), 0),
        ..PLAIN
    },
    Subject {
        name: "session delete",
        prepare: with_a_session,
        run: |stage| stage.govctl(&format!("session delete {}", stage.dir.read("session"))),
        effect: |stage| Ok(!is_yes(stage, &format!("session show {}", stage.dir.read("session")))?),
        again: |stage, is_done| {
            let delete = format!("session delete {}", stage.dir.read("session"));
            runs(stage.govctl(&delete), i32::from(is_done))
        },
        ..PLAIN
    },
    Subject {
        name: "lock run",
        prepare: |stage| works(stage, "lock run nightly -- true"),
        run: |stage| stage.govctl("lock run nightly -- true"),
        effect: |stage| says(stage, "--json lock status nightly", "\"held\": false"),
        again: |stage, _| runs(stage.govctl("lock run nightly -- true"), 0),
        ..PLAIN
    },
    Subject {
        name: "lock break",
        prepare: |stage| works(stage, "lock run nightly -- true"),
        bystander: |stage| {
            let lock = LockFile::new(stage.state().join("locks/nightly.lock"));
            Some(Box::new(lock.exclusive(Wait::Never).expect("nobody holds it yet")))
        },
        run: |stage| stage.govctl("lock break nightly --force --reason hangs"),
        effect: |stage| says(stage, "--json lock status nightly", "\"held\": false"),
        again: |stage, _| runs(stage.govctl("lock break nightly --force --reason hangs"), 0),
        ..PLAIN
    },
];

const COUNTERS: &str = "state/external_id_counters.json";

fn with_an_id(stage: &Stage) {
    works(stage, "ids map TASK-ONE-1 jira --key SHOP");
}

fn with_a_session(stage: &Stage) {
    let created = stage.govctl("session create agent").run().whatever_is_said();
    stage.dir.write("session", created.said().trim());
    append(stage, "before").run().whatever_is_said().exit(Exit::Yes);
}

fn append(stage: &Stage, text: &str) -> Govctl {
    let words = format!("session append {}", stage.dir.read("session"));
    stage.govctl(&words).stdin(format!("{{\"text\": \"{text}\"}}\n").as_bytes())
}

fn is_appended(stage: &Stage) -> Result<bool, String> {
    let show = format!("session show {}", stage.dir.read("session"));
    if !says(stage, &show, "before")? {
        return Err("the message before is gone".to_owned());
    }
    says(stage, &show, "after")
}

fn touch(stage: &Stage) -> Govctl {
    let touch = format!("session touch --expire-after never {}", stage.dir.read("session"));
    stage.govctl(&touch).at("2030-01-01T00:00:00Z")
}
