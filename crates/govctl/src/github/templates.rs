//! The files that `govctl init` writes.

/// One file of a repository.
#[derive(Debug)]
pub(crate) struct File {
    /// Where it belongs, from the top of the work tree.
    pub(crate) path: &'static str,
    pub(crate) text: String,
    pub(crate) is_executable: bool,
}

/// Files whose presence says how a project is tested, and the command.
const TESTS: [(&str, &str); 5] = [
    ("Cargo.toml", "cargo test --locked"),
    ("package.json", "npm ci && npm test"),
    ("go.mod", "go test ./..."),
    ("pyproject.toml", "python3 -m pytest"),
    ("Makefile", "make test"),
];

/// The files for a repository that is deployed from `branch`, a plain name, and in which
/// `has` says what there is.
pub(crate) fn files(branch: &str, has: impl Fn(&str) -> bool) -> [File; 4] {
    let known = TESTS.into_iter().find(|(file, _)| has(file));
    let test = match known {
        Some((_, command)) => format!("test_command: {command}"),
        None => "# test_command: make test".to_owned(),
    };
    let file = |path, template: &str| File {
        path,
        text: template.replace("@BRANCH@", branch).replace("@TEST@", &test),
        is_executable: false,
    };
    [
        file(".booty.yml", include_str!("files/booty.yml")),
        file(".github/workflows/verify-main.yml", include_str!("files/verify-main.yml")),
        file(".github/workflows/deploy.yml", include_str!("files/deploy.yml")),
        File { is_executable: true, ..file("deploy.sh", include_str!("files/deploy.sh")) },
    ]
}

/// Whether a branch can be written into a workflow as it is: no quote, no pattern, no space.
pub(crate) fn is_plain(branch: &str) -> bool {
    let allowed = |char: char| char.is_ascii_alphanumeric() || "._/-".contains(char);
    !branch.is_empty()
        && branch.len() <= 200
        && !branch.starts_with(['-', '/', '.'])
        && branch.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use release_policy::Config;

    use super::*;

    #[test]
    fn the_configuration_is_valid_and_names_the_workflows_beside_it() {
        let [config, verify, deploy, _] = files("trunk", |file| file == "go.mod");
        let read = Config::parse(&config.text).unwrap();
        assert_eq!(read.verify.test_command.as_deref(), Some("go test ./..."));
        let policy = read.governor.policy();
        let name = format!("\nname: {}\n", policy.verification_workflow_name);
        assert!(verify.text.contains(&name) && verify.text.contains("branches: [\"trunk\"]"));
        assert!(deploy.path.ends_with(&format!("/{}", policy.deploy_workflow_name)));
        assert_eq!(policy.deploy_workflow_ref, "trunk");
        assert!(Config::parse(&files("main", |_| false)[0].text).is_ok());
    }

    #[test]
    fn a_branch_that_yaml_or_github_would_read_otherwise_is_not_plain() {
        for branch in ["main", "release/2.x", "feature-1"] {
            assert!(is_plain(branch), "{branch}");
        }
        for branch in ["", "a\"b", "rel*", "!x", "-x", "a b", "${{x}}", "é", "a\nb", "@BRANCH@"] {
            assert!(!is_plain(branch), "{branch:?}");
        }
    }
}
