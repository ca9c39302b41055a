//! The text of a `.booty.yml`, checked.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::PolicyError;
use crate::field::{Field, Origin};
use crate::pattern::Patterns;
use crate::policy::{ApprovalMode, DisabledBecause, Governor, Policy};
use crate::schema::{ApprovalWord, Block, Form, Loose, Strict};
use crate::yaml::{At, line, read, refused};

/// What a `.booty.yml` says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Which form the file has.
    pub schema_version: SchemaVersion,
    /// How a commit is verified.
    pub verify: VerifySettings,
    /// The governor and its policy.
    pub governor: Governor,
}

/// The form of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaVersion {
    /// 0 or absent: unknown top-level keys are let through.
    Loose,
    /// 1: an unknown key is an error.
    Strict,
}

/// The commands that verify a commit, as they were written: running them is not our business.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifySettings {
    /// What must succeed.
    pub test_command: Option<String>,
    /// What prepares the machine.
    pub setup_command: Option<String>,
    /// What installs the dependencies.
    pub install_command: Option<String>,
    /// How long each of them may take; between 10 s and 1 h, 5 min unless the file says otherwise.
    pub timeout: Duration,
}

impl Config {
    /// Reads the text of a `.booty.yml`.
    ///
    /// With `schema_version: 1` a key that is not known is an error; with 0 or none, keys at
    /// the top that are not known are let through, and so are the blocks of other agents
    /// (`security`, `memory`, `planner`, `architect`, `reviewer`) in either form. The block
    /// `release_governor` is always strict: a misspelt limit there would be a limit that is
    /// not in force. If the block is there, even empty, the governor is enabled unless it
    /// says `enabled: false`. A key without a value has its default; a blank command is none.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Config`] with the place, its line, and for an unknown key the nearest
    /// known one. A text without any content is an error too: an emptied file must not look
    /// like a choice.
    ///
    /// # Limits
    ///
    /// One document of at most 1 MiB, 64 levels deep, with 50,000 values, aliases written out.
    ///
    /// # Examples
    ///
    /// ```
    /// use release_policy::Config;
    ///
    /// let config = Config::parse("schema_version: 1\nrelease_governor:\n  cooldown_minutes: 10\n")?;
    /// assert!(config.governor.is_enabled());
    /// assert_eq!(config.governor.policy().cooldown_minutes, 10);
    ///
    /// let error = Config::parse("release_governor:\n  cooldwn_minutes: 10\n").unwrap_err();
    /// assert_eq!(error.to_string(), "line 2, column 3: unknown key `cooldwn_minutes`");
    /// assert_eq!(error.hint().as_deref(), Some("did you mean `cooldown_minutes`?"));
    /// # Ok::<(), release_policy::PolicyError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        const LONGEST_BYTES: usize = 1024 * 1024;
        if text.len() > LONGEST_BYTES {
            return Err(nowhere("the configuration is longer than 1 MiB"));
        }
        let Some(form) = read::<Option<Form>>(text)? else {
            return Err(nowhere("the configuration is empty"));
        };
        match &form.schema_version {
            None => read_loose(text),
            Some(version) => match version.value {
                0 => read_loose(text),
                1 => read_strict(text),
                other => {
                    let problem =
                        format!("schema version {other} is not understood, only 0 and 1 are");
                    Err(refused(text, version, problem))
                }
            },
        }
    }
}

fn nowhere(problem: &str) -> PolicyError {
    PolicyError::Config { at: None, problem: problem.into(), source_line: None, suggestion: None }
}

fn read_strict(text: &str) -> Result<Config, PolicyError> {
    let file: Strict = read(text)?;
    check_range(text, file.max_retries.as_ref(), "max_retries", 1..=10)?;
    Ok(Config {
        schema_version: SchemaVersion::Strict,
        verify: VerifySettings {
            test_command: command(file.test_command),
            setup_command: command(file.setup_command),
            install_command: command(file.install_command),
            timeout: timeout(text, file.timeout_seconds.as_ref(), "timeout_seconds")?,
        },
        governor: governor(text, file.release_governor)?,
    })
}

fn read_loose(text: &str) -> Result<Config, PolicyError> {
    let file: Loose = read(text)?;
    check_range(text, file.max_retries.as_ref(), "max_retries", 1..=10)?;
    Ok(Config {
        schema_version: SchemaVersion::Loose,
        verify: VerifySettings {
            test_command: command(file.test_command),
            setup_command: None,
            install_command: None,
            timeout: timeout(text, file.timeout.as_ref(), "timeout")?,
        },
        governor: governor(text, file.release_governor)?,
    })
}

