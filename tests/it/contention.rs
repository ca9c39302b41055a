//! Many at once: nothing is lost, and one of all is first.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use system_tests::{Exit, Stage, TestDir, Victim};

const PROCESSES: usize = 8;

#[test]
fn of_400_claims_by_8_processes_none_is_lost() {
    let stage = Stage::new();
    thread::scope(|scope| {
        for process in 0..PROCESSES {
            let stage = &stage;
            scope.spawn(move || {
                for number in 0..50 {
                    let words =
                        format!("delivery claim acme/site run_{process}_{number} event-{process}");
                    let claim = stage.govctl(&words).option("--lock-wait", "forever");
                    claim
                        .run()
                        .stdout(&format!("new, claimed by event-{process}\n"))
                        .exit(Exit::Yes);
                }
            });
        }
    });
    let list = stage.govctl("delivery list --json").run().json(Exit::Yes);
    let keys: BTreeSet<&str> =
        list.as_array().unwrap().iter().map(|entry| entry["sha"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), 400);
    stage
        .govctl("history --verify --limit 1")
        .run()
        .stderr("the log is whole: 400 entries\n")
        .stdout_has("delivery_claimed")
        .exit(Exit::Yes);
    let hidden: Vec<_> =
        stage.dir.names("state").into_iter().filter(|name| name.starts_with('.')).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}

#[test]
fn of_8_that_claim_one_delivery_at_once_exactly_one_wins_500_times() {
    let dir = TestDir::new();
    let mut claimers: Vec<Claimer> =
        (0..PROCESSES).map(|number| Claimer::start(&dir, &format!("event-{number}"))).collect();
    for round in 0..500 {
        let key = format!("acme/site:run_{round}");
        claimers.iter_mut().for_each(|claimer| claimer.ask(&key));
        let answers: Vec<String> = claimers.iter_mut().map(Claimer::answer).collect();
        let winners: Vec<usize> =
            (0..PROCESSES).filter(|number| answers[*number] == "new").collect();
        let [winner] = winners[..] else { panic!("round {round}: {answers:?}") };
        let name = format!("event-{winner}");
        let others = answers.iter().enumerate().filter(|(number, _)| *number != winner);
        assert!(others.into_iter().all(|(_, by)| *by == name), "round {round}: {answers:?}");
    }
}

#[test]
fn of_8_runs_that_claim_one_delivery_at_once_exactly_one_wins() {
    let stage = Stage::new();
    for round in 0..20 {
        let words = format!("delivery claim acme/site run_{round}");
        let start = |number: usize| stage.govctl(&words).arg(format!("event-{number}")).start();
        let runs: Vec<Victim> = (0..PROCESSES).map(start).collect();
        let mut codes: Vec<i32> =
            runs.into_iter().map(|run| run.wait().whatever_is_said().code()).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 1, 1, 1, 1, 1, 1, 1], "round {round}");
    }
}

#[test]
fn two_deploys_of_one_commit_at_once_run_the_command_once() {
    let stage = Stage::new();
    stage.repository.configure("max_deploys_per_hour: 1000");
    let commits = stage.repository.commits(50);
    for sha in &commits {
        let deploy = || stage.govctl(&format!("deploy --json {sha} -- ran")).start();
        let runs = [deploy(), deploy()];
        let mut outcomes = runs.map(|run| {
            run.wait().any_stderr().json(Exit::Yes)["outcome"].as_str().unwrap().to_owned()
        });
        outcomes.sort_unstable();
        assert_eq!(outcomes, ["already_deployed", "success"], "{sha}");
    }
    assert_eq!(stage.ran(), commits);
}

#[test]
fn deploys_of_different_commits_never_overlap() {
    let stage = Stage::new();
    stage.repository.configure("max_deploys_per_hour: 1000");
    // Whoever finds the directory there fails. The pause makes room for finding it.
    stage.script("alone", "mkdir \"$STAGE\"/alone && ran && sleep 0.02 && rmdir \"$STAGE\"/alone");
    let commits = stage.repository.commits(40);
    for round in commits.chunks(4) {
        // They arrive in any order, so most of them do not contain what is live by then.
        let order = "--redeploy --reason in-any-order";
        let start = |sha: &String| stage.govctl(&format!("deploy {order} {sha} -- alone")).start();
        let runs: Vec<Victim> = round.iter().map(start).collect();
        for run in runs {
            run.wait().any_stderr().stdout_has("DEPLOYED").exit(Exit::Yes);
        }
    }
    let ran: BTreeSet<String> = stage.ran().into_iter().collect();
    assert_eq!((stage.ran().len(), ran), (40, commits.into_iter().collect()));
}

/// A process that claims what it is told to, round by round. It ends with its stdin.
struct Claimer {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Claimer {
    fn start(dir: &TestDir, name: &str) -> Claimer {
        let mut command = Command::new(env!("CARGO_BIN_EXE_claimer"));
        command.env_clear().arg(dir.join("state")).arg(name);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Claimer { stdin: child.stdin.take(), stdout, child }
    }

    fn ask(&mut self, key: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{key}").unwrap();
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Claimer {
    fn drop(&mut self) {
        self.stdin = None;
        self.child.wait().ok(); // What it had to say was asserted in its answers.
    }
}
