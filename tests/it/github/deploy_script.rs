//! `deploy.sh` of `govctl init`: read by `shellcheck`, and run against a real `sshd`.

use std::path::PathBuf;
use std::process::Command;

use system_tests::{Exit, Govctl, Sshd, Stage, Workflow};

use super::{initialised, our_top};

/// A stage with a host, and a clone over there of which git says what is checked out.
struct Host {
    stage: Stage,
    sshd: Sshd,
    clone: PathBuf,
}

impl Host {
    fn with_clone_named(name: &str) -> Host {
        let (stage, _) = initialised();
        let clone = stage.dir.join(name);
        stage.repository.git(&["clone", "-q", ".", clone.to_str().unwrap()]);
        let sshd = Sshd::new(&stage.dir);
        Host { stage, sshd, clone }
    }

    /// A deploy of `sha` by the script.
    fn deploy(&self, sha: &str) -> Govctl {
        self.stage
            .govctl(&format!("deploy {sha} --json -- ./deploy.sh"))
            .env("DEPLOY_HOST", "target")
            .env("DEPLOY_PATH", &self.clone)
            .env("DEPLOY_SSH_CONFIG", self.sshd.config())
            .env("RELEASE_GOVERNOR_APPROVED", "true")
            .env("RELEASE_GOVERNOR_MAX_DEPLOYS_PER_HOUR", "20")
    }

    fn checked_out(&self) -> String {
        self.stage.repository.git(&["-C", self.clone.to_str().unwrap(), "rev-parse", "HEAD"])
    }
}

#[test]
fn the_host_has_exactly_the_commit_afterwards() {
    let host = Host::with_clone_named("clone");
    host.stage.dir.script("shop/after-deploy", "cat\necho $DEPLOY_SHA > deployed");
    let sha = host.stage.repository.commit("shop.txt", "closed");
    let newer = host.stage.repository.commit("shop.txt", "open again");
    // A change over there that nobody committed does not stay in the way.
    std::fs::copy(host.clone.join("deploy.sh"), host.clone.join("shop.txt")).unwrap();
    let answer = host.deploy(&sha).run().stderr_has(&format!("deployed {sha}\n"));
    assert_eq!(answer.json(Exit::Yes)["outcome"], "success");
    assert_eq!(host.checked_out(), sha);
    assert_eq!(std::fs::read_to_string(host.clone.join("shop.txt")).unwrap(), "closed");
    let deployed = std::fs::read_to_string(host.clone.join("deployed")).unwrap();
    assert_eq!(deployed, format!("{sha}\n"));
    host.deploy(&newer).run().any_stderr().json(Exit::Yes)["outcome"].as_str().unwrap();
    assert_eq!(host.checked_out(), newer);
}

#[test]
fn a_path_is_a_path_whatever_is_in_it() {
    let host =
        Host::with_clone_named("it's a $(touch owned) `touch owned` \"path\"; touch owned #");
    let sha = host.stage.repository.commit("shop.txt", "closed");
    let answer = host.deploy(&sha).run().any_stderr().json(Exit::Yes);
    assert_eq!((answer["outcome"].as_str(), host.checked_out()), (Some("success"), sha));
    assert!(!host.stage.repository.path().join("owned").exists());
}

#[test]
fn what_fails_over_there_fails_here() {
    let host = Host::with_clone_named("clone");
    let before = host.checked_out();
    let sha = host.stage.repository.commit("shop.txt", "closed");
    // The commit is not where the clone can get it.
    let origin = host.stage.dir.join("elsewhere");
    host.stage.repository.git(&["init", "-q", origin.to_str().unwrap()]);
    let clone = host.clone.to_str().unwrap();
    host.stage.repository.git(&[
        "-C",
        clone,
        "remote",
        "set-url",
        "origin",
        origin.to_str().unwrap(),
    ]);
    let answer = host.deploy(&sha).run().any_stderr().json(Exit::Failed);
    assert_eq!(answer["outcome"], "failure");
    assert_eq!(host.checked_out(), before);
}

#[test]
fn what_is_no_commit_or_no_host_never_reaches_ssh() {
    let host = Host::with_clone_named("clone");
    host.stage.script("ssh", "touch \"$HOME/asked\"");
    let sha = host.stage.repository.head();
    let two = format!("{sha}\n{sha}");
    let no_commits = ["", "HEAD", &sha[..39], "$(touch owned)", &two];
    let no_hosts = ["", "-oProxyCommand=touch owned", "a b", "a;b", "$(a)", "a\nb"];
    let commits = no_commits.map(|sha| (sha.to_owned(), "target"));
    let hosts = no_hosts.map(|host| (sha.clone(), host));
    for (sha, target) in commits.into_iter().chain(hosts) {
        let output = Command::new("bash")
            .arg(host.stage.repository.path().join("deploy.sh"))
            .env("PATH", format!("{}:/usr/bin:/bin", host.stage.dir.join("bin").display()))
            .env("HOME", host.stage.dir.path())
            .envs([("DEPLOY_SHA", sha.as_str()), ("DEPLOY_HOST", target), ("DEPLOY_PATH", "/")])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{sha:?} {target:?}: {output:?}");
        assert!(!host.stage.dir.join("asked").exists(), "{sha:?} {target:?}");
    }
}

#[test]
fn shellcheck_finds_nothing_in_what_init_writes_and_in_our_action() {
    let (stage, _) = initialised();
    let top = stage.repository.path();
    let mut scripts = vec![top.join("deploy.sh")];
    let workflows = ["verify-main.yml", "deploy.yml"];
    let workflows = workflows.map(|name| top.join(".github/workflows").join(name));
    for file in workflows.into_iter().chain([our_top().join("action.yml")]) {
        for step in Workflow::read(&file).steps() {
            if let Some(script) = step["run"].as_str() {
                let name = format!("steps/{}.sh", scripts.len());
                scripts.push(stage.dir.write(&name, &format!("#!/bin/bash\n{script}")));
            }
        }
    }
    assert_eq!(scripts.len(), 8);
    let output = Command::new("shellcheck").args(&scripts).output().expect("shellcheck is missing");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
