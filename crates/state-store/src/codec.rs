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

/// Reads a document, and checks everything about it that can be checked.
pub(crate) fn decode<T: Schema>(bytes: &[u8]) -> Result<Decoded<T>, Damage> {
    if bytes.is_empty() {
        return Err(Damage::Empty);
    }
    let outline = strict::outline(bytes).map_err(Damage::Syntax)?;
    let (value, seal) = match sealed_body(bytes) {
        Some((body, true)) => (typed(&unsealed(body))?, Seal::Whole),
        None if !outline.checksum => (typed(bytes)?, Seal::Absent),
        Some((_, false)) | None => (without_checksum(bytes)?, Seal::Broken),
    };
    let value: T = value;
    value.check().map_err(Damage::Impossible)?;
    let newer_format = match (outline.format, T::FORMAT) {
        (Some(found), Some(known)) if found > known => Some(found),
        _ => None,
    };
    Ok(Decoded { value, seal, newer_format })
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
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
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
