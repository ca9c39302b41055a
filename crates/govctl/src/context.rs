//! Everything a command needs from outside: read once, here, and nowhere else.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    io::{self, ErrorKind, IsTerminal, stdin},
    path::{Path, PathBuf},
    time::SystemTime,
};

use booty_state::{
    ApprovalStore, AuditLog, DeliveryCache, FreezeStore, Keep, NewEntry, Owner, ReleaseStore,
    SecurityOverrides, StateDirFacts, Verifications,
};
use circuit_breaker::Stored;
use external_ids::ExternalIds;
use flock_guard::{LockFile, LockStatus, Wait};
use jiff::Timestamp;
use serde_json::json;
use state_store::{Key, Restored, Store};

use crate::{
    breaker::Name,
    cli::Global,
    exit::CliError,
    git::Git,
    github::{client::Client, hub::Hub, secret::Secret, surroundings::Surroundings},
    http::Roots,
    project::Project,
};

/// Environment, clock, workspace and state directory of one run.
#[derive(Debug)]
pub(crate) struct Context {
    variables: BTreeMap<String, OsString>,
    fixed_now: Option<SystemTime>,
    pub(crate) workspace: PathBuf,
    pub(crate) config: Option<PathBuf>,
    pub(crate) repo: Option<String>,
    pub(crate) state_dir: PathBuf,
    pub(crate) lock_wait: Wait,
}

impl Context {
    pub(crate) fn new(global: &Global) -> Result<Context, CliError> {
        let variables = variables();
        let working_dir = env::current_dir().map_err(|error| {
            CliError::broken("cannot find the working directory").because(&error)
        })?;
        // Without the `.` of the default, which would end up in every message.
        let workspace: PathBuf = working_dir.join(&global.workspace).components().collect();
        check_is_dir(&workspace)?;
        let fixed_now = global.now.as_deref().map(parse_time).transpose()?;
        let state_dir = booty_state::state_dir(StateDirFacts {
            explicit: global.state_dir.clone(),
            env_override: variables.get("RELEASE_GOVERNOR_STATE_DIR").cloned(),
            home: variables.get("HOME").cloned(),
            working_dir,
        });
        Ok(Context {
            variables,
            fixed_now,
            workspace,
            config: global.config.clone(),
            repo: global.repo.clone(),
            state_dir,
            lock_wait: global.lock_wait.0,
        })
    }

    /// The time: of the clock, or of `--now`.
    #[expect(clippy::disallowed_methods, reason = "the clock's only reader")]
    pub(crate) fn now(&self) -> SystemTime {
        self.fixed_now.unwrap_or_else(SystemTime::now)
    }

