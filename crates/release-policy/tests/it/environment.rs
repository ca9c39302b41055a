//! Variables: handed over, never read.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use release_policy::{DisabledBecause, Field, Governor, Origin, Policy, PolicyError};

fn with(variables: &[(&str, &str)]) -> Result<Governor, PolicyError> {
    Governor::Enabled(Policy::default())
        .overridden_by(variables.iter().copied())
        .map(|o| o.governor)
}

/// What a field is shown as after its variable was set.
fn shown(field: Field, value: &str) -> String {
    let governor = with(&[(field.variable(), value)]).unwrap();
    governor
        .settings()
        .into_iter()
        .find(|setting| setting.field == field)
        .unwrap()
        .value
        .to_string()
}

#[test]
fn every_field_has_its_variable_and_remembers_it() {
    let cases = [
        (Field::Enabled, "RELEASE_GOVERNOR_ENABLED", "true", "true"),
        (
            Field::ProductionEnvironmentName,
            "RELEASE_GOVERNOR_PRODUCTION_ENVIRONMENT_NAME",
            "live",
            "live",
        ),
        (
            Field::RequireApprovalForFirstDeploy,
            "RELEASE_GOVERNOR_REQUIRE_APPROVAL_FOR_FIRST_DEPLOY",
            "Yes",
            "true",
        ),
        (Field::HighRiskPaths, "RELEASE_GOVERNOR_HIGH_RISK_PATHS", " a/** ,, !a/b, ", "a/**, !a/b"),
        (Field::MediumRiskPaths, "RELEASE_GOVERNOR_MEDIUM_RISK_PATHS", "*.lock", "*.lock"),
        (Field::MigrationPaths, "RELEASE_GOVERNOR_MIGRATION_PATHS", "sql/", "sql/"),
        (
            Field::VerificationWorkflowName,
            "RELEASE_GOVERNOR_VERIFICATION_WORKFLOW_NAME",
            "Verify",
            "Verify",
        ),
        (
            Field::DeployWorkflowName,
            "RELEASE_GOVERNOR_DEPLOY_WORKFLOW_NAME",
            "ship.yml",
            "ship.yml",
        ),
        (Field::DeployWorkflowRef, "RELEASE_GOVERNOR_DEPLOY_WORKFLOW_REF", "release", "release"),
        (Field::CooldownMinutes, "RELEASE_GOVERNOR_COOLDOWN_MINUTES", "0", "0"),
        (Field::MaxDeploysPerHour, "RELEASE_GOVERNOR_MAX_DEPLOYS_PER_HOUR", " 1 ", "1"),
        (Field::ApprovalMode, "RELEASE_GOVERNOR_APPROVAL_MODE", "Label", "label"),
        (Field::ApprovalLabel, "RELEASE_GOVERNOR_APPROVAL_LABEL", "release", "release"),
        (Field::ApprovalCommand, "RELEASE_GOVERNOR_APPROVAL_COMMAND", "/ship", "/ship"),
    ];
    assert_eq!(cases.map(|(field, ..)| field), Field::ALL, "every field has a row");
    for (field, name, value, expected) in cases {
        let governor = with(&[(name, value)]).unwrap();
        for setting in governor.settings() {
            let origin =
                if setting.field == field { Origin::Variable { name } } else { Origin::Default };
            assert_eq!(setting.origin, origin, "`{}` after `{name}` was set", setting.field);
        }
        assert_eq!(shown(field, value), expected, "`{name}` set to {value:?}");
        assert_eq!(name, format!("RELEASE_GOVERNOR_{}", field.key().to_uppercase()));
    }
}

