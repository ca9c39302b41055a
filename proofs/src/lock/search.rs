//! Every state that can be reached, level by level, so that the first way to a violation is a
//! shortest one.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
};

use super::{
    rules::{Rules, Violation},
    state::{NONE, State},
    step::{Action, at_the_end, next},
};

/// What a search has found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) states: u64,
    pub(super) transitions: u64,
    /// The number of steps of the longest shortest way.
    pub(super) depth: u32,
    /// For each kind of violation how many steps the shortest way to one has, and that way.
    pub(super) violations: BTreeMap<Violation, Vec<Action>>,
}

/// Searches all states that can be reached from `first`.
pub(super) fn search(first: State, rules: &Rules) -> Found {
    let mut seen = Seen::default();
    let mut level = vec![(first, 0_u32)];
    seen.add(fingerprint(&first), u32::MAX);
    let mut found = Found { states: 1, transitions: 0, depth: 0, violations: BTreeMap::new() };
    while !level.is_empty() {
        let mut below = Vec::new();
        for (state, number) in &level {
            let mut is_end = true;
            next(state, rules, &mut |action, after, violation| {
                is_end = false;
                found.transitions += 1;
                if let Some(violation) = violation
                    && !found.violations.contains_key(&violation)
                {
                    let way = seen.way_to(*number, first, rules, Some(action));
                    found.violations.insert(violation, way);
                }
                if let Some(fresh) = seen.add(fingerprint(&after), *number) {
                    below.push((after, fresh));
                }
            });
            if is_end
                && let Some(violation) = at_the_end(state, &first)
                && !found.violations.contains_key(&violation)
            {
                let way = seen.way_to(*number, first, rules, None);
                found.violations.insert(violation, way);
            }
        }
        found.states = seen.ways.len() as u64;
        found.depth += u32::from(!below.is_empty());
        level = below;
    }
    found
}

/// The way to a violation, one step a line.
pub(super) fn words(violation: Violation, way: &[Action]) -> String {
    let mut text = format!("{violation:?} after {} steps:", way.len());
    for Action { process, what } in way {
        match *process {
            NONE => text.push_str(&format!("\n  outside    {what:?}")),
            process => text.push_str(&format!("\n  process {process}  {what:?}")),
        }
    }
    text
}

/// The fingerprints of all states that were met, and from which state each was met first.
#[derive(Default)]
struct Seen {
    /// Open addressing; 0 is an empty place.
    table: Vec<u64>,
    ways: Vec<(u64, u32)>,
}

impl Seen {
    /// Adds a fingerprint, and returns its number if it is new.
    fn add(&mut self, fingerprint: u64, from: u32) -> Option<u32> {
        if self.ways.len() * 3 >= self.table.len() * 2 {
            self.grow();
        }
        let mask = self.table.len() - 1;
        let mut at = fingerprint as usize & mask;
        while self.table[at] != 0 {
            if self.table[at] == fingerprint {
                return None;
            }
            at = (at + 1) & mask;
        }
        self.table[at] = fingerprint;
        let number = u32::try_from(self.ways.len()).expect("no search has 4 G states");
        self.ways.push((fingerprint, from));
        Some(number)
    }

    fn grow(&mut self) {
        let size = (self.table.len() * 2).max(1 << 16);
        self.table = vec![0; size];
        for (fingerprint, _) in &self.ways {
            let mut at = *fingerprint as usize & (size - 1);
            while self.table[at] != 0 {
                at = (at + 1) & (size - 1);
            }
            self.table[at] = *fingerprint;
        }
    }

    /// The actions that lead to a state: its forebears are known by fingerprint, and going the
    /// way again shows by which action each led to the next.
    fn way_to(
        &self,
        number: u32,
        first: State,
        rules: &Rules,
        last: Option<Action>,
    ) -> Vec<Action> {
        let mut fingerprints = Vec::new();
        let mut at = number;
        while at != u32::MAX {
            let (fingerprint, from) = self.ways[at as usize];
            fingerprints.push(fingerprint);
            at = from;
        }
        let mut state = first;
        let mut way = Vec::new();
        for wanted in fingerprints.into_iter().rev().skip(1) {
            let mut step = None;
            next(&state, rules, &mut |action, after, _| {
                if step.is_none() && fingerprint(&after) == wanted {
                    step = Some((action, after));
                }
            });
            let (action, after) = step.expect("a state was reached from its forebear");
            way.push(action);
            state = after;
        }
        way.extend(last);
        way
    }
}

fn fingerprint(state: &State) -> u64 {
    let mut mixer = Mixer(0x243f_6a88_85a3_08d3);
    state.hash(&mut mixer);
    mixer.finish().max(1)
}

/// Multiply and shift: states differ in few bits, and each of them has to reach all others.
struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 32;
    }
}

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        let mut end = Mixer(self.0);
        end.mix(0x1319_8a2e_0370_7344);
        end.mix(0xa409_3822_299f_31d0);
        end.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(byte.into());
    }
}
