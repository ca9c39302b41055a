//! `govctl lock`, with real holders that are stopped, killed and robbed.

use std::time::Duration;

use booty_state::{DeliveryCache, Keep};
use rustix::process::{Pid, Signal, kill_process};
use state_store::{Breaking, FileBackend, Store, Wait};
use system_tests::{Exit, Stage, Victim, eventually, is_gone};

/// A command under the lock `db` that runs until it is stopped. Returns once it does.
fn endless(stage: &Stage) -> (Victim, u32) {
    let tell = "echo $$ > \"$STAGE\"/new; mv \"$STAGE\"/new \"$STAGE\"/pid";
    stage.script("endless", &format!("{tell}\nexec sleep 1000"));
    let run = stage.govctl("lock run db -- endless").start();
    eventually("the command runs", || stage.dir.join("pid").exists());
    let pid = stage.dir.read("pid").trim().parse().unwrap();
    (run, pid)
}

fn is_held(stage: &Stage) -> bool {
    let status = stage.govctl("lock status db --json").run().json(Exit::Yes);
    status["held"].as_bool().unwrap()
}

#[test]
fn one_command_at_a_time_and_its_exit_code_is_passed_on() {
    let stage = Stage::new();
    stage.script("seven", "echo out; exit 7");
    let ran = stage.govctl("lock run db -- seven").run().stdout("out\n");
    assert_eq!(ran.code(), 7);
    let (run, pid) = endless(&stage);
    let holder = format!("held by pid {} on ", run.pid());
    let refused = stage.govctl("lock run db --lock-wait 0 -- seven").run();
    refused.stderr_has(&holder).exit(Exit::Busy);
    let refused = stage.govctl("lock run db --lock-wait 50ms -- seven").run().stderr_has("waiting");
    refused.stderr_has("hint: govctl lock break db --reason").exit(Exit::Busy);
    run.signal(Signal::TERM);
    run.wait().exit(Exit::Interrupted(15));
    eventually("the command is gone", || is_gone(pid));
    assert!(!is_held(&stage));
}

#[test]
fn those_who_share_run_together() {
    let stage = Stage::new();
    let own = stage.govctl("lock run db --shared -- govctl-again").env("GOVCTL", govctl());
    let inner = "--state-dir \"$STAGE\"/state --lock-wait 0 lock run db";
    stage.script("govctl-again", &format!("\"$GOVCTL\" {inner} --shared -- true"));
    own.run().exit(Exit::Yes);
    stage.script("govctl-again", &format!("\"$GOVCTL\" {inner} -- true"));
    let own = stage.govctl("lock run db --shared -- govctl-again").env("GOVCTL", govctl());
    own.run().stderr_has("the command was not run").exit(Exit::Busy);
}

fn govctl() -> &'static std::path::Path {
    system_tests::govctl_binary()
}

