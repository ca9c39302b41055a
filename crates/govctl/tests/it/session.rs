//! `govctl session`, in files. Redis has the same contract and is asked in `session-store`.

use crate::Bench;

fn create(bench: &Bench) -> String {
    bench.run(&["session", "create", "planner"]).exits(0).stdout().trim_end().to_owned()
}

#[test]
fn what_is_appended_is_shown_in_order_and_to_the_letter() {
    let bench = Bench::new();
    let id = create(&bench);
    bench.given("messages", "{\"role\": \"user\", \"n\": 1.50}\n\n{\"b\":2,\"a\":1}\n");
    bench.run(&["session", "append", &id, "messages"]).exits(0);
    bench.given("more", "{\"last\":true}\n");
    let json = bench.run(&["session", "append", &id, "more", "--json"]).exits(0).json();
    assert_eq!((&json["alive"], &json["messages"]), (&true.into(), &1.into()));
    let shown = bench.run(&["session", "show", &id]).exits(0).stdout();
    assert_eq!(shown, "{\"role\": \"user\", \"n\": 1.50}\n{\"b\":2,\"a\":1}\n{\"last\":true}\n");
    // No answer of ours: what was appended, whatever its keys.
    let shown = bench.run(&["session", "show", &id, "--json"]).exits(0).stdout();
    let json: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(json.as_array().map(Vec::len), Some(3));
}

#[test]
fn a_line_that_is_no_message_appends_nothing() {
    let bench = Bench::new();
    let id = create(&bench);
    bench.given("messages", "{\"good\":1}\n[1]\n");
    let ran = bench.run(&["session", "append", &id, "messages"]).exits(2);
    assert!(
        ran.stderr().contains("line 2 is no message; nothing was appended"),
        "{}",
        ran.stderr()
    );
    assert_eq!(bench.run(&["session", "show", &id]).exits(0).stdout(), "");
}

#[test]
fn what_is_not_there_is_an_answer() {
    let bench = Bench::new();
    let id = create(&bench);
    bench.given("messages", "{}\n");
    bench.run(&["session", "touch", &id]).exits(0);
    bench.run(&["session", "delete", &id]).exits(0);
    for args in [
        &["session", "touch", &id][..],
        &["session", "show", &id],
        &["session", "delete", &id],
        &["session", "append", &id, "messages"],
    ] {
        let ran = bench.run(args).exits(1);
        assert!(ran.stdout().contains("is not alive"), "{args:?}: {}", ran.stdout());
    }
    bench.run(&["session", "touch", "../../etc/passwd"]).exits(2);
}

#[test]
fn sessions_are_listed_by_agent_and_end_when_idle() {
    let bench = Bench::new();
    let at = |time: &str, args: &[&str]| {
        let mut all = vec!["--now", time, "session", "--expire-after", "1h"];
        all.extend(args);
        bench.run(&all).exits(0).stdout()
    };
    let first = at("2026-11-20T10:00:00Z", &["create", "planner"]);
    at("2026-11-20T10:30:00Z", &["create", "writer", "--metadata", "topic=ships"]);
    let both = at("2026-11-20T10:45:00Z", &["list"]);
    assert!(both.starts_with(first.trim_end()) && both.lines().count() == 2, "{both}");
    assert_eq!(at("2026-11-20T10:45:00Z", &["list", "--agent", "writer"]).lines().count(), 1);
    assert!(
        !at("2026-11-20T11:10:00Z", &["list"]).contains(first.trim_end()),
        "it was idle for an hour"
    );
    let json =
        bench.run(&["--now", "2026-11-20T11:10:00Z", "session", "list", "--json"]).exits(0).json();
    assert_eq!(json[1]["metadata"]["topic"], "ships");
}

#[test]
fn a_server_that_is_not_there_is_exit_3_and_does_not_hang() {
    let bench = Bench::new();
    let nowhere = format!("unix://{}/none.sock", bench.path().display());
    let ran = bench.run(&["session", "--store", &nowhere, "create", "planner"]).exits(3);
    assert!(ran.stderr().contains("cannot reach the sessions in"), "{}", ran.stderr());
    bench.run(&["session", "--store", "http://example.org", "list"]).exits(2);
}
