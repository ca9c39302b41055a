//! From many noisy times to a few honest numbers.

/// What was measured of one contender: times in nanoseconds, round by round.
///
/// The rounds of all contenders of a contest happen side by side, so that round 7 of one
/// and round 7 of another saw the same weather.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    rounds: Vec<Vec<f64>>,
}

impl Samples {
    pub(crate) fn push_round(&mut self, times: Vec<f64>) {
        self.rounds.push(times);
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// The time that half of all took.
    pub(crate) fn median(&self) -> f64 {
        median(&self.all())
    }

    /// The time that 99 of 100 stayed within.
    pub(crate) fn p99(&self) -> f64 {
        quantile(&self.all(), 0.99)
    }

    /// How many times as long as `base`: the median over the rounds of the ratio of their
    /// medians. Whatever slows a whole round down slows both, and drops out.
    pub(crate) fn ratio_to(&self, base: &Samples) -> f64 {
        let pairs = self.rounds.iter().zip(&base.rounds);
        let usable = pairs.filter(|(ours, theirs)| !ours.is_empty() && !theirs.is_empty());
        let ratios: Vec<f64> = usable.map(|(ours, theirs)| median(ours) / median(theirs)).collect();
        median(&ratios)
    }

    /// What is left, round by round, when the part that is `other` is not counted.
    pub(crate) fn without(&self, other: &Samples) -> Samples {
        let pairs = self.rounds.iter().zip(&other.rounds);
        let rest = |(ours, part): (&Vec<f64>, &Vec<f64>)| vec![median(ours) - median(part)];
        Samples { rounds: pairs.map(rest).collect() }
    }

    fn all(&self) -> Vec<f64> {
        self.rounds.concat()
    }
}

/// The middle value, or the mean of the two in the middle. Not a number if there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The smallest value that this share of all does not exceed: one that was measured, never
/// one between two. Not a number if there is none.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let sorted = sorted(values);
    let count = u32::try_from(sorted.len()).expect("more samples than fit into memory");
    let rank = (1..=count).find(|&rank| f64::from(rank) >= share * f64::from(count));
    rank.map_or(f64::NAN, |rank| sorted[rank as usize - 1])
}

/// In which order the contenders of a round start: A B C, then B C A, then C A B, so that
/// none of them always runs behind the same one.
pub(crate) fn rotation(round: usize, contenders: usize) -> impl Iterator<Item = usize> {
    (0..contenders).map(move |turn| (round + turn) % contenders)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::{Samples, median, quantile, rotation};

    fn samples(rounds: &[&[f64]]) -> Samples {
        let mut samples = Samples::default();
        for round in rounds {
            samples.push_round(round.to_vec());
        }
        samples
    }

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        for (values, expected) in [
            (&[3.0][..], 3.0),
            (&[9.0, 1.0, 5.0], 5.0),
            (&[4.0, 1.0, 3.0, 100.0], 3.5),
            (&[2.0, 2.0, 2.0, 9.0, 9.0], 2.0),
        ] {
            assert_eq!(median(values), expected, "{values:?}");
        }
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_quantile_was_measured_and_the_share_stays_within_it() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(quantile(&hundred, 0.99), 99.0);
        assert_eq!(quantile(&hundred, 1.0), 100.0);
        assert_eq!(quantile(&hundred, 0.5), 50.0);
        assert_eq!(quantile(&[7.0, 5.0], 0.99), 7.0, "of few values, the largest");
        assert!(quantile(&[], 0.99).is_nan());
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        // The second round was slow for both. The medians of all times together are 7 and
        // 9, as if ours were the faster one.
        let base = samples(&[&[1.0, 1.0, 9.0], &[10.0, 10.0, 90.0], &[1.0]]);
        let ours = samples(&[&[3.0, 3.0, 3.0], &[10.0, 20.0, 30.0], &[7.0]]);
        assert_eq!(ours.ratio_to(&base), 3.0, "the median of 3, 2 and 7");
    }

    #[test]
    fn a_round_in_which_one_has_no_time_does_not_count() {
        let base = samples(&[&[1.0], &[], &[1.0]]);
        let ours = samples(&[&[2.0], &[9.0], &[4.0]]);
        assert_eq!(ours.ratio_to(&base), 3.0);
        assert!(samples(&[]).ratio_to(&base).is_nan());
    }

    #[test]
    fn a_part_is_taken_away_round_by_round() {
        let ours = samples(&[&[5.0, 6.0, 70.0], &[30.0]]);
        let rest = ours.without(&samples(&[&[2.0], &[10.0, 14.0]]));
        assert_eq!(rest.rounds, [[4.0], [18.0]]);
    }

    #[test]
    fn the_numbers_of_a_contender_are_those_of_all_its_rounds() {
        let ours = samples(&[&[1.0, 2.0], &[3.0, 40.0, 5.0]]);
        assert_eq!((ours.rounds(), ours.median(), ours.p99()), (2, 3.0, 40.0));
    }

    #[test]
    fn everybody_starts_once_and_nobody_always_follows_the_same() {
        let order = |round| rotation(round, 3).collect::<Vec<_>>();
        assert_eq!([order(0), order(1), order(2)], [[0, 1, 2], [1, 2, 0], [2, 0, 1]]);
        assert_eq!(order(3), order(0));
        assert_eq!(rotation(5, 0).count(), 0);
    }
}
