//! A directory that goes away with the test.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A directory of one test. It is removed with everything in it.
#[derive(Debug)]
pub struct TestDir {
    dir: TempDir,
}

impl TestDir {
    /// Makes one, empty.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "making a directory is no default value")]
    pub fn new() -> TestDir {
        TestDir { dir: TempDir::with_prefix("govctl-test-").unwrap() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Where `name` is in it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file, and the directories above it.
    pub fn write(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.join(name);
        write(&path, contents);
        path
    }

    /// Writes an executable `sh` script.
    pub fn script(&self, name: &str, body: &str) -> PathBuf {
        let path = self.write(name, &format!("#!/bin/sh\n{body}\n"));
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// What is in a file; nothing if it is not there.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        match fs::read_to_string(self.join(name)) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => panic!("cannot read `{name}`: {error}"),
        }
    }

    /// The names of all files below `name`, relative to it; none if it is not there.
    #[must_use]
    pub fn names(&self, name: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let top = self.join(name);
        collect(&top, &top, &mut names);
        names
    }
}

fn collect(top: &Path, dir: &Path, names: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(top, &path, names);
        } else {
            names.insert(path.strip_prefix(top).unwrap().display().to_string());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "stands for a person with an editor")]
pub(crate) fn write(path: &Path, contents: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
}
