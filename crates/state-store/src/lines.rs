//! Reading the lines of a log.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
};

use crate::{LineLog, StoreError, tail::has_lost_a_block};

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
        let mut line = String::new();
        let read = reader.read_line(&mut line).and_then(|_| {
            let mut is_last = || Ok::<_, io::Error>(reader.fill_buf()?.is_empty());
            Ok(line.ends_with('\n') && !(has_lost_a_block(&line) && is_last()?))
        });
        match read {
            Ok(true) => {
                line.pop();
                Some(Ok(line))
            }
            // The end, or a line that is being written or was torn.
            Ok(false) => None,
            Err(source) => Some(Err(self.log.failed("read a line of", source))),
        }
    }
}
