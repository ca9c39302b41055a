//! `.booty.yml`: what is read.

use std::time::Duration;

use release_policy::{
    ApprovalMode, Config, DisabledBecause, Field, Governor, Origin, SchemaVersion,
};

/// Every key there is, with a value that is not its default.
pub(crate) const FULL: &str = r#"schema_version: 1
test_command: make test
setup_command: make setup
install_command: make install
timeout_seconds: 60
max_retries: 3
allowed_paths: [src/]
forbidden_paths: [secrets/]
allowed_commands: [make]
network_policy: registry_only
labels: {ready: agent}
max_files_changed: 10
max_diff_loc: 400
max_loc_per_file: 300
max_loc_per_file_pathspec: ["*.py"]
protected_paths: [.booty.yml]
release_governor:
  enabled: yes
  production_environment_name: live
  require_approval_for_first_deploy: true
  high_risk_paths:
    - "**/schema/**"
    - "!**/schema/README.md"
  medium_risk_paths: ["*.lock"]
  migration_paths: [sql/]
  verification_workflow_name: Verify
  deploy_workflow_name: ship.yml
  deploy_workflow_ref: release
  cooldown_minutes: 5
  max_deploys_per_hour: 2
  approval_mode: label
  approval_label: release
  approval_command: /ship
security: {anything: [goes]}
memory: off
planner: [1, 2]
architect:
  nested: {deeply: true}
reviewer: ~
"#;

fn policy_of(text: &str) -> release_policy::Policy {
    Config::parse(text).unwrap().governor.policy().clone()
}

#[test]
fn every_key_is_read() {
    let config = Config::parse(FULL).unwrap();
    assert_eq!(config.schema_version, SchemaVersion::Strict);
    assert_eq!(config.verify.test_command.as_deref(), Some("make test"));
    assert_eq!(config.verify.setup_command.as_deref(), Some("make setup"));
    assert_eq!(config.verify.install_command.as_deref(), Some("make install"));
    assert_eq!(config.verify.timeout, Duration::from_secs(60));

    let Governor::Enabled(policy) = &config.governor else { panic!("enabled") };
    assert_eq!(policy.production_environment_name, "live");
    assert!(policy.require_approval_for_first_deploy);
    assert_eq!(policy.high_risk_paths.as_slice(), ["**/schema/**", "!**/schema/README.md"]);
    assert_eq!(policy.medium_risk_paths.as_slice(), ["*.lock"]);
    assert_eq!(policy.migration_paths.as_slice(), ["sql/"]);
    assert_eq!(policy.verification_workflow_name, "Verify");
    assert_eq!(policy.deploy_workflow_name, "ship.yml");
    assert_eq!(policy.deploy_workflow_ref, "release");
    assert_eq!(policy.cooldown_minutes, 5);
    assert_eq!(policy.max_deploys_per_hour.get(), 2);
    assert_eq!(policy.approval_mode, ApprovalMode::Label);
    assert_eq!(policy.approval_label.as_deref(), Some("release"));
    assert_eq!(policy.approval_command.as_deref(), Some("/ship"));
}

#[test]
fn every_value_knows_its_line() {
    let config = Config::parse(FULL).unwrap();
    for setting in config.governor.settings() {
        let Origin::File { line } = setting.origin else {
            panic!("`{}` is from the file", setting.field)
        };
        let at = FULL.lines().position(|line| line.trim().starts_with(setting.field.key())).unwrap()
            as u64
            + 1;
        // The value of a list in block form begins in the line below its key.
        let expected = if setting.field == Field::HighRiskPaths { at + 1 } else { at };
        assert_eq!(line, expected, "`{}`", setting.field);
    }
}

#[test]
fn the_defaults_are_those_of_the_specification() {
    let settings = Config::parse("release_governor:\n").unwrap().governor.settings();
    let shown: Vec<String> =
        settings.iter().map(|s| format!("{}: {} ({})", s.field, s.value, s.origin)).collect();
    assert_eq!(
        shown,
        [
            "enabled: true (default)",
            "production_environment_name: production (default)",
            "require_approval_for_first_deploy: false (default)",
            "high_risk_paths: .github/workflows/**, **/migrations/** (default)",
            "medium_risk_paths: **/package.json, **/requirements*.txt, **/pyproject.toml, **/Cargo.toml, **/go.mod, \
             **/go.sum (default)",
            "migration_paths:  (default)",
            "verification_workflow_name: Verify main (default)",
            "deploy_workflow_name: deploy.yml (default)",
            "deploy_workflow_ref: main (default)",
            "cooldown_minutes: 30 (default)",
            "max_deploys_per_hour: 6 (default)",
            "approval_mode: environment (default)",
            "approval_label: none (default)",
            "approval_command: none (default)",
        ]
    );
}

