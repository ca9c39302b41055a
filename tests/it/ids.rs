//! Numbers for trackers: none is handed out twice, whoever is killed and however many ask.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;

use system_tests::{Exit, Govctl, Stage, Victim, killed_at_each};

/// Where a crash can come between two steps.
const CALLS: [&str; 12] = [
    "openat",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "rename",
    "renameat",
    "renameat2",
    "linkat",
    "unlinkat",
    "flock",
];

/// What every new number calls. A sweep that meets less has shown less than it seems to.
const USUAL: [&str; 5] = ["openat", "write", "fsync", "renameat", "flock"];

#[test]
fn a_map_that_is_killed_at_any_call_hands_no_number_out_twice() {
    let stage = Stage::new();
    let mut book = Book::default();
    book.map(&stage, "EPIC-SHOP-0", "");
    let met = killed_at_each(
        &CALLS,
        |run| map(&stage, &internal(run)),
        |run, answer, what| {
            let internal = internal(run);
            // Whoever was told a number keeps it, even if the teller died right after.
            if let Some(told) = answer.said().strip_suffix('\n') {
                book.note(told, &internal, what);
            }
            book.go_on(&stage, run, what);
            book.map(&stage, &internal, what);
        },
    );
    book.close(&met);
}

#[test]
fn a_next_that_is_killed_at_any_call_hands_no_number_out_twice() {
    let stage = Stage::new();
    let mut book = Book::default();
    book.map(&stage, "EPIC-SHOP-0", "");
    let met = killed_at_each(
        &CALLS,
        |_| next(&stage),
        |run, answer, what| {
            if let Some(told) = answer.said().strip_suffix('\n') {
                book.note(told, &format!("killed run {run}"), what);
            }
            book.go_on(&stage, run, what);
        },
    );
    book.close(&met);
}

#[test]
fn of_400_maps_by_8_processes_each_gets_a_number_of_its_own() {
    let stage = Stage::new();
    let told: Vec<(String, String)> = thread::scope(|scope| {
        let stage = &stage;
        let mappers: Vec<_> = (0..8)
            .map(|process| {
                scope.spawn(move || {
                    let internals = (0..50).map(|number| format!("TASK-P{process}-{number}"));
                    let told = internals.map(|internal| {
                        let run = map(stage, &internal).option("--lock-wait", "forever").run();
                        let external = run.said().trim_end().to_owned();
                        run.stdout(&format!("{external}\n")).exit(Exit::Yes);
                        (internal, external)
                    });
                    told.collect::<Vec<_>>()
                })
            })
            .collect();
        mappers.into_iter().flat_map(|mapper| mapper.join().unwrap()).collect()
    });
    let told: BTreeMap<String, String> = told.into_iter().collect();
    assert_eq!(told, listed(&stage));
    let numbers: BTreeSet<String> = told.into_values().collect();
    // Nobody was killed: no number was skipped either.
    assert_eq!(numbers, (1..=400).map(|number| format!("SHOP-{number}")).collect());
    assert_no_leftovers(&stage, "");
}

#[test]
fn of_8_that_map_one_id_at_once_all_are_told_the_same_number() {
    let stage = Stage::new();
    for round in 1..=20 {
        let start = |_| map(&stage, &internal(round)).start();
        let runs: Vec<Victim> = (0..8).map(start).collect();
        for run in runs {
            run.wait().stdout(&format!("SHOP-{round}\n")).exit(Exit::Yes);
        }
    }
    assert_eq!(listed(&stage).len(), 20);
}

