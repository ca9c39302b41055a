//! What came back from a backup lacks one change. The audit log tells which, or nobody answers.

use std::{fs, path::Path};

use booty_state::{
    Approval, Approvals, AuditLog, Claim, DeliveryCache, DeployResult, Freezes, Keep, Moment,
    NewEntry, NoWitness, Owner, ReleaseState, ReleaseStore, Repo, Sha, StateError,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use state_store::{Schema, Store};

use crate::{at, given, id, key, sha};

const NOW: &str = "2026-11-20T18:53:00Z";

/// A state directory in which what govctl does is done.
struct Place<'a> {
    dir: &'a Path,
    keep: Keep,
}

impl Place<'_> {
    fn log(&self) -> AuditLog {
        AuditLog::at(self.dir.join("audit.jsonl"))
    }

    fn alone(&self) -> DeliveryCache {
        DeliveryCache::new(&Store::files(self.dir), self.keep)
    }

    fn deliveries(&self) -> DeliveryCache {
        self.alone().witnessed_by(self.log())
    }

    fn releases(&self) -> ReleaseStore {
        ReleaseStore::new(&Store::files(self.dir)).witnessed_by(self.log())
    }

    fn write_down(&self, what: &str, commit: &Sha, after: impl Into<Value>, now: Moment) {
        let entry = NewEntry::new(now, "ana", what).about(&repo(), commit);
        self.log().append(&entry.changing(Value::Null, after)).unwrap();
    }

    fn start(&self, commit: char, delivery: &str) {
        let about = key(&format!("a/b:{}", sha(commit)));
        self.deliveries().record(&about, &id(delivery)).unwrap();
        self.write_down("deploy_started", &sha(commit), delivery, at(NOW));
    }

    fn damage(&self, name: &str) {
        given(&self.dir.join(name), "{");
    }

    /// The deliveries, in order of arrival: `a one, b two`.
    fn list(&self) -> String {
        let list = self.deliveries().list(None).unwrap();
        let entry = |delivery: &booty_state::Delivery| {
            format!("{} {}", &delivery.key.subject().as_str()[..1], delivery.id)
        };
        list.iter().map(entry).collect::<Vec<_>>().join(", ")
    }
}

fn repo() -> Repo {
    "a/b".parse().unwrap()
}

fn is_old<T>(answer: Result<T, StateError>) -> bool {
    matches!(answer, Err(StateError::OneChangeOld { .. }))
}

#[test]
fn the_log_tells_what_the_deliveries_lack_whatever_the_lost_change_was() {
    type Lost = fn(&Place<'_>);
    let cases: [(&str, Lost, &str); 7] = [
        ("a start", |place| place.start('c', "three"), "a one, b two, c three"),
        ("a start by another delivery", |place| place.start('a', "three"), "b two, a three"),
        (
            "a start that was taken back",
            |place| {
                place.start('c', "three");
                place
                    .deliveries()
                    .give_back(&key(&format!("a/b:{}", sha('c'))), &id("three"))
                    .unwrap();
                place.write_down("deploy_taken_back", &sha('c'), "three", at(NOW));
            },
            "a one, b two",
        ),
        (
            "a claim",
            |place| {
                let about = format!("a/b:{}", sha('c'));
                assert_eq!(
                    place.deliveries().claim(&key(&about), &id("three")).unwrap(),
                    Claim::New
                );
                let entry = NewEntry::new(at(NOW), "ana", "delivery_claimed");
                let after = json!({"key": about, "delivery_id": "three"});
                place.log().append(&entry.changing(Value::Null, after)).unwrap();
            },
            "a one, b two, c three",
        ),
        (
            "an outcome that was observed elsewhere",
            |place| {
                place.write_down("recorded", &sha('c'), "success", at(NOW));
                place.deliveries().record(&key(&format!("a/b:{}", sha('c'))), &id("x")).unwrap();
            },
            "a one, b two, c audit.jsonl",
        ),
        (
            "the oldest forgotten",
            |place| assert_eq!(place.deliveries().prune(Keep::Newest(1)).unwrap(), 1),
            "a one, b two",
        ),
        (
            "a start of another repository",
            |place| {
                place
                    .deliveries()
                    .record(&key(&format!("x/y:{}", sha('c'))), &id("three"))
                    .unwrap();
                let entry = NewEntry::new(at(NOW), "ana", "deploy_started");
                let entry = entry.about(&"x/y".parse().unwrap(), &sha('c'));
                place.log().append(&entry.changing(Value::Null, "three")).unwrap();
            },
            "a one, b two, c three",
        ),
    ];
    for (what, lost, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { dir: dir.path(), keep: Keep::default() };
        place.start('a', "one");
        place.start('b', "two");
        lost(&place);
        place.damage("delivery_ids.json");
        // Looking writes nothing, and answers as the next change does.
        assert_eq!(place.list(), expected, "{what}");
        assert_eq!(fs::read(dir.path().join("delivery_ids.json")).unwrap(), b"{");
        let about = key(&format!("a/b:{}", sha('b')));
        let by = "two".to_owned();
        let claim = place.deliveries().claim(&about, &id("four")).unwrap();
        assert_eq!(claim, Claim::Already { by }, "{what}");
        assert_eq!(place.list(), expected, "{what}");
        assert!(place.alone().find(&key("a/b:abcdef0")).is_ok(), "{what}: it is settled now");
    }
}

#[test]
fn without_a_witness_no_question_is_answered_until_a_person_has_looked() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place { dir: dir.path(), keep: Keep::default() };
    place.start('a', "one");
    place.start('b', "two");
    place.damage("delivery_ids.json");
    let (about, cache) = (key(&format!("a/b:{}", sha('b'))), place.alone());
    for _ in 0..2 {
        assert!(is_old(cache.find(&about)));
        assert!(is_old(cache.claim(&about, &id("3"))));
        assert!(is_old(cache.record(&about, &id("3"))));
        assert!(is_old(cache.give_back(&about, &id("2"))));
        assert!(is_old(cache.list(None)));
        assert!(is_old(cache.prune(Keep::All)));
    }
    // The document itself is whole again by now, and says so; what it says is not to be lost.
    let text = fs::read_to_string(dir.path().join("delivery_ids.json")).unwrap();
    assert!(text.contains("restored_from_backup"), "{text}");
    assert_eq!(place.list(), "a one, b two");
}

