//! `cargo xtask docs`: `docs/cli.md` is what the real binary says about itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{process, workspace};

const PAGE: &str = "docs/cli.md";

const INTRODUCTION: &str = "\
# Commands

What `govctl --help` says, command by command. This page is generated: after a change to the
command line, run `cargo xtask docs` and commit the result with it.

The global options are described once, with `govctl` itself. Every command takes them, before and
after its name.
";

/// The heading of what every command repeats, at the end of its help.
const GLOBAL: &str = "\nGlobal options:\n";

/// Far more than any command line needs; a program that repeats itself must not loop for ever.
const DEEPEST: usize = 5;

/// Generates the page.
pub(crate) fn write() -> Result<()> {
    let page = page_of_the_binary()?;
    #[expect(
        clippy::disallowed_methods,
        reason = "a generated page that git tracks needs no protection from a power cut"
    )]
    fs::write(workspace::root().join(PAGE), page).with_context(|| format!("cannot write `{PAGE}`"))
}

/// Generates the page and fails if the one in the repository differs.
pub(crate) fn check() -> Result<()> {
    let ours = fs::read_to_string(workspace::root().join(PAGE)).unwrap_or_default();
    match first_difference(&ours, &page_of_the_binary()?) {
        None => Ok(()),
        Some(line) => {
            bail!("{PAGE}:{line}: differs from what `govctl --help` says: run `cargo xtask docs`")
        }
    }
}

fn page_of_the_binary() -> Result<String> {
    let binary = build()?;
    page(&|words| help(&binary, words))
}

/// Builds `govctl` and returns where cargo put it.
fn build() -> Result<PathBuf> {
    let words = ["cargo", "build", "-q", "--locked", "-p", "govctl", "--message-format", "json"];
    let messages = process::capture(&words)?;
    let mut executables = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_ours = message["target"]["name"] == "govctl";
        is_ours.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
    });
    executables.next_back().context("cargo built no program `govctl`")
}

/// Asks the binary for help in an empty environment, so that no machine shows in the answer.
fn help(binary: &Path, words: &[&str]) -> Result<String> {
    let mut command = Command::new(binary);
    command.args(words).arg("--help").env_clear().current_dir(workspace::root());
    command.envs([("HOME", "/home/user"), ("COLUMNS", "100"), ("NO_COLOR", "1")]);
    let asked = || format!("`govctl {} --help`", words.join(" "));
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start {}", asked()))?;
    ensure!(output.status.success(), "{} ended with {}", asked(), output.status);
    String::from_utf8(output.stdout).with_context(|| format!("{} is not UTF-8", asked()))
}

/// Writes one section for the program and one for each of its commands, in the order of the help.
fn page(help: &dyn Fn(&[&str]) -> Result<String>) -> Result<String> {
    let mut page = INTRODUCTION.to_owned();
    describe(&[], help, &mut page)?;
    Ok(page)
}

fn describe(
    words: &[&str],
    help: &dyn Fn(&[&str]) -> Result<String>,
    page: &mut String,
) -> Result<()> {
    ensure!(words.len() <= DEEPEST, "`{}` is nested too deeply to be true", words.join(" "));
    let text = help(words)?;
    // A program that does not speak yet has nothing to show.
    if !text.trim().is_empty() {
        *page += &format!("\n## `{}`\n\n```text\n", [&["govctl"], words].concat().join(" "));
        let own = if words.is_empty() { None } else { text.split_once(GLOBAL) };
        for line in own.map_or(text.as_str(), |(own, _)| own).trim().lines() {
            *page += line.trim_end();
            page.push('\n');
        }
        *page += "```\n";
    }
    for name in commands(&text) {
        describe(&[words, &[name]].concat(), help, page)?;
    }
    Ok(())
}

/// Finds the names in the `Commands:` section of a help text.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let section = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let section = section.take_while(|line| line.is_empty() || line.starts_with(' '));
    section.filter_map(|line| {
        let entry = line.strip_prefix("  ")?;
        // Descriptions that wrap are indented further than names: the name is empty there.
        let (name, about) = entry.split_once(' ').unwrap_or((entry, ""));
        let is_built_in = about.trim_start().starts_with("Print this message or the help of");
        (!name.is_empty() && !is_built_in).then_some(name)
    })
}

/// Returns the number of the first line that differs.
fn first_difference(ours: &str, theirs: &str) -> Option<usize> {
    let longest = ours.lines().count().max(theirs.lines().count());
    let (mut ours, mut theirs) = (ours.lines(), theirs.lines());
    (1..=longest).find(|_| ours.next() != theirs.next())
}

#[cfg(test)]
mod tests {
    use anyhow::{Result, bail};

    use super::{INTRODUCTION, first_difference, page};

    const ROOT: &str = "\
A governor

Usage: govctl [OPTIONS] <COMMAND>

Commands:
  check    The decision, changing nothing, with a description that is
           long enough to wrap [aliases: simulate]
  lock
           Locks on their own
  help     Print this message or the help of the given subcommand(s)

Options:
  -h, --help  Print help

Global options:
      --json  Print JSON
";

    fn fake(words: &[&str]) -> Result<String> {
        Ok(match words {
            [] => ROOT.to_owned(),
            ["check"] => "Usage: govctl check <SHA>   \n\nMore.\n".to_owned(),
            ["lock"] => "Commands:\n  run  Run CMD under a lock\n".to_owned(),
            ["lock", "run"] => {
                "Usage: govctl lock run\n\nGlobal options:\n      --json  Print JSON\n".to_owned()
            }
            other => bail!("nobody has a command {other:?}"),
        })
    }

    #[test]
    fn the_page_has_a_section_for_every_command_in_order() {
        let page = page(&fake).unwrap();
        let sections: Vec<&str> = page.lines().filter(|line| line.starts_with("## ")).collect();
        let expected =
            ["## `govctl`", "## `govctl check`", "## `govctl lock`", "## `govctl lock run`"];
        assert_eq!(sections, expected);
        assert!(page.starts_with(INTRODUCTION));
        assert!(page.contains("\n```text\nUsage: govctl check <SHA>\n\nMore.\n```\n"), "{page}");
    }

    #[test]
    fn global_options_are_described_once() {
        let page = page(&fake).unwrap();
        assert_eq!(page.matches("--json  Print JSON").count(), 1, "{page}");
        assert!(page.ends_with("\n```text\nUsage: govctl lock run\n```\n"), "{page}");
    }

    #[test]
    fn a_program_without_help_gives_a_page_without_sections() {
        assert_eq!(page(&|_| Ok(String::new())).unwrap(), INTRODUCTION);
    }

    #[test]
    fn a_program_that_repeats_itself_is_refused() {
        let message = page(&|_| Ok(ROOT.to_owned())).unwrap_err().to_string();
        assert!(message.ends_with("is nested too deeply to be true"), "{message}");
    }

    #[test]
    fn a_difference_is_found_wherever_it_is() {
        let table = [
            ("a\nb\n", "a\nb\n", None),
            ("a\nb\n", "a\nc\n", Some(2)),
            ("a\n", "a\nb\n", Some(2)),
            ("a\nb\n", "a\n", Some(2)),
            ("", "a\n", Some(1)),
        ];
        for (ours, theirs, line) in table {
            assert_eq!(first_difference(ours, theirs), line, "{ours:?} and {theirs:?}");
        }
    }
}