#[test]
fn damaged_counters_without_a_backup_hand_nothing_out_and_stay_as_they_are() {
    let stage = Stage::new();
    for number in 0..3 {
        map(&stage, &internal(number)).run().stdout_has("SHOP-").exit(Exit::Yes);
    }
    let counters = stage.state().join("external_id_counters.json");
    let whole = fs::read_to_string(&counters).unwrap();
    fs::remove_file(stage.state().join("external_id_counters.json.bak")).unwrap();
    let mapping = stage.dir.read("state/external_id_mapping.json");
    let damaged = [
        ("empty", String::new()),
        ("torn", whole[..whole.len() / 2].to_owned()),
        ("another number", whole.replace('3', "2")),
        ("no object", "[]\n".to_owned()),
        ("zeros", "\0".repeat(whole.len())),
    ];
    for (what, text) in damaged {
        assert_ne!(text, whole, "{what}");
        stage.edit("external_id_counters.json", |_| text.clone());
        for run in [map(&stage, "TASK-SHOP-99"), next(&stage)] {
            let run = run.run();
            assert_eq!(run.said(), "", "{what}: {}", run.shown());
            run.stderr_has("external_id_counters.json").exit(Exit::Broken);
        }
        assert_eq!(fs::read_to_string(&counters).unwrap(), text, "{what}");
        assert_eq!(stage.dir.read("state/external_id_mapping.json"), mapping, "{what}");
        // Who has a number is told so: that is in the other file.
        map(&stage, &internal(2)).run().stdout("SHOP-3\n").exit(Exit::Yes);
        assert_no_leftovers(&stage, what);
    }
    stage.edit("external_id_counters.json", |_| whole);
    map(&stage, "TASK-SHOP-99").run().stdout("SHOP-4\n").exit(Exit::Yes);
}

fn internal(number: usize) -> String {
    format!("TASK-SHOP-{number}")
}

fn map(stage: &Stage, internal: &str) -> Govctl {
    stage.govctl(&format!("ids map {internal} jira --key SHOP"))
}

fn next(stage: &Stage) -> Govctl {
    stage.govctl("ids next jira --key SHOP")
}

/// Every mapping, external by internal.
#[track_caller]
fn listed(stage: &Stage) -> BTreeMap<String, String> {
    let list = stage.govctl("ids list --json").run().json(Exit::Yes);
    let pairs = list.as_array().unwrap().iter().map(|pair| {
        let [internal, external] = ["internal", "external"].map(|key| pair[key].as_str().unwrap());
        (internal.to_owned(), external.to_owned())
    });
    pairs.collect()
}

/// Every number that anybody was told of, and who has it.
#[derive(Default)]
struct Book {
    owners: BTreeMap<String, String>,
    /// How many runs may have skipped a number.
    killed: usize,
}

impl Book {
    #[track_caller]
    fn note(&mut self, external: &str, owner: &str, what: &str) {
        let before = self.owners.insert(external.to_owned(), owner.to_owned());
        let before = before.as_deref().unwrap_or(owner);
        assert_eq!(before, owner, "both have {external}\n{what}");
    }

    /// Maps it, with success.
    #[track_caller]
    fn map(&mut self, stage: &Stage, internal: &str, what: &str) {
        let mapped = map(stage, internal).option("--lock-wait", "0").run();
        assert_eq!(mapped.code(), 0, "{what}\nthen\n{}", mapped.shown());
        self.note(mapped.said().trim_end(), internal, what);
    }

    /// After a kill: what was told is still recorded, the next number and the next map are
    /// new ones, and nothing is left over.
    #[track_caller]
    fn go_on(&mut self, stage: &Stage, run: usize, what: &str) {
        self.killed += 1;
        let listed = listed(stage);
        for (internal, external) in &listed {
            self.note(external, internal, what);
        }
        let is_internal = |owner: &&String| owner.starts_with("TASK") || owner.starts_with("EPIC");
        for owner in self.owners.values().filter(is_internal) {
            assert!(listed.contains_key(owner), "{owner} was told, and is gone\n{what}");
        }
        let next = next(stage).option("--lock-wait", "0").run();
        assert_eq!(next.code(), 0, "{what}\nthen\n{}", next.shown());
        self.note(next.said().trim_end(), &format!("next {run}"), what);
        self.map(stage, &format!("TASK-NEXT-{run}"), what);
        assert_no_leftovers(stage, what);
    }

    /// At the end: the sweep met what it should, and no kill skipped more than one number.
    fn close(self, met: &BTreeSet<&str>) {
        assert!(USUAL.iter().all(|call| met.contains(call)), "only met {met:?}");
        let number = |external: &String| external["SHOP-".len()..].parse::<usize>().unwrap();
        let largest = self.owners.keys().map(number).max().unwrap();
        let (told, killed) = (self.owners.len(), self.killed);
        assert!(largest <= told + killed, "{largest} numbers: {told} told, {killed} killed");
    }
}

#[track_caller]
fn assert_no_leftovers(stage: &Stage, what: &str) {
    let names = stage.dir.names("state");
    let leftovers: Vec<_> = names.iter().filter(|name| name.starts_with('.')).collect();
    assert!(leftovers.is_empty(), "left behind: {leftovers:?}\n{what}");
}
