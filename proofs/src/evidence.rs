//! What a proof has found.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;

/// So many violations are kept in words; all of them count.
const TOLD: usize = 5;

/// What a proof has tried, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) rows: Vec<Row>,
    /// What is left out: every row in whose name and place these words are not.
    only: Option<String>,
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// What was tried: an operation, a mutant.
    pub(crate) what: String,
    /// Where: a file system, a model of one.
    pub(crate) place: String,
    pub(crate) kind: Kind,
    pub(crate) took: Duration,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// The promise. A violation fails the proof, and so does having tried nothing.
    Promise(Tally),
    /// A mutant, which has to be caught: without it a zero above means nothing. It fails the
    /// proof if it survives.
    Mutant(Tally),
    /// It cannot run here. It fails nothing, and it is no proof of anything either.
    Skipped(String),
}

/// A count of what was tried and what broke.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    tried: u64,
    violations: u64,
    told: Vec<String>,
    counts: BTreeMap<&'static str, u64>,
}

impl Evidence {
    /// Evidence of the rows that have these words in their name and place, or of all.
    pub(crate) fn only(words: Option<&str>) -> Evidence {
        Evidence { rows: Vec::new(), only: words.map(str::to_owned) }
    }

    /// Tries to break a promise.
    pub(crate) fn promise(
        &mut self,
        what: impl Into<String>,
        place: impl Into<String>,
        attempt: impl FnOnce(&mut Tally) -> Result<()>,
    ) -> Result<()> {
        self.measure(what.into(), place.into(), Kind::Promise, attempt)
    }

    /// Tries to break a mutant of the promise in the same way: it must break.
    pub(crate) fn mutant(
        &mut self,
        what: impl Into<String>,
        place: impl Into<String>,
        attempt: impl FnOnce(&mut Tally) -> Result<()>,
    ) -> Result<()> {
        self.measure(what.into(), place.into(), Kind::Mutant, attempt)
    }

    /// Says that something cannot be tried here, and why.
    pub(crate) fn skip(
        &mut self,
        what: impl Into<String>,
        place: impl Into<String>,
        why: impl Into<String>,
    ) {
        let (what, place) = (what.into(), place.into());
        if self.is_wanted(&what, &place) {
            let kind = Kind::Skipped(why.into());
            self.rows.push(Row { what, place, kind, took: Duration::ZERO });
            self.tell_last();
        }
    }

    /// Everything that fails the proof, in words.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.rows.iter().filter_map(Row::failure).collect()
    }

    /// Whether nothing was tried at all.
    pub(crate) fn is_skipped(&self) -> bool {
        !self.rows.iter().any(|row| matches!(row.kind, Kind::Promise(_)))
    }

    fn measure(
        &mut self,
        what: String,
        place: String,
        kind: fn(Tally) -> Kind,
        attempt: impl FnOnce(&mut Tally) -> Result<()>,
    ) -> Result<()> {
        if !self.is_wanted(&what, &place) {
            return Ok(());
        }
        let start = Instant::now();
        let mut tally = Tally::default();
        let outcome = attempt(&mut tally);
        self.rows.push(Row { what, place, kind: kind(tally), took: start.elapsed() });
        self.tell_last();
        outcome
    }

    fn is_wanted(&self, what: &str, place: &str) -> bool {
        self.only.as_ref().is_none_or(|words| format!("{what}, {place}").contains(words))
    }

    /// A person who waits for an hour wants to see that it goes on, and what is wrong already.
    fn tell_last(&self) {
        let Some(row) = self.rows.last() else { return };
        eprintln!("  {}", row.line());
        if let Some(failure) = row.failure() {
            eprintln!("{failure}");
        }
    }
}

impl Tally {
    /// Counts attempts.
    pub(crate) fn tried(&mut self, count: u64) {
        self.tried += count;
    }

    /// Counts a violation; the first few are kept in words.
    pub(crate) fn violation(&mut self, words: impl FnOnce() -> String) {
        self.violations += 1;
        if self.told.len() < TOLD {
            self.told.push(words());
        }
    }

    /// Counts something else that a reader wants to know, such as what was acknowledged.
    pub(crate) fn count(&mut self, what: &'static str, count: u64) {
        *self.counts.entry(what).or_default() += count;
    }

    /// How many attempts there are so far.
    pub(crate) fn attempts(&self) -> u64 {
        self.tried
    }