fn command(command: Option<String>) -> Option<String> {
    command.filter(|command| !command.trim().is_empty())
}

fn timeout(text: &str, given: Option<&At<i64>>, key: &str) -> Result<Duration, PolicyError> {
    let seconds = check_range(text, given, key, 10..=3600)?.unwrap_or(300);
    Ok(Duration::from_secs(seconds.into()))
}

/// Returns the number if it is given and within the range.
fn check_range(
    text: &str,
    given: Option<&At<i64>>,
    key: &str,
    range: RangeInclusive<u32>,
) -> Result<Option<u32>, PolicyError> {
    let Some(given) = given else { return Ok(None) };
    match u32::try_from(given.value).ok().filter(|number| range.contains(number)) {
        Some(number) => Ok(Some(number)),
        None => {
            let (least, most, is) = (range.start(), range.end(), given.value);
            Err(refused(
                text,
                given,
                format!("`{key}` is {is}, but must be a whole number from {least} to {most}"),
            ))
        }
    }
}

fn governor(text: &str, block: Option<At<Option<Block>>>) -> Result<Governor, PolicyError> {
    let Some(block) = block else {
        return Ok(Governor::Disabled { why: DisabledBecause::NoBlock, policy: Policy::default() });
    };
    let block = block.value.unwrap_or_default();
    let switch = block.enabled.as_ref().map(|at| (at.value, line(at)));
    let mut policy = policy(text, block)?;
    Ok(match switch {
        None => Governor::Enabled(policy),
        Some((enabled, line)) => {
            policy.origins.set(Field::Enabled, Origin::File { line });
            if enabled {
                Governor::Enabled(policy)
            } else {
                Governor::Disabled { why: DisabledBecause::File { line }, policy }
            }
        }
    })
}

fn policy(text: &str, block: Block) -> Result<Policy, PolicyError> {
    let cooldown = check_range(
        text,
        block.cooldown_minutes.as_ref(),
        Field::CooldownMinutes.key(),
        0..=u32::MAX,
    )?;
    let deploys = check_range(
        text,
        block.max_deploys_per_hour.as_ref(),
        Field::MaxDeploysPerHour.key(),
        1..=u32::MAX,
    )?;
    let deploys = deploys.and_then(NonZeroU32::new);

    let mut policy = Policy::default();
    let mut given: Vec<(Field, u64)> = Vec::new();
    // Takes a value if it is there, and remembers the line.
    macro_rules! take {
        ($field:expr, $key:ident, $at:ident => $value:expr) => {
            if let Some($at) = block.$key {
                given.push(($field, line(&$at)));
                policy.$key = $value;
            }
        };
    }
    take!(Field::ProductionEnvironmentName, production_environment_name, at => at.value);
    take!(Field::RequireApprovalForFirstDeploy, require_approval_for_first_deploy, at => at.value);
    take!(Field::HighRiskPaths, high_risk_paths, at => patterns(text, at.value)?);
    take!(Field::MediumRiskPaths, medium_risk_paths, at => patterns(text, at.value)?);
    take!(Field::MigrationPaths, migration_paths, at => patterns(text, at.value)?);
    take!(Field::VerificationWorkflowName, verification_workflow_name, at => at.value);
    take!(Field::DeployWorkflowName, deploy_workflow_name, at => at.value);
    take!(Field::DeployWorkflowRef, deploy_workflow_ref, at => at.value);
    take!(Field::CooldownMinutes, cooldown_minutes, at => cooldown.unwrap_or(policy.cooldown_minutes));
    take!(Field::MaxDeploysPerHour, max_deploys_per_hour, at => deploys.unwrap_or(policy.max_deploys_per_hour));
    take!(Field::ApprovalMode, approval_mode, at => match at.value {
        ApprovalWord::Environment => ApprovalMode::Environment,
        ApprovalWord::Label => ApprovalMode::Label,
        ApprovalWord::Comment => ApprovalMode::Comment,
    });
    take!(Field::ApprovalLabel, approval_label, at => command(Some(at.value)));
    take!(Field::ApprovalCommand, approval_command, at => command(Some(at.value)));
    for (field, line) in given {
        policy.origins.set(field, Origin::File { line });
    }
    Ok(policy)
}

/// Compiles a list one by one, so that a bad pattern is reported at its own place.
fn patterns(text: &str, list: Vec<At<String>>) -> Result<Patterns, PolicyError> {
    for at in &list {
        Patterns::new([at.value.as_str()]).map_err(|error| refused(text, at, error.to_string()))?;
    }
    Patterns::new(list.into_iter().map(|at| at.value))
}