#[test]
fn a_value_that_cannot_be_read_is_named_with_what_would_be_accepted() {
    const BOOLEAN: &str = "1, true, yes, on, 0, false, no or off";
    let cases = [
        (Field::Enabled, "maybe", BOOLEAN),
        (Field::RequireApprovalForFirstDeploy, "2", BOOLEAN),
        (Field::CooldownMinutes, "-1", "a whole number from 0 to 4294967295"),
        (Field::CooldownMinutes, "1.5", "a whole number from 0 to 4294967295"),
        (Field::CooldownMinutes, "30m", "a whole number from 0 to 4294967295"),
        (Field::MaxDeploysPerHour, "0", "a whole number from 1 to 4294967295"),
        (Field::MaxDeploysPerHour, "4294967296", "a whole number from 1 to 4294967295"),
        (Field::ApprovalMode, "email", "environment, label or comment"),
        (
            Field::HighRiskPaths,
            "a,/",
            "patterns divided by commas: the pattern `/` is empty, so it matches nothing",
        ),
    ];
    for (field, value, accepted) in cases {
        let error = with(&[(field.variable(), value)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`{}` is `{value}`, but must be {accepted}", field.variable())
        );
    }
}

#[test]
fn booleans_are_words_in_any_case() {
    for (words, expected) in
        [(["1", "true", "YES", "On"], "true"), (["0", "False", "no", "OFF"], "false")]
    {
        for word in words {
            assert_eq!(shown(Field::RequireApprovalForFirstDeploy, word), expected, "{word}");
        }
    }
}

#[test]
fn an_empty_variable_is_unset_except_where_it_means_none() {
    let before = Governor::Enabled(Policy {
        approval_label: Some("release".into()),
        approval_command: Some("/ship".into()),
        ..Policy::default()
    });
    for field in Field::ALL {
        for blank in ["", "  "] {
            let after = before.clone().overridden_by([(field.variable(), blank)]).unwrap().governor;
            match field {
                Field::ApprovalLabel => assert_eq!(after.policy().approval_label, None),
                Field::ApprovalCommand => assert_eq!(after.policy().approval_command, None),
                _ => assert_eq!(after, before, "`{}` set to {blank:?}", field.variable()),
            }
        }
    }
    assert_eq!(shown(Field::HighRiskPaths, ","), "", "nothing but commas is an empty list");
}

#[test]
fn the_switch_is_stronger_than_the_file_both_ways() {
    let name = Field::Enabled.variable();
    let policy = Policy { cooldown_minutes: 7, ..Policy::default() };
    let off = Governor::Disabled { why: DisabledBecause::NoBlock, policy: policy.clone() };
    let on = off.overridden_by([(name, "true")]).unwrap().governor;
    assert!(on.is_enabled());
    assert_eq!(on.policy().cooldown_minutes, 7, "what the file says still counts");

    let off = Governor::Enabled(policy).overridden_by([(name, "no")]).unwrap().governor;
    assert!(matches!(off, Governor::Disabled { why: DisabledBecause::Variable { .. }, .. }));
    assert_eq!(off.policy().cooldown_minutes, 7);
    assert!(
        format!("{:?}", off.switch()).contains("RELEASE_GOVERNOR_ENABLED"),
        "{:?}",
        off.switch()
    );
}

#[test]
fn a_stranger_with_the_prefix_is_told_its_neighbour() {
    let variables = [
        ("RELEASE_GOVERNOR_COOLDWN_MINUTES", "5"),
        ("RELEASE_GOVERNOR_WEATHER", "fine"),
        ("RELEASE_GOVERNOR_APROVED", "true"),
        ("RELEASE_GOVERNOR_STATE_DIR", "/var/lib/x"),
        ("RELEASE_GOVERNOR_APPROVED", "true"),
        ("RELEASE_GOVERNOR_OVERRIDE_POLL_SEC", "5"),
        ("release_governor_enabled", "no"),
        ("HOME", "/home/ana"),
    ];
    let overridden = Governor::Enabled(Policy::default()).overridden_by(variables).unwrap();
    assert_eq!(overridden.governor, Governor::Enabled(Policy::default()));
    let unknown: Vec<_> = overridden.unknown.iter().map(|u| (u.name.as_str(), u.nearest)).collect();
    assert_eq!(
        unknown,
        [
            ("RELEASE_GOVERNOR_APROVED", Some("RELEASE_GOVERNOR_APPROVED")),
            ("RELEASE_GOVERNOR_COOLDWN_MINUTES", Some("RELEASE_GOVERNOR_COOLDOWN_MINUTES")),
            ("RELEASE_GOVERNOR_WEATHER", None),
        ]
    );
}

#[test]
fn a_value_that_is_no_text_is_an_error_and_a_name_that_is_none_is_passed_over() {
    let bytes = || OsString::from_vec(vec![b'5', 0xff]);
    let name = OsString::from("RELEASE_GOVERNOR_COOLDOWN_MINUTES");
    let error = Governor::Enabled(Policy::default()).overridden_by([(name, bytes())]).unwrap_err();
    assert!(error.to_string().ends_with("but must be UTF-8"), "{error}");
    assert!(Governor::Enabled(Policy::default()).overridden_by([(bytes(), bytes())]).is_ok());
}
