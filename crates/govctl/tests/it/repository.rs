//! Real git repositories for tests.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A git repository that knows nothing of the person's settings.
pub(crate) struct Repository {
    dir: PathBuf,
}

impl Repository {
    /// Makes an empty one in `dir`.
    pub(crate) fn at(dir: &Path) -> Repository {
        fs::create_dir_all(dir).unwrap();
        let repository = Repository { dir: dir.to_owned() };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    /// Commits these files and returns the id of the commit.
    #[expect(clippy::disallowed_methods, reason = "plain files for git to find")]
    pub(crate) fn commit(&self, files: &[(&str, &str)]) -> String {
        for (name, contents) in files {
            let path = self.dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "a step"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git and returns the line that it prints.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(&self.dir)
            .args(args)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &self.dir)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "test")))
            .envs(
                ["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "test@example.org")),
            )
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }
}
