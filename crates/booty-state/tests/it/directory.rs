//! Where the state is.

use std::{os::unix::fs::PermissionsExt, path::Path};

use booty_state::{StateDirFacts, prepare, state_dir};

#[test]
fn the_first_that_is_set_wins_and_a_relative_one_starts_at_the_working_directory() {
    let cases = [
        (Some("/x"), Some("/env"), Some("/home/ana"), "/x"),
        (Some("x"), Some("/env"), Some("/home/ana"), "/work/x"),
        (Some(""), Some("/env"), Some("/home/ana"), "/env"),
        (None, Some("/env"), Some("/home/ana"), "/env"),
        (None, Some("env/.."), Some("/home/ana"), "/work/env/.."),
        (None, Some(""), Some("/home/ana"), "/home/ana/.booty/state"),
        (None, None, Some("/home/ana"), "/home/ana/.booty/state"),
        (None, None, Some("home"), "/work/home/.booty/state"),
        (None, None, Some(""), "/work/.booty/state"),
        (None, None, None, "/work/.booty/state"),
    ];
    for (explicit, variable, home, expected) in cases {
        let found = state_dir(StateDirFacts {
            explicit: explicit.map(Into::into),
            env_override: variable.map(Into::into),
            home: home.map(Into::into),
            working_dir: "/work".into(),
        });
        assert_eq!(found, Path::new(expected), "{explicit:?} {variable:?} {home:?}");
    }
}

#[test]
fn a_missing_directory_is_private_and_one_that_is_there_stays_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join(".booty/state");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    prepare(&dir).unwrap();
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(dir.parent().unwrap()), 0o700);
    std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o750)).unwrap();
    prepare(&dir).unwrap();
    assert_eq!(mode(&dir), 0o750);
}

#[test]
fn a_file_in_the_way_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    crate::given(&root.path().join("state"), "");
    assert!(prepare(&root.path().join("state")).is_err());
}
