//! Lists of gitignore patterns, with git's own answers.

use std::fmt;

use gix_glob::pattern::Case;
use gix_glob::wildmatch::Mode;

use crate::error::PolicyError;

/// A list of gitignore patterns that answers as git would.
///
/// A path matches exactly if `git check-ignore --no-index` says that it is ignored by a
/// `.gitignore` with these lines at the root: the last pattern that matches wins, `!`
/// takes back, and what lies below a matching directory matches and cannot be taken back.
/// Letters count in their case, whatever `core.ignoreCase` says.
///
/// # Limits
///
/// - Python's `pathspec`, which the replaced program used, differs from git in about one
///   in three hundred made-up cases, and in none with the default patterns.
/// - As in git, `?` and a class such as `[a-z]` stand for one byte, so they do not match a
///   letter outside ASCII.
/// - A pattern is no longer than 1,024 bytes, has no line break and at most 16 groups of `*`.
/// - The time for one path grows with the square of its depth.
///
/// # Examples
///
/// ```
/// use release_policy::Patterns;
///
/// let patterns = Patterns::new(["**/migrations/**", "!**/migrations/README.md"])?;
/// assert_eq!(patterns.matching("db/migrations/0007.sql"), Some("**/migrations/**"));
/// assert_eq!(patterns.matching("db/migrations/README.md"), None);
/// assert_eq!(patterns.matching("docs/migrations.md"), None);
/// # Ok::<(), release_policy::PolicyError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Patterns {
    /// As they were given. `compiled[i]` is made of `source[i]`.
    source: Vec<String>,
    compiled: Vec<gix_glob::Pattern>,
}

impl Patterns {
    /// Takes patterns in their order.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Pattern`] for a pattern that matches nothing for certain (empty, blank,
    /// a `#` comment, a lone `/` or `!`), has a line break, is too long or has too many wildcards. A hole in a list of
    /// dangerous paths must not go unnoticed.
    pub fn new<P: Into<String>>(
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Self, PolicyError> {
        let source: Vec<String> = patterns.into_iter().map(Into::into).collect();
        let compiled = source
            .iter()
            .map(|pattern| {
                compile(pattern)
                    .map_err(|problem| PolicyError::Pattern { pattern: pattern.clone(), problem })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { source, compiled })
    }

    /// Returns the pattern that makes `path` match, or `None` if it does not match.
    ///
    /// The path counts from the root of the repository. `.`, `..`, empty parts and a leading
    /// `/` are resolved first, so that no spelling of a path slips through.
    pub fn matching(&self, path: &str) -> Option<&str> {
        let path = normal(path);
        // Parents first, as git does: below an ignored directory nothing can be taken back.
        let ends = path.match_indices('/').map(|(at, _)| (at, true)).chain([(path.len(), false)]);
        for (end, is_dir) in ends {
            if let Some(decisive) = self.last_match(&path[..end], is_dir)
                && !self.compiled[decisive].is_negative()
            {
                return Some(&self.source[decisive]);
            }
        }
        None
    }

    /// Returns the patterns as they were given.
    pub fn as_slice(&self) -> &[String] {
        &self.source
    }

    fn last_match(&self, path: &str, is_dir: bool) -> Option<usize> {
        let name = path.rfind('/').map(|slash| slash + 1);
        self.compiled.iter().rposition(|pattern| {
            pattern.matches_repo_relative_path(
                path.as_bytes().into(),
                name,
                Some(is_dir),
                Case::Sensitive,
                Mode::NO_MATCH_SLASH_LITERAL,
            )
        })
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

fn compile(pattern: &str) -> Result<gix_glob::Pattern, &'static str> {
    // Nobody writes longer ones by hand.
    const LONGEST_BYTES: usize = 1024;
    // The matcher gives up without a match when groups of `*` nest 64 deep, which would be a
    // silent hole. Each group also multiplies the time by the depth of the path.
    const MOST_GROUPS: usize = 16;
    if pattern.len() > LONGEST_BYTES {
        return Err("is longer than 1,024 bytes");
    }
    let groups = pattern.split(|c| c != '*').filter(|stars| !stars.is_empty()).count();
    if groups > MOST_GROUPS {
        return Err("has more than 16 groups of `*`");
    }
    if pattern.contains(['\n', '\r', '\0']) {
        return Err("has a line break or a zero byte in it");
    }
    if pattern.starts_with('#') {
        return Err("is a comment for git; write `\\#` for a path that begins with `#`");
    }
    let mut lines = gix_ignore::parse(pattern.as_bytes(), false);
    match lines.next() {
        Some((compiled, ..)) if !compiled.text.is_empty() => Ok(compiled),
        _ => Err("is empty, so it matches nothing"),
    }
}

/// Resolves `.`, `..` and empty parts without looking at any file.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