    /// An environment variable; an empty one counts as unset.
    pub(crate) fn variable(&self, name: &str) -> Result<Option<&str>, CliError> {
        let Some(value) = self.variables.get(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let text = value.to_str();
        text.map(Some).ok_or_else(|| CliError::usage(format!("the variable `{name}` is not UTF-8")))
    }

    /// The variables of the governor, for the policy, which knows where an empty one is a value.
    pub(crate) fn governor_variables(&self) -> impl Iterator<Item = (&String, &OsString)> {
        self.variables.iter().filter(|(name, _)| name.starts_with("RELEASE_GOVERNOR_"))
    }

    /// The step of GitHub Actions that this run is part of, unless the caller wants none.
    pub(crate) fn step(&self, unwanted: bool) -> Option<Surroundings> {
        let is_step = self.variable("GITHUB_ACTIONS").ok().flatten() == Some("true");
        let file = |name: &str| {
            let path = self.variables.get(name).filter(|path| !path.is_empty());
            path.map(PathBuf::from)
        };
        (is_step && !unwanted).then(|| Surroundings {
            output: file("GITHUB_OUTPUT"),
            summary: file("GITHUB_STEP_SUMMARY"),
        })
    }

    /// The repository at GitHub, if there is a token to ask with and the project can be there.
    pub(crate) fn hub(&self, project: &Project) -> Result<Option<Hub>, CliError> {
        let Some(token) = self.variable("GITHUB_TOKEN")? else { return Ok(None) };
        let token =
            Secret::new(token).ok_or_else(|| CliError::usage("`GITHUB_TOKEN` is not a token"))?;
        if project.repo.owner() == "local" {
            return Ok(None); // It has this name because it has no remote.
        }
        let base = self.variable("GITHUB_API_URL")?.unwrap_or("https://api.github.com");
        if !sends_tokens_safely(base) {
            let message =
                format!("`GITHUB_API_URL` is `{base}`, which would send the token in the clear");
            return Err(CliError::usage(message).hint("GITHUB_API_URL=https://api.github.com"));
        }
        Ok(Some(Hub::new(Client::new(base, token, self.roots()?), project.repo.clone())))
    }

    /// Who may sign the certificates of servers: those of `$SSL_CERT_FILE` alone, as with other
    /// programs, else those that are built in.
    pub(crate) fn roots(&self) -> Result<Roots, CliError> {
        const VARIABLE: &str = "SSL_CERT_FILE";
        let Some(path) = self.variables.get(VARIABLE).filter(|path| !path.is_empty()) else {
            return Ok(Roots::built_in());
        };
        let place = Path::new(path).display();
        let text = fs::read(path).map_err(|error| {
            CliError::usage(format!("cannot read `{place}`, which `{VARIABLE}` names"))
                .because(&error)
        })?;
        Roots::of_pem(&text).ok_or_else(|| {
            CliError::usage(format!("`{place}`, which `{VARIABLE}` names, has no certificate"))
        })
    }

    pub(crate) fn git(&self) -> Git {
        Git::new(&self.workspace)
    }

    pub(crate) fn releases(&self, project: &Project) -> ReleaseStore {
        ReleaseStore::new(&self.store()).witnessed_by(self.audit()).owned_by(self.owner(project))
    }

    /// What is deployed, and where to.
    pub(crate) fn owner(&self, project: &Project) -> Owner {
        let environment = project.environment().to_owned();
        Owner { repo: project.repo.clone(), environment }
    }

    pub(crate) fn freezes(&self) -> FreezeStore {
        FreezeStore::new(&self.store()).witnessed_by(self.audit())
    }

    pub(crate) fn approvals(&self) -> ApprovalStore {
        ApprovalStore::new(&self.store())
    }

    pub(crate) fn verifications(&self) -> Verifications {
        Verifications::new(&self.store())
    }

    pub(crate) fn deliveries(&self) -> DeliveryCache {
        DeliveryCache::new(&self.store(), Keep::default()).witnessed_by(self.audit())
    }

    pub(crate) fn ids(&self) -> ExternalIds {
        ExternalIds::new(&self.store())
    }

    /// The breaker of that name, whose lock is waited for as `--lock-wait` says.
    pub(crate) fn breaker(&self, name: &Name) -> Stored {
        let key = Key::new(format!("breakers/{name}.json"));
        let key = key.expect("the name of a breaker is stricter than that of a document");
        Stored::new(&self.store(), key).save_wait(self.lock_wait)
    }

    /// The breakers that were ever used, in the order of their names.
    pub(crate) fn breaker_names(&self) -> Result<Vec<Name>, CliError> {
        self.names_in("breakers", ".json")
    }

    /// The names of what was ever used, by the endings of the files in a directory of the state.
    pub(crate) fn names_in(&self, dir: &str, ending: &str) -> Result<Vec<Name>, CliError> {
        let dir = self.state_dir.join(dir);
        let failed = |error: io::Error| {
            CliError::broken(format!("cannot list `{}`", dir.display())).because(&error)
        };
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(failed)?.file_name();
            // Locks, backups and what was set aside have other endings.
            let name = file.to_str().and_then(|file| file.strip_suffix(ending)?.parse().ok());
            names.extend(name);
        }
        names.sort_unstable_by(|a: &Name, b| a.as_str().cmp(b.as_str()));
        Ok(names)
    }

    pub(crate) fn overrides(&self) -> SecurityOverrides {
        SecurityOverrides::new(&self.store())
    }

    pub(crate) fn audit(&self) -> AuditLog {
        AuditLog::at(self.state_dir.join("audit.jsonl")).waiting(self.lock_wait)
    }

    /// The lock that a deploy holds from its decision to its recorded result.
    pub(crate) fn deploy_lock(&self, environment: &str) -> LockFile {
        let named = |char: char| if char.is_ascii_alphanumeric() { char } else { '-' };
        let environment: String = environment.chars().map(named).take(48).collect();
        LockFile::new(self.locks_dir().join(format!("deploy-{environment}.lock")))
    }

    /// The lock of the one server for webhooks.
    pub(crate) fn serve_lock(&self) -> LockFile {
        self.lock(&"serve".parse().expect("a word of letters is a name"))
    }

