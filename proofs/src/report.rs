//! The table for `docs/guarantees.md`.

use crate::evidence::{Evidence, Kind, Row};

/// How one proof ended.
pub(crate) struct Ended {
    pub(crate) name: &'static str,
    pub(crate) evidence: Evidence,
    /// Why it could not go on.
    pub(crate) error: Option<String>,
}

impl Ended {
    pub(crate) fn verdict(&self) -> Verdict {
        match self.error.is_none() && self.evidence.failures().is_empty() {
            false => Verdict::Failed,
            true if self.evidence.is_skipped() => Verdict::Skipped,
            true => Verdict::Passed,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed,
    /// Nothing of it can run here, so nothing is shown.
    Skipped,
}

/// Every row of every proof as one Markdown table.
pub(crate) fn table(all: &[Ended]) -> String {
    let mut text = "| proof | what | where | tried | violations | time |\n".to_owned();
    text.push_str("|---|---|---|--:|--:|--:|\n");
    for ended in all {
        for row in &ended.evidence.rows {
            text.push_str(&line(ended.name, row));
        }
        if let Some(error) = &ended.error {
            let error = error.lines().next().unwrap_or_default();
            text.push_str(&format!("| {} | could not go on: {error} | | | | |\n", ended.name));
        }
    }
    text
}

fn line(proof: &str, row: &Row) -> String {
    let Row { what, place, kind, took } = row;
    let took = format!("{:.1} s", took.as_secs_f64());
    match kind {
        Kind::Promise(tally) => {
            let (amount, violations) = (tally.amount(), tally.violations());
            format!("| {proof} | {what} | {place} | {amount} | {violations} | {took} |\n")
        }
        Kind::Mutant(tally) => {
            let (amount, violations) = (tally.amount(), tally.violations());
            let verdict = if violations > 0 { "caught" } else { "SURVIVED" };
            format!(
                "| {proof} | mutant: {what} | {place} | {amount} | {verdict}: {violations} | {took} |\n"
            )
        }
        Kind::Skipped(why) => format!("| {proof} | {what} | {place} | skipped: {why} | | |\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Ended, Verdict, table};
    use crate::evidence::{Evidence, Tally};

    #[test]
    fn what_was_skipped_or_could_not_go_on_is_no_success() {
        let mut skipped = Evidence::default();
        skipped.skip("a claim", "xfs", "no `mkfs.xfs`");
        let skipped = Ended { name: "no-space", evidence: skipped, error: None };
        assert_eq!(skipped.verdict(), Verdict::Skipped);

        let mut broken = Evidence::default();
        let attempt = |tally: &mut Tally| {
            tally.tried(1_200);
            Ok(())
        };
        broken.promise("a claim", "ext4", attempt).unwrap();
        let whole = Ended { name: "faults", evidence: broken, error: None };
        assert_eq!(whole.verdict(), Verdict::Passed);
        let broken = Ended { error: Some("no strace\n...".to_owned()), ..whole };
        assert_eq!(broken.verdict(), Verdict::Failed);

        let table = table(&[skipped, broken]);
        assert!(table.contains("| no-space | a claim | xfs | skipped: no `mkfs.xfs` | | |\n"));
        assert!(table.contains("| faults | a claim | ext4 | 1,200 | 0 | 0.0 s |\n"), "{table}");
        assert!(table.contains("| faults | could not go on: no strace | | | | |\n"));
    }
}
