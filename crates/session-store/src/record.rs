//! One line of a session's file.
//!
//! The first line holds the session, every other one what was appended in one call:
//!
//! ```text
//! {"at":"...","version":1,"session":{...},"checksum":"fnv1a:..."}
//! {"at":"...","messages":[{...},{...}],"checksum":"fnv1a:..."}
//! {"at":"...","checksum":"fnv1a:..."}
//! ```
//!
//! One line for one call, so that a line that is torn is a call that never happened.

use std::time::SystemTime;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::{Message, Session, error::Cause, moment};

/// The version of the format that is written, and the newest that is read.
const VERSION: u64 = 1;

const SUM_START: &str = ",\"checksum\":\"fnv1a:";
const SUM_DIGITS: usize = 16;
const SUM_END: &str = "\"}";

/// A line, as far as it could be read.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    /// When it was appended.
    #[serde(with = "moment")]
    pub(crate) at: SystemTime,
    /// The session, in the first line.
    pub(crate) session: Option<Session>,
    #[serde(default)]
    messages: Vec<Box<RawValue>>,
    version: Option<u64>,
    checksum: Option<IgnoredAny>,
}

impl Record {
    /// Reads a line. One without a checksum, as a person may have written it, is taken as it
    /// is.
    pub(crate) fn decode(line: &str) -> Result<Record, Cause> {
        let record: Record = serde_json::from_str(line)?;
        if record.checksum.is_some() && !is_sealed(line) {
            return Err("its checksum does not fit".into());
        }
        match record.version {
            Some(version) if version > VERSION => Err(format!(
                "it has format {version}, and this program understands format {VERSION}"
            )
            .into()),
            _ => Ok(record),
        }
    }

    /// The messages in it; each can be unreadable on its own.
    pub(crate) fn messages(&self) -> impl Iterator<Item = Result<Message, Cause>> + '_ {
        self.messages.iter().map(|raw| raw.get().parse().map_err(Cause::from))
    }
}

/// The first line.
pub(crate) fn opening(session: &Session) -> String {
    let at = moment::text(session.created_at);
    let session = serde_json::to_string(session).expect("all its keys are text");
    sealed(format!("{{\"at\":\"{at}\",\"version\":{VERSION},\"session\":{session}"))
}

/// The line of one append.
pub(crate) fn appended(messages: &[Message], at: SystemTime) -> String {
    let mut line = format!("{{\"at\":\"{}\"", moment::text(at));
    for (place, message) in messages.iter().enumerate() {
        line.push_str(if place == 0 { ",\"messages\":[" } else { "," });
        line.push_str(message.as_str());
    }
    if !messages.is_empty() {
        line.push(']');
    }
    sealed(line)
}

fn sealed(mut line: String) -> String {
    let sum = fnv1a(line.as_bytes());
    line.push_str(SUM_START);
    line.push_str(&format!("{sum:0SUM_DIGITS$x}"));
    line.push_str(SUM_END);
    line
}

/// Whether the line ends in the checksum of all bytes before it.
fn is_sealed(line: &str) -> bool {
    let sealed = || {
        let rest = line.strip_suffix(SUM_END)?;
        let (rest, found) = rest.split_at_checked(rest.len().checked_sub(SUM_DIGITS)?)?;
        let body = rest.strip_suffix(SUM_START)?;
        Some(format!("{:0SUM_DIGITS$x}", fnv1a(body.as_bytes())) == found)
    };
    sealed() == Some(true)
}

/// FNV-1a, 64 bits. Finds every change of one byte: each step can be undone.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn line() -> String {
        let messages = [r#"{"n": 1}"#, r#"{"s":"\n,\"checksum\":"}"#];
        let messages = messages.map(|text| text.parse().unwrap());
        appended(&messages, SystemTime::UNIX_EPOCH + Duration::from_secs(1))
    }

    #[test]
    fn what_is_written_is_read() {
        let line = line();
        let record = Record::decode(&line).unwrap();
        let messages: Vec<String> =
            record.messages().map(|message| message.unwrap().to_string()).collect();
        assert_eq!(messages, [r#"{"n": 1}"#, r#"{"s":"\n,\"checksum\":"}"#]);
        assert_eq!(
            line,
            r#"{"at":"1970-01-01T00:00:01.000000Z","messages":[{"n": 1},{"s":"\n,\"checksum\":"}],"checksum":"fnv1a:e66914c010436c60"}"#
        );
    }

    #[test]
    fn no_flipped_or_cut_byte_gets_through() {
        let line = line();
        for at in 0..line.len() {
            assert!(Record::decode(&line[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut bytes = line.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(flipped) = String::from_utf8(bytes) else { continue };
                let found = Record::decode(&flipped);
                // The name of the key itself may be lost: then the line is one without a checksum.
                let names_it = flipped.contains("\"checksum\":\"") && flipped.ends_with(SUM_END);
                assert!(found.is_err() || !names_it, "bit {bit} of byte {at}: {flipped}");
            }
        }
    }

    #[test]
    fn a_line_without_a_checksum_is_taken_as_it_is_and_a_newer_one_is_not() {
        let plain = r#"{"at":"1970-01-01T00:00:01Z","messages":[{},7]}"#;
        let read: Vec<bool> =
            Record::decode(plain).unwrap().messages().map(|message| message.is_ok()).collect();
        assert_eq!(read, [true, false]);
        let newer = r#"{"at":"1970-01-01T00:00:01Z","version":2}"#;
        let why = Record::decode(newer).unwrap_err().to_string();
        assert_eq!(why, "it has format 2, and this program understands format 1");
    }
}