#[test]
fn a_command_inherits_no_lock_and_a_killed_holder_leaves_it_free() {
    let stage = Stage::new();
    stage.script("descriptors", "ls -l /proc/self/fd");
    let ran = stage.govctl("lock run db -- descriptors").run();
    assert!(!ran.said().contains(".lock"), "{}", ran.said());
    ran.whatever_is_said().exit(Exit::Yes);

    let (run, pid) = endless(&stage);
    run.signal(Signal::KILL);
    run.wait().killed_by(9);
    assert!(!is_gone(pid), "its command goes on");
    assert!(!is_held(&stage), "and has no lock");
    // The next holder is told who left it.
    let next = stage.govctl("lock run db --lock-wait 0 -- true").run();
    next.any_stderr().exit(Exit::Yes);
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn whoever_loses_the_lock_is_stopped() {
    let stage = Stage::new();
    let (run, pid) = endless(&stage);
    let order = "lock break db --reason stuck --force";
    let broken = stage.govctl(order).run().stderr_has("alive, yours").any_stderr();
    broken.stdout_has("db is free").exit(Exit::Yes);
    run.wait().stderr_has("lost the lock `db`: the command was stopped").exit(Exit::Broken);
    assert!(is_gone(pid));
    stage.govctl("history").run().stdout_has("lock_broken").stdout_has("stuck").exit(Exit::Yes);
}

#[test]
fn a_holder_that_hangs_is_overtaken_by_who_says_so_and_stops_when_it_wakes_up() {
    let stage = Stage::new();
    let (run, pid) = endless(&stage);
    run.signal(Signal::STOP);
    let patient = stage.govctl("lock run db --lock-wait 300ms -- true").run();
    patient.any_stderr().exit(Exit::Busy);
    // By the age that its record tells: this waiter watches it for less than that.
    eventually("it is old enough", || {
        let status = stage.govctl("lock status db --json").run().json(Exit::Yes);
        status["holder"]["held_for_s"].as_u64().unwrap() >= 2
    });
    let next = stage.govctl("lock run db --break-after 2s --lock-wait 1s -- true").run();
    next.stderr_has("broke the lock").exit(Exit::Yes);
    run.signal(Signal::CONT);
    run.wait().stderr_has("lost the lock `db`").exit(Exit::Broken);
    assert!(is_gone(pid));
}

#[test]
fn a_deploy_whose_lock_is_broken_is_stopped_and_has_not_succeeded() {
    let stage = Stage::new();
    stage.script("endless", "echo started > \"$STAGE\"/started; exec sleep 1000");
    let run = stage.govctl("deploy HEAD -- endless").start();
    eventually("the command runs", || stage.dir.join("started").exists());
    let order = "lock break deploy-production --reason stuck";
    stage.govctl(order).run().stderr_has("is held by pid").exit(Exit::Busy);
    let forced = stage.govctl(&format!("{order} --force")).run();
    forced.any_stderr().stdout_has("deploy-production is free").exit(Exit::Yes);
    run.wait().any_stderr().stdout_has("its lock was taken away").exit(Exit::Failed);
    assert_eq!(stage.status()["last_deploy_result"], "failure");
}

#[test]
fn a_lock_on_a_file_system_of_several_machines_is_not_broken() {
    let stage = Stage::new();
    let (run, _) = endless(&stage);
    // What `statfs` would say on NFS.
    let words = ["strace", "-qq", "-o/dev/null", "--trace=fstatfs"];
    let nfs = "--inject=fstatfs:poke_exit=@arg2=6969000000000000";
    let order = stage.govctl("lock break db --reason stuck --force");
    let refused = order.under(words.into_iter().chain([nfs])).run();
    refused.stderr_has("its file system (NFS) is shared with other machines").exit(Exit::Broken);
    assert!(is_held(&stage));
    run.signal(Signal::TERM);
    run.wait().exit(Exit::Interrupted(15));
}

#[test]
fn a_change_that_is_stopped_and_robbed_cannot_commit_when_it_wakes_up() {
    for call in ["linkat", "renameat"] {
        let stage = Stage::new();
        let [first, second, third] = ["1", "2", "3"].map(|digit| digit.repeat(40));
        let record = format!("delivery record acme/shop {first} one");
        stage.govctl(&record).run().whatever_is_said().exit(Exit::Yes);
        let log = stage.dir.join("log").display().to_string();
        let words = [
            "strace".to_owned(),
            "-qq".to_owned(),
            format!("-o{log}"),
            format!("--trace={call}"),
            format!("--inject={call}:signal=STOP:when=1"),
        ];
        let claim = format!("delivery claim acme/shop {second} two");
        let claim = stage.govctl(&claim).under(words).start();
        let is_stopped = || stage.dir.read("log").contains("--- stopped by SIGSTOP ---");
        eventually("it is stopped", || stage.dir.join("log").exists() && is_stopped());

        let soon = FileBackend::new(stage.state()).breaking(Breaking::IfHeldFor(Duration::ZERO));
        let store = Store::on(soon).waiting(Wait::UpTo(Duration::from_secs(20)));
        let deliveries = DeliveryCache::new(&store, Keep::default());
        let key = format!("acme/shop:{third}").parse().unwrap();
        deliveries.record(&key, &"three".parse().unwrap()).unwrap();

        let children = format!("/proc/{0}/task/{0}/children", claim.pid());
        let children = std::fs::read_to_string(children).unwrap();
        let stopped = Pid::from_raw(children.trim().parse().unwrap()).unwrap();
        kill_process(stopped, Signal::CONT).unwrap();
        claim.wait().stderr_has("run the same command again").exit(Exit::Broken);
        let text = stage.dir.read("state/delivery_ids.json");
        assert!(text.contains("three") && text.contains("one") && !text.contains("two"), "{text}");
        let names = stage.dir.names("state");
        assert!(!names.iter().any(|name| name.ends_with(".slot")), "{call}: {names:?}");
    }
}
