//! What git says about the workspace. Every call has a limit and never prompts.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use booty_state::Sha;
use release_policy::{ChangeStatus, Changes};

use crate::{changes::changes, exit::CliError, process};

/// Longer than any local git call takes, shorter than a person's patience.
const LIMIT: Duration = Duration::from_secs(60);

/// Variables that would make git answer about something else than the workspace, or in
/// another form. Git sets some of them for its hooks. `GIT_CONFIG_*` stay: `safe.directory`
/// may be in there, and no setting changes what plumbing commands say.
const MISLEADING: [&str; 16] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIFF_OPTS",
    "GIT_DIR",
    "GIT_EXTERNAL_DIFF",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// What to do when git does not know a commit that it should know.
const SHALLOW: &str =
    "a shallow clone lacks the base: git fetch --unshallow (in GitHub Actions: fetch-depth: 0)";

/// The git repository around a workspace.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    workspace: PathBuf,
}

impl Git {
    pub(crate) fn new(workspace: &Path) -> Git {
        Git { workspace: workspace.to_owned() }
    }

    /// The top of the work tree, or `None` where there is none: outside of every repository,
    /// or in a bare one. Every other answer of git is an error, because without git the
    /// repository has another name, and what was deployed under the first one is forgotten.
    pub(crate) fn top_level(&self) -> Result<Option<PathBuf>, CliError> {
        let output = self.run(&["rev-parse", "--show-toplevel"])?;
        if output.status.success() {
            let line = output.stdout.strip_suffix(b"\n").unwrap_or(&output.stdout);
            return Ok(Some(PathBuf::from(OsStr::from_bytes(line))));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        // With its parenthesis: a link to a repository that is gone is "not a git repository: ...".
        if said.contains("not a git repository (or any") || self.is_bare()? {
            return Ok(None);
        }
        let message = format!("git cannot use the repository of `{}`", self.workspace.display());
        let error = self.with_reason(CliError::broken(message), &output);
        // What git itself advises, as for a repository that belongs to somebody else.
        let advice = said.lines().map(str::trim).find(|line| line.starts_with("git config "));
        Err(match advice {
            Some(advice) => error.hint(advice),
            None => error,
        })
    }

    /// The version of git, which must be there for that.
    pub(crate) fn version(&self) -> Result<String, CliError> {
        let output = self.run(&["version"])?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Whether the clone lacks older commits.
    pub(crate) fn is_shallow(&self) -> Result<bool, CliError> {
        let output = self.run(&["rev-parse", "--is-shallow-repository"])?;
        if output.status.success() {
            return Ok(output.stdout.starts_with(b"true"));
        }
        Err(self.with_reason(CliError::broken("git cannot tell whether it is shallow"), &output))
    }

    /// Whether the work tree is just what is checked out, apart from what git ignores.
    pub(crate) fn is_clean(&self) -> Result<bool, CliError> {
        let output = self.run(&["status", "--porcelain", "--untracked-files=normal"])?;
        if output.status.success() {
            return Ok(output.stdout.is_empty());
        }
        let message = "git cannot tell whether the work tree has changes";
        Err(self.with_reason(CliError::broken(message), &output))
    }

    fn is_bare(&self) -> Result<bool, CliError> {
        Ok(self.run(&["rev-parse", "--is-bare-repository"])?.stdout.starts_with(b"true"))
    }

    /// The full id of the commit that `revision` names.
    pub(crate) fn commit(&self, revision: &str) -> Result<Sha, CliError> {
        let wanted = format!("{revision}^{{commit}}");
        let output =
            self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted])?;
        // More than an id is no commit either: `^HEAD` is all that HEAD is not made of.
        let line = String::from_utf8_lossy(&output.stdout);
        let id = output.status.success().then(|| line.trim().parse().ok()).flatten();
        id.ok_or_else(|| {
            let workspace = self.workspace.display();
            let message = format!("`{revision}` is not a commit in `{workspace}`");
            self.with_reason(CliError::usage(message), &output).hint("git log --oneline -5")
        })
    }

    /// Whether the commit is here.
    pub(crate) fn has(&self, commit: &Sha) -> Result<bool, CliError> {
        let commit = format!("{commit}^{{commit}}");
        Ok(self.run(&["cat-file", "-e", &commit])?.status.success())
    }

    /// The paths that differ between two commits, with both names of a rename.
    pub(crate) fn changes(&self, base: &Sha, commit: &Sha) -> Result<Changes, CliError> {
        let (base, commit) = (base.to_string(), commit.to_string());
        // The plumbing command: it takes no notice of the settings of `git diff`, which could
        // leave paths out. The options say it once more, for those that it might read.
        let output = self.run(&[
            "diff-tree",
            "-r",
            "--name-status",
            "-z",
            "--no-relative",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--ignore-submodules=none",
            "--end-of-options",
            &base,
            &commit,
        ])?;
        if !output.status.success() {
            let message = format!("git cannot compare {} with {}", &base[..7], &commit[..7]);
            return Err(self.with_reason(CliError::broken(message), &output).hint(SHALLOW));
        }
        parse_name_status(&output.stdout)
            .ok_or_else(|| CliError::broken("git diff answered in a form that is not known"))
    }

