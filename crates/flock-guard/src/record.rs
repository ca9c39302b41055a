//! The record in a lock file: its bytes, and how they get there and back.

use crate::process::Process;
use crate::{Holder, Machine, Token};
use rustix::io::{pread, pwrite};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::time::{Duration, SystemTime};

/// The size of a record. Fixed, so that a new one covers an old one whole, no
/// write ever makes the file longer, and a full disk meets only the first.
const RECORD_BYTES: usize = 512;

/// How much of a lock file is looked at. Other programs' records are short too.
const READ_BYTES: usize = 4096;

/// The end of a record. It is outside the checksum, so that letting go changes
/// nothing but these bytes.
const HELD: &[u8] = b",\"released\":false}\n";
const RELEASED: &[u8] = b",\"released\":true }\n";
const END: Range<usize> = RECORD_BYTES - HELD.len()..RECORD_BYTES;

/// What [`constant_fields`] may take, so that the rest always fits.
const CONSTANT_BYTES: usize = 325;

const CHECKSUM_KEY: &str = ",\"checksum\":\"";

/// The record of one acquisition, ready to be written.
#[derive(Debug)]
pub(crate) struct Record(Box<[u8; RECORD_BYTES]>);

impl Record {
    pub(crate) fn new(me: &Process, token: Token, now: SystemTime, uptime: Duration) -> Record {
        let mut text = String::with_capacity(RECORD_BYTES);
        text.push_str("{\"pid\":");
        push_display(&mut text, format_args!("{}", me.pid));
        text.push_str(",\"created\":\"");
        push_time(&mut text, now);
        text.push('"');
        text.push_str(&me.fields);
        push_display(&mut text, format_args!(",\"monotonic_ms\":{}", uptime.as_millis()));
        push_display(&mut text, format_args!(",\"token\":\"{token}\""));
        let sum = checksum(text.as_bytes());
        push_display(&mut text, format_args!("{CHECKSUM_KEY}{sum:016x}\""));

        let mut bytes = Box::new([b' '; RECORD_BYTES]);
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        bytes[END].copy_from_slice(HELD);
        Record(bytes)
    }

    /// Turns this into the record of a holder that has let go.
    pub(crate) fn mark_released(&mut self) {
        self.0[END].copy_from_slice(RELEASED);
    }

