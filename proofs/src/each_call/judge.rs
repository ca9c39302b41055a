//! What may be found after a blow.

use serde_json::Value;
use system_tests::{Answer, Blow, Signal, eventually, with_variable};

use crate::each_call::scene::Scene;

/// A blow that has fallen, and what the one that it hit said.
pub(super) struct Hit<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) blow: Blow,
    pub(super) answer: &'a Answer,
    /// Whether it is judged as if it had been asked to stop.
    pub(super) is_stop: bool,
}

type Found<T> = Result<T, String>;

const DONE: &str = "on record as done";
const FAILED: &str = "on record as failed";
/// As a person may order it whatever came of it.
const ORDERED_AGAIN: &str = "failed, and ordered again";
const TRIED_AGAIN: &str = "tried again";
const UNKNOWN: &str = "unknown";
const SETTLED: &str = "settled";

impl Hit<'_> {
    /// The end that was met, or what is wrong.
    pub(super) fn judge(&self) -> Found<&'static str> {
        let is_stop = self.is_stop || self.blow.signal != Signal::SIGKILL;
        if is_stop {
            self.nobody_is_left()?;
        }
        let had_failed = self.has_failed()?;
        let again = self.again();
        let json: Value = serde_json::from_str(again.said()).unwrap_or_default();
        let end = match (again.code(), json["outcome"].as_str(), json["reason"].as_str()) {
            (0 | 1, ..) if !self.scene.subject.has_command => SETTLED,
            (0, Some("already_deployed"), _) => DONE,
            (0, Some("success"), _) if had_failed => ORDERED_AGAIN,
            (0, Some("success"), _) => TRIED_AGAIN,
            (1, _, Some("cooldown")) if had_failed => FAILED,
            (6, ..) if !is_stop => UNKNOWN,
            _ => return Err(format!("then\n{}", again.shown())),
        };
        let found = self.ran_as_told(end).and_then(|()| self.answered(end));
        found.map_err(|wrong| format!("{wrong}\nthen\n{}", again.shown()))?;
        if end == UNKNOWN {
            self.settle()?;
        }
        self.it_goes_on(end)?;
        Ok(end)
    }

    /// Whether the last thing on record is that it failed.
    fn has_failed(&self) -> Found<bool> {
        let status = self.status()?;
        Ok(status["last_deploy_attempt_sha"] == self.scene.goal()
            && status["last_deploy_result"] == "failure")
    }

    /// The same again, once the command has ended that may have outlived its govctl.
    fn again(&self) -> Answer {
        let mut answer = None;
        eventually("the command has ended", || {
            let again = (self.scene.subject.run)(self.scene).run().whatever_is_said();
            let runs = again.code() == 1 && again.said().contains("\"deploy_in_progress\"");
            answer = (!runs).then_some(again);
            !runs
        });
        answer.expect("it waits for one")
    }

    /// What was asked to stop has stopped everything that it started.
    fn nobody_is_left(&self) -> Found<()> {
        let stage = &self.scene.stage;
        let of_stage = || with_variable("STAGE", stage.dir.path().to_str().unwrap_or_default());
        // What ended by a signal a moment ago may still be on its way out; what lives on is
        // known by what it does next.
        let done = stage.dir.read("done");
        eventually("everybody has ended", || of_stage().is_empty());
        if stage.dir.read("done") == done { Ok(()) } else { Err("the command went on".to_owned()) }
    }

    /// The command started once at most, and whether it did is what is on record.
    fn ran_as_told(&self, end: &str) -> Found<()> {
        let (stage, goal) = (&self.scene.stage, self.scene.goal());
        let lines = |name: &str| stage.dir.read(name).lines().filter(|sha| *sha == goal).count();
        let (ran, done) = (lines("ran"), lines("done"));
        let is_right = match end {
            SETTLED => (ran, done) == (0, 0),
            // It may have been stopped before it did anything.
            FAILED => ran <= 1 && done == 0,
            ORDERED_AGAIN => (1..=2).contains(&ran) && done == 1,
            // It would be known if it had not started.
            UNKNOWN => ran == 1,
            _ => (ran, done) == (1, 1),
        };
        if is_right { Ok(()) } else { Err(format!("{end}: it ran {ran} times, {done} to its end")) }
    }

    /// What the one that was hit said is what was found.
    fn answered(&self, end: &str) -> Found<()> {
        let code = self.answer.code();
        let may_be = match end {
            _ if code == 128 + self.blow.signal as i32 => true,
            DONE | SETTLED => code == 0,
            FAILED | ORDERED_AGAIN => code == 4,
            TRIED_AGAIN => code == 3,
            _ => false,
        };
        if may_be { Ok(()) } else { Err(format!("{end}, and the exit code was {code}")) }
    }

    /// It stays unknown until somebody says how it ended.
    fn settle(&self) -> Found<()> {
        let again = self.again();
        if again.code() != 6 {
            return Err(format!("it was unknown, and then\n{}", again.shown()));
        }
        let words = format!("resolve {} --as success --reason seen", self.scene.goal());
        self.works(&words).map(drop)
    }

    /// What is on record is whole, and says what was found.
    fn it_goes_on(&self, end: &str) -> Found<()> {
        let _whole = self.works("history --verify --limit 0")?;
        let status = self.status()?;
        let is_live = status["production_sha_current"] == self.scene.goal();
        let is_known = status["unknown"] == Value::Array(Vec::new());
        if is_live == (end == FAILED) || !is_known || status["lock"]["held"] != false {
            return Err(format!("{end}, and then {status:#}"));
        }
        let names = self.scene.stage.dir.names("state");
        let is_hidden =
            |name: &&String| name.rsplit('/').next().is_some_and(|name| name.starts_with('.'));
        let hidden: Vec<_> = names.iter().filter(is_hidden).collect();
        if end == TRIED_AGAIN && !hidden.is_empty() {
            return Err(format!("left behind: {hidden:?}"));
        }
        Ok(())
    }

    fn status(&self) -> Found<Value> {
        let status = self.works("status --json")?;
        serde_json::from_str(status.said()).map_err(|error| error.to_string())
    }

    fn works(&self, words: &str) -> Found<Answer> {
        let answer = self.scene.govctl(words).run().whatever_is_said();
        if answer.code() == 0 { Ok(answer) } else { Err(format!("then\n{}", answer.shown())) }
    }
}
