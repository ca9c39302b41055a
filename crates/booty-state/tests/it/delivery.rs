//! Deliveries as a plain value.

use booty_state::{Claim, Deliveries, DeliveryCache, Keep};
use proptest::prelude::*;

use crate::{id, key};

fn entries(deliveries: &Deliveries) -> Vec<(String, String)> {
    deliveries.list(None).map(|delivery| (delivery.key.to_string(), delivery.id)).collect()
}

#[test]
fn the_first_claim_is_new_and_every_other_learns_who_has_it() {
    let mut deliveries = Deliveries::default();
    assert_eq!(deliveries.claim(&key("a/b:abcdef0"), &id("1")), Claim::New);
    for other in ["1", "2"] {
        let already = Claim::Already { by: "1".to_owned() };
        assert_eq!(deliveries.claim(&key("a/b:ABCDEF0"), &id(other)), already);
    }
    for other in ["a/c:abcdef0", "a/b:abcdef00", "c/b:abcdef0", "a/b:abcdef"] {
        assert_eq!(deliveries.find(&key(other)), None, "{other}");
        assert_eq!(deliveries.claim(&key(other), &id("3")), Claim::New, "{other}");
    }
}

#[test]
fn recording_overwrites_and_makes_the_delivery_the_newest() {
    let mut deliveries = Deliveries::default();
    for (about, by) in [("a/b:one", "1"), ("a/b:two", "2"), ("a/b:one", "3")] {
        deliveries.record(&key(about), &id(by));
    }
    let expected = [("a/b:two", "2"), ("a/b:one", "3")];
    assert_eq!(entries(&deliveries), expected.map(|(key, id)| (key.to_owned(), id.to_owned())));
}

#[test]
fn only_the_claim_itself_can_be_given_back() {
    let mut deliveries = Deliveries::default();
    let about = key("a/b:one");
    assert!(!deliveries.give_back(&about, &id("1")));
    deliveries.record(&about, &id("1"));
    assert!(!deliveries.give_back(&about, &id("2")));
    assert_eq!(deliveries.find(&about), Some("1"));
    assert!(deliveries.give_back(&about, &id("1")));
    assert_eq!(deliveries.claim(&about, &id("2")), Claim::New);
}

