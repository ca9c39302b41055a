//! `govctl ids`

use crate::Bench;

#[test]
fn mapping_twice_gives_the_same_id_and_another_one_the_next() {
    let bench = Bench::new();
    let map = |internal: &str| {
        let args = ["ids", "map", internal, "jira", "--key", "shop"];
        bench.run(&args).exits(0).stdout().trim_end().to_owned()
    };
    assert_eq!(
        (map("TASK-SHOP-1"), map("TASK-SHOP-2"), map("TASK-SHOP-1")),
        ("SHOP-1".into(), "SHOP-2".into(), "SHOP-1".into())
    );
    assert_eq!(bench.run(&["ids", "find", "shop-2", "jira"]).exits(0).stdout(), "TASK-SHOP-2\n");
    assert_eq!(bench.run(&["ids", "find", "SHOP-3", "jira"]).exits(1).stdout(), "");
    assert_eq!(
        bench.run(&["ids", "show", "TASK-SHOP-1"]).exits(0).stdout(),
        "TASK-SHOP-1  jira  SHOP-1\n"
    );
    assert_eq!(
        bench.run(&["ids", "show", "TASK-SHOP-9", "--json"]).exits(1).json(),
        serde_json::json!([])
    );
    let json = bench
        .run(&["ids", "map", "TASK-SHOP-3", "jira", "--key", "SHOP", "--json"])
        .exits(0)
        .json();
    assert_eq!((&json["external"], &json["created"]), (&"SHOP-3".into(), &true.into()));
}

#[test]
fn a_linked_id_moves_the_counter_and_cannot_contradict() {
    let bench = Bench::new();
    bench.run(&["ids", "link", "EPIC-SHOP-1", "github", "#41"]).exits(0);
    bench.run(&["ids", "link", "EPIC-SHOP-1", "github", "41"]).exits(0);
    let ran = bench.run(&["ids", "link", "EPIC-SHOP-1", "github", "42"]).exits(1);
    assert!(ran.stderr().contains("`EPIC-SHOP-1` already has `41` in github"), "{}", ran.stderr());
    let ran = bench.run(&["ids", "link", "EPIC-SHOP-2", "github", "41"]).exits(1);
    assert!(ran.stderr().contains("belongs to `EPIC-SHOP-1`"), "{}", ran.stderr());
    assert_eq!(bench.run(&["ids", "next", "github"]).exits(0).stdout(), "42\n");
    let listed = bench.run(&["ids", "list", "--json"]).exits(0).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
}

#[test]
fn without_trustworthy_counters_no_number_is_handed_out() {
    let bench = Bench::new();
    bench.run(&["ids", "map", "TASK-SHOP-1", "github"]).exits(0);
    let state = bench.path().join(".booty/state");
    bench.given(".booty/state/external_id_counters.json", "{\"version\": \"1.0\", \"counters\":");
    for args in [&["ids", "map", "TASK-SHOP-2", "github"][..], &["ids", "next", "github"]] {
        let ran = bench.run(args).exits(3);
        assert_eq!(ran.stdout(), "", "{args:?}");
    }
    for name in ["external_id_counters.json", "external_id_counters.json.bak"] {
        std::fs::remove_file(state.join(name)).ok();
    }
    let ran = bench.run(&["ids", "next", "github"]).exits(3);
    assert!(ran.stderr().contains("hint: bring the file back"), "{}", ran.stderr());
    bench.run(&["ids", "rebuild-counters", "--floor", "100"]).exits(0);
    assert_eq!(bench.run(&["ids", "next", "github"]).exits(0).stdout(), "101\n");
}

#[test]
fn a_wrong_id_is_a_wrong_use() {
    let bench = Bench::new();
    let cases: [&[&str]; 5] = [
        &["ids", "map", "task", "github"],
        &["ids", "map", "TASK-SHOP-1", "trello"],
        &["ids", "map", "TASK-SHOP-1", "jira"],
        &["ids", "map", "TASK-SHOP-1", "github", "--key", "A"],
        &["ids", "link", "TASK-SHOP-1", "github", "SHOP-1"],
    ];
    for args in cases {
        assert_eq!(bench.run(args).exits(2).stdout(), "", "{args:?}");
    }
}
