//! The end of a log, without the lines before.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use crate::file::LIMIT_BYTES;

/// How much is read at a time when looking for the last line.
const STEP_BYTES: u64 = 8 * 1024;

/// The longest line, without its newline: as long as a document may be. What is longer was not
/// written here, and is never held in memory.
pub(crate) const LINE_MAX_BYTES: u64 = LIMIT_BYTES;

/// The smallest piece of a file that a power cut takes by itself.
const SECTOR_BYTES: usize = 512;

/// Whether a power cut has taken its beginning, or a piece between beginning and end. A single
/// zero within a line is no such thing: that line was whole once, and is damaged.
pub(crate) fn has_lost_a_block(line: &str) -> bool {
    line.starts_with('\0') || line.contains(&"\0".repeat(SECTOR_BYTES))
}

/// How a log ends.
pub(crate) struct Tail {
    /// Where the whole lines end.
    pub(crate) end: u64,
    /// How many bytes of a torn line follow: it has no newline, or has lost a block.
    pub(crate) torn: u64,
    /// The last whole line, and where it starts.
    pub(crate) last: Option<String>,
    start_of_last: u64,
}

impl Tail {
    pub(crate) fn of(file: &File) -> io::Result<Tail> {
        let length = file.metadata()?.len();
        let tail = Tail::until(file, length)?;
        match &tail.last {
            // One crash tears one line: what comes before it is as it was written.
            Some(last) if has_lost_a_block(last) => {
                let before = Tail::until(file, tail.start_of_last)?;
                Ok(Tail { torn: length - before.end, ..before })
            }
            _ => Ok(tail),
        }
    }

    /// As if the file were only so long.
    fn until(mut file: &File, length: u64) -> io::Result<Tail> {
        let (mut chunks, mut newlines) = (Vec::new(), 0);
        let mut start = length;
        // Two newlines enclose the last whole line.
        while start > 0 && newlines < 2 {
            if length - start > LINE_MAX_BYTES * (1 + newlines) {
                return Err(too_long());
            }
            let step = STEP_BYTES.min(start);
            start -= step;
            file.seek(SeekFrom::Start(start))?;
            let mut chunk = Vec::new();
            file.take(step).read_to_end(&mut chunk)?;
            if chunk.contains(&b'\n') {
                newlines += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
            }
            chunks.push(chunk);
        }
        chunks.reverse();
        let tail = chunks.concat();
        let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let torn = (tail.len() - whole) as u64;
        let lines = tail[..whole].strip_suffix(b"\n");
        let newline = lines.and_then(|lines| lines.iter().rposition(|byte| *byte == b'\n'));
        let from = newline.map_or(0, |at| at + 1);
        let last = lines.map(|lines| String::from_utf8_lossy(&lines[from..]).into_owned());
        Ok(Tail { end: length - torn, torn, last, start_of_last: start + from as u64 })
    }
}

/// The error for a line that nobody here has written.
pub(crate) fn too_long() -> io::Error {
    let why = format!("a line in it has more than {LINE_MAX_BYTES} bytes");
    io::Error::new(io::ErrorKind::InvalidData, why)
}