    /// How many violations there are so far.
    pub(crate) fn violations(&self) -> u64 {
        self.violations
    }

    /// Adds what another thread has counted.
    pub(crate) fn add(&mut self, other: Tally) {
        self.tried += other.tried;
        self.violations += other.violations;
        self.told.extend(other.told);
        self.told.truncate(TOLD);
        other.counts.into_iter().for_each(|(what, count)| self.count(what, count));
    }

    /// How many were tried, with what else was counted.
    pub(crate) fn amount(&self) -> String {
        let counts = self.counts.iter().map(|(what, count)| format!("{} {what}", digits(*count)));
        [digits(self.tried)].into_iter().chain(counts).collect::<Vec<_>>().join(", ")
    }
}

impl Row {
    fn failure(&self) -> Option<String> {
        let name = format!("{}, {}", self.what, self.place);
        match &self.kind {
            Kind::Promise(tally) if tally.violations > 0 => {
                let told = tally.told.join("\n");
                Some(format!("{name}: {} violations\n{told}", tally.violations))
            }
            Kind::Promise(tally) if tally.tried == 0 => Some(format!("{name}: nothing was tried")),
            Kind::Mutant(tally) if tally.violations == 0 => {
                Some(format!("{name}: this mutant survives, so a zero elsewhere means nothing"))
            }
            _ => None,
        }
    }

    fn line(&self) -> String {
        let Row { what, place, kind, took } = self;
        let found = match kind {
            Kind::Skipped(why) => return format!("{what}, {place}: skipped: {why}"),
            Kind::Promise(tally) | Kind::Mutant(tally) => tally,
        };
        let mutant = if matches!(kind, Kind::Mutant(_)) { "mutant: " } else { "" };
        let (amount, violations) = (found.amount(), found.violations);
        format!("{mutant}{what}, {place}: {amount}; {violations} violations, {took:.1?}")
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn digits(number: u64) -> String {
    let plain = number.to_string();
    let mut text = String::new();
    for (at, digit) in plain.chars().enumerate() {
        if at > 0 && (plain.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::Result;

    use super::{Evidence, Tally, digits};

    type Attempt = fn(&mut Tally) -> Result<()>;

    fn evidence(promise: Attempt, mutant: Attempt) -> Vec<String> {
        let mut evidence = Evidence::default();
        evidence.promise("a", "b", promise).unwrap();
        evidence.mutant("c", "d", mutant).unwrap();
        evidence.skip("e", "f", "no root");
        evidence.failures()
    }

    fn broken(tally: &mut Tally) -> Result<()> {
        tally.tried(2);
        tally.violation(|| "lost".to_owned());
        Ok(())
    }

    fn whole(tally: &mut Tally) -> Result<()> {
        tally.tried(2);
        Ok(())
    }

    #[test]
    fn a_proof_fails_for_a_violation_and_for_a_mutant_that_survives() {
        assert_eq!(evidence(whole, broken), Vec::<String>::new());
        assert_eq!(evidence(broken, broken), ["a, b: 1 violations\nlost"]);
        let survives = "c, d: this mutant survives, so a zero elsewhere means nothing";
        assert_eq!(evidence(whole, whole), [survives]);
        assert_eq!(evidence(|_| Ok(()), broken), ["a, b: nothing was tried"]);
    }

    #[test]
    fn a_proof_that_only_skips_has_shown_nothing() {
        let mut evidence = Evidence::default();
        evidence.skip("a", "b", "no root");
        assert!(evidence.is_skipped());
        evidence.promise("c", "d", whole).unwrap();
        assert!(!evidence.is_skipped());
    }

    #[test]
    fn what_is_not_asked_for_is_neither_tried_nor_counted() {
        let mut evidence = Evidence::only(Some("updates, xfs"));
        let nobody = |_: &mut Tally| unreachable!("nobody asked for it");
        evidence.promise("updates", "ext4", nobody).unwrap();
        evidence.mutant("claims", "xfs", nobody).unwrap();
        evidence.skip("claims", "btrfs", "no mkfs");
        evidence.promise("updates", "xfs on a disk", whole).unwrap();
        assert_eq!(evidence.rows.len(), 1);
    }

    #[test]
    fn a_large_number_can_be_read() {
        let table = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in table {
            assert_eq!(digits(number), text);
        }
    }
}
