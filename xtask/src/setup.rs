//! `cargo xtask setup`: what the tests need and this machine lacks.

use anyhow::{Result, bail};

use crate::process;

/// A program that tests start. A line here is all it takes to add one.
struct Tool {
    program: &'static str,
    debian_package: &'static str,
    needed_by: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        program: "git",
        debian_package: "git",
        needed_by: "tests that compare commits, and `tidy`",
    },
    Tool {
        program: "/usr/sbin/mkfs.btrfs",
        debian_package: "btrfs-progs",
        needed_by: "proofs on Btrfs; each makes its own",
    },
    Tool {
        program: "/usr/sbin/mkfs.xfs",
        debian_package: "xfsprogs",
        needed_by: "proofs on XFS; each makes its own",
    },
    Tool {
        program: "redis-server",
        debian_package: "redis-server",
        needed_by: "tests of sessions on a server; each starts its own",
    },
    Tool {
        program: "shellcheck",
        debian_package: "shellcheck",
        needed_by: "the test that reads the scripts of `govctl init`",
    },
    Tool {
        program: "/usr/sbin/sshd",
        debian_package: "openssh-server",
        needed_by: "tests of the deploy script of `govctl init`; each starts its own",
    },
    Tool {
        program: "strace",
        debian_package: "strace",
        needed_by: "crash tests that kill a writer at one system call",
    },
];

const APT_UPDATE: &[&str] = &["apt-get", "update"];
const APT_INSTALL: &[&str] = &["apt-get", "install", "-y", "--no-install-recommends"];

/// Checks that the toolchain and every [`Tool`] are there, and installs them where it may.
///
/// It may as root on a Debian or Ubuntu machine; elsewhere the error is the command to run.
pub(crate) fn run() -> Result<()> {
    components()?;
    let lacking = missing();
    for tool in &lacking {
        println!("missing: {} ({})", tool.program, tool.needed_by);
    }
    match plan(&lacking, is_root(), process::works(&["apt-get", "--version"])) {
        Plan::Nothing => return Ok(()),
        Plan::Install(words) => {
            let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
            process::run(APT_UPDATE, &quiet)?;
            process::run(&words, &quiet)?;
        }
        Plan::Ask(message) => bail!(message),
    }
    if let Some(tool) = missing().first() {
        bail!(
            "`{}` was installed, and still `{}` cannot be started",
            tool.debian_package,
            tool.program
        );
    }
    Ok(())
}

fn missing() -> Vec<&'static Tool> {
    TOOLS.iter().filter(|tool| !is_there(tool.program)).collect()
}

/// A program with a path need not be on the search path, and some know no `--version`.
fn is_there(program: &str) -> bool {
    match program.starts_with('/') {
        true => process::works(&["test", "-x", program]),
        false => process::works(&[program, "--version"]),
    }
}

/// A toolchain can be installed without these two, and some images do.
fn components() -> Result<()> {
    let has_all = || {
        process::works(&["cargo", "fmt", "--version"])
            && process::works(&["cargo", "clippy", "--version"])
    };
    let add = ["rustup", "component", "add", "rustfmt", "clippy"];
    if !has_all() && (process::run(&add, &[]).is_err() || !has_all()) {
        bail!("rustfmt or clippy is missing: run `{}`", add.join(" "));
    }
    Ok(())
}

fn is_root() -> bool {
    process::capture(&["id", "-u"]).is_ok_and(|id| id.trim() == "0")
}

#[derive(Debug, PartialEq)]
enum Plan {
    Nothing,
    Install(Vec<&'static str>),
    Ask(String),
}

fn plan(missing: &[&Tool], root: bool, apt: bool) -> Plan {
    if missing.is_empty() {
        return Plan::Nothing;
    }
    let packages = missing.iter().map(|tool| tool.debian_package);
    let install: Vec<&str> = APT_INSTALL.iter().copied().chain(packages).collect();
    match (apt, root) {
        (true, true) => Plan::Install(install),
        (true, false) => Plan::Ask(format!(
            "programs are missing: run `sudo {} && sudo {}`",
            APT_UPDATE.join(" "),
            install.join(" ")
        )),
        (false, _) => {
            let programs: Vec<&str> = missing.iter().map(|tool| tool.program).collect();
            Plan::Ask(format!(
                "programs are missing and there is no apt-get: install {}",
                programs.join(", ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Plan, Tool, plan};

    const REDIS: Tool =
        Tool { program: "redis-cli", debian_package: "redis-tools", needed_by: "a test" };

    #[test]
    fn what_is_missing_decides_together_with_who_asks() {
        let install = "apt-get install -y --no-install-recommends redis-tools";
        let sudo = format!("programs are missing: run `sudo apt-get update && sudo {install}`");
        let by_hand = "programs are missing and there is no apt-get: install redis-cli";
        let table = [
            (&[][..], false, false, Plan::Nothing),
            (&[&REDIS][..], true, true, Plan::Install(install.split(' ').collect())),
            (&[&REDIS], false, true, Plan::Ask(sudo)),
            (&[&REDIS], true, false, Plan::Ask(by_hand.to_owned())),
        ];
        for (missing, root, apt, expected) in table {
            let count = missing.len();
            assert_eq!(plan(missing, root, apt), expected, "{count} missing, {root}, {apt}");
        }
    }
}
