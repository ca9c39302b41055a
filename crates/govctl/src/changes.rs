//! Changed paths on their way from bytes to the policy.

use release_policy::{Change, ChangeStatus, Changes};

use crate::exit::CliError;

/// Takes these paths as all the changes, unless one of them cannot be compared with a pattern:
/// a path that is not UTF-8 could be a risky one, so the risk is HIGH then.
pub(crate) fn changes<'a>(paths: impl Iterator<Item = (ChangeStatus, &'a [u8])>) -> Changes {
    let mut list = Vec::new();
    let mut unreadable = None;
    for (status, bytes) in paths {
        let path = String::from_utf8_lossy(bytes).into_owned();
        if std::str::from_utf8(bytes).is_err() && unreadable.is_none() {
            unreadable = Some(format!("the path `{path}` is not UTF-8"));
        }
        list.push(Change::new(status, path));
    }
    match unreadable {
        Some(why) => Changes::truncated(list, why),
        None => Changes::complete(list),
    }
}

/// Reads a list of paths, divided by NUL or one a line.
pub(crate) fn listed(bytes: &[u8], from: &str) -> Result<Changes, CliError> {
    // `git diff -z --name-only` divides by NUL, because a path may contain a newline.
    let lines = !bytes.contains(&0);
    let divider = if lines { b'\n' } else { 0 };
    let mut paths = Vec::new();
    for path in bytes.split(|byte| *byte == divider) {
        let path = if lines { path.strip_suffix(b"\r").unwrap_or(path) } else { path };
        if lines && path.starts_with(b"\"") {
            let path = String::from_utf8_lossy(path);
            let message =
                format!("`{from}` has a path in quotes, which matches no pattern: {path}");
            return Err(CliError::usage(message).hint("git diff -z --name-only BASE SHA"));
        }
        if !path.is_empty() {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        // What made the list has failed, more often than nothing has changed.
        return Err(CliError::usage(format!("`{from}` names no changed path")));
    }
    Ok(changes(paths.into_iter().map(|path| (ChangeStatus::Modified, path))))
}

#[cfg(test)]
mod tests {
    use release_policy::Completeness;

    use super::*;

    fn paths(bytes: &[u8]) -> Vec<String> {
        listed(bytes, "-").unwrap().list.into_iter().map(|change| change.path).collect()
    }

    #[test]
    fn a_list_is_divided_by_lines_of_any_system_or_by_nul() {
        assert_eq!(paths(b"a\nb c\n\n"), ["a", "b c"]);
        assert_eq!(paths(b"package.json\r\ndb/1.sql\r\n"), ["package.json", "db/1.sql"]);
        assert_eq!(paths(b"a\r\0b\nc\0\"d\0"), ["a\r", "b\nc", "\"d"]);
    }

    #[test]
    fn a_list_without_a_path_is_an_error() {
        for bytes in [&b""[..], b"\n", b"\r\n\r\n", b"\0\0"] {
            let error = listed(bytes, "-").unwrap_err();
            assert_eq!(error.message, "`-` names no changed path", "{bytes:?}");
        }
    }

    #[test]
    fn a_quoted_path_is_an_error() {
        let error = listed(b"a\n\"db/migrations/\\303\\244.sql\"\n", "-").unwrap_err();
        assert!(error.message.contains("in quotes"), "{error}");
    }

    #[test]
    fn a_path_that_is_not_utf8_leaves_the_list_incomplete() {
        let found = listed(b"a\nde\xff/b\n", "-").unwrap();
        assert_eq!(found.list[1].path, "de\u{fffd}/b");
        let why = "the path `de\u{fffd}/b` is not UTF-8".to_owned();
        assert_eq!(found.completeness, Completeness::Truncated { why });
        // The character that stands for others is a character like any other.
        let found = listed("de\u{fffd}/b\n".as_bytes(), "-").unwrap();
        assert_eq!(found.completeness, Completeness::Complete);
    }
}
