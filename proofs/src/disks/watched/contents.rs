//! What is on a disk that remembers how it came to be.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::savers::Report;

/// What a disk writes at once, or not at all.
pub(crate) const SECTOR: usize = 512;

const PAGE: usize = 4096;

/// The bytes of the disk, and what has happened to them.
#[derive(Debug)]
pub(super) struct Contents {
    /// What is beyond doubt.
    settled: Vec<u8>,
    /// What is different for now.
    pages: HashMap<usize, Box<[u8; PAGE]>>,
    mode: Mode,
    log: Vec<Event>,
    /// So many writes from now it is dead: it can be read, and nothing else.
    dies_in: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// A write settles at once.
    Plain,
    /// A write is different for now, and in the log.
    Recording,
    /// A write is different for now, and forgotten with the next state.
    Showing,
}

#[derive(Debug)]
enum Event {
    Write { offset: usize, bytes: Vec<u8> },
    Flush,
    Mark(Report),
}

/// One line of the log, without the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Noted {
    Write {
        offset: usize,
        sectors: usize,
    },
    /// All that was written before is safe.
    Flush,
    /// Somebody said so.
    Mark(Report),
}

/// Some sectors of a write, by its place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) write: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// It is dead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dead;

impl Contents {
    pub(super) fn new(length: usize) -> Contents {
        let settled = vec![0; length]; // Nothing is taken from memory before it is written.
        let (pages, log) = (HashMap::new(), Vec::new());
        Contents { settled, pages, mode: Mode::Plain, log, dies_in: None }
    }

    pub(super) fn length(&self) -> usize {
        self.settled.len()
    }

    pub(super) fn read(&self, offset: usize, length: usize) -> Vec<u8> {
        let end = self.settled.len().min(offset.saturating_add(length));
        let mut bytes = self.settled[offset.min(end)..end].to_vec();
        for (page, inside, here) in pieces(offset, bytes.len()) {
            if let Some(page) = self.pages.get(&page) {
                bytes[here.clone()].copy_from_slice(&page[inside..inside + here.len()]);
            }
        }
        bytes
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Dead> {
        self.live()?;
        if let Some(left) = &mut self.dies_in {
            *left -= 1;
        }
        match self.mode {
            Mode::Plain => self.settle_bytes(offset, bytes),
            Mode::Recording => {
                self.put(offset, bytes);
                self.log.push(Event::Write { offset, bytes: bytes.to_vec() });
            }
            Mode::Showing => self.put(offset, bytes),
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), Dead> {
        self.live()?;
        if self.mode == Mode::Recording {
            self.log.push(Event::Flush);
        }
        Ok(())
    }

    pub(super) fn die_in(&mut self, writes: Option<u64>) {
        self.dies_in = writes;
    }

    /// From now on it remembers.
    pub(super) fn record(&mut self) {
        self.mode = Mode::Recording;
    }

    pub(super) fn mark(&mut self, mark: Report) {
        self.log.push(Event::Mark(mark));
    }

    /// What has happened since it was recorded, and is not settled.
    pub(super) fn log(&self) -> Vec<Noted> {
        let noted = |event: &Event| match event {
            Event::Write { offset, bytes } => {
                Noted::Write { offset: *offset, sectors: bytes.len().div_ceil(SECTOR) }
            }
            Event::Flush => Noted::Flush,
            Event::Mark(mark) => Noted::Mark(*mark),
        };
        self.log.iter().map(noted).collect()
    }

    /// From now on it is what is settled and these parts, in this order. Returns the ranges that
    /// are no longer what they were.
    pub(super) fn show(&mut self, parts: &[Part]) -> Vec<Range<usize>> {
        self.mode = Mode::Showing;
        let mut changed = self.forget_pages();
        let log = std::mem::take(&mut self.log);
        for Part { write, from, to } in parts {
            if let Some(Event::Write { offset, bytes }) = log.get(*write) {
                let from = bytes.len().min(from * SECTOR);
                let to = bytes.len().min(to * SECTOR);
                self.put(offset + from, &bytes[from..to]);
            }
        }
        self.log = log;
        changed.extend(self.pages.keys());
        ranges(&changed)
    }

    /// So many lines of the log are beyond doubt, and no longer in it. Once there are none left,
    /// it is an ordinary disk again. Returns the ranges that are no longer what they were.
    pub(super) fn settle(&mut self, count: usize) -> Vec<Range<usize>> {
        let mut changed = self.forget_pages();
        let rest = self.log.split_off(count.min(self.log.len()));
        for event in std::mem::replace(&mut self.log, rest) {
            if let Event::Write { offset, bytes } = event {
                self.settle_bytes(offset, &bytes);
                changed.extend(pieces(offset, bytes.len()).map(|(page, ..)| page));
            }
        }
        if self.log.is_empty() {
            self.mode = Mode::Plain;
        }
        ranges(&changed)
    }

    fn forget_pages(&mut self) -> BTreeSet<usize> {
        self.pages.drain().map(|(page, _)| page).collect()
    }

    fn live(&self) -> Result<(), Dead> {
        if self.dies_in == Some(0) { Err(Dead) } else { Ok(()) }
    }

    fn settle_bytes(&mut self, offset: usize, bytes: &[u8]) {
        let end = self.settled.len().min(offset + bytes.len());
        let offset = offset.min(end);
        self.settled[offset..end].copy_from_slice(&bytes[..end - offset]);
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) {
        for (page, inside, here) in pieces(offset, bytes.len()) {
            let start = self.settled.len().min(page * PAGE);
            let page = self.pages.entry(page).or_insert_with(|| {
                let mut old = Box::new([0; PAGE]);
                let settled = &self.settled[start..self.settled.len().min(start + PAGE)];
                old[..settled.len()].copy_from_slice(settled);
                old
            });
            page[inside..inside + here.len()].copy_from_slice(&bytes[here]);
        }
    }
}

/// The pages of a range: which, where in it, and where in the range.
fn pieces(offset: usize, length: usize) -> impl Iterator<Item = (usize, usize, Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (page, inside) = ((offset + at) / PAGE, (offset + at) % PAGE);
        let here = at..length.min(at + PAGE - inside);
        at = here.end;
        (!here.is_empty()).then_some((page, inside, here))
    })
}

