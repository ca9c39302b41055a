//! Where a deploy is played through: a repository, a state directory, a log of what ran.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Exit, Govctl, Repository, TestDir};

/// A repository with one commit, an empty state directory, and scripts to deploy with.
#[derive(Debug)]
pub struct Stage {
    /// Holds everything else; also the home directory.
    pub dir: TestDir,
    /// What is deployed.
    pub repository: Repository,
}

impl Stage {
    /// Sets it up.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "making a repository is no default value")]
    pub fn new() -> Stage {
        let dir = TestDir::new();
        let repository = Repository::new(dir.join("shop"));
        repository.commit("shop.txt", "open");
        let stage = Stage { dir, repository };
        // One write to a file opened for appending: no line is torn or lost.
        stage.script("ran", "echo $DEPLOY_SHA >> \"$STAGE\"/ran");
        stage
    }

    /// A run of `govctl` in the repository, with the state directory of this stage.
    pub fn govctl(&self, words: &str) -> Govctl {
        Govctl::new(words, self.repository.path(), self.dir.path())
            .option("--state-dir", self.state())
            .env("STAGE", self.dir.path())
            .env("USER", "ana")
    }

    /// Where the state is.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// Adds a command to deploy with. `$STAGE` is the directory of this stage.
    pub fn script(&self, name: &str, body: &str) {
        self.dir.script(&format!("bin/{name}"), body);
    }

    /// The commits that the script `ran` was started for, in order.
    #[must_use]
    pub fn ran(&self) -> Vec<String> {
        self.dir.read("ran").lines().map(str::to_owned).collect()
    }

    /// Deploys what is checked out, with success.
    #[track_caller]
    pub fn deploy(&self) {
        self.govctl("deploy HEAD -- ran").run().stdout_has("DEPLOYED").exit(Exit::Yes);
    }

    /// What `status --json` says.
    #[track_caller]
    #[must_use]
    pub fn status(&self) -> Value {
        self.govctl("status --json").run().json(Exit::Yes)
    }

    /// Changes a file of the state as a person with an editor does.
    pub fn edit(&self, name: &str, edit: impl FnOnce(String) -> String) {
        let name = Path::new("state").join(name);
        let name = name.to_str().unwrap();
        self.dir.write(name, &edit(self.dir.read(name)));
    }
}
