//! The fields of the block `release_governor`, their names and where a value came from.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::value::Value;

/// One field of the block `release_governor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// `enabled`
    Enabled,
    /// `production_environment_name`
    ProductionEnvironmentName,
    /// `require_approval_for_first_deploy`
    RequireApprovalForFirstDeploy,
    /// `high_risk_paths`
    HighRiskPaths,
    /// `medium_risk_paths`
    MediumRiskPaths,
    /// `migration_paths`
    MigrationPaths,
    /// `verification_workflow_name`
    VerificationWorkflowName,
    /// `deploy_workflow_name`
    DeployWorkflowName,
    /// `deploy_workflow_ref`
    DeployWorkflowRef,
    /// `cooldown_minutes`
    CooldownMinutes,
    /// `max_deploys_per_hour`
    MaxDeploysPerHour,
    /// `approval_mode`
    ApprovalMode,
    /// `approval_label`
    ApprovalLabel,
    /// `approval_command`
    ApprovalCommand,
}

impl Field {
    /// Every field, in the order in which they are shown.
    pub const ALL: [Self; 14] = [
        Self::Enabled,
        Self::ProductionEnvironmentName,
        Self::RequireApprovalForFirstDeploy,
        Self::HighRiskPaths,
        Self::MediumRiskPaths,
        Self::MigrationPaths,
        Self::VerificationWorkflowName,
        Self::DeployWorkflowName,
        Self::DeployWorkflowRef,
        Self::CooldownMinutes,
        Self::MaxDeploysPerHour,
        Self::ApprovalMode,
        Self::ApprovalLabel,
        Self::ApprovalCommand,
    ];

    /// Returns its key in the file, such as `cooldown_minutes`.
    pub fn key(self) -> &'static str {
        self.names().0
    }

    /// Returns the variable that overrides it, such as `RELEASE_GOVERNOR_COOLDOWN_MINUTES`.
    pub fn variable(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Enabled => ("enabled", "RELEASE_GOVERNOR_ENABLED"),
            Self::ProductionEnvironmentName => {
                ("production_environment_name", "RELEASE_GOVERNOR_PRODUCTION_ENVIRONMENT_NAME")
            }
            Self::RequireApprovalForFirstDeploy => (
                "require_approval_for_first_deploy",
                "RELEASE_GOVERNOR_REQUIRE_APPROVAL_FOR_FIRST_DEPLOY",
            ),
            Self::HighRiskPaths => ("high_risk_paths", "RELEASE_GOVERNOR_HIGH_RISK_PATHS"),
            Self::MediumRiskPaths => ("medium_risk_paths", "RELEASE_GOVERNOR_MEDIUM_RISK_PATHS"),
            Self::MigrationPaths => ("migration_paths", "RELEASE_GOVERNOR_MIGRATION_PATHS"),
            Self::VerificationWorkflowName => {
                ("verification_workflow_name", "RELEASE_GOVERNOR_VERIFICATION_WORKFLOW_NAME")
            }
            Self::DeployWorkflowName => {
                ("deploy_workflow_name", "RELEASE_GOVERNOR_DEPLOY_WORKFLOW_NAME")
            }
            Self::DeployWorkflowRef => {
                ("deploy_workflow_ref", "RELEASE_GOVERNOR_DEPLOY_WORKFLOW_REF")
            }
            Self::CooldownMinutes => ("cooldown_minutes", "RELEASE_GOVERNOR_COOLDOWN_MINUTES"),
            Self::MaxDeploysPerHour => {
                ("max_deploys_per_hour", "RELEASE_GOVERNOR_MAX_DEPLOYS_PER_HOUR")
            }
            Self::ApprovalMode => ("approval_mode", "RELEASE_GOVERNOR_APPROVAL_MODE"),
            Self::ApprovalLabel => ("approval_label", "RELEASE_GOVERNOR_APPROVAL_LABEL"),
            Self::ApprovalCommand => ("approval_command", "RELEASE_GOVERNOR_APPROVAL_COMMAND"),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key())
    }
}

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File {
        /// The line it stands in.
        line: u64,
    },
    /// A variable.
    Variable {
        /// Its name.
        name: &'static str,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { line } => write!(f, "file, line {line}"),
            Self::Variable { name } => f.write_str(name),
        }
    }
}

/// One value of a policy and where it came from, to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Setting {
    /// Which field.
    pub field: Field,
    /// Its value.
    pub value: Value,
    /// Who set it.
    pub origin: Origin,
}

/// Where each value of a policy came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins([Origin; Field::ALL.len()]);

impl Origins {
    /// Nobody set anything.
    pub const DEFAULT: Self = Self([Origin::Default; Field::ALL.len()]);

    /// Returns where the value of a field came from.
    pub fn of(&self, field: Field) -> Origin {
        self.0[field as usize]
    }

    /// Notes where the value of a field came from.
    pub fn set(&mut self, field: Field, origin: Origin) {
        self.0[field as usize] = origin;
    }
}
