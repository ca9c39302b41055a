//! Delivery ids.

use std::{fmt, str::FromStr};

use crate::InvalidName;

/// What a delivery was handled by: the id of the event that caused it.
///
/// Any text without control characters, 1 to 200 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(String);

const BYTES_MAX: usize = 200;

impl DeliveryId {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DeliveryId {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<DeliveryId, InvalidName> {
        if (1..=BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control) {
            Ok(DeliveryId(text))
        } else {
            Err(InvalidName::DeliveryId { found: text })
        }
    }
}

impl FromStr for DeliveryId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<DeliveryId, InvalidName> {
        DeliveryId::try_from(text.to_owned())
    }
}

impl From<DeliveryId> for String {
    fn from(id: DeliveryId) -> String {
        id.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
