//! `.booty.yml`: what is read, and what is said about mistakes.

use std::time::Duration;

use proptest::prelude::*;
use release_policy::{
    ApprovalMode, Config, DisabledBecause, Field, Governor, Origin, PolicyError, Position,
    SchemaVersion,
};

/// Every key there is, with a value that is not its default.
const FULL: &str = r#"schema_version: 1
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

/// A mistake: the text, its line and column, what is said, and what is suggested.
type Mistake = (&'static str, Option<(u64, u64)>, &'static str, Option<&'static str>);

#[test]
fn mistakes_are_named_at_their_place() {
    let cases: &[Mistake] = &[
        ("", None, "the configuration is empty", None),
        ("# nothing\n\n# here\n", None, "the configuration is empty", None),
        ("---\n", None, "the configuration is empty", None),
        ("~\n", None, "the configuration is empty", None),
        ("- a\n", Some((1, 1)), "expected a mapping (`key: value`) here", None),
        ("just text\n", Some((1, 1)), "expected a mapping (`key: value`) here", None),
        (
            "schema_version: 2\nnews: 1\n",
            Some((1, 17)),
            "schema version 2 is not understood, only 0 and 1 are",
            None,
        ),
        (
            "schema_version: -1\n",
            Some((1, 17)),
            "schema version -1 is not understood, only 0 and 1 are",
            None,
        ),
        ("schema_version: one\n", Some((1, 17)), "expected a whole number here", None),
        (
            "schema_version: 1\ntest_comand: make\n",
            Some((2, 1)),
            "unknown key `test_comand`",
            Some("test_command"),
        ),
        (
            "schema_version: 1\ntimeout: 20\n",
            Some((2, 1)),
            "unknown key `timeout`",
            Some("timeout_seconds"),
        ),
        ("schema_version: 1\nweather: fine\n", Some((2, 1)), "unknown key `weather`", None),
        (
            "schema_version: 1\nrelease_governer: {}\n",
            Some((2, 1)),
            "unknown key `release_governer`",
            Some("release_governor"),
        ),
        (
            "schema_version: 1\nrelease_governor:\n  enabled: true\n  cooldown_minuts: 3\n",
            Some((4, 3)),
            "unknown key `cooldown_minuts`",
            Some("cooldown_minutes"),
        ),
        (
            "release_governor:\n  high_risk_path: []\n",
            Some((2, 3)),
            "unknown key `high_risk_path`",
            Some("high_risk_paths"),
        ),
        (
            "release_governor:\n  cooldown_minutes: -3\n",
            Some((2, 21)),
            "`cooldown_minutes` is -3, but must be a whole number from 0 to 4294967295",
            None,
        ),
        (
            "release_governor:\n  max_deploys_per_hour: 0\n",
            Some((2, 25)),
            "`max_deploys_per_hour` is 0, but must be a whole number from 1 to 4294967295",
            None,
        ),
        (
            "timeout: 5\n",
            Some((1, 10)),
            "`timeout` is 5, but must be a whole number from 10 to 3600",
            None,
        ),
        (
            "release_governor:\n  cooldown_minutes: 1.5\n",
            Some((2, 21)),
            "expected a whole number here",
            None,
        ),
        (
            "release_governor:\n  cooldown_minutes: soon\n",
            Some((2, 21)),
            "expected a whole number here",
            None,
        ),
        (
            "release_governor:\n  enabled: maybe\n",
            Some((2, 12)),
            "expected `true` or `false` here",
            None,
        ),
        (
            "release_governor:\n  approval_mode: labl\n",
            Some((2, 18)),
            "`labl` is none of environment, label, comment",
            Some("label"),
        ),
        (
            "schema_version: 1\nnetwork_policy: denyall\n",
            Some((2, 17)),
            "`denyall` is none of deny_all, registry_only, allow_list",
            Some("deny_all"),
        ),
        ("release_governor: []\n", Some((1, 19)), "expected a mapping (`key: value`) here", None),
        ("release_governor: true\n", Some((1, 19)), "expected a mapping (`key: value`) here", None),
        (
            "release_governor:\n  high_risk_paths: sql/\n",
            Some((2, 20)),
            "expected a list here",
            None,
        ),
        ("schema_version: 1\ntest_command: [make]\n", Some((2, 15)), "expected a text here", None),
        (
            "release_governor:\n  high_risk_paths:\n    - sql/\n    - ''\n",
            Some((4, 7)),
            "the pattern `` is empty, so it matches nothing",
            None,
        ),
        (
            "release_governor:\n  migration_paths: ['a', ' ']\n",
            Some((2, 26)),
            "the pattern ` ` is empty, so it matches nothing",
            None,
        ),
        (
            "release_governor:\n  high_risk_paths:\n    - **/migrations/**\n",
            Some((3, 7)),
            "a text that begins with `*` is an alias in YAML; put a pattern into quotes",
            None,
        ),
        (
            "release_governor:\n  enabled: true\n  enabled: false\n",
            Some((3, 3)),
            "the key `enabled` appears twice",
            None,
        ),
        (
            "timeout: 20\n---\ntimeout: 30\n",
            Some((3, 1)),
            "a second document begins here, but there may be only one",
            None,
        ),
    ];
    for (text, place, said, suggested) in cases {
        let error = Config::parse(text).expect_err(text);
        let PolicyError::Config { at, problem, source_line, suggestion } = &error else {
            panic!("{error:?}")
        };
        let expected = place.map(|(line, column)| Position { line, column });
        assert_eq!(
            (*at, problem.as_str(), suggestion.as_deref()),
            (expected, *said, *suggested),
            "{text:?}"
        );
        let line =
            place.and_then(|(line, _)| text.lines().nth(line as usize - 1)).map(str::to_owned);
        assert_eq!(*source_line, line, "the source line for {text:?}");
        assert!(!error.to_string().contains('\n'), "one line for {text:?}");
    }
}

#[test]
fn the_snippet_points_at_the_place() {
    let error = Config::parse("release_governor:\n  cooldown_minutes: soon\n").unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 21: expected a whole number here");
    assert_eq!(error.snippet().unwrap(), "2 |   cooldown_minutes: soon\n  |                     ^");
    assert_eq!(error.hint(), None);
    assert_eq!(Config::parse("").unwrap_err().snippet(), None);

    let long = format!("release_governor: {{{:200}oops: {:200}}}\n", "", "");
    let snippet = Config::parse(&long).unwrap_err().snippet().unwrap();
    let (source, caret) = snippet.split_once('\n').unwrap();
    assert!(source.len() < 120, "a long line is cut");
    assert_eq!(
        source.find("oops"),
        caret.find('^'),
        "the caret stays where it belongs:\n{snippet}"
    );
}

#[test]
fn a_text_that_is_too_much_is_refused_quickly() {
    let laughs = (1..12).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, n| {
        let before = vec![format!("*a{}", n - 1); 9].join(",");
        text + &format!("a{n}: &a{n} [{before}]\n")
    });
    let texts = [
        "x".repeat(1024 * 1024 + 1),
        format!("a: {}\n", "[".repeat(20_000)),
        format!("a: {}\n", "{a: ".repeat(20_000)),
        (0..20_000).fold(String::new(), |text, n| text + &" ".repeat(n % 100) + "- \n"),
        laughs,
        "a: [1]\n".to_owned() + &"- ? : [".repeat(30_000),
    ];
    for text in texts {
        let error = Config::parse(&text).expect_err("too much");
        assert!(error.to_string().len() < 200, "a short message: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        answers(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_yaml_like_text_brings_it_down(text in r"([ \t\n:\-\[\]\{\},&*!|>'%@#?~a-c019\.]|release_governor|enabled|<<){0,80}") {
        answers(&text);
    }

    #[test]
    fn no_change_of_a_good_text_brings_it_down(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_usize..20), 1..6)
    ) {
        let mut bytes = FULL.as_bytes().to_vec();
        for (at, byte, length) in changes {
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            match byte % 3 {
                0 => bytes[at] = byte,
                1 => { bytes.drain(at..end); }
                _ => { let copy = bytes[at..end].to_vec(); bytes.splice(at..at, copy); }
            }
            bytes.push(b'\n');
        }
        answers(&String::from_utf8_lossy(&bytes));
    }
}

/// Reads a text of any kind; whatever is said about it must hold together.
fn answers(text: &str) {
    if let Err(error) = Config::parse(text) {
        if let (PolicyError::Config { at: Some(at), .. }, Some(snippet)) = (&error, error.snippet())
        {
            assert!(at.line >= 1 && at.column >= 1);
            assert_eq!(snippet.lines().count(), 2, "{snippet:?}");
        }
        assert!(!error.to_string().is_empty());
    }
}