/// Pages as ranges of bytes.
fn ranges(pages: &BTreeSet<usize>) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for page in pages {
        let start = page * PAGE;
        match ranges.last_mut() {
            Some(last) if last.end == start => last.end += PAGE,
            _ => ranges.push(start..start + PAGE),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::{Contents, Dead, Noted, PAGE, Part, SECTOR};
    use crate::savers::{Report, Said};

    const REPORT: Report = Report { said: Said::Saved, attempt: 1, serial: 7 };

    /// Two pages of `a`, then a write of `b` over the border, a flush, and one of `c`.
    fn recorded() -> Contents {
        let mut contents = Contents::new(4 * PAGE);
        contents.write(0, &[b'a'; 2 * PAGE]).unwrap();
        contents.record();
        contents.write(PAGE - SECTOR, &[b'b'; 2 * SECTOR]).unwrap();
        contents.flush().unwrap();
        contents.mark(REPORT);
        contents.write(0, &[b'c'; SECTOR]).unwrap();
        contents
    }

    fn seen(contents: &Contents) -> String {
        let sectors = [0, PAGE - SECTOR, PAGE, PAGE + SECTOR];
        sectors.map(|offset| char::from(contents.read(offset, 1)[0])).iter().collect()
    }

    #[test]
    fn what_was_written_is_read_and_noted() {
        let contents = recorded();
        assert_eq!(seen(&contents), "cbba");
        let first = Noted::Write { offset: PAGE - SECTOR, sectors: 2 };
        let last = Noted::Write { offset: 0, sectors: 1 };
        assert_eq!(contents.log(), [first, Noted::Flush, Noted::Mark(REPORT), last]);
        assert_eq!(contents.read(4 * PAGE - 1, 10), [0]);
        assert_eq!(contents.read(5 * PAGE, 10), [0; 0]);
    }

    #[test]
    fn any_parts_of_the_log_can_be_shown_and_what_is_written_then_is_forgotten() {
        let mut contents = recorded();
        let part = |write, from, to| Part { write, from, to };
        let table = [
            (vec![], "aaaa"),
            (vec![part(0, 0, 2)], "abba"),
            (vec![part(3, 0, 1)], "caaa"),
            (vec![part(0, 1, 2)], "aaba"),
            (vec![part(0, 0, 1), part(3, 0, 1)], "cbaa"),
        ];
        for (parts, expected) in table {
            contents.show(&parts);
            assert_eq!(seen(&contents), expected, "{parts:?}");
            contents.write(0, &[b'x'; 2 * PAGE]).unwrap();
            contents.flush().unwrap();
            assert_eq!(seen(&contents), "xxxx");
            assert_eq!(contents.log().len(), 4);
        }
    }

    #[test]
    fn what_is_settled_is_below_everything_shown_afterwards() {
        let mut contents = recorded();
        contents.show(&[]);
        contents.settle(2);
        assert_eq!(seen(&contents), "abba");
        contents.show(&[Part { write: 1, from: 0, to: 1 }]);
        assert_eq!(seen(&contents), "cbba");
        contents.settle(2);
        assert_eq!((seen(&contents).as_str(), contents.log()), ("cbba", vec![]));
        contents.write(0, b"d").unwrap();
        contents.show(&[]);
        assert_eq!(seen(&contents), "dbba", "it was an ordinary disk again");
    }

    #[test]
    fn it_says_what_has_changed_so_that_nobody_believes_a_cache() {
        let pages = |ranges: Vec<Range<usize>>| -> Vec<(usize, usize)> {
            ranges.iter().map(|range| (range.start / PAGE, range.end / PAGE)).collect()
        };
        let mut contents = recorded();
        assert_eq!(pages(contents.show(&[])), [(0, 2)]);
        assert_eq!(pages(contents.show(&[])), []);
        contents.write(3 * PAGE, b"x").unwrap();
        let last = Part { write: 3, from: 0, to: 1 };
        assert_eq!(pages(contents.show(&[last])), [(0, 1), (3, 4)]);
        assert_eq!(pages(contents.settle(1)), [(0, 2)]);
    }

    #[test]
    fn a_dead_disk_can_be_read_and_nothing_else() {
        let mut contents = recorded();
        contents.die_in(Some(1));
        contents.flush().unwrap();
        contents.write(0, b"d").unwrap();
        assert_eq!(contents.write(0, b"e"), Err(Dead));
        assert_eq!(contents.flush(), Err(Dead));
        assert_eq!(seen(&contents), "dbba");
        contents.die_in(None);
        contents.write(0, b"e").unwrap();
        assert_eq!(seen(&contents), "ebba");
    }
}
