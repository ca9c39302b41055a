//! One life, step by step: order, look, compare.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::chance::{Kill, Step};
use super::disk::{Disk, Micro, Told};
use super::order::{Expected, KILLED, Order, rfc3339};
use super::world::{Ask, FILES, FORK, POLICY, SIDE, reason};
use super::{Commit, Flaw, LifeCounts, observed, story};
use crate::{Answer, Govctl, Stage, Trace, eventually, is_gone};

/// 2026-11-20T12:00:00Z.
const BEGINNING: i64 = 1_795_176_000;

pub(super) struct Play {
    stage: Stage,
    shas: Vec<String>,
    now: i64,
    /// What must be on record.
    disk: Disk,
    /// The lines of the log that count: without one whose change a kill has prevented, and with
    /// the one that a kill has prevented.
    story: Vec<(i64, Told)>,
    commands: Vec<String>,
    flaw: Flaw,
}

impl Play {
    pub(super) fn new(flaw: Flaw) -> Play {
        let stage = Stage::new();
        stage.repository.configure(POLICY);
        let mut shas: Vec<String> = Vec::new();
        for (commit, file) in FILES.iter().enumerate() {
            if commit == SIDE {
                stage.repository.git(&["checkout", "-q", "-b", "side", &shas[FORK]]);
            }
            shas.push(stage.repository.commit(file, file));
        }
        // One write to a file opened for appending, so that no line is torn.
        let ran = "echo \"$DEPLOY_SHA $GOVCTL_FENCE\" >> \"$STAGE\"/ran";
        stage.script("works", &format!("{ran}; sleep 0.005"));
        stage.script("fails", &format!("{ran}; exit 1"));
        stage.script("cuts-off", &format!("{ran}; kill -KILL $PPID"));
        let (disk, story, commands) = (Disk::empty(), Vec::new(), Vec::new());
        Play { stage, shas, now: BEGINNING, disk, story, commands, flaw }
    }

    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    pub(super) fn now(&self) -> i64 {
        self.now
    }

    /// What was run so far, as a person would type it.
    pub(super) fn commands(&self) -> String {
        self.commands.join("\n")
    }

    /// Gives the order, and compares everything with the model.
    pub(super) fn step(&mut self, step: &Step, counts: &mut LifeCounts) -> Result<(), String> {
        self.now += step.later;
        let words = step.order.words(|commit| self.shas[commit].clone());
        let kill = step.kill.as_ref().map(|kill| format!("  # killed: {kill:?}"));
        let line = format!("govctl --now {} {words}", rfc3339(self.now));
        self.commands.push(line + &kill.unwrap_or_default());

        let before = self.disk.clone();
        let expected = step.order.expected(&before, self.now);
        let (answer, was_killed) = self.run(&words, step.kill.as_ref());
        self.until_the_command_is_gone();
        self.harm(&before);
        let seen = observed::read(&self.stage, &self.shas)?;
        let (done, whole) = self.how_far(&before, &expected, &seen, was_killed);
        let shown = || format!("{}\nwas {before:#?}\nis {seen:#?}", answer.shown());
        let Some(done) = done else {
            return Err(format!("what is on record is not what was ordered\n{whole}\n{}", shown()));
        };
        if !was_killed {
            answered(&answer, &expected)?;
        }
        self.disk.clone_from(&seen);
        self.continue_story(&before, &expected, done)
            .map_err(|why| format!("{why}\n{}", shown()))?;
        let is_halfway = was_killed && done > 0 && done < expected.micros.len();
        count(&step.order, &expected, [was_killed, is_halfway], counts);
        self.look(step.asked)
    }

    fn run(&self, words: &str, kill: Option<&Kill>) -> (Answer, bool) {
        let run = self.govctl(words);
        match kill {
            None => (run.run(), false),
            Some(Kill::AtCall { call, nth }) => {
                let words =
                    [format!("--trace={call}"), format!("--inject={call}:signal=KILL:when={nth}")];
                let (trace, answer) = Trace::of(run, &words);
                // A command that cuts its program off looks the same, and is expected.
                let was_killed = trace.was_hit() && answer.code() == KILLED;
                (answer, was_killed)
            }
            Some(Kill::Everything { after }) => {
                let victim = run.under(["setsid", "--wait"]).start();
                thread::sleep(Duration::from_micros(*after)); // The random moment.
                victim.kill_session();
                (victim.wait(), true)
            }
        }
    }

    /// A command goes on without the program that started it, and these are short.
    fn until_the_command_is_gone(&self) {
        if let Some(pid) = observed::last_process(&self.stage) {
            eventually("the command has ended", || is_gone(pid));
        }
    }

    /// How many of the changes were made, if what is seen is what they lead to; and what all of
    /// them lead to, in words.
    fn how_far(
        &self,
        before: &Disk,
        expected: &Expected,
        seen: &Disk,
        was_killed: bool,
    ) -> (Option<usize>, String) {
        let mut disk = before.clone();
        let mut done = None;
        for (count, micro) in expected.micros.iter().enumerate() {
            if was_killed && disk == *seen {
                done = Some(count);
            }
            disk.apply(micro, self.now);
        }
        if disk == *seen {
            done = Some(expected.micros.len());
        }
        (done, format!("expected {expected:#?}\nleads to {disk:#?}"))
    }

