//! `govctl health` and `deploy --health-url`, against a real server that is good, bad and worse.

use serde_json::{Value, json};

use crate::{
    Bench, Ran, SHA,
    server::{Say, Server},
};

const FAST: [&str; 2] = ["--interval", "1ms"];

fn health(bench: &Bench, server: &Server, options: &[&str]) -> Ran {
    bench.run(&[&["--json", "health", "--url", server.url()], &FAST[..], options].concat())
}

fn deploy(bench: &Bench, sha: &str, server: &Server, options: &[&str]) -> Ran {
    let url = ["--json", "deploy", sha, "--health-url", server.url(), "--health-interval", "1ms"];
    let command = ["--", "sh", "-c", "echo ran >> ran"];
    bench.run_with(&[("RELEASE_GOVERNOR_APPROVED", "yes")], &[&url, options, &command].concat())
}

fn status(bench: &Bench) -> Value {
    bench.run(&["--json", "status"]).exits(0).json()
}

#[test]
fn a_good_answer_is_healthy_and_every_bad_one_is_not() {
    let bad = [
        (Say::Answer(500, ""), json!(500), "status 500, expected 200 to 299"),
        (Say::Redirect("/else"), json!(302), "status 302"),
        (Say::Nothing, Value::Null, "timeout"),
        (Say::Trickle, Value::Null, "timeout"),
        (Say::Half, Value::Null, ""),
        (Say::Close, Value::Null, ""),
        (Say::Gibberish, Value::Null, ""),
    ];
    for (say, code, detail) in bad {
        let server = Server::new([say.clone()]);
        let options = ["--retries", "2", "--timeout", "300ms"];
        let found = health(&Bench::new(), &server, &options).exits(4).json();
        let said = (&found["healthy"], &found["attempts"], &found["status"]);
        assert_eq!(said, (&json!(false), &json!(3), &code), "{say:?}: {found:#}");
        assert!(found["detail"].as_str().unwrap().contains(detail), "{say:?}: {found:#}");
        assert_eq!(server.asked(), 3, "{say:?}");
    }
    for say in [Say::Answer(200, "well"), Say::Answer(204, ""), Say::Flood] {
        let server = Server::new([say.clone()]);
        let found = health(&Bench::new(), &server, &[]).exits(0).json();
        assert_eq!((&found["healthy"], &found["attempts"]), (&json!(true), &json!(1)), "{say:?}");
    }
}

#[test]
fn a_port_that_nobody_listens_on_is_unhealthy() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let ran = Bench::new().run(&["health", "--url", &url, "--retries", "0"]).exits(4);
    assert!(ran.stdout().starts_with("UNHEALTHY"), "{}", ran.stdout());
}

#[test]
fn bad_answers_are_borne_as_often_as_it_is_said() {
    let slow_start = [Say::Close, Say::Answer(503, ""), Say::Nothing, Say::Answer(200, "")];
    for (retries, code) in [("3", 0), ("2", 4)] {
        let server = Server::new(slow_start.clone());
        let options = ["--retries", retries, "--timeout", "300ms"];
        health(&Bench::new(), &server, &options).exits(code);
    }
}

#[test]
fn who_flaps_is_not_well_before_it_stays_well() {
    let (good, bad) = (Say::Answer(200, ""), Say::Answer(500, ""));
    let flapping = [&good, &bad, &good, &good, &bad, &good, &good, &good].map(Clone::clone);
    let options = ["--successes", "3", "--retries"];
    let server = Server::new(flapping.clone());
    let found = health(&Bench::new(), &server, &[&options[..], &["2"]].concat()).exits(0).json();
    assert_eq!(found["attempts"], 8);
    let server = Server::new(flapping);
    let found = health(&Bench::new(), &server, &[&options[..], &["1"]].concat()).exits(4).json();
    assert_eq!(found["attempts"], 5);
}

#[test]
fn the_time_for_all_of_it_is_a_limit_of_its_own() {
    let server = Server::new([Say::Answer(500, "")]);
    let options = ["--retries", "1000000", "--within", "300ms"];
    let found = health(&Bench::new(), &server, &options).exits(4).json();
    assert!(
        found["detail"].as_str().unwrap().contains("the time for all of it is over"),
        "{found:#}"
    );
    let server = Server::new([Say::Nothing]);
    health(&Bench::new(), &server, &["--within", "300ms"]).exits(4);
}

