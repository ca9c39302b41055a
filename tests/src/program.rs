//! The program under test: found beside the test, built if it is missing or stale.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use flock_guard::{LockFile, Wait};

/// Where `govctl` is, built from the sources as they are now.
///
/// A package cannot ask cargo for the binary of another one. `cargo test --workspace` has
/// built it already; otherwise the first test that comes here builds it, and the others
/// wait for that.
pub fn govctl_binary() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let place = Place::of_this_test();
        if !place.is_fresh() {
            // Tests are processes of their own under nextest, so a mutex would not do.
            let lock = LockFile::beside(&place.stamp());
            let guard = lock.exclusive(Wait::Forever).unwrap();
            if !place.is_fresh() {
                // The holder has just written its name there.
                let before = changed(lock.path()).unwrap();
                place.build();
                place.stamp_with(before);
            }
            guard.release();
        }
        place.binary()
    })
}

/// `target/<profile>`, where cargo puts binaries.
struct Place {
    profile_dir: PathBuf,
}

impl Place {
    fn of_this_test() -> Place {
        let own = std::env::current_exe().unwrap();
        // target/<profile>/deps/it-0123456789abcdef, or a binary one step above that.
        let dir = own.parent().unwrap();
        let is_deps = dir.file_name().is_some_and(|name| name == "deps");
        let profile_dir = if is_deps { dir.parent().unwrap() } else { dir };
        let is_doctest = profile_dir.join("deps").is_dir();
        Place { profile_dir: if is_doctest { profile_dir.to_owned() } else { default_dir() } }
    }

    fn binary(&self) -> PathBuf {
        self.profile_dir.join("govctl")
    }

    /// A file that is as old as the last time that cargo was asked. Cargo leaves a binary as
    /// it is when what was edited does not matter to it.
    fn stamp(&self) -> PathBuf {
        self.profile_dir.join(".govctl.checked")
    }

    fn stamp_with(&self, time: SystemTime) {
        let opened = File::options().create(true).truncate(false).write(true).open(self.stamp());
        opened.and_then(|file| file.set_modified(time)).unwrap();
    }

    /// Whether it is younger than everything that it was built from, as far as files tell:
    /// a few hundred of them are looked at in a millisecond, while asking cargo takes 200.
    fn is_fresh(&self) -> bool {
        let Some(built) = changed(&self.binary()) else { return false };
        let built = changed(&self.stamp()).map_or(built, |asked| asked.max(built));
        let Ok(rule) = fs::read_to_string(self.profile_dir.join("govctl.d")) else { return false };
        let is_older = |path: &Path| changed(path).is_some_and(|changed| changed <= built);
        let manifests = ["Cargo.toml", "Cargo.lock"].map(|name| workspace().join(name));
        sources(&rule).iter().chain(&manifests).all(|path| is_older(path))
    }

    fn build(&self) {
        let profile = self.profile_dir.file_name().unwrap().to_str().unwrap();
        let profile = if profile == "debug" { "dev" } else { profile };
        let status = Command::new(env!("CARGO"))
            .current_dir(workspace())
            .args(["build", "--quiet", "--locked", "--package", "govctl", "--profile", profile])
            .arg("--target-dir")
            .arg(self.profile_dir.parent().unwrap())
            .status()
            .unwrap();
        assert!(status.success(), "cannot build govctl");
    }
}

/// Where cargo builds by default: documentation tests run from a temporary directory.
#[expect(clippy::disallowed_methods, reason = "cargo's own variable, which moves its output")]
fn default_dir() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| workspace().join("target")).join("debug")
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The sources in a rule for make, `target: source source`; a space in a name is escaped.
fn sources(rule: &str) -> Vec<PathBuf> {
    let sources = rule.split_once(": ").map_or("", |(_, sources)| sources).trim_end();
    let sources = sources.replace("\\ ", "\0");
    sources.split(' ').map(|source| PathBuf::from(source.replace('\0', " "))).collect()
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_in_a_name_is_not_the_end_of_it() {
        let found = sources("/t/debug/govctl: /my\\ work/a.rs /b.rs\n");
        assert_eq!(found, ["/my work/a.rs", "/b.rs"].map(PathBuf::from));
    }
}
