//! What is wanted: the values of the block `release_governor`.

use std::fmt;
use std::num::NonZeroU32;

use crate::facts::Switch;
use crate::field::{Field, Origin, Origins, Setting};
use crate::pattern::Patterns;
use crate::value::Value;

/// The rules' settings, each with a default, none of them able to be invalid.
///
/// Where a value came from is kept beside it, to be shown by [`Governor::settings`]. A caller
/// that sets a field by hand leaves its origin as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The environment that the governor guards. Default: `production`.
    pub production_environment_name: String,
    /// Whether the first deploy needs an approval. Default: no.
    pub require_approval_for_first_deploy: bool,
    /// Paths whose change makes the risk HIGH. Default: `.github/workflows/**`, `**/migrations/**`.
    pub high_risk_paths: Patterns,
    /// Paths whose change makes the risk MEDIUM. Default: the manifests of common package managers.
    pub medium_risk_paths: Patterns,
    /// More paths whose change makes the risk HIGH. Default: none.
    pub migration_paths: Patterns,
    /// The workflow that verifies the main branch. Default: `Verify main`.
    pub verification_workflow_name: String,
    /// The workflow that deploys; blank if there is none. Default: `deploy.yml`.
    pub deploy_workflow_name: String,
    /// The ref whose version of the workflow runs. Default: `main`.
    pub deploy_workflow_ref: String,
    /// How long a commit that failed is held, in minutes; 0 is not at all. Default: 30.
    pub cooldown_minutes: u32,
    /// How many deploys may start within an hour. Default: 6.
    pub max_deploys_per_hour: NonZeroU32,
    /// How people approve here. It selects the hints; any approval counts. Default: by environment.
    pub approval_mode: ApprovalMode,
    /// The label that approves. Default: none.
    pub approval_label: Option<String>,
    /// The comment that approves. Default: none.
    pub approval_command: Option<String>,
    /// Where each value came from.
    pub origins: Origins,
}

impl Default for Policy {
    fn default() -> Self {
        let patterns = |list: &[&str]| {
            Patterns::new(list.iter().copied()).expect("the defaults are valid patterns")
        };
        Self {
            production_environment_name: "production".into(),
            require_approval_for_first_deploy: false,
            high_risk_paths: patterns(&[".github/workflows/**", "**/migrations/**"]),
            medium_risk_paths: patterns(&[
                "**/package.json",
                "**/requirements*.txt",
                "**/pyproject.toml",
                "**/Cargo.toml",
                "**/go.mod",
                "**/go.sum",
            ]),
            migration_paths: Patterns::default(),
            verification_workflow_name: "Verify main".into(),
            deploy_workflow_name: "deploy.yml".into(),
            deploy_workflow_ref: "main".into(),
            cooldown_minutes: 30,
            max_deploys_per_hour: const { NonZeroU32::new(6).expect("6 is not 0") },
            approval_mode: ApprovalMode::Environment,
            approval_label: None,
            approval_command: None,
            origins: Origins::DEFAULT,
        }
    }
}

impl Policy {
    /// Returns whether `deploy_workflow_name` names a workflow rather than being blank.
    pub fn has_deploy_workflow(&self) -> bool {
        !self.deploy_workflow_name.trim().is_empty()
    }

    fn value(&self, field: Field, enabled: bool) -> Value {
        let list = |patterns: &Patterns| Value::List(patterns.as_slice().to_vec());
        let text = |text: &str| Value::Text(text.to_owned());
        match field {
            Field::Enabled => Value::Bool(enabled),
            Field::ProductionEnvironmentName => text(&self.production_environment_name),
            Field::RequireApprovalForFirstDeploy => {
                Value::Bool(self.require_approval_for_first_deploy)
            }
            Field::HighRiskPaths => list(&self.high_risk_paths),
            Field::MediumRiskPaths => list(&self.medium_risk_paths),
            Field::MigrationPaths => list(&self.migration_paths),
            Field::VerificationWorkflowName => text(&self.verification_workflow_name),
            Field::DeployWorkflowName => text(&self.deploy_workflow_name),
            Field::DeployWorkflowRef => text(&self.deploy_workflow_ref),
            Field::CooldownMinutes => Value::Number(self.cooldown_minutes.into()),
            Field::MaxDeploysPerHour => Value::Number(self.max_deploys_per_hour.get().into()),
            Field::ApprovalMode => text(self.approval_mode.word()),
            Field::ApprovalLabel => Value::text_or_absent(self.approval_label.as_deref()),
            Field::ApprovalCommand => Value::text_or_absent(self.approval_command.as_deref()),
        }
    }
}

/// How people approve a release here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApprovalMode {
    /// `environment`: by a variable of the run.
    Environment,
    /// `label`: by a label on the pull request.
    Label,
    /// `comment`: by a comment on the pull request.
    Comment,
}

impl ApprovalMode {
    /// Returns its word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Label => "label",
            Self::Comment => "comment",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Environment, Self::Label, Self::Comment].into_iter().find(|mode| mode.word() == word)
    }
}

/// A policy, and whether it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Governor {
    /// It is.
    Enabled(Policy),
    /// It is not. The policy is kept, because a variable may enable it after all.
    Disabled {
        /// Who switched it off.
        why: DisabledBecause,
        /// What would apply otherwise.
        policy: Policy,
    },
}

impl Governor {
    /// Returns the policy, in force or not.
    pub fn policy(&self) -> &Policy {
        match self {
            Self::Enabled(policy) | Self::Disabled { policy, .. } => policy,
        }
    }

    /// Returns whether the policy is in force.
    pub fn is_enabled(&self) -> bool {
        matches!(self, Self::Enabled(_))
    }

    /// Returns the fact for [`Facts::governor`](crate::Facts::governor).
    pub fn switch(&self) -> Switch {
        match self {
            Self::Enabled(_) => Switch::On,
            Self::Disabled { why, .. } => Switch::Off { why: why.to_string() },
        }
    }

    /// Lists every value and where it came from, in the order of [`Field::ALL`].
    pub fn settings(&self) -> Vec<Setting> {
        let policy = self.policy();
        Field::ALL
            .map(|field| Setting {
                field,
                value: policy.value(field, self.is_enabled()),
                origin: policy.origins.of(field),
            })
            .into()
    }

    pub(crate) fn policy_mut(&mut self) -> &mut Policy {
        match self {
            Self::Enabled(policy) | Self::Disabled { policy, .. } => policy,
        }
    }

    pub(crate) fn into_policy(self) -> Policy {
        match self {
            Self::Enabled(policy) | Self::Disabled { policy, .. } => policy,
        }
    }
}

/// Who switched the governor off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledBecause {
    /// The file has no block `release_governor`.
    NoBlock,
    /// The file says `enabled: false`.
    File {
        /// In this line.
        line: u64,
    },
    /// A variable says so.
    Variable {
        /// Its name.
        name: &'static str,
    },
}

impl fmt::Display for DisabledBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBlock => f.write_str("the configuration has no block `release_governor`"),
            Self::File { line } => {
                write!(f, "the configuration says `enabled: false` in line {line}")
            }
            Self::Variable { name } => write!(f, "`{name}` says so"),
        }
    }
}

impl From<DisabledBecause> for Origin {
    fn from(why: DisabledBecause) -> Self {
        match why {
            DisabledBecause::NoBlock => Self::Default,
            DisabledBecause::File { line } => Self::File { line },
            DisabledBecause::Variable { name } => Self::Variable { name },
        }
    }
}
