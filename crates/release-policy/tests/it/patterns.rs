//! Patterns answer as git does: the same question is put to both.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use release_policy::{Patterns, PolicyError};

#[test]
fn a_pattern_that_could_never_match_is_refused() {
    let cases = [
        ("", "is empty, so it matches nothing"),
        ("   ", "is empty, so it matches nothing"),
        ("/", "is empty, so it matches nothing"),
        ("!", "is empty, so it matches nothing"),
        ("!/", "is empty, so it matches nothing"),
        ("# sql", "is a comment for git; write `\\#` for a path that begins with `#`"),
        ("a\nb", "has a line break or a zero byte in it"),
        ("a\r", "has a line break or a zero byte in it"),
        ("a\0b", "has a line break or a zero byte in it"),
    ];
    for (pattern, problem) in cases {
        let error = Patterns::new(["ok", pattern]).unwrap_err();
        assert_eq!(error, PolicyError::Pattern { pattern: pattern.into(), problem }, "{pattern:?}");
    }
    assert!(Patterns::new(["x".repeat(1025)]).is_err(), "too long");
}

#[test]
fn the_pattern_that_decides_is_named() {
    let patterns = Patterns::new(["*.sql", "db/", "!db/keep.sql", "!a.sql"]).unwrap();
    let cases = [
        ("x/b.sql", Some("*.sql")),
        ("db/keep.sql", Some("db/")),
        ("a.sql", None),
        ("db", None),
        ("", None),
        ("/", None),
        ("..", None),
    ];
    for (path, expected) in cases {
        assert_eq!(patterns.matching(path), expected, "{path:?}");
    }
}

#[test]
fn a_pattern_with_more_wildcards_than_the_matcher_follows_is_refused() {
    let with = |groups: usize| "a*".repeat(groups) + ".sql";
    let path = "a".repeat(200) + ".sql";
    let most = with(16);
    assert_eq!(Patterns::new([&most]).unwrap().matching(&path), Some(most.as_str()));
    let error = Patterns::new([with(17)]).unwrap_err();
    assert!(error.to_string().ends_with("has more than 16 groups of `*`"), "{error}");
}

#[test]
fn depth_hides_nothing() {
    for depth in [1, 63, 64, 65, 200] {
        for (pattern, end) in [
            ("**/migrations/**", "migrations/1.sql"),
            ("**/go.mod", "go.mod"),
            ("/a/**/b/*.s?l", "b/x.sql"),
        ] {
            let path = "a/".repeat(depth) + end;
            assert_eq!(
                Patterns::new([pattern]).unwrap().matching(&path),
                Some(pattern),
                "{depth} deep"
            );
        }
    }
}

#[test]
fn a_hostile_pattern_does_not_take_for_ever() {
    let path = format!("{}b", "a".repeat(200));
    for pattern in
        ["*a".repeat(16), "**/".repeat(16) + "x", "a*".repeat(16) + "[", "?*".repeat(16) + "c"]
    {
        assert_eq!(Patterns::new([&pattern]).unwrap().matching(&path), None, "{pattern}");
    }
}

/// A small generator that gives the same cases on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        // The multiplier and increment of Knuth's MMIX; the upper bits are the good ones.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn path(&mut self) -> String {
        const PARTS: [&str; 14] = [
            "a",
            "b",
            "ab",
            "src",
            "db",
            "migrations",
            "x.sql",
            "a.b",
            ".github",
            "A",
            "#c",
            "!n",
            "a b",
            "ü",
        ];
        let depth = 1 + self.below(4);
        (0..depth).map(|_| self.of(&PARTS)).collect::<Vec<_>>().join("/")
    }

    fn pattern(&mut self) -> String {
        const PARTS: [&str; 24] = [
            "a",
            "b",
            "ab",
            "src",
            "db",
            "migrations",
            "x.sql",
            ".github",
            "*",
            "**",
            "a*",
            "*b",
            "?",
            "*.sql",
            "[ab]",
            "[!a]",
            "[^b]*",
            "a?",
            "\\a",
            "\\*",
            "***",
            "[a-z]*",
            "ü",
            "a b",
        ];
        let depth = 1 + self.below(4);
        let body = (0..depth).map(|_| self.of(&PARTS)).collect::<Vec<_>>().join("/");
        let before = self.of(&["", "", "", "", "/", "!", "!/", "\\!", "**/"]);
        let after = self.of(&["", "", "", "/", "/**", "/*", " ", "\\ "]);
        format!("{before}{body}{after}")
    }
}

/// Git in a repository of its own that knows nothing of this machine's settings.
fn git(directory: &Path) -> Command {
    let mut git = Command::new("git");
    for inherited in
        ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"]
    {
        git.env_remove(inherited);
    }
    git.current_dir(directory)
        .envs([
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
        ])
        .envs([("HOME", directory), ("XDG_CONFIG_HOME", directory)])
        .args(["-c", "core.ignoreCase=false"]);
    git
}

/// The paths that git calls ignored by a `.gitignore` with these lines.
fn ignored_by_git(
    directory: &Path,
    patterns: &[String],
    paths: &BTreeSet<String>,
) -> BTreeSet<String> {
    let lines = patterns.iter().map(|pattern| format!("{pattern}\n")).collect::<String>();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(directory.join(".gitignore"))
        .unwrap();
    file.write_all(lines.as_bytes()).unwrap();

    let mut child = git(directory)
        .args(["check-ignore", "--no-index", "--stdin", "-z", "-v", "-n"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let question: String = paths.iter().map(|path| format!("{path}\0")).collect();
    // Few enough for the pipes to hold them, so asking first and listening then does not block.
    child.stdin.take().unwrap().write_all(question.as_bytes()).unwrap();
    let answer = child.wait_with_output().unwrap();
    let fields: Vec<&str> = std::str::from_utf8(&answer.stdout).unwrap().split('\0').collect();
    let answers: Vec<&[&str]> = fields.chunks_exact(4).collect();
    assert_eq!(answers.len(), paths.len(), "git answers for every path: {answer:?}");
    // Source, line, pattern, path. A pattern that takes back is named too: it does not ignore.
    let is_ignored = |answer: &&&[&str]| !answer[2].is_empty() && !answer[2].starts_with('!');
    answers.iter().filter(is_ignored).map(|answer| answer[3].to_owned()).collect()
}

#[test]
fn the_answers_are_those_of_git() {
    let directory = tempfile::tempdir().unwrap();
    assert!(git(directory.path()).args(["init", "-q"]).status().unwrap().success());

    let mut dice = Dice(2026);
    let (mut cases, mut matching) = (0, 0);
    for set in 0..250 {
        let wanted = 1 + dice.below(4);
        let mut sources = Vec::new();
        while sources.len() < wanted {
            let pattern = dice.pattern();
            // What is refused has no answer to compare.
            if Patterns::new([&pattern]).is_ok() {
                sources.push(pattern);
            }
        }
        let patterns = Patterns::new(sources.clone()).unwrap();
        let paths: BTreeSet<String> = (0..18).map(|_| dice.path()).collect();

        let ignored = ignored_by_git(directory.path(), &sources, &paths);
        for path in &paths {
            let ours = patterns.matching(path);
            assert_eq!(
                ours.is_some(),
                ignored.contains(path),
                "set {set}: {sources:?} on {path:?}, ours {ours:?}"
            );
        }
        cases += paths.len();
        matching += ignored.len();
    }
    assert!(cases > 4_000, "only {cases} cases");
    assert!(
        matching * 10 > cases && matching * 10 < cases * 9,
        "{matching} of {cases}: both answers are common"
    );
}