#[test]
fn the_block_decides_whether_the_governor_is_on() {
    let off_in_line = |line| Some(DisabledBecause::File { line });
    let cases = [
        ("schema_version: 1\n", Some(DisabledBecause::NoBlock)),
        ("test_command: make\n", Some(DisabledBecause::NoBlock)),
        ("release_governor:\n", None),
        ("release_governor: ~\n", None),
        ("release_governor: {}\n", None),
        ("schema_version: 1\nrelease_governor:\n", None),
        ("release_governor: {enabled: true}\n", None),
        ("release_governor: {enabled: ~}\n", None),
        ("release_governor:\n  enabled: off\n", off_in_line(2)),
        (
            "schema_version: 1\nrelease_governor:\n  cooldown_minutes: 1\n  enabled: false\n",
            off_in_line(4),
        ),
    ];
    for (text, expected) in cases {
        let why = match Config::parse(text).unwrap().governor {
            Governor::Enabled(_) => None,
            Governor::Disabled { why, .. } => Some(why),
        };
        assert_eq!(why, expected, "{text:?}");
    }
}

#[test]
fn a_disabled_governor_keeps_what_the_file_says() {
    let text = "release_governor: {enabled: false, cooldown_minutes: 7}\n";
    assert_eq!(policy_of(text).cooldown_minutes, 7);
}

#[test]
fn the_loose_form_lets_strangers_through_but_not_into_the_block() {
    for version in ["", "schema_version: 0\n", "schema_version: ~\n"] {
        let text = format!(
            "{version}test_command: make\ntimeout: 20\nmystery: {{a: 1}}\nsetup_command: [x]\n"
        );
        let config = Config::parse(&text).unwrap();
        assert_eq!(config.schema_version, SchemaVersion::Loose);
        assert_eq!(config.verify.test_command.as_deref(), Some("make"));
        assert_eq!(config.verify.timeout, Duration::from_secs(20));
        assert_eq!(config.verify.setup_command, None);

        let text = format!("{version}release_governor: {{cooldown_minute: 1}}\n");
        assert!(
            Config::parse(&text).unwrap_err().to_string().contains("unknown key `cooldown_minute`")
        );
    }
}

#[test]
fn a_key_without_a_value_has_its_default_and_a_blank_command_is_none() {
    let config =
        Config::parse("schema_version: 1\ntest_command: ~\nsetup_command: ' '\ntimeout_seconds:\n")
            .unwrap();
    assert_eq!((config.verify.test_command, config.verify.setup_command), (None, None));
    assert_eq!(config.verify.timeout, Duration::from_secs(300));
    let policy = policy_of(
        "release_governor: {high_risk_paths: ~, cooldown_minutes: ~, approval_label: ''}\n",
    );
    assert_eq!(policy.high_risk_paths.as_slice().len(), 2);
    assert_eq!((policy.cooldown_minutes, policy.approval_label), (30, None));
}

#[test]
fn an_empty_list_means_no_pattern() {
    assert_eq!(
        policy_of("release_governor: {high_risk_paths: []}\n").high_risk_paths.as_slice().len(),
        0
    );
}

#[test]
fn anchors_and_merges_are_understood() {
    let text = "defaults: &d {cooldown_minutes: 9}\nrelease_governor:\n  <<: *d\n  max_deploys_per_hour: 3\n";
    let policy = policy_of(text);
    assert_eq!((policy.cooldown_minutes, policy.max_deploys_per_hour.get()), (9, 3));
}

#[test]
fn the_limits_are_checked_at_both_ends() {
    let cases = [
        ("schema_version: 1\ntimeout_seconds: {}\n", 10, 3600),
        ("timeout: {}\n", 10, 3600),
        ("schema_version: 1\nmax_retries: {}\n", 1, 10),
        ("max_retries: {}\n", 1, 10),
        ("release_governor: {cooldown_minutes: {}}\n", 0, i64::from(u32::MAX)),
        ("release_governor: {max_deploys_per_hour: {}}\n", 1, i64::from(u32::MAX)),
    ];
    for (text, least, most) in cases {
        for (number, is_good) in
            [(least - 1, false), (least, true), (most, true), (most + 1, false)]
        {
            let text = text.replace("{}", &number.to_string());
            assert_eq!(Config::parse(&text).is_ok(), is_good, "{text:?}");
        }
    }
}
