//! `.booty.yml`: what is said about mistakes, and where.

use release_policy::{Config, PolicyError, Position};

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