#[test]
fn a_log_that_is_not_whole_or_does_not_know_the_last_delivery_is_no_witness() {
    type Spoil = fn(&Path, &Place<'_>);
    type IsWhy = fn(&NoWitness) -> bool;
    fn forget_mark(log: &Path) {
        fs::remove_file(log.with_extension("jsonl.mark")).unwrap();
    }
    let cases: [(Spoil, IsWhy); 6] = [
        (|log, _| fs::remove_file(log).unwrap(), |why| matches!(why, NoWitness::Untrusted(_))),
        (
            |log, _| {
                forget_mark(log);
                fs::remove_file(log).unwrap();
            },
            |why| matches!(why, NoWitness::Empty { .. }),
        ),
        (
            |log, _| {
                let text = fs::read_to_string(log).unwrap();
                given(log, text.replace("deploy_started", "deploy_startet"));
            },
            |why| matches!(why, NoWitness::Untrusted(_)),
        ),
        (
            |log, _| {
                // Cut off behind the first line: the chain is whole, and knows nothing of `b`.
                let text = fs::read_to_string(log).unwrap();
                given(log, format!("{}\n", text.lines().next().unwrap()));
            },
            |why| matches!(why, NoWitness::Untrusted(_)),
        ),
        (
            |log, _| {
                forget_mark(log);
                let text = fs::read_to_string(log).unwrap();
                given(log, format!("{}\n", text.lines().next().unwrap()));
            },
            |why| matches!(why, NoWitness::Lacks { .. }),
        ),
        (
            |_, place| {
                // Another program claims, and writes nothing down.
                for word in ["run_1", "run_2"] {
                    place.alone().record(&key(&format!("a/b:{word}")), &id("3")).unwrap();
                }
            },
            |why| matches!(why, NoWitness::Lacks { .. }),
        ),
    ];
    for (spoil, is_why) in cases {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { dir: dir.path(), keep: Keep::default() };
        for (commit, delivery) in [('a', "one"), ('b', "two"), ('c', "three")] {
            place.start(commit, delivery);
        }
        spoil(&dir.path().join("audit.jsonl"), &place);
        place.damage("delivery_ids.json");
        for error in [
            place.deliveries().find(&key("a/b:abcdef0")).unwrap_err(),
            place.deliveries().claim(&key("a/b:abcdef0"), &id("4")).unwrap_err(),
        ] {
            let StateError::OneChangeOld { source, .. } = error else { panic!("{error:?}") };
            assert!(is_why(&source), "{source:?}");
        }
    }
}

#[test]
fn what_was_pruned_does_not_come_back_in_the_place_of_what_is_newer() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place { dir: dir.path(), keep: Keep::Newest(2) };
    for (commit, delivery) in [('a', "1"), ('b', "2"), ('c', "3"), ('d', "4"), ('e', "5")] {
        place.start(commit, delivery);
    }
    assert_eq!(place.list(), "d 4, e 5");
    place.damage("delivery_ids.json");
    assert_eq!(place.list(), "c 3, d 4, e 5", "the backup, and the one that it lacks");
    place.start('f', "6");
    assert_eq!(place.list(), "e 5, f 6");
}

