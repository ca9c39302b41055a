//! Deploys that are killed at random moments: never twice, never damaged, always a way on.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use system_tests::{
    Answer, Exit, Govctl, Random, Stage, Trace, Victim, eventually, session_is_over,
};

/// How many deploys each of the two tests kills.
const ROUNDS: usize = 100;

#[test]
fn of_100_deploys_whose_govctl_is_killed_none_runs_twice() {
    kill_deploys(|victim| victim.signal(Signal::KILL));
}

#[test]
fn of_100_deploys_that_are_killed_with_all_they_started_none_runs_twice() {
    kill_deploys(Victim::kill_session);
}

#[test]
fn a_deploy_that_is_killed_at_any_call_never_runs_twice() {
    const CALLS: [&str; 17] = [
        "openat",
        "write",
        "pwrite64",
        "fsync",
        "fdatasync",
        "renameat",
        "linkat",
        "unlinkat",
        "flock",
        "ftruncate",
        "mkdir",
        "socketpair",
        "sendmsg",
        "recvfrom",
        "wait4",
        "clone3",
        "vfork",
    ];
    let stage = busy_stage();
    let mut commits = stage.repository.commits(400).into_iter();
    let mut ends = Ends::default();
    for call in CALLS {
        for nth in 1.. {
            let sha = commits.next().expect("no deploy makes so many calls");
            let words =
                [format!("--trace={call}"), format!("--inject={call}:signal=KILL:when={nth}")];
            let (trace, answer) = Trace::of(deploy(&stage, &sha), &words);
            if !trace.was_hit() {
                assert_eq!(answer.any_stderr().json(Exit::Yes)["outcome"], "success");
                break;
            }
            answer.killed_by(SIGKILL);
            let end = go_on(&stage, &sha, &format!("killed at {call} {nth}\n{}", trace.text()));
            let ran = stage.ran().contains(&sha);
            assert!(end != "unknown" || ran, "nothing ran\n{}", trace.text());
            ends.add(end);
        }
    }
    ends.show();
    assert_each_ran_once_at_most(&stage);
}

const SIGKILL: i32 = 9;

fn kill_deploys(kill: impl Fn(&Victim)) {
    let stage = busy_stage();
    let commits = stage.repository.commits(ROUNDS + 3);
    let (warm_up, commits) = commits.split_at(3);
    let length = warm_up.iter().map(|sha| length_of_a_deploy(&stage, sha)).max().unwrap();
    let mut random = Random::new();
    let mut ends = Ends::default();
    for sha in commits {
        let victim = deploy(&stage, sha).under(["setsid"]).start();
        let session = victim.pid();
        let delay = Duration::from_micros(random.below(u64::try_from(length.as_micros()).unwrap()));
        thread::sleep(delay); // The random moment.
        kill(&victim);
        let answer = victim.wait();
        ends.add(go_on(&stage, sha, &format!("killed after {delay:?}\n{}", answer.shown())));
        eventually("the command has ended", || session_is_over(session));
    }
    ends.show();
    assert_each_ran_once_at_most(&stage);
}

/// Deploys here take some time before and after the line they leave, so that kills meet both.
fn busy_stage() -> Stage {
    let stage = Stage::new();
    stage.repository.configure("max_deploys_per_hour: 1000000");
    stage.script("slowly", "sleep 0.01; ran; sleep 0.01");
    stage
}

/// After a kill: every document can be read, the same order gives one of three answers and
/// never a second run, and then it goes on. Returns which answer it was.
fn go_on(stage: &Stage, sha: &str, what: &str) -> &'static str {
    // A lock that the dead left behind is worth a warning wherever it is met.
    stage.govctl("status").run().stdout_has("governor enabled").exit(Exit::Yes);
    let log = stage.dir.read("state/audit.jsonl");
    let let_go = log.lines().any(|line| line.contains("command_started") && line.contains(sha));
    assert!(let_go || !stage.ran().iter().any(|ran| ran == sha), "no line, no command\n{what}");
    // The command goes on without its govctl, and holds the others until it has ended.
    let again = still_runs(stage, sha);
    let end = match again.code() {
        // The result was recorded; or nothing was claimed, and this run was the first.
        0 if again.shown().contains("\"already_deployed\"") => "already deployed",
        0 => "tried again",
        6 => "unknown",
        _ => panic!("{what}\nthen\n{}", again.shown()),
    };
    // That it never started is proven, and needs no person.
    assert!(end != "unknown" || let_go, "{what}\nthen\n{}", again.shown());
    if end == "unknown" {
        // The same again and again, until a person says what happened.
        assert_eq!(deploy(stage, sha).run().any_stderr().json(Exit::Unknown)["outcome"], "unknown");
        let resolve = stage.govctl(&format!("resolve {sha} --as success --reason seen")).run();
        resolve.any_stderr().stdout_has("success").exit(Exit::Yes);
    }
    let live = deploy(stage, sha).run().any_stderr().json(Exit::Yes);
    assert_eq!(live["outcome"], "already_deployed", "{what}");
    let verify = stage.govctl("history --verify --limit 1").run();
    verify.stderr_has("the log is whole").stdout_has(&sha[..7]).exit(Exit::Yes);
    if end == "tried again" {
        // A deploy has just gone from end to end: nothing of the killed one is left.
        let names = stage.dir.names("state");
        let leftovers: Vec<_> = names.iter().filter(|name| name.starts_with('.')).collect();
        assert!(leftovers.is_empty(), "left behind: {leftovers:?}\n{what}");
    }
    end
}

/// The first answer that is not that the command still runs.
fn still_runs(stage: &Stage, sha: &str) -> Answer {
    let mut answer = None;
    eventually("the command has ended", || {
        let again = deploy(stage, sha).run().any_stderr();
        let runs = again.code() == 1 && again.shown().contains("\"deploy_in_progress\"");
        answer = (!runs).then_some(again);
        !runs
    });
    answer.unwrap()
}

/// How often which end was met.
#[derive(Default)]
struct Ends(BTreeMap<&'static str, usize>);

impl Ends {
    fn add(&mut self, end: &'static str) {
        *self.0.entry(end).or_insert(0) += 1;
    }

    /// Tells what was tried. A test that met one kind of end only has not tried much.
    #[expect(clippy::print_stdout, reason = "what chance has tried belongs to the result")]
    fn show(&self) {
        println!("{:?}", self.0);
        assert!(
            self.0.contains_key("unknown") && self.0.contains_key("tried again"),
            "{:?}",
            self.0
        );
    }
}

#[track_caller]
fn assert_each_ran_once_at_most(stage: &Stage) {
    let ran = stage.ran();
    let commits: BTreeSet<&String> = ran.iter().collect();
    assert_eq!(ran.len(), commits.len(), "a command ran twice: {ran:#?}");
}

fn deploy(stage: &Stage, sha: &str) -> Govctl {
    stage.govctl(&format!("deploy --json {sha} -- slowly"))
}

fn length_of_a_deploy(stage: &Stage, sha: &str) -> Duration {
    let start = Instant::now();
    assert_eq!(deploy(stage, sha).run().json(Exit::Yes)["outcome"], "success");
    start.elapsed()
}
