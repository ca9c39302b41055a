//! Bytes of a document and the value in it.
//!
//! A document that this store wrote ends in a line of its own, the checksum of all bytes
//! before that line:
//!
//! ```text
//! {
//!   "production_sha_current": null,
//!   "checksum": "sha256:0b9c..."
//! }
//! ```
//!
//! It is taken over bytes, not over values, so that no flipped, cut or added byte gets
//! through, and it is an ordinary key, so that every JSON reader still reads the document.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    Damage, Schema,
    strict::{self, CHECKSUM_KEY},
};

const LINE_START: &str = "  \"checksum\": \"sha256:";
const LINE_END: &str = "\"\n}\n";
/// How the line with the key `version` starts, where we have written it.
const VERSION_LINE: &[u8] = b"  \"version\": ";
const DIGEST_DIGITS: usize = 64;

/// A document that was read, and how far its contents can be trusted.
#[derive(Debug)]
pub(crate) struct Decoded<T> {
    pub(crate) value: T,
    pub(crate) seal: Seal,
    /// The format it says it has, if it is newer than this program understands.
    pub(crate) newer_format: Option<u64>,
}

/// What the checksum says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seal {
    /// Every byte is as this store wrote it.
    Whole,
    /// There is none: another program wrote the document. Its shape is all we can check.
    Absent,
    /// It does not fit the contents: somebody or something changed them since.
    Broken,
}

/// Writes `value` as a document: pretty, two spaces, in the order of its keys, with its
/// checksum and a newline at the end.
pub(crate) fn encode<T: Schema>(value: &T) -> Result<Vec<u8>, Damage> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(Damage::Shape)?;
    if bytes.first() != Some(&b'{') {
        return Err(Damage::Impossible("a document must be an object".to_owned()));
    }
    bytes.pop(); // The closing brace.
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        bytes.push(b',');
    }
    bytes.push(b'\n');
    let digest = digest(&bytes);
    bytes.extend_from_slice(LINE_START.as_bytes());
    bytes.extend_from_slice(digest.as_bytes());
    bytes.extend_from_slice(LINE_END.as_bytes());
    Ok(bytes)
}

/// Why a document has no value for us.
#[derive(Debug)]
pub(crate) enum Undecoded {
    /// It cannot be trusted.
    Damaged(Damage),
    /// It has a newer format, and not the shape of ours: it may be all right.
    Newer(u64),
}

/// Reads a document, and checks everything about it that can be checked.
pub(crate) fn decode<T: Schema>(bytes: &[u8]) -> Result<Decoded<T>, Undecoded> {
    if bytes.is_empty() {
        return Err(Undecoded::Damaged(Damage::Empty));
    }
    let sealed = sealed_body(bytes);
    let (format, read) = match sealed {
        // We have written all of it ourselves, so it needs no strict reading.
        Some((body, true)) => (written_format::<T>(body), sealed_value::<T>(body)),
        _ => {
            let outline = strict::outline(bytes)
                .map_err(|error| Undecoded::Damaged(Damage::Syntax(error)))?;
            (outline.format, unsealed_value(bytes, sealed.is_some() || outline.checksum))
        }
    };
    let newer_format = match (format, T::FORMAT) {
        (Some(found), Some(known)) if found > known => Some(found),
        _ => None,
    };
    let checked = read.and_then(|(value, seal)| match value.check() {
        Ok(()) => Ok((value, seal)),
        Err(why) => Err(Damage::Impossible(why)),
    });
    match (checked, newer_format) {
        (Ok((value, seal)), newer_format) => Ok(Decoded { value, seal, newer_format }),
        (Err(_), Some(found)) => Err(Undecoded::Newer(found)),
        (Err(damage), None) => Err(Undecoded::Damaged(damage)),
    }
}

fn sealed_value<T: Schema>(body: &[u8]) -> Result<(T, Seal), Damage> {
    Ok((typed(&unsealed(body))?, Seal::Whole))
}

fn unsealed_value<T: Schema>(bytes: &[u8], has_checksum: bool) -> Result<(T, Seal), Damage> {
    if has_checksum {
        return Ok((without_checksum(bytes)?, Seal::Broken));
    }
    Ok((typed(bytes)?, Seal::Absent))
}

/// The format of a body that we have written: in it, a line that starts like this is a key at
/// the top, because a text has no line breaks and what is deeper is indented more.
fn written_format<T: Schema>(body: &[u8]) -> Option<u64> {
    T::FORMAT?;
    let lines = body.split(|byte| *byte == b'\n');
    let value = lines.into_iter().find_map(|line| line.strip_prefix(VERSION_LINE))?;
    let value = str::from_utf8(value).ok()?.trim_end_matches(',').trim_matches('"');
    strict::format(value)
}

/// The bytes before the checksum line, and whether they are what it was taken of. `None` if
/// the document does not end in such a line.
fn sealed_body(bytes: &[u8]) -> Option<(&[u8], bool)> {
    let rest = bytes.strip_suffix(LINE_END.as_bytes())?;
    let (rest, found) = rest.split_at_checked(rest.len().checked_sub(DIGEST_DIGITS)?)?;
    let body = rest.strip_suffix(LINE_START.as_bytes())?;
    Some((body, digest(body).as_bytes() == found))
}

/// A sealed body as a document of its own: the comma or brace before the checksum line
/// decides how it closes. Lines and columns stay what they are in the file.
fn unsealed(body: &[u8]) -> Vec<u8> {
    let body = body.strip_suffix(b",\n").unwrap_or(body);
    [body, b"\n}\n"].concat()
}

/// The value of a document whose checksum is not to be trusted, without that checksum.
fn without_checksum<T: Schema>(bytes: &[u8]) -> Result<T, Damage> {
    let mut map: Map<String, Value> = serde_json::from_slice(bytes).map_err(Damage::Syntax)?;
    map.shift_remove(CHECKSUM_KEY);
    serde_json::from_value(Value::Object(map)).map_err(Damage::Shape)
}

fn typed<T: Schema>(bytes: &[u8]) -> Result<T, Damage> {
    serde_json::from_slice(bytes).map_err(Damage::Shape)
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
        hex.extend([digit(byte >> 4), digit(byte & 15)]);
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_what_the_strict_reading_looks_for() {
        let prefix = strict::CHECKSUM_PREFIX;
        assert_eq!(LINE_START, format!("  \"{CHECKSUM_KEY}\": \"{prefix}"));
        assert_eq!(digest(b"").len(), DIGEST_DIGITS);
    }
}
