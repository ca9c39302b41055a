//! The shapes of a `.booty.yml`, key by key.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::yaml::At;

/// As much as has to be known before the rest can be read.
#[derive(Deserialize)]
pub(crate) struct Form {
    pub(crate) schema_version: Option<At<i64>>,
}

/// `schema_version: 1`. What is not used here is still checked, so that a mistake is found where it is made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "some keys belong to other programs: known, checked for their type, not used"
)]
pub(crate) struct Strict {
    pub(crate) schema_version: IgnoredAny,
    pub(crate) test_command: Option<String>,
    pub(crate) setup_command: Option<String>,
    pub(crate) install_command: Option<String>,
    pub(crate) timeout_seconds: Option<At<i64>>,
    pub(crate) max_retries: Option<At<i64>>,
    pub(crate) allowed_paths: Option<Vec<String>>,
    pub(crate) forbidden_paths: Option<Vec<String>>,
    pub(crate) allowed_commands: Option<Vec<String>>,
    pub(crate) network_policy: Option<NetworkPolicy>,
    pub(crate) labels: Option<BTreeMap<String, String>>,
    pub(crate) max_files_changed: Option<u64>,
    pub(crate) max_diff_loc: Option<u64>,
    pub(crate) max_loc_per_file: Option<u64>,
    pub(crate) max_loc_per_file_pathspec: Option<Vec<String>>,
    pub(crate) protected_paths: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) release_governor: Option<At<Option<Block>>>,
    pub(crate) security: Option<IgnoredAny>,
    pub(crate) memory: Option<IgnoredAny>,
    pub(crate) planner: Option<IgnoredAny>,
    pub(crate) architect: Option<IgnoredAny>,
    pub(crate) reviewer: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NetworkPolicy {
    DenyAll,
    RegistryOnly,
    AllowList,
}

/// No `schema_version`, or 0.
#[derive(Deserialize)]
#[expect(
    dead_code,
    reason = "`protected_paths` belongs to other programs: checked for its type, not used"
)]
pub(crate) struct Loose {
    pub(crate) test_command: Option<String>,
    pub(crate) timeout: Option<At<i64>>,
    pub(crate) max_retries: Option<At<i64>>,
    pub(crate) protected_paths: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) release_governor: Option<At<Option<Block>>>,
}

/// The block `release_governor`: strict in both forms.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Block {
    pub(crate) enabled: Option<At<bool>>,
    pub(crate) production_environment_name: Option<At<String>>,
    pub(crate) require_approval_for_first_deploy: Option<At<bool>>,
    pub(crate) high_risk_paths: Option<At<Vec<At<String>>>>,
    pub(crate) medium_risk_paths: Option<At<Vec<At<String>>>>,
    pub(crate) migration_paths: Option<At<Vec<At<String>>>>,
    pub(crate) verification_workflow_name: Option<At<String>>,
    pub(crate) deploy_workflow_name: Option<At<String>>,
    pub(crate) deploy_workflow_ref: Option<At<String>>,
    pub(crate) cooldown_minutes: Option<At<i64>>,
    pub(crate) max_deploys_per_hour: Option<At<i64>>,
    pub(crate) approval_mode: Option<At<ApprovalWord>>,
    pub(crate) approval_label: Option<At<String>>,
    pub(crate) approval_command: Option<At<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ApprovalWord {
    Environment,
    Label,
    Comment,
}

/// Keeps "there, with nothing in it" apart from "not there".
fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<At<Option<Block>>>, D::Error> {
    At::deserialize(deserializer).map(Some)
}
