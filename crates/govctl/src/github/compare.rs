//! What a comparison of GitHub says about two commits.
//!
//! Facts: <https://docs.github.com/en/rest/commits/commits#compare-two-commits>. The files are
//! at most 300, and compared with the last commit that both sides have.

use release_policy::{Change, ChangeStatus, Changes, Descent};
use serde::Deserialize;
use serde_json::Value;

/// How many files a comparison names at most: with as many, there may be more.
const FILES: usize = 300;

/// What differs between two commits, and whether one contains the other.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) changes: Changes,
    pub(crate) descent: Descent,
}

#[derive(Debug, Deserialize)]
struct Page {
    status: String,
    files: Option<Vec<File>>,
}

#[derive(Debug, Deserialize)]
struct File {
    filename: String,
    previous_filename: Option<String>,
    status: String,
}

/// Reads all pages of the comparison of `base`, which is live, with another commit. `is_whole`
/// says that there is no further page. What may lack a file says so.
pub(crate) fn comparison(pages: Vec<Value>, is_whole: bool, base: &str) -> Comparison {
    let pages: Result<Vec<Page>, _> = pages.into_iter().map(serde_json::from_value).collect();
    let pages = pages.unwrap_or_default();
    let status = pages.first().map(|page| page.status.as_str());
    let has_files = pages.first().is_some_and(|page| page.files.is_some());
    let descends = matches!(status, Some("ahead" | "identical"));
    let files: Vec<&File> = pages.iter().flat_map(|page| page.files.iter().flatten()).collect();
    let list: Vec<Change> = files.iter().flat_map(|file| file.changes()).collect();
    let why = if status.is_none() || !has_files {
        Some("GitHub's comparison does not name the files".to_owned())
    } else if !descends {
        Some(format!("GitHub compares with an older commit than {base}, which is live"))
    } else if files.len() >= FILES {
        Some(format!("GitHub names {FILES} files of a comparison, and there may be more"))
    } else if !is_whole {
        Some("GitHub's comparison has more pages than we read".to_owned())
    } else {
        None
    };
    let changes = match why {
        Some(why) => Changes::truncated(list, why),
        None => Changes::complete(list),
    };
    let lacks = || Descent::Lacks { why: format!("does not contain {base}, which is live") };
    Comparison { changes, descent: if descends { Descent::Contains } else { lacks() } }
}

impl File {
    /// Both names of what was renamed, and every file under the name it has.
    fn changes(&self) -> Vec<Change> {
        let status = match self.status.as_str() {
            "added" => ChangeStatus::Added,
            "copied" => ChangeStatus::Copied,
            "removed" => ChangeStatus::Deleted,
            "renamed" => ChangeStatus::Renamed,
            _ => ChangeStatus::Modified,
        };
        let before = self.previous_filename.iter().filter(|_| status == ChangeStatus::Renamed);
        let names = before.chain([&self.filename]);
        names.map(|name| Change::new(status, name.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use release_policy::Completeness;
    use serde_json::json;

    use super::*;

    fn page(status: &str, files: Value) -> Value {
        json!({ "status": status, "ahead_by": 1, "files": files, "commits": [] })
    }

    fn file(name: &str) -> Value {
        json!({ "filename": name, "status": "modified", "sha": "x", "patch": "@@" })
    }

    fn why(pages: Vec<Value>, is_whole: bool) -> Option<String> {
        match comparison(pages, is_whole, "41be77c").changes.completeness {
            Completeness::Complete => None,
            Completeness::Truncated { why } => Some(why),
        }
    }

    #[test]
    fn every_page_and_both_names_of_a_rename_count() {
        let renamed = json!({ "filename": "b", "previous_filename": "a", "status": "renamed" });
        let pages = vec![
            page("ahead", json!([renamed, file("c")])),
            page("ahead", json!([{ "filename": "d", "status": "removed" }])),
        ];
        let found = comparison(pages, true, "41be77c");
        let list = found.changes.list.iter();
        let list: Vec<_> =
            list.map(|change| (change.status.letter(), change.path.as_str())).collect();
        assert_eq!(list, [('R', "a"), ('R', "b"), ('M', "c"), ('D', "d")]);
        assert_eq!(found.changes.completeness, Completeness::Complete);
        assert!(matches!(found.descent, Descent::Contains));
    }

    #[test]
    fn a_list_that_may_lack_a_file_says_so() {
        let files = |count: usize| -> Value { (0..count).map(|n| file(&n.to_string())).collect() };
        assert_eq!(why(vec![page("ahead", files(299))], true), None);
        assert_eq!(why(vec![page("identical", json!([]))], true), None);
        let cut = [
            (vec![page("ahead", files(300))], true),
            (vec![page("ahead", files(200)), page("ahead", files(100))], true),
            (vec![page("ahead", files(3))], false),
            (vec![page("ahead", Value::Null)], true),
            (vec![page("diverged", files(1))], true),
            (vec![page("behind", json!([]))], true),
            (vec![json!({ "message": "moved" })], true),
            (vec![page("ahead", json!([{ "name": "x" }]))], true),
            (vec![], true),
        ];
        for (pages, is_whole) in cut {
            assert!(why(pages.clone(), is_whole).is_some(), "{pages:?}");
        }
    }

    #[test]
    fn only_ahead_and_identical_contain_what_is_live() {
        for (status, contains) in [
            ("ahead", true),
            ("identical", true),
            ("behind", false),
            ("diverged", false),
            ("x", false),
        ] {
            let found = comparison(vec![page(status, json!([]))], true, "41be77c").descent;
            assert_eq!(matches!(found, Descent::Contains), contains, "{status}");
        }
    }
}