    /// Writes the record in place. The file is never emptied first: a reader
    /// finds the old record, the new one, or by its checksum that it is neither.
    pub(crate) fn write_to(&self, file: &File) -> io::Result<()> {
        match pwrite(file, &self.0[..], 0)? {
            RECORD_BYTES => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }
}

/// What a lock file said when it was opened by its new holder.
#[derive(Debug)]
pub(crate) struct Found {
    /// The record, unless its holder let go of the lock itself.
    pub(crate) left_behind: Option<Holder>,
    /// Whether another program has written more than our record covers.
    pub(crate) is_too_long: bool,
}

/// Reads what the last holder left. Every acquisition does this, so the usual
/// answer, that it let go, costs a comparison of a few bytes.
pub(crate) fn found(file: &File) -> Found {
    let mut short = [0; RECORD_BYTES + 1];
    let len = pread(file, &mut short, 0).unwrap_or(0);
    if len == RECORD_BYTES && short[END] == *RELEASED {
        return Found { left_behind: None, is_too_long: false };
    }
    let mut buffer = [0; READ_BYTES];
    let len = pread(file, &mut buffer, 0).unwrap_or(0);
    let text = &buffer[..len];
    let has_let_go = text.get(END) == Some(RELEASED);
    let left_behind = if has_let_go { None } else { parse(text).filter(|it| !it.released) };
    Found { left_behind, is_too_long: len > RECORD_BYTES }
}

/// Cuts off what lies behind the record, so that the whole file is one JSON value.
pub(crate) fn cut_after_record(file: &File) -> io::Result<()> {
    Ok(rustix::fs::ftruncate(file, RECORD_BYTES as u64)?)
}

/// Reads the record of somebody else. `None` if there is none to make sense of.
pub(crate) fn read(file: &File) -> Option<Holder> {
    // A holder may be writing its record right now. It takes less than a
    // microsecond, so a record that is damaged three times really is.
    (0..3).find_map(|_| {
        let mut buffer = [0; READ_BYTES];
        let len = pread(file, &mut buffer, 0).ok()?;
        parse(&buffer[..len])
    })
}

/// Reads whom the record of a lock that is held names: nobody who has let go.
pub(crate) fn holder(file: &File) -> Option<Holder> {
    read(file).filter(|holder| !holder.released)
}

/// Makes sense of the first JSON value in `bytes`, ours or another program's.
fn parse(bytes: &[u8]) -> Option<Holder> {
    // An array would do for serde, too: its values in the order of the fields.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Holder>();
    let holder = values.next()?.ok()?;
    // Of two records whose fields are of different lengths a mixture may lack the key.
    let is_ours = bytes.get(END).is_some_and(|end| end == HELD || end == RELEASED);
    let (record, rest) = bytes.split_at(values.byte_offset());
    // A brace too many ends one of ours early, and leaves its checksum behind.
    let is_ours = is_ours || position_of_key(rest).is_some();
    is_intact(record, is_ours).then(|| holder.printable())
}

/// Whether the checksum is right, or missing as in other programs' records.
fn is_intact(record: &[u8], is_ours: bool) -> bool {
    let Some(at) = position_of_key(record) else { return !is_ours };
    let start = at + CHECKSUM_KEY.len();
    let sum = record.get(start..start + 16);
    sum == Some(format!("{:016x}", checksum(&record[..at])).as_bytes())
}

fn position_of_key(bytes: &[u8]) -> Option<usize> {
    let key = CHECKSUM_KEY.as_bytes();
    bytes.windows(key.len()).rposition(|window| window == key)
}

/// FNV-1a over 64-bit words (little endian, the last one filled with zeros):
/// tells a torn record from a whole one in some 50 steps. No protection against
/// malice, which could write a right one as well.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(0xcbf2_9ce4_8422_2325, |sum, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        (sum ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The fields that are the same in each record of a process, as JSON. Names too
/// long for the record are cut, the command first.
pub(crate) fn constant_fields(
    machine: &Machine,
    start_time: Option<u64>,
    hostname: &str,
    command: &str,
) -> String {
    let mut hostname = hostname.to_owned();
    let mut command = command.to_owned();
    loop {
        let mut text = format!(",\"hostname\":{}", quoted(&hostname));
        push_field(&mut text, "start_time", start_time);
        push_field(&mut text, "boot_id", machine.boot_id.as_deref().map(quoted));
        push_field(&mut text, "machine_id", machine.machine_id.as_deref().map(quoted));
        push_field(&mut text, "pid_namespace", machine.pid_namespace);
        push_field(&mut text, "command", (!command.is_empty()).then(|| quoted(&command)));
        let fits = text.len() <= CONSTANT_BYTES;
        if fits || (command.pop().is_none() && hostname.pop().is_none()) {
            return text;
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn push_field(text: &mut String, name: &str, value: Option<impl std::fmt::Display>) {
    if let Some(value) = value {
        push_display(text, format_args!(",\"{name}\":{value}"));
    }
}

fn push_display(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    std::fmt::Write::write_fmt(text, arguments).expect("writing to a String cannot fail");
}

/// `2026-11-20T10:00:00.000Z`. A clock outside of all calendars reads 1970.
fn push_time(text: &mut String, now: SystemTime) {
    const PRINTER: jiff::fmt::temporal::DateTimePrinter =
        jiff::fmt::temporal::DateTimePrinter::new().precision(Some(3));
    let now = jiff::Timestamp::try_from(now).unwrap_or_default();
    PRINTER.print_timestamp(&now, text).expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn largest(hostname: &str, command: &str) -> (Holder, usize) {
        let machine = Machine {
            machine_id: Some("f".repeat(16)),
            boot_id: Some("b".repeat(36)),
            // The kernel numbers namespaces with 32 bits.
            pid_namespace: Some(u32::MAX.into()),
        };
        // 300 years, in ticks and in milliseconds.
        let (ticks, uptime) = (1_u64 << 40, Duration::from_millis(1 << 43));
        let fields = constant_fields(&machine, Some(ticks), hostname, command);
        let me = Process { pid: u32::MAX, machine, fields };
        let now = UNIX_EPOCH + Duration::from_millis(1);
        let record = Record::new(&me, Token(u128::MAX), now, uptime);
        let len = record.0.trim_ascii_end().len();
        (parse(&record.0[..]).expect("a whole record"), len)
    }

    #[test]
    fn the_largest_record_fits_and_cuts_the_command_first() {
        let (holder, len) = largest(&"h".repeat(64), "govctl");
        assert_eq!((holder.hostname.len(), holder.command.as_deref()), (64, Some("govctl")));
        assert_eq!((holder.created.as_str(), len), ("1970-01-01T00:00:00.001Z", 511));
        for (hostname, command) in [
            ("h".repeat(64), "c".repeat(500)),
            ("h".repeat(500), "c".repeat(500)),
            ("\u{1}".repeat(64), "\"\\".repeat(64)),
            ("web\u{202e}\u{2028}1".to_owned(), "govctl".to_owned()),
            ("\u{1f600}".repeat(64), "\u{1f600}".repeat(64)),
        ] {
            let (holder, _) = largest(&hostname, &command);
            let shown = hostname.replace(crate::holder::is_unprintable, "\u{fffd}");
            assert!(shown.starts_with(&holder.hostname) && !holder.hostname.is_empty());
            assert!(command.starts_with(holder.command.as_deref().unwrap_or_default()));
        }
    }

    #[test]
    fn a_brace_too_many_makes_no_other_holder_of_a_record_of_ours() {
        let me = crate::process::me();
        let record = Record::new(&me, Token(7), UNIX_EPOCH, Duration::ZERO).0;
        for at in 0..=RECORD_BYTES {
            let longer = [&record[..at], b"}", &record[at..]].concat();
            if let Some(holder) = parse(&longer) {
                assert_eq!((holder.pid, holder.token), (me.pid, Some(Token(7))), "at {at}");
            }
        }
    }

    #[test]
    fn a_mixture_of_two_records_is_none() {
        let me = crate::process::me();
        let record = |seconds: u64, token| {
            let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
            Record::new(&me, Token(token), time, Duration::from_secs(seconds)).0
        };
        let (old, new) = (record(0, 0), record(86_400, u128::MAX));
        let whole = |bytes: &[u8]| parse(bytes).map(|holder| holder.token);
        for at in 0..RECORD_BYTES {
            let mixed = [&new[..at], &old[at..]].concat();
            let is_one = mixed[..END.start] == new[..END.start] || mixed == *old;
            assert_eq!(whole(&mixed).is_some(), is_one, "the first {at} bytes are new");
        }
    }
}
