//! Reading the lines of a log.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
};

use crate::{
    LineLog, StoreError,
    tail::{LINE_MAX_BYTES, has_lost_a_block, too_long},
};

/// The whole lines of a [`LineLog`], oldest first, without their newlines.
#[derive(Debug)]
pub struct Lines {
    reader: Option<BufReader<File>>,
    log: LineLog,
}

impl Lines {
    pub(crate) fn of(log: LineLog, file: Option<File>) -> Lines {
        Lines { reader: file.map(BufReader::new), log }
    }
}

impl Iterator for Lines {
    type Item = Result<String, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        match next_line(reader) {
            Ok(line) => line.map(Ok),
            Err(source) => Some(Err(self.log.failed("read a line of", source))),
        }
    }
}

/// `None` at the end, and for a line that is being written or was torn.
fn next_line(reader: &mut BufReader<File>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    reader.by_ref().take(LINE_MAX_BYTES + 1).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') && line.len() as u64 > LINE_MAX_BYTES {
        reader.skip_until(b'\n')?;
        return Err(too_long());
    }
    if line.pop() != Some(b'\n') {
        return Ok(None);
    }
    let not_text = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let line = String::from_utf8(line).map_err(not_text)?;
    if has_lost_a_block(&line) && reader.fill_buf()?.is_empty() {
        return Ok(None);
    }
    Ok(Some(line))
}
