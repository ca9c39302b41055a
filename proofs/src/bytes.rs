//! The contents of a file, shared and with their hash.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// Of a million directories nearly all files are the same as in another one, so they are kept
/// once, and what stands for them is calculated once.
#[derive(Clone, Debug)]
pub(crate) struct Bytes {
    bytes: Arc<[u8]>,
    hash: u64,
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Bytes {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Bytes { bytes: bytes.into(), hash: hasher.finish() }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Bytes) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Bytes {}

impl Hash for Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}