    /// Whether `commit` contains `base`: is it, or came after it.
    pub(crate) fn contains(&self, base: &Sha, commit: &Sha) -> Result<bool, CliError> {
        let (base, commit) = (base.to_string(), commit.to_string());
        let output = self.run(&["merge-base", "--is-ancestor", &base, &commit])?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => {
                let message =
                    format!("git cannot tell whether {} contains {}", &commit[..7], &base[..7]);
                Err(self.with_reason(CliError::broken(message), &output).hint(SHALLOW))
            }
        }
    }

    /// The branch that is checked out, if one is; it need not have a commit yet.
    pub(crate) fn branch(&self) -> Result<Option<String>, CliError> {
        let output = self.run(&["symbolic-ref", "--quiet", "--short", "HEAD"])?;
        let branch = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.status.success() && !branch.is_empty()).then_some(branch))
    }

    /// The URL of the remote `origin`, if there is one.
    pub(crate) fn origin(&self) -> Result<Option<String>, CliError> {
        let output = self.run(&["config", "--get", "remote.origin.url"])?;
        let url = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.status.success() && !url.is_empty()).then_some(url))
    }

    fn run(&self, args: &[&str]) -> Result<Output, CliError> {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.workspace).args(args);
        for name in MISLEADING {
            command.env_remove(name);
        }
        // A replaced object has the id of the one that is deployed, and other contents.
        command.env("GIT_NO_REPLACE_OBJECTS", "1");
        // Answers that do not depend on the person, and no lock or prompt on the way.
        command.env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
        process::capture(command, LIMIT).map_err(|error| {
            let error =
                CliError::broken(format!("cannot run git in `{}`", self.workspace.display()))
                    .because(&error);
            error.hint("git --version")
        })
    }

    fn with_reason(&self, mut error: CliError, output: &Output) -> CliError {
        let reason = String::from_utf8_lossy(&output.stderr);
        error.causes.extend(reason.lines().next().map(str::to_owned));
        error
    }
}

/// `STATUS NUL PATH NUL ...`, as git's `--name-status -z` prints it.
fn parse_name_status(bytes: &[u8]) -> Option<Changes> {
    let mut fields = bytes.split(|byte| *byte == 0);
    let mut found = Vec::new();
    while let Some(status) = fields.next().filter(|status| !status.is_empty()) {
        let status = ChangeStatus::from_letter(char::from(*status.first()?));
        found.push((status, fields.next()?));
    }
    fields.next().is_none().then(|| changes(found.into_iter()))
}

/// `owner/name` of a remote URL, in its ssh (`git@host:owner/name.git`) or URL form.
pub(crate) fn repository_of_url(url: &str) -> Option<&str> {
    let url = url.trim_end_matches('/');
    let url = url.strip_suffix(".git").unwrap_or(url);
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => {
            // The scp form; a plain local path has no host before the colon.
            let (host, path) = url.split_once(':')?;
            if host.contains('/') {
                return None;
            }
            path.trim_start_matches('/')
        }
    };
    let (owner, name) = path.split_once('/')?;
    (!owner.is_empty() && !name.is_empty() && !name.contains('/')).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_remote_name_the_repository() {
        let cases = [
            ("git@github.com:acme/shop.git", Some("acme/shop")),
            ("https://github.com/acme/shop.git", Some("acme/shop")),
            ("https://user:token@github.com/acme/shop", Some("acme/shop")),
            ("ssh://git@github.com:22/acme/shop.git/", Some("acme/shop")),
            ("github.com:acme/shop.io", Some("acme/shop.io")),
            ("/srv/git/shop.git", None),
            ("../shop:x", None),
            ("https://gitlab.com/group/sub/shop", None),
            ("file:///srv/git/shop.git", None),
        ];
        for (url, expected) in cases {
            assert_eq!(repository_of_url(url), expected, "{url}");
        }
    }

    #[test]
    fn name_status_is_read_whole_or_not_at_all() {
        let read = |bytes| {
            let list = parse_name_status(bytes)?.list.into_iter();
            Some(list.map(|change| (change.status.letter(), change.path)).collect::<Vec<_>>())
        };
        let change = |status, path: &str| (status, path.to_owned());
        assert_eq!(
            read(b"A\0a b\nc\0D\0\xff\0"),
            Some(vec![change('A', "a b\nc"), change('D', "\u{fffd}")])
        );
        assert_eq!(read(b""), Some(vec![]));
        assert_eq!(read(b"A\0"), Some(vec![change('A', "")]));
        assert_eq!(read(b"A"), None);
    }
}
