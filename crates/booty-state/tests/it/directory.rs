//! Where the state is.

use std::path::Path;

use booty_state::{StateDirFacts, state_dir};

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
