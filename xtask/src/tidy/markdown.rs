//! As much Markdown as the link checks need.

use super::numbered;

/// A link, where it stands and where it leads.
#[derive(Debug, PartialEq)]
pub(super) struct Link<'a> {
    pub(super) line: usize,
    pub(super) target: &'a str,
}

/// Finds inline links, images and reference definitions; code is not prose.
pub(super) fn links(text: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    for (line, prose) in outside_fences(text) {
        if let Some((_, target)) = prose.split_once("]: ").filter(|_| is_definition(prose)) {
            links.push(Link { line, target: target.trim() });
            continue;
        }
        for (start, _) in prose.match_indices("](") {
            let rest = &prose[start + 2..];
            // An odd number of backticks before it: inside of a code span.
            if prose[..start].matches('`').count() % 2 == 0
                && let Some((target, _)) = rest.split_once(')')
            {
                // What follows a space is a title.
                let target = target.split(' ').next().unwrap_or_default();
                links.push(Link { line, target: target.trim_matches(['<', '>']) });
            }
        }
    }
    links
}

/// Returns the anchors that headings and explicit ids make, as code hosts do.
pub(super) fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for (_, line) in outside_fences(text) {
        let heading = line.trim_start_matches('#');
        if heading.len() < line.len() && heading.starts_with(' ') {
            let slug = slug(heading.trim());
            let mut anchor = slug.clone();
            for number in 1.. {
                if !anchors.contains(&anchor) {
                    break;
                }
                anchor = format!("{slug}-{number}");
            }
            anchors.push(anchor);
        }
        if let Some((_, id)) = line.split_once(" id=\"") {
            anchors.extend(id.split('"').next().map(str::to_owned));
        }
    }
    anchors
}

/// The code spans of a line, each with the prose before it.
pub(super) fn spans(line: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = line.split('`').collect();
    parts.chunks_exact(2).map(|part| (part[0], part[1])).collect()
}

/// `[name]: target`, but not the footnote `[^name]: text`.
fn is_definition(line: &str) -> bool {
    line.starts_with('[') && !line.starts_with("[^")
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn outside_fences(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut open: Option<&str> = None;
    numbered(text).filter(move |(_, line)| {
        let line = line.trim_start();
        let ticks = line.len() - line.trim_start_matches(['`', '~']).len();
        let fence = (ticks >= 3).then(|| &line[..ticks]);
        match (open, fence) {
            (None, Some(fence)) => open = Some(fence),
            (Some(opening), Some(fence)) if fence.starts_with(opening) => open = None,
            (None, None) => return true,
            (Some(_), _) => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::{anchors, links};

    #[test]
    fn links_are_found_in_prose_and_not_in_code() {
        let text = "\
See [`a`](a.md) and ![a picture](b.png \"title\").
```text
[no](no.md)
```
Not `[no](no.md)`, but [yes](<c.md#d>).
[e]: e.md
[^f]: not a link
";
        let found: Vec<_> = links(text).into_iter().map(|it| (it.line, it.target)).collect();
        assert_eq!(found, [(1, "a.md"), (1, "b.png"), (5, "c.md#d"), (6, "e.md")]);
    }

    #[test]
    fn a_longer_fence_holds_a_shorter_one() {
        let text = "````md\n```\n[no](no.md)\n```\n````\n[yes](yes.md)\n";
        assert_eq!(links(text).len(), 1);
    }

    #[test]
    fn anchors_are_those_of_the_code_hosts() {
        let text = "\
# Not for you if...
## `govctl lock run`
## Limits
### Limits
```sh
# no heading
```
<a id=\"by-hand\"></a>
#hashtag
";
        let expected = ["not-for-you-if", "govctl-lock-run", "limits", "limits-1", "by-hand"];
        assert_eq!(anchors(text), expected);
    }
}