#[test]
fn the_newest_of_each_repository_stay_and_foreign_keys_stay_always() {
    let text = r#"{"a/b:":"","a/b:1":"","a/bb:1":"","a/b:2":"","?":"","a/b:3":"","a/b:x:y":"","a/bb:2":""}"#;
    let given: Deliveries = serde_json::from_str(text).unwrap();
    for (keep, forgotten, expected) in [
        (Keep::All, 0, text),
        (Keep::Newest(0), 0, text),
        (Keep::Newest(3), 0, text),
        (
            Keep::Newest(2),
            1,
            r#"{"a/b:":"","a/bb:1":"","a/b:2":"","?":"","a/b:3":"","a/b:x:y":"","a/bb:2":""}"#,
        ),
        (Keep::Newest(1), 3, r#"{"a/b:":"","?":"","a/b:3":"","a/b:x:y":"","a/bb:2":""}"#),
    ] {
        let mut deliveries = given.clone();
        assert_eq!(deliveries.prune(keep), forgotten, "{keep:?}");
        assert_eq!(serde_json::to_string(&deliveries).unwrap(), expected, "{keep:?}");
    }
    assert_eq!(Keep::default(), Keep::Newest(1_000));
}

/// A webhook said `Acme/Shop` and a script `acme/shop`, and the same commit was claimed by each.
#[test]
fn a_repository_is_one_in_whatever_letters() {
    let dir = tempfile::tempdir().unwrap();
    let log = booty_state::AuditLog::at(dir.path().join("audit.jsonl"));
    let store = state_store::Store::files(dir.path());
    let cache = DeliveryCache::new(&store, Keep::default()).witnessed_by(log);
    assert_eq!(cache.claim(&key("Acme/Shop:9f2c1ab5d0"), &id("1")).unwrap(), Claim::New);
    let already = Claim::Already { by: "1".to_owned() };
    let other = key("acme/shop:9f2c1ab5d0");
    assert_eq!(cache.claim(&other, &id("2")).unwrap(), already);
    assert_eq!(cache.list(Some(&"ACME/shop".parse().unwrap())).unwrap().len(), 1);
    cache.record(&other, &id("3")).unwrap();
    let text = std::fs::read_to_string(dir.path().join("delivery_ids.json")).unwrap();
    assert!(text.contains("\"Acme/Shop:9f2c1ab5d0\"") && !text.contains("acme/"), "{text}");
    assert!(cache.give_back(&other, &id("3")).unwrap());
    // A file of an older version may have both: each is found in its own spelling, and none is new.
    let both = r#"{"Acme/Shop:9f2c1ab5d0":"1","acme/shop:9f2c1ab5d0":"2"}"#;
    let mut both: Deliveries = serde_json::from_str(both).unwrap();
    assert_eq!(
        (both.find(&other), both.find(&key("Acme/Shop:9f2c1ab5d0"))),
        (Some("2"), Some("1"))
    );
    assert_eq!(both.claim(&key("ACME/SHOP:9f2c1ab5d0"), &id("3")), already);
    assert!(both.give_back(&other, &id("2")));
    assert_eq!(both.claim(&other, &id("3")), already);
    // What is no name of a repository is not folded.
    assert_eq!(both.claim(&key("acme/shop:Deploy_Run"), &id("4")), Claim::New);
    assert_eq!(both.claim(&key("acme/shop:deploy_run"), &id("5")), Claim::New);
}

/// 500 events that needed nothing, each claimed by its id and by its run, had pushed out the claim
/// of a commit: it was claimed as new a second time.
#[test]
fn no_number_of_events_pushes_out_a_commit() {
    let (dir, commit) = (tempfile::tempdir().unwrap(), key("a/b:9f2c1ab5d0"));
    let store = state_store::Store::files(dir.path());
    let cache = DeliveryCache::new(&store, Keep::Newest(4));
    assert_eq!(cache.claim(&commit, &id("1")).unwrap(), Claim::New);
    for number in 0..10 {
        for word in ["event", "verify_run"] {
            let event = key(&format!("a/b:{word}_{number}"));
            assert_eq!(cache.claim(&event, &id("2")).unwrap(), Claim::New);
        }
    }
    let by = "1".to_owned();
    assert_eq!(cache.claim(&commit, &id("3")).unwrap(), Claim::Already { by });
    assert_eq!(cache.list(None).unwrap().len(), 5, "each has its own bound");
    assert_eq!(cache.prune(Keep::Newest(1)).unwrap(), 3);
    // And no commit pushes out an event.
    for number in 1_000_000..1_000_010 {
        cache.record(&key(&format!("a/b:{number}")), &id("4")).unwrap();
    }
    assert!(cache.find(&key("a/b:verify_run_9")).unwrap().is_some());
    assert_eq!(cache.list(None).unwrap().len(), 5);
}

#[test]
fn a_commit_in_capitals_does_not_make_its_delivery_look_new() {
    let text = r#"{"Acme/Site:ABCDEF0":"1","Acme/Site:Deploy_Run":"2","Acme/Site:abcdef0":"3"}"#;
    let mut deliveries: Deliveries = serde_json::from_str(text).unwrap();
    assert_eq!(deliveries.find(&key("Acme/Site:abcdef0")), Some("1"));
    let already = Claim::Already { by: "2".to_owned() };
    assert_eq!(deliveries.claim(&key("Acme/Site:Deploy_Run"), &id("4")), already);
    assert_eq!(deliveries.find(&key("Acme/Site:deploy_run")), None);
}

#[test]
fn what_is_not_an_object_of_texts_is_no_deliveries() {
    for text in ["[]", "null", r#"{"a/b:1": null}"#, r#"{"a/b:1": 1}"#, r#"{"a/b:1": {}}"#] {
        assert!(serde_json::from_str::<Deliveries>(text).is_err(), "{text} was read");
    }
}

#[derive(Debug, Clone)]
enum Op {
    Claim(usize, String),
    Record(usize, String),
    GiveBack(usize, String),
    Prune(u32),
}

fn op() -> impl Strategy<Value = Op> {
    let about = 0..8_usize;
    prop_oneof![
        4 => (about.clone(), "[12]").prop_map(|(key, id)| Op::Claim(key, id)),
        2 => (about.clone(), "[12]").prop_map(|(key, id)| Op::Record(key, id)),
        2 => (about, "[12]").prop_map(|(key, id)| Op::GiveBack(key, id)),
        1 => (0..3_u32).prop_map(Op::Prune),
    ]
}

proptest! {
    /// The model is a list that is searched from end to end.
    #[test]
    fn deliveries_do_what_a_plain_list_does(ops in prop::collection::vec(op(), 0..60)) {
        let repos = ["a/b", "a/bb"];
        let about = |index: usize| format!("{}:{}", repos[index % 2], index / 2);
        let mut deliveries = Deliveries::default();
        let mut model: Vec<(String, String)> = Vec::new();
        for op in ops {
            match op {
                Op::Claim(index, by) => {
                    let has = model.iter().find(|(key, _)| *key == about(index)).cloned();
                    let expected = has.map_or(Claim::New, |(_, by)| Claim::Already { by });
                    let claim = deliveries.claim(&key(&about(index)), &id(&by));
                    prop_assert_eq!(&claim, &expected);
                    if claim == Claim::New {
                        model.push((about(index), by));
                    }
                }
                Op::Record(index, by) => {
                    deliveries.record(&key(&about(index)), &id(&by));
                    model.retain(|(key, _)| *key != about(index));
                    model.push((about(index), by));
                }
                Op::GiveBack(index, by) => {
                    let claim = (about(index), by.clone());
                    let given = deliveries.give_back(&key(&about(index)), &id(&by));
                    prop_assert_eq!(given, model.contains(&claim));
                    model.retain(|entry| *entry != claim);
                }
                Op::Prune(keep) => {
                    let mut forgotten = 0;
                    for repo in repos.iter().filter(|_| keep > 0) {
                        let of_repo = |entry: &(String, String)| entry.0.starts_with(&format!("{repo}:"));
                        while model.iter().filter(|entry| of_repo(entry)).count() > keep as usize {
                            let oldest = model.iter().position(of_repo).unwrap();
                            model.remove(oldest);
                            forgotten += 1;
                        }
                    }
                    prop_assert_eq!(deliveries.prune(Keep::Newest(keep)), forgotten);
                }
            }
            prop_assert_eq!(&entries(&deliveries), &model);
            let text = serde_json::to_string(&deliveries).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Deliveries>(&text).unwrap(), &deliveries);
        }
    }
}
