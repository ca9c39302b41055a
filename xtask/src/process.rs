//! Running programs. Every one runs in the root of the repository.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Which stream of a program is read on its way to the terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Watch {
    Stdout,
    Stderr,
}

/// Runs a program; what it prints goes to the terminal.
pub(crate) fn run(words: &[&str], env: &[(&str, &str)]) -> Result<()> {
    let status = command(words).envs(env.iter().copied()).status();
    let status = status.with_context(|| format!("cannot start `{}`", words[0]))?;
    if !status.success() {
        bail!("`{}` ended with {status}", words.join(" "));
    }
    Ok(())
}

/// Runs a program and hands each line of one stream to `line`; all of it still reaches the terminal.
///
/// Only one stream is read, so that no program can block on a pipe that nobody empties.
pub(crate) fn run_watching(
    words: &[&str],
    env: &[(&str, &str)],
    watch: Watch,
    mut line: impl FnMut(&str),
) -> Result<()> {
    let mut command = command(words);
    command.envs(env.iter().copied());
    match watch {
        Watch::Stdout => command.stdout(Stdio::piped()),
        Watch::Stderr => command.stderr(Stdio::piped()),
    };
    let mut child = command.spawn().with_context(|| format!("cannot start `{}`", words[0]))?;
    let pipe: Box<dyn Read> = match watch {
        Watch::Stdout => Box::new(child.stdout.take().expect("stdout was piped above")),
        Watch::Stderr => Box::new(child.stderr.take().expect("stderr was piped above")),
    };
    for bytes in BufReader::new(pipe).split(b'\n') {
        let bytes = bytes.with_context(|| format!("cannot read from `{}`", words[0]))?;
        let text = String::from_utf8_lossy(&bytes);
        match watch {
            Watch::Stdout => println!("{text}"),
            Watch::Stderr => eprintln!("{text}"),
        }
        line(&text);
    }
    let status = child.wait().with_context(|| format!("cannot wait for `{}`", words[0]))?;
    if !status.success() {
        bail!("`{}` ended with {status}", words.join(" "));
    }
    Ok(())
}

/// Returns what a program wrote to stdout; its stderr goes to the terminal.
pub(crate) fn capture(words: &[&str]) -> Result<String> {
    let output = command(words).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start `{}`", words[0]))?;
    if !output.status.success() {
        bail!("`{}` ended with {}", words.join(" "), output.status);
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed something that is not UTF-8", words.join(" ")))
}

/// Whether a program starts and succeeds, in silence.
pub(crate) fn works(words: &[&str]) -> bool {
    command(words).output().is_ok_and(|output| output.status.success())
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(workspace::root());
    command
}

#[cfg(test)]
mod tests {
    use super::{Watch, capture, run, run_watching, works};

    #[test]
    fn a_failure_names_the_whole_command() {
        let message = run(&["false", "alarm"], &[]).unwrap_err().to_string();
        assert!(message.starts_with("`false alarm` ended with "), "{message}");
        let message = capture(&["no-such-program"]).unwrap_err().to_string();
        assert_eq!(message, "cannot start `no-such-program`");
    }

    #[test]
    fn watching_sees_every_line_and_the_failure() {
        let mut lines = Vec::new();
        let script = "echo one; echo two; exit 3";
        let outcome = run_watching(&["sh", "-c", script], &[], Watch::Stdout, |line| {
            lines.push(line.to_owned())
        });
        assert_eq!(lines, ["one", "two"]);
        assert!(outcome.is_err(), "exit code 3 is a failure");
    }

    #[test]
    fn a_missing_or_failing_program_does_not_work() {
        assert!(works(&["true"]));
        assert!(!works(&["false"]));
        assert!(!works(&["no-such-program"]));
    }
}