#[test]
fn status_and_body_can_be_expected() {
    let server = Server::new([Say::Answer(301, "version 7")]);
    let ask = |options: &[&str]| {
        let options = [options, &["--retries", "0"]].concat();
        health(&Bench::new(), &server, &options).output.status.code().unwrap()
    };
    assert_eq!(ask(&["--expect-status", "301"]), 0);
    assert_eq!(ask(&["--expect-status", "200-399", "--expect-body", "version 7"]), 0);
    assert_eq!(ask(&["--expect-status", "200-399", "--expect-body", "version 8"]), 4);
    assert_eq!(ask(&["--expect-status", "200"]), 4);
    assert_eq!(ask(&["--expect-status", "20"]), 2);
    let flood = Server::new([Say::Flood]);
    let options = ["--retries", "0", "--expect-body", "y"];
    let found = health(&Bench::new(), &flood, &options).exits(4).json();
    assert!(
        found["detail"].as_str().unwrap().contains("the first MiB of the body lacks"),
        "{found:#}"
    );
}

#[test]
fn without_an_address_or_with_a_wrong_one_it_is_used_wrongly_and_no_secret_is_shown() {
    let bench = Bench::new();
    bench.run(&["health"]).exits(2);
    bench.run(&["health", "--url", "ftp://x/"]).exits(2);
    let variable = [("RELEASE_GOVERNOR_HEALTH_URL", "ftp://ana:s3cret@x/")];
    let ran = bench.run_with(&variable, &["health"]).exits(2);
    assert!(!ran.stderr().contains("s3cret"), "{}", ran.stderr());
    for json in [&["--json"][..], &[]] {
        let option = [json, &["health", "--url", "ftp://ana:s3cret@x/"]].concat();
        let ran = bench.run(&option).exits(2);
        let said = ran.stdout() + &ran.stderr();
        assert!(said.contains("--url") && !said.contains("s3cret"), "{said}");
    }

    let server = Server::new([Say::Answer(500, "")]);
    let url = server.url().replace("http://", "http://ana:s3cret@") + "?key=s3cret";
    let ask = ["-vv", "health", "--record", "--retries", "0"];
    let ran = bench.run_with(&[("RELEASE_GOVERNOR_HEALTH_URL", &url)], &ask).exits(4);
    let history = bench.run(&["history", "--json"]).exits(0);
    let said = [ran.stdout(), ran.stderr(), history.stdout()].concat();
    assert!(!said.contains("s3cret"), "{said}");
    assert!(
        !ran.stderr().contains("nothing reads RELEASE_GOVERNOR_HEALTH_URL"),
        "{}",
        ran.stderr()
    );
}

#[test]
fn what_is_recorded_makes_production_degraded_until_the_next_good_one() {
    let (bench, [first, migration]) = Bench::with_commits(["a", "db/migrations/1.sql"]);
    bench.deploy(&first, &[], "true").exits(0);
    let check = |code| {
        let approved = [("RELEASE_GOVERNOR_APPROVED", "yes")];
        bench.run_with(&approved, &["--json", "check", &migration]).exits(code).json()["reason"]
            .clone()
    };
    assert_eq!(check(0), "allow_high_approved");
    assert_eq!(status(&bench)["last_health_check"], Value::Null);
    let server = Server::new([Say::Answer(500, ""), Say::Answer(500, ""), Say::Answer(200, "")]);
    let once = ["--retries", "0"];
    health(&bench, &server, &once).exits(4);
    assert_eq!(check(0), "allow_high_approved", "it was not to be recorded");
    health(&bench, &server, &["--retries", "0", "--record"]).exits(4);
    assert_eq!(check(1), "degraded_high_risk");
    assert_ne!(status(&bench)["last_health_check"], Value::Null);
    health(&bench, &server, &["--record"]).exits(0);
    assert_eq!(check(0), "allow_high_approved");
    let history = bench.run(&["history", "--json"]).exits(0).json();
    let last = history.as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["what"], &last["before"], &last["after"]),
        (&json!("health_checked"), &json!("unhealthy"), &json!("healthy"))
    );
}

#[test]
fn a_deploy_is_a_success_once_it_is_well() {
    let bench = Bench::new();
    let server = Server::new([Say::Close, Say::Answer(503, ""), Say::Answer(200, "")]);
    let answer = deploy(&bench, SHA, &server, &[]).exits(0).json();
    assert_eq!((&answer["outcome"], &answer["health"]), (&json!("success"), &json!(true)));
    assert_eq!(server.asked(), 3);
    assert_eq!(status(&bench)["production_sha_current"], SHA);
    assert_ne!(status(&bench)["last_health_check"], Value::Null);
    // Already live: nothing runs, and nothing is asked.
    deploy(&bench, SHA, &server, &[]).exits(0);
    assert_eq!((bench.runs(), server.asked()), (1, 3));
}

