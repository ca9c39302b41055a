//! What we must reach, and whether we did.

/// A ratio that must not be exceeded. A missed one is reported and fails nothing: a time
/// depends on the weather.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gate {
    /// The contender that is judged.
    pub(crate) of: &'static str,
    /// The contender it is compared with.
    pub(crate) to: &'static str,
    pub(crate) at_most: f64,
}

/// One word, and the numbers behind it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) passed: bool,
    text: String,
}

impl Gate {
    pub(crate) fn judge(&self, ratio: f64) -> Verdict {
        let text = format!("{ratio:.2}x of `{}`, at most {}x", self.to, self.at_most);
        Verdict::new(ratio <= self.at_most, text)
    }
}

impl Verdict {
    /// A measure that is good when it is small.
    pub(crate) fn at_most(measured: f64, limit: f64, unit: &str) -> Verdict {
        let measured_text = rounded(measured);
        Verdict::new(measured <= limit, format!("{measured_text}{unit}, at most {limit}{unit}"))
    }

    /// A measure that is good when it is large.
    pub(crate) fn at_least(measured: f64, limit: f64, unit: &str) -> Verdict {
        let measured_text = rounded(measured);
        Verdict::new(measured >= limit, format!("{measured_text}{unit}, at least {limit}{unit}"))
    }

    pub(crate) fn new(passed: bool, text: String) -> Verdict {
        Verdict { passed, text }
    }
}

/// Two decimals, unless they say nothing.
fn rounded(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The word stands first and in capitals when it is bad news, to be found in a long page.
impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = if self.passed { "pass" } else { "MISSED" };
        write!(f, "{word} ({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::{Gate, Verdict};

    #[test]
    fn the_limit_itself_still_passes() {
        let gate = Gate { of: "ours", to: "floor", at_most: 1.1 };
        for (ratio, expected) in [
            (0.9, "pass (0.90x of `floor`, at most 1.1x)"),
            (1.1, "pass (1.10x of `floor`, at most 1.1x)"),
            (1.2, "MISSED (1.20x of `floor`, at most 1.1x)"),
            (f64::NAN, "MISSED (NaNx of `floor`, at most 1.1x)"),
        ] {
            assert_eq!(gate.judge(ratio).to_string(), expected);
        }
    }

    #[test]
    fn large_may_be_good_or_bad() {
        let fairness = Verdict::at_least(0.3, 0.5, "");
        assert_eq!(fairness.to_string(), "MISSED (0.3, at least 0.5)");
        let processor = Verdict::at_most(7.254, 10.0, " %");
        assert_eq!(processor.to_string(), "pass (7.25 %, at most 10 %)");
        let crates = Verdict::at_most(100.0, 120.0, " crates");
        assert_eq!(crates.to_string(), "pass (100 crates, at most 120 crates)");
    }
}
