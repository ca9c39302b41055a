//! Every system call of a claim or a deploy fails once, and at every one a claim is killed once.

use std::collections::BTreeSet;

use flock_guard::{LockFile, Wait};
use system_tests::{Answer, Call, Exit, Govctl, Stage, Trace};

/// What can go wrong with each call. What a claim does not call is not met.
const FAULTS: &[(&str, &[&str])] = &[
    ("openat", &["EIO", "ENOSPC", "EACCES", "EMFILE", "EROFS"]),
    ("write", &["EIO", "ENOSPC"]),
    ("pwrite64", &["EIO", "ENOSPC"]),
    ("fsync", &["EIO", "ENOSPC"]),
    ("fdatasync", &["EIO", "ENOSPC"]),
    ("rename", &["EIO", "ENOSPC", "EACCES", "EROFS"]),
    ("renameat", &["EIO", "ENOSPC", "EACCES", "EROFS"]),
    ("renameat2", &["EIO", "ENOSPC", "EACCES", "EROFS"]),
    ("linkat", &["EIO", "ENOSPC", "EACCES", "EROFS", "EPERM"]),
    ("ftruncate", &["EIO"]),
    ("flock", &["EIO", "ENOLCK", "EINTR"]),
];

/// What every claim calls. Kills and faults that meet less have met nothing.
const USUAL: [&str; 7] = ["openat", "write", "fsync", "fdatasync", "renameat", "linkat", "flock"];

/// More calls of one kind than any run makes.
const MOST: usize = 200;

#[test]
fn a_claim_whose_open_fails_is_whole_and_honest() {
    sweep(&["openat"]);
}

#[test]
fn a_claim_whose_write_or_sync_fails_is_whole_and_honest() {
    sweep(&["write", "pwrite64", "fsync", "fdatasync", "ftruncate"]);
}

#[test]
fn a_claim_whose_rename_link_or_lock_fails_is_whole_and_honest() {
    sweep(&["rename", "renameat", "renameat2", "linkat", "flock"]);
}

#[test]
fn a_claim_that_is_killed_at_any_call_leaves_old_or_new() {
    let stage = prepared();
    let mut next_sha = shas();
    let mut met = BTreeSet::new();
    for (call, _) in FAULTS {
        for nth in first_of_ours(&stage, call)..MOST {
            let (sha, what) = (next_sha(), format!("killed at {call} {nth}"));
            let (trace, answer) = attempt(&stage, &sha, call, &format!("signal=KILL:when={nth}"));
            let what = format!("{what}\n{}\n{}", answer.shown(), trace.text());
            if !trace.was_hit() {
                assert_eq!(answer.code(), 0, "{what}");
                break;
            }
            met.insert(*call);
            go_on(&stage, &sha, &what, |_| true);
        }
    }
    assert!(USUAL.iter().all(|call| met.contains(call)), "only met {met:?}");
}

#[test]
fn a_deploy_with_a_fault_anywhere_runs_once_at_most_and_says_whether_it_is_known() {
    let stage = Stage::new();
    stage.repository.configure("max_deploys_per_hour: 1000000");
    let mut commits = stage.repository.commits(400).into_iter();
    for call in USUAL {
        for nth in first_of_ours(&stage, call)..MOST {
            let sha = commits.next().expect("no deploy makes so many calls");
            let deploy = || stage.govctl(&format!("--json deploy {sha} -- ran"));
            let (trace, answer) = injected(deploy(), call, &format!("error=EIO:when={nth}"));
            let what = format!("EIO at {call} {nth}\n{}\n{}", answer.shown(), trace.text());
            let ran = stage.ran().contains(&sha);
            match answer.code() {
                0 => assert!(ran, "deployed, and nothing was run: {what}"),
                3 => assert!(!ran, "it could not do it, and it did: {what}"),
                6 => {}
                code => panic!("exit code {code}: {what}"),
            }
            if !trace.was_hit() {
                break;
            }
            // An outcome that is not known is settled by a person, and then it goes on.
            let again = deploy().run().any_stderr();
            assert!([0, 6].contains(&again.code()), "{what}\nthen\n{}", again.shown());
            if again.code() == 6 {
                let resolve = stage.govctl(&format!("resolve {sha} --as success")).run();
                resolve.stdout_has("success").exit(Exit::Yes);
            }
            let live = deploy().run().json(Exit::Yes);
            assert_eq!(live["outcome"], "already_deployed", "{what}");
            let times = stage.ran().iter().filter(|line| **line == sha).count();
            assert!(times <= 1, "it ran {times} times: {what}");
        }
    }
}

#[test]
fn without_another_thread_or_process_a_command_says_so() {
    let stage = Stage::new();
    let mut met = 0;
    for nth in 1..MOST {
        let check = stage.govctl("check HEAD");
        let (trace, answer) = injected(check, "clone3", &format!("error=EAGAIN:when={nth}"));
        let what = format!("clone3 {nth}\n{}\n{}", answer.shown(), trace.text());
        if !trace.was_hit() {
            assert_eq!(answer.code(), 0, "{what}");
            break;
        }
        met = nth;
        assert_eq!(answer.code(), 3, "{what}");
        assert!(!answer.shown().contains("panicked"), "{what}");
    }
    assert!(met > 1, "only met {met}");
}