    pub(crate) fn locks_dir(&self) -> PathBuf {
        self.state_dir.join("locks")
    }

    /// Who deploys to `environment` now, if anybody does.
    pub(crate) fn deploy_lock_status(&self, environment: &str) -> Result<LockStatus, CliError> {
        self.deploy_lock(environment).status().map_err(|error| {
            CliError::broken("cannot see whether a deploy is running").because(&error)
        })
    }

    /// Who acts, for the audit log: user and host, as far as the environment tells.
    pub(crate) fn who(&self) -> String {
        let user = ["GITHUB_ACTOR", "SUDO_USER", "USER", "LOGNAME"]
            .into_iter()
            .find_map(|name| self.variable(name).ok().flatten());
        let host = rustix::system::uname();
        let user = user
            .map_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()), str::to_owned);
        let host = host.nodename().to_string_lossy();
        // A time that was made up must not pass for one that was.
        let pretence = self.fixed_now.map(|now| format!(" (pretending it is {})", rfc3339(now)));
        format!("{user}@{host} pid {}{}", std::process::id(), pretence.unwrap_or_default())
    }

    /// The documents. One that falls back to its backup leaves a line in the audit log.
    pub(crate) fn store(&self) -> Store {
        let (audit, now, who) = (self.audit(), self.now(), self.who());
        Store::files(&self.state_dir).waiting(self.lock_wait).telling(move |restored| {
            let Restored { place, backup, aside, damage, .. } = restored;
            let entry = NewEntry::new(now.into(), who.clone(), "state_restored")
                .because(damage.as_str())
                .changing(json!({ "aside": aside }), json!({ "file": place, "from": backup }));
            if let Err(error) = audit.append(&entry) {
                tracing::error!(%error, "it is restored, but its line in the audit log is missing");
            }
        })
    }
}

/// Whether nobody on the way reads what is sent to the server at `url`: it is encrypted, or
/// does not leave the machine.
fn sends_tokens_safely(url: &str) -> bool {
    let Ok(url) = url.parse::<ureq::http::Uri>() else { return false };
    let is_here = |host: &str| matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    match url.scheme_str() {
        Some("https") => url.host().is_some(),
        Some("http") => url.host().is_some_and(is_here),
        _ => false,
    }
}

/// The path without what it leaves to the working directory.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path).map_err(|error| {
        CliError::usage(format!("`{}` is not a path", path.display())).because(&error)
    })
}

/// Whether a person could answer a question on standard input.
pub(crate) fn stdin_is_terminal() -> bool {
    stdin().is_terminal()
}

/// The path of this program, to run it again.
pub(crate) fn own_path() -> Result<PathBuf, CliError> {
    env::current_exe().map_err(|error| CliError::broken("cannot find this program").because(&error))
}

/// A directory that cannot be looked at may well be one: that is no wrong use.
fn check_is_dir(workspace: &Path) -> Result<(), CliError> {
    let place = workspace.display();
    match fs::metadata(workspace) {
        Ok(found) if found.is_dir() => Ok(()),
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(CliError::broken(format!("cannot look at the workspace `{place}`")).because(&error))
        }
        _ => Err(CliError::usage(format!("the workspace `{place}` is not a directory"))),
    }
}

/// Reads a time of the command line.
pub(crate) fn parse_time(text: &str) -> Result<SystemTime, CliError> {
    text.parse::<Timestamp>().map(SystemTime::from).map_err(|error| {
        CliError::usage(format!("`{text}` is not a time such as 2026-11-20T18:53:00Z"))
            .because(&error)
    })
}

/// Writes a time as people and programs read it: RFC 3339 in UTC, whole seconds.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(
        |_| "beyond the calendar".to_owned(),
        |time| time.round(jiff::Unit::Second).unwrap_or(time).to_string(),
    )
}

#[expect(clippy::disallowed_methods, reason = "the environment's only reader")]
fn variables() -> BTreeMap<String, OsString> {
    env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_encrypted_or_not_away() {
        for url in
            ["https://api.github.com", "https://ghe.example.com/api/v3", "http://127.0.0.1:8"]
        {
            assert!(sends_tokens_safely(url), "{url}");
        }
        let bad =
            ["http://api.github.com", "http://127.0.0.1.example.com", "ftp://localhost", "x", ""];
        for url in bad {
            assert!(!sends_tokens_safely(url), "{url}");
        }
    }
}
