//! What a type must say about itself to be kept in a document.

use serde::{Serialize, de::DeserializeOwned};

/// A type that is kept in a document.
///
/// It serialises to a JSON object. `Default` is what a missing document means. To keep the
/// keys that a newer program wrote, end the struct with
/// `#[serde(flatten)] unknown: serde_json::Map<String, serde_json::Value>`.
///
/// The key `checksum` belongs to the store and cannot be used.
pub trait Schema: Serialize + DeserializeOwned + Default {
    /// The newest format that this program understands, as the document's `version` key
    /// gives it: `2` or `"2.1"` is format 2. A document of a newer format can be looked at
    /// and is refused for writing. `None`: the key `version` means nothing here.
    const FORMAT: Option<u64> = Some(1);

    /// Says what is impossible about this value, although its shape is right.
    ///
    /// Asked after every load and before every write.
    ///
    /// # Errors
    ///
    /// A sentence for a person: which field, which value, why it cannot be.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Makes this value, which is the version before a damaged one, safe to go on from.
    ///
    /// A fall back forgets one change that was acknowledged. Whoever counts skips here what that
    /// change may have given out; whoever answers "never happened" notes here that it no longer
    /// knows. Asked before the value takes the place of the damaged document, and by readers
    /// that look while it has not yet.
    ///
    /// # Errors
    ///
    /// A sentence for a person: why one change less is worse than none at all. The damaged
    /// document then stays where it is, and is an error.
    fn restored(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// A person has looked at this value and vouches for it: takes back what
    /// [`restored`](Schema::restored) has noted.
    fn accepted(&mut self) {}
}