#[test]
fn an_approval_that_was_taken_back_and_a_freeze_do_not_get_lost() {
    let mut approvals = Approvals::default();
    let owner = Owner { repo: repo(), environment: "production".to_owned() };
    approvals.give(Approval {
        owner: owner.clone(),
        sha: sha('a'),
        by: "ana".to_owned(),
        reason: None,
        given_at: at(NOW),
        expires_at: at("2026-11-21T00:00:00Z"),
        revoked: None,
        unknown: serde_json::Map::default(),
    });
    approvals.restored().unwrap();
    assert_eq!(approvals.in_force(&owner, &sha('a'), at(NOW)).count(), 0);
    assert!(Freezes::default().restored().is_err());
}

#[test]
fn a_person_can_vouch_for_both() {
    let mut state = ReleaseState::default();
    state.restored().unwrap();
    assert!(state.restored_from_backup);
    state.accepted();
    assert_eq!(state, ReleaseState::default());
    let mut deliveries = booty_state::Deliveries::default();
    deliveries.restored().unwrap();
    assert!(deliveries.may_lack_one());
    deliveries.accepted();
    assert_eq!(deliveries, booty_state::Deliveries::default());
}

/// What may happen to a commit, as govctl does it.
#[derive(Debug, Clone)]
enum Step {
    Start(char),
    Finish(char, DeployResult),
    TakeBack(char),
    RollBack(char),
}

fn step() -> impl Strategy<Value = Step> {
    let commit = || (0..4_u8).prop_map(|number| char::from(b'a' + number));
    let result = prop_oneof![Just(DeployResult::Success), Just(DeployResult::Failure)];
    prop_oneof![
        commit().prop_map(Step::Start),
        (commit(), result).prop_map(|(commit, result)| Step::Finish(commit, result)),
        commit().prop_map(Step::TakeBack),
        commit().prop_map(Step::RollBack),
    ]
}

impl Place<'_> {
    /// Does one step. What a transition is about stands in the log before or after it.
    fn run(&self, step: &Step, now: Moment, line_first: bool) {
        let line = || match step {
            Step::Start(commit) => self.write_down("deploy_started", &sha(*commit), "id", now),
            Step::Finish(commit, result) => {
                self.write_down("deploy_finished", &sha(*commit), result.as_str(), now);
            }
            Step::RollBack(commit) => {
                self.write_down("rolled_back", &sha(*commit), Value::Null, now);
            }
            Step::TakeBack(commit) => {
                self.write_down("deploy_taken_back", &sha(*commit), "id", now)
            }
        };
        if line_first {
            line();
        }
        match step {
            Step::Start(commit) => {
                drop(self.releases().attempt_started(&sha(*commit), now).unwrap())
            }
            Step::Finish(commit, result) => {
                drop(self.releases().finished(&sha(*commit), result.clone(), now).unwrap());
            }
            Step::RollBack(commit) => {
                drop(self.releases().take_back(&sha(*commit), None, now).unwrap());
            }
            Step::TakeBack(commit) => drop(self.releases().abandon(&sha(*commit)).unwrap()),
        }
        if !line_first {
            line();
        }
    }
}

/// What decisions depend on. In which order commits were taken back is none of it.
fn essence(state: &ReleaseState) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut marked: Vec<_> = state.rolled_back.iter().map(|mark| mark.sha.to_string()).collect();
    marked.sort();
    (
        state.production_sha_current.clone(),
        state.production_sha_previous.clone(),
        state.last_deploy_attempt_sha.clone(),
        state.last_deploy_result.clone(),
        state.unknown().into_iter().cloned().collect::<Vec<_>>(),
        marked,
    )
}

#[test]
fn a_lost_outcome_ends_a_rollback_even_if_it_reads_like_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place { dir: dir.path(), keep: Keep::default() };
    let failure = Step::Finish('a', DeployResult::Failure);
    for step in [&failure, &Step::RollBack('a'), &failure] {
        place.run(step, at(NOW), false);
    }
    place.damage("release.json");
    assert_eq!(place.releases().load().unwrap().rolled_back, []);
    place.run(&Step::RollBack('a'), at(NOW), true);
    place.damage("release.json");
    assert_eq!(place.releases().load().unwrap().rolled_back.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_log_tells_which_transition_the_release_state_lacks(
        steps in prop::collection::vec((step(), any::<bool>(), any::<bool>()), 1..24)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { dir: dir.path(), keep: Keep::default() };
        for (seconds, (step, line_first, damaged)) in steps.into_iter().enumerate() {
            let now = at(NOW).later_by(std::time::Duration::from_secs(seconds as u64));
            // Nobody starts a commit again that nobody knows the end of, or takes back what
            // was not started.
            let before = place.releases().load().unwrap();
            let open = |commit: char| before.unknown().contains(&&sha(commit));
            match step {
                Step::Start(commit) if open(commit) => continue,
                Step::TakeBack(commit) if !open(commit) => continue,
                _ => {}
            }
            place.run(&step, now, line_first);
            let expected = place.releases().load().unwrap();
            let has_backup = dir.path().join("release.json.bak").exists();
            if damaged && has_backup {
                place.damage("release.json");
                let looked = place.releases().load().unwrap();
                prop_assert_eq!(essence(&looked), essence(&expected));
                // A transition that changes nothing repairs it nevertheless.
                place.releases().abandon(&sha('f')).unwrap();
                let alone = ReleaseStore::new(&Store::files(dir.path())).load().unwrap();
                prop_assert_eq!(essence(&alone), essence(&expected));
            }
        }
    }
}

