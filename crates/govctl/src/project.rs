//! The project in the workspace: its name, its policy, its commits.

use std::{
    fs,
    path::{Path, PathBuf},
};

use booty_state::{Repo, Sha};
use release_policy::{Config, Governor, Policy, PolicyError, VerifySettings};

use crate::{
    config_file,
    context::Context,
    exit::CliError,
    git::{Git, repository_of_url},
    output::Output,
};

/// What is known about the project before anything is decided.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) repo: Repo,
    pub(crate) governor: Governor,
    pub(crate) git: Git,
    /// The workspace is a git work tree.
    pub(crate) has_git: bool,
}

impl Project {
    pub(crate) fn open(context: &Context, out: &Output) -> Result<Project, CliError> {
        let git = context.git();
        let top_level = git.top_level()?;
        let (governor, _) = governor(context, top_level.as_deref(), out)?;
        let has_git = top_level.is_some();
        let repo = repo(context, &git, top_level)?;
        Ok(Project { repo, governor, git, has_git })
    }

    pub(crate) fn environment(&self) -> &str {
        &self.governor.policy().production_environment_name
    }

    /// The full id of the commit that a person named.
    pub(crate) fn commit(&self, revision: &str) -> Result<Sha, CliError> {
        if self.has_git {
            return self.git.commit(revision);
        }
        full_id(revision).ok_or_else(|| {
            let message = format!(
                "`{revision}` is not a full commit id, and the workspace is not a git work tree"
            );
            CliError::usage(message)
                .hint("give all 40 or 64 hex digits, or the work tree with -C DIR")
        })
    }

    /// As [`commit`](Project::commit), and any full id, for what is on record although git has
    /// lost it: after a rewritten history, or in a shallow clone.
    pub(crate) fn recorded_commit(&self, revision: &str) -> Result<Sha, CliError> {
        self.commit(revision).or_else(|error| full_id(revision).ok_or(error))
    }
}

/// `text` as a commit id, if it is one in full.
pub(crate) fn full_id(text: &str) -> Option<Sha> {
    matches!(text.len(), 40 | 64).then(|| text.parse().ok()).flatten()
}

/// The policy in force, and the file it comes from, if there is one.
///
/// Without a file the defaults are in force, so that a project needs nothing to set up. With
/// a file, its block `release_governor` decides.
pub(crate) fn governor(
    context: &Context,
    top_level: Option<&Path>,
    out: &Output,
) -> Result<(Governor, Option<PathBuf>), CliError> {
    let file = config_file::find(context, top_level);
    let governor = match &file {
        Some(path) => {
            let text = config_file::read(path)?;
            Config::parse(&text).map_err(|error| bad_config(path, &error))?.governor
        }
        None => Governor::Enabled(Policy::default()),
    };
    let overridden = governor.overridden_by(context.governor_variables()).map_err(|error| {
        CliError::usage("an environment variable cannot be read").because(&error)
    })?;
    for variable in overridden.unknown {
        let nearest = variable.nearest.map(|name| format!("; did you mean {name}?"));
        out.note(&format!("note: nothing reads {}{}", variable.name, nearest.unwrap_or_default()));
    }
    Ok((overridden.governor, file))
}

/// How the project in the workspace is verified; without a file, not at all.
pub(crate) fn verify_settings(
    context: &Context,
    project: &Project,
) -> Result<Option<VerifySettings>, CliError> {
    let top_level = project.git.top_level()?;
    let Some(path) = config_file::find(context, top_level.as_deref()) else { return Ok(None) };
    let text = config_file::read(&path)?;
    Ok(Some(Config::parse(&text).map_err(|error| bad_config(&path, &error))?.verify))
}

fn bad_config(path: &Path, error: &PolicyError) -> CliError {
    let mut shown = CliError::usage(format!("`{}` is not a valid configuration", path.display()))
        .because(error);
    shown.causes.extend(error.snippet());
    match error.hint() {
        Some(hint) => shown.hint(hint),
        None => shown,
    }
}

fn repo(context: &Context, git: &Git, top_level: Option<PathBuf>) -> Result<Repo, CliError> {
    if let Some(name) = &context.repo {
        return name.parse().map_err(|error| {
            CliError::usage(format!("`{name}` is not a repository"))
                .because(&error)
                .hint("govctl --repo OWNER/NAME status")
        });
    }
    if top_level.is_some()
        && let Some(url) = git.origin()?
        && let Some(name) = repository_of_url(&url)
        && let Ok(repo) = name.parse()
    {
        return Ok(repo);
    }
    let directory = top_level.unwrap_or_else(|| context.workspace.clone());
    let directory = fs::canonicalize(&directory).unwrap_or(directory);
    let name = directory.file_name().map(|name| name.to_string_lossy().into_owned());
    let allowed =
        |char: char| if char.is_ascii_alphanumeric() || "._-".contains(char) { char } else { '-' };
    let name: String = name.unwrap_or_default().chars().map(allowed).take(100).collect();
    format!("local/{name}").parse().map_err(|error| {
        CliError::usage("cannot name the repository after its directory")
            .because(&error)
            .hint("govctl --repo OWNER/NAME status")
    })
}