#[test]
fn a_deploy_that_is_not_well_afterwards_has_failed_and_production_is_degraded() {
    let (bench, [first, second, migration]) =
        Bench::with_commits(["a", "b", "db/migrations/1.sql"]);
    let (good, bad) = (Server::new([Say::Answer(200, "")]), Server::new([Say::Answer(500, "")]));
    deploy(&bench, &first, &good, &[]).exits(0);
    let failed = deploy(&bench, &second, &bad, &["--health-retries", "1"]).exits(4).json();
    let said = (&failed["outcome"], &failed["health"], &failed["exit_code"]);
    assert_eq!(said, (&json!("failure"), &json!(false), &json!(0)));
    let status = status(&bench);
    assert_eq!(
        (&status["production_sha_current"], &status["last_deploy_result"]),
        (&json!(first), &json!("failure"))
    );
    assert_eq!(status["breaker"]["failure_count"], 1);
    let approved = [("RELEASE_GOVERNOR_APPROVED", "yes")];
    let held = bench.run_with(&approved, &["--json", "check", &migration]).exits(1).json();
    assert_eq!(held["reason"], "degraded_high_risk");
    let history = bench.run(&["history"]).exits(0).stdout();
    assert!(history.contains("the health check failed: status 500"), "{history}");
}

#[test]
fn the_body_can_have_to_name_the_commit() {
    let named =
        Server::new([Say::Answer(200, "{\"sha\": \"9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f\"}")]);
    let other =
        Server::new([Say::Answer(200, "{\"sha\": \"0f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f\"}")]);
    let options = ["--health-body", "\"{sha}\"", "--health-retries", "0"];
    deploy(&Bench::new(), SHA, &named, &options).exits(0);
    deploy(&Bench::new(), SHA, &other, &options).exits(4);
}

#[test]
fn a_command_that_failed_is_not_asked_about() {
    let bench = Bench::new();
    let server = Server::new([Say::Answer(200, "")]);
    let args = ["--json", "deploy", SHA, "--health-url", server.url(), "--", "false"];
    assert_eq!(bench.run(&args).exits(4).json()["health"], Value::Null);
    assert_eq!(server.asked(), 0);
}

/// A deploy of [`SHA`] that was cut off while its command ran, which has ended since.
fn cut_off() -> Bench {
    let bench = Bench::new();
    let ran = bench.run(&["deploy", SHA, "--", "sh", "-c", "kill -KILL $PPID"]);
    assert_eq!(ran.output.status.code(), None);
    bench
}

/// Asks to settle it until its command, which goes on for a moment, has ended.
fn resolve(bench: &Bench, server: &Server) -> Ran {
    let args = ["resolve", SHA, "--health-url", server.url()];
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let ran = bench.run(&args);
        if ran.output.status.code() != Some(5) {
            return ran;
        }
        assert!(std::time::Instant::now() < deadline, "{}", ran.stderr());
    }
}

#[test]
fn an_unknown_outcome_is_settled_by_an_answer_that_names_the_commit() {
    let bench = cut_off();
    let server =
        Server::new([Say::Answer(200, "running 9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f")]);
    resolve(&bench, &server).exits(0);
    let status = status(&bench);
    assert_eq!(
        (&status["production_sha_current"], &status["last_deploy_result"]),
        (&json!(SHA), &json!("success"))
    );
    let history = bench.run(&["history", "--verify"]).exits(0).stdout();
    assert!(history.contains("/health names it"), "{history}");
}

#[test]
fn the_next_deploy_settles_what_an_answer_proves_and_goes_on() {
    let bench = cut_off();
    let server =
        Server::new([Say::Answer(200, "running 9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f")]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let answer = loop {
        let ran = deploy(&bench, SHA, &server, &[]);
        assert!(std::time::Instant::now() < deadline, "{}", ran.stdout());
        let answer = ran.json();
        if answer["reason"] != "deploy_in_progress" {
            break ran.exits(0).json();
        }
    };
    assert_eq!(answer["outcome"], "already_deployed");
    assert_eq!(bench.runs(), 0);
}

#[test]
fn an_answer_that_names_no_commit_or_two_or_is_bad_proves_nothing() {
    let live = "0f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f";
    let cases = [
        (Say::Answer(200, "well"), "names no commit on record"),
        (Say::Answer(200, "0f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f"), "which names 0f2c1ab"),
        (
            Say::Answer(
                200,
                "9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f after 0f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f",
            ),
            "which names 0f2c1ab, 9f2c1ab",
        ),
        (Say::Answer(500, "9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f"), "status 500"),
    ];
    for (say, why) in cases {
        let bench = Bench::new();
        bench.run(&["record", live, "success"]).exits(0);
        let ran = bench.deploy(SHA, &[], "kill -KILL $PPID");
        assert_eq!(ran.output.status.code(), None);
        let ran = resolve(&bench, &Server::new([say.clone()])).exits(6);
        assert!(ran.stderr().contains(why), "{say:?}: {}", ran.stderr());
        assert_eq!(status(&bench)["unknown"], json!([SHA]));
    }
}
