//! A repository with a state that can be put back to what it was.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use anyhow::{Context, Result, ensure};
use system_tests::{Blow, Exit, Govctl, Kind, Stage, Steps};

use crate::each_call::Memory;
use crate::each_call::judge::Hit;
use crate::each_call::subject::Subject;
use crate::evidence::Tally;
use crate::tree::Tree;

pub(super) struct Scene<'a> {
    pub(super) subject: &'a Subject,
    pub(super) stage: Stage,
    commits: Vec<String>,
    before: Tree,
    url: String,
}

impl Scene<'_> {
    pub(super) fn new(subject: &Subject) -> Result<Scene<'_>> {
        let stage = Stage::new();
        stage.repository.configure("max_deploys_per_hour: 1000000");
        // Until it says that it is done it can be stopped, and then it has failed.
        let work = "trap 'exit 7' TERM; ran; sleep 0.02; trap '' TERM";
        stage.script("slowly", &format!("{work}; echo $DEPLOY_SHA >> \"$STAGE\"/done"));
        stage.script("die", "kill -9 $PPID");
        let commits = stage.repository.commits(3);
        let url = if subject.has_health { well()? } else { String::new() };
        let mut scene = Scene { subject, stage, commits, before: Tree::default(), url };
        for commit in [0, 1] {
            let run = scene.govctl(&format!("deploy {} -- ran", scene.sha(commit))).run();
            run.whatever_is_said().exit(Exit::Yes);
        }
        (subject.prepare)(&scene);
        scene.before = Tree::read(&scene.stage.state()).context("the state before")?;
        Ok(scene)
    }

    pub(super) fn govctl(&self, words: &str) -> Govctl {
        self.stage.govctl(words)
    }

    pub(super) fn sha(&self, commit: usize) -> &str {
        &self.commits[commit]
    }

    /// The commit that is deployed.
    pub(super) fn goal(&self) -> &str {
        self.sha(self.subject.goal)
    }

    /// Who is asked whether it is well.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Every call that the subject makes when nothing hits it.
    pub(super) fn places(&self, kinds: &[Kind]) -> Result<Vec<(usize, usize)>> {
        self.restore()?;
        let (steps, answer) = Steps::of((self.subject.run)(self), None);
        ensure!(answer.code() == 0, "it fails without a blow\n{}", answer.shown());
        Ok(steps.places(kinds))
    }

    /// Hits the subject once, from the state before.
    pub(super) fn strike(&mut self, blow: Blow, memory: Memory, tally: &mut Tally) -> Result<()> {
        self.restore()?;
        let (steps, answer) = Steps::of((self.subject.run)(self), Some(blow));
        if !steps.was_hit {
            // A thread that came later than usual makes fewer calls.
            tally.count("not met", 1);
            return Ok(());
        }
        tally.tried(1);
        if memory == Memory::Lost {
            fs::remove_dir_all(self.stage.state())?;
        }
        let hit = Hit { scene: self, blow, answer: &answer, is_stop: memory == Memory::Stopped };
        match hit.judge() {
            Ok(end) => tally.count(end, 1),
            Err(wrong) => tally.violation(|| {
                let Blow { task, nth, signal, .. } = blow;
                let kind = steps.tasks[task].kind;
                format!("{signal} at call {nth} of {kind:?} {task}: {wrong}\n{}", answer.shown())
            }),
        }
        Ok(())
    }

    fn restore(&self) -> Result<()> {
        let state = self.stage.state();
        if state.exists() {
            fs::remove_dir_all(&state)?;
        }
        fs::create_dir(&state)?;
        fs::set_permissions(&state, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        for told in ["ran", "done"] {
            fs::remove_file(self.stage.dir.join(told)).ok(); // It may not be there.
        }
        self.before.write(&state)
    }
}

/// Somebody who answers everybody that all is well, until this process ends.
fn well() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/", listener.local_addr()?);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            // Whoever was killed does not listen.
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\n";
            stream.write_all(format!("{head}well").as_bytes()).ok();
        }
    });
    Ok(url)
}
