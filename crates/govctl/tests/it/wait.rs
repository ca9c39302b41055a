//! `govctl wait`: until it is so, or not in time, or never will be.

use std::process::{Child, Stdio};

use crate::{
    Bench, SHA,
    server::{Say, Server},
};

/// Waits for less than the time after which everything is looked at anyway: what has changed
/// has to be noticed by itself.
fn waits(bench: &Bench, words: &[&str]) -> Child {
    let args = [&["wait", SHA, "--timeout", "25s"], words].concat();
    bench.command(&[], &args).stdout(Stdio::null()).spawn().unwrap()
}

fn ends(mut child: Child, code: i32) {
    assert_eq!(child.wait().unwrap().code(), Some(code));
}

#[test]
fn what_is_so_already_is_not_waited_for() {
    let bench = Bench::new();
    bench.run(&["wait", SHA, "--for", "allow"]).exits(0);
    bench.deploy(SHA, &[], "true").exits(0);
    let status = bench.run(&["--json", "wait", SHA]).exits(0).json();
    assert_eq!(status["production_sha_current"], SHA);
}

#[test]
fn what_does_not_come_in_time_is_a_no() {
    let bench = Bench::new();
    for what in ["deployed", "healthy"] {
        bench.run(&["wait", SHA, "--for", what, "--timeout", "300ms"]).exits(1);
    }
    bench.run(&["breaker", "trip", "deploy-production"]).exits(0);
    bench.run(&["wait", SHA, "--for", "allow", "--timeout", "300ms"]).exits(1);
}

#[test]
fn a_deploy_is_waited_for_while_it_runs_and_noticed_when_it_ends() {
    for (command, deploys, waits_for) in [("true", 0, 0), ("false", 4, 4)] {
        let bench = Bench::new();
        let waiting = waits(&bench, &[]);
        bench.deploy(SHA, &[], command).exits(deploys);
        ends(waiting, waits_for);
    }
}

#[test]
fn live_is_not_yet_well() {
    let bench = Bench::new();
    bench.deploy(SHA, &[], "true").exits(0);
    let waiting = waits(&bench, &["--for", "healthy"]);
    let server = Server::new([Say::Answer(500, ""), Say::Answer(200, "")]);
    bench.run(&["health", "--record", "--url", server.url(), "--retries", "0"]).exits(4);
    bench.run(&["wait", SHA, "--for", "healthy", "--timeout", "300ms"]).exits(1);
    bench.run(&["health", "--record", "--url", server.url()]).exits(0);
    ends(waiting, 0);
}

#[test]
fn a_hold_that_ends_by_itself_is_waited_for_to_its_end() {
    let bench = Bench::new();
    let other = SHA.replace('9', "8");
    // The last hour's only slot is free again in two seconds.
    let date = ["-u", "-d", "3598 seconds ago", "+%FT%TZ"];
    let date = std::process::Command::new("date").args(date).output().unwrap();
    let now = String::from_utf8(date.stdout).unwrap();
    bench.run(&["--now", now.trim(), "record", &other, "failure"]).exits(0);
    let limit = [("RELEASE_GOVERNOR_MAX_DEPLOYS_PER_HOUR", "1")];
    bench.run_with(&limit, &["wait", SHA, "--for", "allow", "--timeout", "60s"]).exits(0);
}
