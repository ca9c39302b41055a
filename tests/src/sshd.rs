//! A real `sshd` and a real `ssh`, joined by a pipe instead of a port.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{TestDir, govctl::search_path};

/// A host named `target` that lets this test in, as the user who runs it.
///
/// `ssh` starts `sshd` in its inetd mode as the way to the host: every byte of the protocol is
/// exchanged, and nothing listens anywhere.
#[derive(Debug)]
pub struct Sshd {
    config: PathBuf,
}

impl Sshd {
    /// Makes keys and settings in `dir`.
    #[must_use]
    pub fn new(dir: &TestDir) -> Sshd {
        for key in ["host-key", "user-key"] {
            let path = dir.join(key);
            run(
                "ssh-keygen",
                &["-q", "-t", "ed25519", "-N", "", "-C", key, "-f", path.to_str().unwrap()],
            );
        }
        let user_key = dir.read("user-key.pub");
        let authorized = dir.write("authorized", &user_key);
        let known = dir.write("known", &format!("target {}", dir.read("host-key.pub")));
        let server = dir.write(
            "sshd-config",
            &format!(
                "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n\
                 PasswordAuthentication no\nSetEnv GIT_CONFIG_GLOBAL=/dev/null\n",
                dir.join("host-key").display(),
                authorized.display(),
            ),
        );
        if rustix::process::geteuid().is_root() {
            // What the package's service makes when it starts.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let log = dir.join("sshd.log");
        let config = dir.write(
            "ssh-config-of-test",
            &format!(
                "Host target\n  ProxyCommand /usr/sbin/sshd -i -f {} -E {}\n  IdentityFile {}\n  \
                 IdentitiesOnly yes\n  UserKnownHostsFile {}\n  StrictHostKeyChecking yes\n",
                server.display(),
                log.display(),
                dir.join("user-key").display(),
                known.display(),
            ),
        );
        Sshd { config }
    }

    /// The settings with which `ssh target` gets there.
    #[must_use]
    pub fn config(&self) -> &str {
        self.config.to_str().unwrap()
    }
}

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).env_clear().env("PATH", search_path()).output();
    let output = output.unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
}
