//! Inputs that begin as something that was written, and end as what chance makes of it.

use system_tests::Random;

/// What means something to one of the readers: to JSON, to YAML, to ours.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "{\"a\":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    ",",
    ":",
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1",
    "1e400",
    "1.0",
    "18446744073709551616",
    "9223372036854775807",
    "NaN",
    "\"checksum\": \"sha256:",
    "\"checksum\":\"",
    "\"version\": 2,",
    "\"version\": \"9.9\",",
    "released",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\u{feff}",
    "\u{202e}",
    "- ",
    "? ",
    "&a ",
    "*a",
    "<<: ",
    "!!binary ",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "# ",
    "~",
    "yes",
    "0x1f",
    "0o17",
    "1_000",
    ".inf",
    "2026-02-30",
    "24:00",
    "+99:99",
    "T",
    "Z",
    "/",
    "..",
    "*",
    "**",
    "[!a-z]",
];

/// Beyond this an input is a new beginning: what is long is read slowly, and shows no more.
const MOST_BYTES: usize = 16 * 1024;

/// A stream of them.
pub(super) struct Inputs<'a> {
    seed: &'a [u8],
    input: Vec<u8>,
    random: Random,
}

impl<'a> Inputs<'a> {
    pub(super) fn new(seed: &'a [u8], random: Random) -> Inputs<'a> {
        Inputs { seed, input: seed.to_vec(), random }
    }

    /// The next one. Half of them go on from the one before, so that changes add up.
    pub(super) fn next(&mut self) -> &[u8] {
        if self.input.len() > MOST_BYTES || self.random.below(2) == 0 {
            self.seed.clone_into(&mut self.input);
        }
        for _ in 0..=self.random.below(4) {
            self.change();
        }
        &self.input
    }

    fn change(&mut self) {
        let at = self.below(self.input.len() + 1);
        match self.random.below(9) {
            0 if at < self.input.len() => self.input[at] ^= 1 << self.random.below(8),
            1 => self.input.insert(at, self.random.below(256).to_le_bytes()[0]),
            2 => {
                let end = self.end_after(at);
                self.input.drain(at..end);
            }
            3 => self.input.truncate(at),
            4 => {
                let end = self.end_after(at);
                let again = self.input[at..end].to_vec();
                self.input.splice(at..at, again);
            }
            // So deep that a reader without a limit runs out of stack.
            5 if self.random.below(20) == 0 => {
                let word = self.word();
                let many = word.repeat(self.below(MOST_BYTES) / word.len() + 1);
                self.input.splice(at..at, many);
            }
            6 => {
                let end = self.end_after(at);
                let word = self.word();
                self.input.splice(at..end, word.iter().copied());
            }
            7 => {
                let from = self.below(self.seed.len());
                let to = (from + self.below(64)).min(self.seed.len());
                self.input.splice(at..at, self.seed[from..to].iter().copied());
            }
            _ => {
                let word = self.word();
                self.input.splice(at..at, word.iter().copied());
            }
        }
    }

    fn word(&mut self) -> &'static [u8] {
        WORDS[self.below(WORDS.len())].as_bytes()
    }

    /// The end of a piece that begins there.
    fn end_after(&mut self, at: usize) -> usize {
        (at + self.below(16)).min(self.input.len())
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.random.below(limit.max(1) as u64)).expect("below a usize")
    }
}
