//! A process that answers each line with a line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// One of them. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Servant {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Servant {
    pub(super) fn start(mut command: Command) -> Result<Servant> {
        let name = command.get_program().display().to_string();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().with_context(|| format!("cannot run `{name}`"))?;
        let orders = process.stdin.take().context("it was piped")?;
        let answers = BufReader::new(process.stdout.take().context("it was piped")?);
        Ok(Servant { process, orders, answers })
    }

    /// Gives an order, and waits for the answer.
    pub(super) fn ask(&mut self, order: &str) -> Result<String> {
        self.orders.write_all(format!("{order}\n").as_bytes())?; // At once, and not word by word.
        self.hear()
    }

    /// Waits for what it says next.
    pub(super) fn hear(&mut self) -> Result<String> {
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(answer.ends_with('\n'), "a process that a proof needs has ended");
        Ok(answer.trim_end().to_owned())
    }
}

impl Drop for Servant {
    fn drop(&mut self) {
        self.process.kill().ok(); // It would end with its input.
        self.process.wait().ok();
    }
}