#[test]
fn a_take_over_that_fails_leaves_nothing_behind() {
    let stage = Stage::new();
    stage.govctl("lock run nightly -- true").run().exit(Exit::Yes);
    let lock = LockFile::new(stage.state().join("locks/nightly.lock"));
    let mut met = 0;
    for nth in 1..MOST {
        let _holder = lock.exclusive(Wait::Never).unwrap();
        let take = stage.govctl("lock break nightly --force --reason hangs");
        let (trace, answer) = injected(take, "flock", &format!("error=EIO:when={nth}"));
        let what = format!("flock {nth}\n{}\n{}", answer.shown(), trace.text());
        let names = stage.dir.names("state/locks");
        assert!(!names.iter().any(|name| name.starts_with('.')), "{names:?}\n{what}");
        if !trace.was_hit() {
            assert_eq!(answer.code(), 0, "{what}");
            break;
        }
        met = nth;
    }
    assert!(met > 3, "only met {met}");
}

/// Lets each of these calls fail, each time it is made, in each way.
fn sweep(calls: &[&str]) {
    let stage = prepared();
    let mut next_sha = shas();
    let mut met = BTreeSet::new();
    for (call, errors) in FAULTS.iter().filter(|(call, _)| calls.contains(call)) {
        let first = first_of_ours(&stage, call);
        for error in *errors {
            for nth in first..MOST {
                let sha = next_sha();
                let (trace, answer) =
                    attempt(&stage, &sha, call, &format!("error={error}:when={nth}"));
                let code = answer.code();
                let what = format!("{error} at {call} {nth}\n{}\n{}", answer.shown(), trace.text());
                if !trace.was_hit() {
                    assert_eq!(code, 0, "{what}");
                    break;
                }
                met.insert(*call);
                assert!([0, 3, 5, 6].contains(&code), "exit code {code}: {what}");
                // Who only failed cleans up behind himself; who is killed leaves it to the next.
                assert_no_leftovers(&stage, &what);
                go_on(&stage, &sha, &what, |was_recorded| match code {
                    0 => was_recorded,
                    6 => true,
                    _ => !was_recorded,
                });
            }
        }
    }
    let usual = USUAL.iter().filter(|call| calls.contains(call));
    assert!(usual.into_iter().all(|call| met.contains(call)), "only met {met:?}");
}

/// A stage with claims in its state, so that there is something to lose and to back up.
fn prepared() -> Stage {
    let stage = Stage::new();
    for number in 0..2 {
        let old = old(number);
        let claim = stage.govctl(&format!("delivery claim acme/site {old} event-0"));
        claim.run().stdout_has("new").exit(Exit::Yes);
    }
    stage
}

/// Commits that nobody has claimed yet. In full, so that git is not asked about them.
fn shas() -> impl FnMut() -> String {
    let mut number = 2;
    move || {
        number += 1;
        format!("{number:0>40}")
    }
}

fn old(number: usize) -> String {
    format!("{number:0>40}")
}

/// A claim of `sha`, under `strace` with this fault.
fn attempt(stage: &Stage, sha: &str, call: &str, fault: &str) -> (Trace, Answer) {
    let claim = stage.govctl(&format!("delivery claim acme/site {sha} event-1"));
    injected(claim.option("--lock-wait", "0"), call, fault)
}

/// A run whose own calls, not those of what it starts, meet this fault.
fn injected(run: Govctl, call: &str, fault: &str) -> (Trace, Answer) {
    Trace::of(run, &[format!("--trace={call}"), format!("--inject={call}:{fault}")])
}

/// The number of the first call that the program makes itself, after the loader has found
/// its libraries.
fn first_of_ours(stage: &Stage, call: &str) -> usize {
    if call != "openat" {
        return 1;
    }
    let (trace, answer) = Trace::of(stage.govctl("state path"), &["--trace=openat".to_owned()]);
    answer.stdout_has("state").exit(Exit::Yes);
    let by_loader = |call: &Call| call.args.contains("/etc/ld.so") || call.args.contains(".so.");
    1 + trace.calls.iter().rposition(by_loader).map_or(0, |at| at + 1)
}

/// After a fault: the claims before it are there, that of `sha` is there if `may_be` agrees,
/// the next claim works, and nothing is left over.
#[track_caller]
fn go_on(stage: &Stage, sha: &str, what: &str, may_be: impl Fn(bool) -> bool) {
    let list = stage.govctl("delivery list --json").run();
    assert_eq!(list.code(), 0, "{what}\nthen\n{}", list.shown());
    let list = list.json(Exit::Yes);
    let shas: BTreeSet<&str> =
        list.as_array().unwrap().iter().map(|entry| entry["sha"].as_str().unwrap()).collect();
    for old in [old(0), old(1)] {
        assert!(shas.contains(old.as_str()), "{old} is gone\n{what}");
    }
    let was_recorded = shas.contains(sha);
    assert!(may_be(was_recorded), "it is recorded: {was_recorded}, and it said otherwise\n{what}");

    let next = stage.govctl(&format!("delivery claim acme/site {sha} event-2")).run();
    assert_eq!(next.code(), i32::from(was_recorded), "{what}\nthen\n{}", next.shown());
    assert_no_leftovers(stage, what);
    let verify = stage.govctl("history --verify --limit 0").run();
    assert_eq!(verify.code(), 0, "{what}\nthen\n{}", verify.shown());
}

#[track_caller]
fn assert_no_leftovers(stage: &Stage, what: &str) {
    let names = stage.dir.names("state");
    let leftovers: Vec<_> = names.iter().filter(|name| name.starts_with('.')).collect();
    assert!(leftovers.is_empty(), "left behind: {leftovers:?}\n{what}");
}
