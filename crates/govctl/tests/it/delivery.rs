//! `govctl delivery`, without a work tree.

use crate::{Bench, SHA};

#[test]
fn claiming_twice_is_told_apart_by_the_exit_code() {
    let bench = Bench::new();
    let has = ["delivery", "has", "acme/shop", SHA, "--json"];
    assert_eq!(bench.run(&has).exits(1).json()["handled"], false);
    let first =
        bench.run(&["delivery", "claim", "acme/shop", SHA, "one", "--json"]).exits(0).json();
    assert_eq!((&first["new"], &first["delivery_id"]), (&true.into(), &"one".into()));
    let second =
        bench.run(&["delivery", "claim", "acme/shop", SHA, "two", "--json"]).exits(1).json();
    assert_eq!((&second["new"], &second["delivery_id"]), (&false.into(), &"one".into()));
    assert_eq!(bench.run(&has).exits(0).json()["delivery_id"], "one");
    bench.run(&["delivery", "has", "acme/other", SHA]).exits(1);
}

#[test]
fn record_overwrites_and_list_keeps_the_order_of_arrival() {
    let bench = Bench::new();
    for (key, id) in [("deploy_run_1", "a"), ("deploy_run_2", "b"), ("deploy_run_1", "c")] {
        bench.run(&["delivery", "record", "acme/shop", key, id]).exits(0);
    }
    let list = bench.run(&["delivery", "list"]).exits(0).stdout();
    assert_eq!(list, "acme/shop:deploy_run_2  b\nacme/shop:deploy_run_1  c\n");
    assert_eq!(
        bench.run(&["delivery", "list", "acme/other", "--json"]).exits(0).json(),
        serde_json::json!([])
    );
    bench.run(&["delivery", "prune", "--keep", "1"]).exits(0);
    assert_eq!(bench.run(&["delivery", "list"]).exits(0).stdout(), "acme/shop:deploy_run_1  c\n");
}

#[test]
fn every_change_leaves_a_line_in_the_history() {
    let bench = Bench::new();
    bench.run(&["delivery", "claim", "acme/shop", SHA, "one"]).exits(0);
    bench.run(&["delivery", "claim", "acme/shop", SHA, "two"]).exits(1);
    bench.run(&["delivery", "record", "acme/shop", "deploy_run_1", "three"]).exits(0);
    let history = bench.run(&["history", "--verify", "--json"]).exits(0).json();
    let what: Vec<&str> =
        history.as_array().unwrap().iter().map(|e| e["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["delivery_claimed", "delivery_recorded"]);
}

#[test]
fn a_document_that_is_damaged_for_good_says_how_to_mend_it() {
    let bench = Bench::new();
    bench.run(&["delivery", "claim", "acme/shop", SHA, "one"]).exits(0);
    for (file, hint) in [
        ("delivery_ids.json", "state edit delivery_ids.json"),
        ("release.json", "state edit release.json"),
        ("security_overrides.json", "the program that writes it"),
    ] {
        let path = format!(".booty/state/{file}");
        let before = std::fs::read_to_string(bench.path().join(&path)).unwrap_or("{}".to_owned());
        bench.given(&path, "{");
        let ran = bench.run(&["check", SHA]).exits(3);
        assert!(ran.stderr().contains(hint), "{file}: {}", ran.stderr());
        bench.given(&path, &before);
    }
}

#[test]
fn only_a_numbered_word_is_a_key_and_a_mistyped_branch_is_an_error() {
    let bench = Bench::new();
    for key in ["deploy_run_123", "run_9f2c1ab"] {
        bench.run(&["delivery", "has", "acme/shop", key]).exits(1);
    }
    for mistyped in ["my_featur", "main", "_12", "release_"] {
        bench.run(&["delivery", "has", "acme/shop", mistyped]).exits(2);
    }
}