#[test]
fn a_release_state_that_the_log_does_not_know_is_an_error_and_of_its_own_repository_only() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place { dir: dir.path(), keep: Keep::default() };
    let owner = Owner { repo: repo(), environment: "production".to_owned() };
    let releases = place.releases().owned_by(owner);
    releases.attempt_started(&sha('a'), at(NOW)).unwrap();
    releases.finished(&sha('a'), DeployResult::Success, at(NOW)).unwrap();
    let other =
        NewEntry::new(at(NOW), "ana", "deploy_started").about(&"x/y".parse().unwrap(), &sha('a'));
    place.log().append(&other).unwrap();
    place.damage("release.json");
    let error = releases.load().unwrap_err();
    let StateError::OneChangeOld { source: NoWitness::Lacks { what, .. }, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(what, "pending of aaaaaaa");
    assert!(is_old(releases.health_checked(at(NOW))));
    let alone = ReleaseStore::new(&Store::files(dir.path()));
    assert!(is_old(alone.load()), "the document is whole, and still nobody knows");
    // The log learns of it.
    place.write_down("deploy_started", &sha('a'), "id", at(NOW));
    place.write_down("deploy_finished", &sha('a'), "success", at(NOW));
    assert!(releases.load().unwrap().is_live(&sha('a')));
}

#[test]
fn a_state_that_was_lost_with_its_backup_knows_every_open_deploy_of_its_repository() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place { dir: dir.path(), keep: Keep::default() };
    let owner = Owner { repo: repo(), environment: "production".to_owned() };
    let releases = || place.releases().owned_by(owner.clone());
    assert_eq!(releases().load().unwrap(), ReleaseState::default());
    let start = |commit| place.write_down("deploy_started", &sha(commit), "x", at(NOW));
    for commit in ['a', 'b', 'c', 'd', 'e'] {
        start(commit);
    }
    place.write_down("deploy_finished", &sha('b'), "success", at(NOW));
    place.write_down("deploy_taken_back", &sha('c'), "x", at(NOW));
    start('a');
    let other = NewEntry::new(at(NOW), "ana", "deploy_started")
        .about(&"else/where".parse().unwrap(), &sha('f'));
    place.log().append(&other.changing(Value::Null, "x")).unwrap();
    let state = releases().load().unwrap();
    assert_eq!(state.unknown(), [&sha('d'), &sha('e'), &sha('a')]);
    assert!(!dir.path().join("release.json").exists(), "looking writes nothing");

    // The first change does not make it forget the others, nor does the next.
    let state = releases().finished(&sha('d'), DeployResult::Failure, at(NOW)).unwrap();
    assert_eq!(state.unknown(), [&sha('e'), &sha('a')]);
    releases().abandon(&sha('a')).unwrap();
    assert_eq!(releases().load().unwrap().unknown(), [&sha('e')]);
}

#[test]
fn the_line_of_the_first_start_does_not_count_beside_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place { dir: dir.path(), keep: Keep::default() };
    place.write_down("deploy_started", &sha('a'), "x", at(NOW));
    let state = place.releases().attempt_started(&sha('a'), at(NOW)).unwrap();
    assert_eq!(state.deploy_history.len(), 1);
    place.releases().abandon(&sha('a')).unwrap();
    place.write_down("deploy_taken_back", &sha('a'), "x", at(NOW));
    assert!(place.releases().load().unwrap().deploy_history.is_empty());
}

#[test]
fn a_state_that_knows_of_a_deploy_is_not_told_by_the_log_what_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place { dir: dir.path(), keep: Keep::default() };
    place.releases().finished(&sha('a'), DeployResult::Success, at(NOW)).unwrap();
    place.write_down("deploy_started", &sha('b'), "x", at(NOW));
    assert!(place.releases().load().unwrap().unknown().is_empty());
}
