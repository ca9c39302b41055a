//! Variables that override the file: handed over by the caller, never read here.

use std::ffi::OsStr;
use std::num::NonZeroU32;

use crate::error::PolicyError;
use crate::field::{Field, Origin};
use crate::nearest::nearest;
use crate::pattern::Patterns;
use crate::policy::{ApprovalMode, DisabledBecause, Governor, Policy};

const PREFIX: &str = "RELEASE_GOVERNOR_";

/// Variables with the prefix that other parts of the system read.
const ELSEWHERE: [&str; 4] = [
    "RELEASE_GOVERNOR_HEALTH_URL",
    "RELEASE_GOVERNOR_STATE_DIR",
    "RELEASE_GOVERNOR_APPROVED",
    "RELEASE_GOVERNOR_OVERRIDE_POLL_SEC",
];

/// A governor after the variables had their say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overridden {
    /// The governor.
    pub governor: Governor,
    /// Variables with the prefix that nothing reads, sorted by name. Probably misspelt: worth a warning.
    pub unknown: Vec<UnknownVariable>,
}

/// A variable `RELEASE_GOVERNOR_...` that nothing reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownVariable {
    /// Its name.
    pub name: String,
    /// The known name nearest to it, if one is near enough to be meant.
    pub nearest: Option<&'static str>,
}

impl Governor {
    /// Lets variables named `RELEASE_GOVERNOR_<FIELD>` override the values.
    ///
    /// Takes all variables there are, in any order, and looks only at those with the prefix.
    /// One that is empty or blank counts as unset, except for `approval_label` and
    /// `approval_command`, where it means none. Blanks around a value do not count. Lists are
    /// divided by commas; blanks around their parts and empty parts are dropped, so a list of
    /// nothing but commas is empty. Booleans are `1`, `true`, `yes`, `on` and `0`, `false`,
    /// `no`, `off`, in any case. A variable enables a governor that the file disables, and
    /// the other way round.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Variable`] for the first field whose variable cannot be read.
    ///
    /// # Limits
    ///
    /// A pattern with a comma in it can only be given in the file.
    ///
    /// # Examples
    ///
    /// ```
    /// use release_policy::{Governor, Policy};
    ///
    /// let variables = [("RELEASE_GOVERNOR_COOLDOWN_MINUTES", "5"), ("HOME", "/home/ana")];
    /// let overridden = Governor::Enabled(Policy::default()).overridden_by(variables)?;
    /// assert_eq!(overridden.governor.policy().cooldown_minutes, 5);
    ///
    /// let broken = [("RELEASE_GOVERNOR_COOLDOWN_MINUTES", "soon")];
    /// let error = Governor::Enabled(Policy::default()).overridden_by(broken).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "`RELEASE_GOVERNOR_COOLDOWN_MINUTES` is `soon`, but must be a whole number from 0 to 4294967295"
    /// );
    /// # Ok::<(), release_policy::PolicyError>(())
    /// ```
    pub fn overridden_by<N, V>(
        self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Overridden, PolicyError>
    where
        N: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let mut governor = self;
        let mut given: Vec<(String, V)> = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.as_ref().to_str()?.to_owned(), value)))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        given.sort_by(|(one, _), (other, _)| one.cmp(other));

        let mut unknown = Vec::new();
        for (name, value) in given {
            match Field::ALL.into_iter().find(|field| field.variable() == name) {
                Some(field) => governor = governor.with(field, value.as_ref())?,
                None if ELSEWHERE.contains(&name.as_str()) => {}
                None => unknown.push(UnknownVariable { nearest: nearest_variable(&name), name }),
            }
        }
        Ok(Overridden { governor, unknown })
    }

    fn with(mut self, field: Field, value: &OsStr) -> Result<Self, PolicyError> {
        let wrong = |accepted: &str| PolicyError::Variable {
            name: field.variable().into(),
            value: value.to_string_lossy().into_owned(),
            accepted: accepted.into(),
        };
        let text = value.to_str().ok_or_else(|| wrong("UTF-8"))?.trim();
        let none_is_a_value = matches!(field, Field::ApprovalLabel | Field::ApprovalCommand);
        if text.is_empty() && !none_is_a_value {
            return Ok(self);
        }

        let origin = Origin::Variable { name: field.variable() };
        if field == Field::Enabled {
            let enabled = boolean(text).ok_or_else(|| wrong(BOOLEAN))?;
            let mut policy = self.into_policy();
            policy.origins.set(field, origin);
            return Ok(if enabled {
                Self::Enabled(policy)
            } else {
                Self::Disabled { why: DisabledBecause::Variable { name: field.variable() }, policy }
            });
        }
        let policy = self.policy_mut();
        set(policy, field, text).map_err(|accepted| wrong(&accepted))?;
        policy.origins.set(field, origin);
        Ok(self)
    }
}

const BOOLEAN: &str = "1, true, yes, on, 0, false, no or off";

fn boolean(text: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match () {
        () if is(["1", "true", "yes", "on"]) => Some(true),
        () if is(["0", "false", "no", "off"]) => Some(false),
        () => None,
    }
}

/// Sets one field, or says what would have been accepted.
fn set(policy: &mut Policy, field: Field, text: &str) -> Result<(), String> {
    match field {
        Field::Enabled => unreachable!("decided by the caller, since it is not part of the policy"),
        Field::ProductionEnvironmentName => policy.production_environment_name = text.into(),
        Field::RequireApprovalForFirstDeploy => {
            policy.require_approval_for_first_deploy = boolean(text).ok_or(BOOLEAN)?;
        }
        Field::HighRiskPaths => policy.high_risk_paths = list(text)?,
        Field::MediumRiskPaths => policy.medium_risk_paths = list(text)?,
        Field::MigrationPaths => policy.migration_paths = list(text)?,
        Field::VerificationWorkflowName => policy.verification_workflow_name = text.into(),
        Field::DeployWorkflowName => policy.deploy_workflow_name = text.into(),
        Field::DeployWorkflowRef => policy.deploy_workflow_ref = text.into(),
        Field::CooldownMinutes => {
            policy.cooldown_minutes =
                text.parse().map_err(|_| format!("a whole number from 0 to {}", u32::MAX))?;
        }
        Field::MaxDeploysPerHour => {
            policy.max_deploys_per_hour = text
                .parse::<NonZeroU32>()
                .map_err(|_| format!("a whole number from 1 to {}", u32::MAX))?;
        }
        Field::ApprovalMode => {
            let mode = ApprovalMode::from_word(&text.to_ascii_lowercase());
            policy.approval_mode = mode.ok_or("environment, label or comment")?;
        }
        Field::ApprovalLabel => {
            policy.approval_label = Some(text.to_owned()).filter(|text| !text.is_empty())
        }
        Field::ApprovalCommand => {
            policy.approval_command = Some(text.to_owned()).filter(|text| !text.is_empty())
        }
    }
    Ok(())
}

fn list(text: &str) -> Result<Patterns, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    Patterns::new(parts).map_err(|error| format!("patterns divided by commas: {error}"))
}

fn nearest_variable(name: &str) -> Option<&'static str> {
    // Compared without the prefix, which would make everything look near.
    let rest = name.strip_prefix(PREFIX)?;
    let known = Field::ALL.into_iter().map(Field::variable).chain(ELSEWHERE);
    let ends = known.clone().filter_map(|name| name.strip_prefix(PREFIX));
    let near = nearest(rest, ends)?;
    known.into_iter().find(|name| name.strip_prefix(PREFIX) == Some(near))
}