    /// The log explains what is on record; a kill may have come between a line and its change.
    fn continue_story(
        &mut self,
        before: &Disk,
        expected: &Expected,
        done: usize,
    ) -> Result<(), String> {
        let new = &self.disk.log[before.log.len()..];
        let reminded = self.reminded(before, &expected.micros[..done]);
        // An emptied history takes over lines that count already, too, and they count once.
        let others = |line: &&(i64, Told)| !reminded.contains(line);
        let (story, later) = (self.story.iter().filter(others), new.iter().filter(others));
        let whole: Vec<_> = story.chain(&reminded).chain(later).cloned().collect();
        let mut ways = vec![whole.clone()];
        if done < expected.micros.len() {
            if !new.is_empty() {
                ways.push(whole[..whole.len() - 1].to_vec());
            }
            let next = expected.micros[done..].iter().find_map(|micro| match micro {
                Micro::Tell(told) => Some((self.now, told.clone())),
                _ => None,
            });
            ways.extend(next.map(|next| whole.into_iter().chain([next]).collect()));
        }
        let explains = |way: &Vec<_>| story::explains(&story::told(way), &self.disk);
        self.story = ways.into_iter().find(explains).ok_or("the audit log does not explain it")?;
        Ok(())
    }

    /// The lines that count although a kill had prevented their own change: those that a first
    /// change of a document took over, and one whose change was made later.
    fn reminded(&self, before: &Disk, micros: &[Micro]) -> Vec<(i64, Told)> {
        let mut disk = before.clone();
        let mut reminded = Vec::new();
        for micro in micros {
            reminded.extend(disk.taken_over_by(micro));
            if let Micro::Redo(at, told) = micro {
                reminded.push((*at, told.clone()));
            }
            disk.apply(micro, self.now);
        }
        reminded
    }

    /// What the program itself says about it.
    fn look(&self, asked: [Commit; 2]) -> Result<(), String> {
        let fences: Vec<u64> = self.disk.runs.iter().map(|(_, fence)| *fence).collect();
        if !fences.is_sorted_by(|one, next| one < next) {
            return Err(format!("the fences do not rise: {fences:?}"));
        }
        let verified = self.govctl("history --verify --limit 1").run();
        if verified.code() != 0 {
            return Err(format!("the log is not whole\n{}", verified.shown()));
        }
        let status = self.govctl("status --json").run();
        let json = json(&status)?;
        let sha = |commit: Option<Commit>| commit.map(|commit| self.shas[commit].clone());
        let known = self.disk.known();
        let unknown: Vec<_> = self.disk.unknown().into_iter().map(|one| sha(Some(one))).collect();
        let same = json["production_sha_current"] == Value::from(sha(known.current))
            && json["production_sha_previous"] == Value::from(sha(known.previous))
            && json["unknown"] == Value::from(unknown);
        if !same {
            return Err(format!("status is wrong\n{}\n{:#?}", status.shown(), self.disk));
        }
        asked.into_iter().try_for_each(|commit| self.ask(commit))
    }

    fn ask(&self, commit: Commit) -> Result<(), String> {
        let check = self.govctl(&format!("check --json {}", self.shas[commit])).run();
        let json = json(&check)?;
        let reason = reason(&self.disk, commit, self.now, Ask::default());
        let allows = reason.starts_with("allow") || reason == "already_deployed";
        let decision = if allows { "ALLOW" } else { "HOLD" };
        if json["reason"] != reason || json["decision"] != decision {
            let (shown, disk) = (check.shown(), &self.disk);
            return Err(format!("commit {commit} must be {decision} {reason}\n{shown}\n{disk:#?}"));
        }
        Ok(())
    }

    fn govctl(&self, words: &str) -> Govctl {
        self.stage.govctl(words).at(&rfc3339(self.now))
    }

    /// The flaw of a product that forgets.
    fn harm(&self, before: &Disk) {
        let lines = before.log.len();
        match self.flaw {
            Flaw::None => {}
            Flaw::Forgets => {
                for name in ["release.json", "approvals.json", "freezes.json"] {
                    let old = self.stage.dir.read(&format!("state/{name}.bak"));
                    if !old.is_empty() {
                        self.stage.dir.write(&format!("state/{name}"), &old);
                    }
                }
                self.cut_log(lines);
            }
            Flaw::LosesLines => self.cut_log(lines),
        }
    }

    fn cut_log(&self, lines: usize) {
        let name = "state/audit.jsonl";
        let kept: String = self.stage.dir.read(name).split_inclusive('\n').take(lines).collect();
        if lines > 0 {
            self.stage.dir.write(name, &kept);
        }
    }
}

fn answered(answer: &Answer, expected: &Expected) -> Result<(), String> {
    let says_reason = || {
        let json: Value = serde_json::from_str(answer.said()).unwrap_or_default();
        expected.reason.is_none_or(|reason| json["reason"] == reason)
    };
    let is_right = answer.code() == expected.code && (expected.code == KILLED || says_reason());
    if is_right { Ok(()) } else { Err(format!("expected {expected:#?}\n{}", answer.shown())) }
}

fn json(answer: &Answer) -> Result<Value, String> {
    serde_json::from_str(answer.said()).map_err(|error| format!("{error}\n{}", answer.shown()))
}

fn count(
    order: &Order,
    expected: &Expected,
    [was_killed, is_halfway]: [bool; 2],
    counts: &mut LifeCounts,
) {
    let name = match order {
        Order::Deploy { .. } => "deploys",
        Order::Rollback { .. } => "rollbacks",
        Order::Resolve { .. } => "resolved",
        _ => "other orders",
    };
    let mut add = |name| *counts.entry(name).or_default() += 1;
    add(name);
    if was_killed {
        add("killed");
    }
    if is_halfway {
        add("killed halfway");
    }
    if let Some(reason) = expected.reason {
        add(reason);
    }
}
