//! The directory of documents.

use std::{os::unix::fs::PermissionsExt, path::Path};

use state_store::create_private_dir;

#[test]
fn a_missing_directory_is_private_and_one_that_is_there_stays_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join(".booty/state");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    create_private_dir(&dir).unwrap();
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(dir.parent().unwrap()), 0o700);
    std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o750)).unwrap();
    create_private_dir(&dir).unwrap();
    assert_eq!(mode(&dir), 0o750);
}

#[test]
fn a_file_in_the_way_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let file = tempfile::NamedTempFile::new_in(&root).unwrap();
    assert!(create_private_dir(file.path()).is_err());
}
