//! "Did you mean": the known word nearest to an unknown one.

/// Returns the candidate with the fewest edits, if it is near enough to be meant.
///
/// Near enough is a third of the longer word: `cooldwn_minutes` finds `cooldown_minutes`,
/// `colour` finds nothing. Else the beginning of a candidate stands for it: `timeout` finds
/// `timeout_seconds`. A tie goes to the earlier candidate.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    nearest_by_edits(word, candidates.clone()).or_else(|| {
        candidates.into_iter().find(|candidate| word.len() >= 4 && candidate.starts_with(word))
    })
}

fn nearest_by_edits<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // A longer word is no typing slip, and the distance costs the product of both lengths.
    const LONGEST: usize = 64;
    let word: Vec<char> = word.chars().take(LONGEST + 1).flat_map(char::to_lowercase).collect();
    if word.len() > LONGEST {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= word.len().max(candidate.chars().count()) / 3)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Counts the letters to insert, remove, change or swap with a neighbour.
fn distance(word: &[char], candidate: &str) -> usize {
    let candidate: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=candidate.len()).collect();
    for (i, &a) in word.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &b) in candidate.iter().enumerate() {
            let mut least = (above[j] + usize::from(a != b)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a == candidate[j - 1] && word[i - 1] == b {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[candidate.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_the_word_that_was_meant_and_a_stranger_finds_none() {
        let known = ["cooldown_minutes", "enabled", "high_risk_paths", "migration_paths"];
        for (word, expected) in [
            ("cooldwn_minutes", Some("cooldown_minutes")),
            ("COOLDOWN_MINUTES", Some("cooldown_minutes")),
            ("enabeld", Some("enabled")),
            ("high_risk_path", Some("high_risk_paths")),
            ("migrations_path", Some("migration_paths")),
            ("cooldown", Some("cooldown_minutes")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "for `{word}`");
        }
        assert_eq!(nearest(&"x".repeat(100_000), known), None, "a word too long to be a slip");
    }
}
