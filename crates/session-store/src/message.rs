//! One message of a session.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, value::RawValue};

/// A message: any JSON object, kept as the text it came in.
///
/// What was appended is what is loaded, byte for byte: the order of keys, large numbers,
/// escapes. Only blanks around it are dropped, and line breaks between its parts become
/// blanks. Cheap to clone.
///
/// # Examples
///
/// ```
/// use session_store::Message;
///
/// let message: Message = r#"{"role": "user", "n": 1.0}"#.parse()?;
/// assert_eq!(message.as_str(), r#"{"role": "user", "n": 1.0}"#);
/// assert_eq!(message.to_map()["role"], "user");
/// assert!("[1]".parse::<Message>().is_err());
/// # Ok::<(), session_store::InvalidMessage>(())
/// ```
#[derive(Debug, Clone)]
pub struct Message(Arc<RawValue>);

/// The largest message: far above any real one, far below what a server takes.
const MAX_BYTES: usize = 16 * 1024 * 1024;

impl Message {
    /// The object, as JSON on one line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The object, as a value.
    ///
    /// # Panics
    ///
    /// Never: the text was read as an object when the message was made.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Value> {
        serde_json::from_str(self.as_str()).expect("it was an object when it was made")
    }
}

impl FromStr for Message {
    type Err = InvalidMessage;

    fn from_str(text: &str) -> Result<Message, InvalidMessage> {
        if text.len() > MAX_BYTES {
            return Err(InvalidMessage::TooLarge { found: text.len(), limit: MAX_BYTES });
        }
        let object: Result<Map<String, Value>, _> = serde_json::from_str(text);
        object.map_err(InvalidMessage::NotAnObject)?;
        // In a string a line break is escaped, so these are all between the parts.
        let line = text.trim().replace(['\n', '\r'], " ");
        let raw = RawValue::from_string(line).map_err(InvalidMessage::NotAnObject)?;
        Ok(Message(raw.into()))
    }
}

impl From<Map<String, Value>> for Message {
    fn from(object: Map<String, Value>) -> Message {
        let text = Value::Object(object).to_string();
        let raw = RawValue::from_string(text).expect("a value is written as JSON");
        Message(raw.into())
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Message) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Message {}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Text that cannot be a [`Message`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMessage {
    /// It is something else, or several things.
    #[error("the message is not one JSON object")]
    NotAnObject(#[source] serde_json::Error),
    /// It is larger than the stores take.
    #[error("the message has {found} bytes, and none has more than {limit}")]
    TooLarge {
        /// Its size, in bytes.
        found: usize,
        /// The largest size, in bytes.
        limit: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_object_on_one_line() {
        for (text, expected) in [
            ("{}", Some("{}")),
            (" {\"a\":\n 1}\r\n", Some("{\"a\":  1}")),
            (
                r#"{"n":12345678901234567890123,"s":"\n"}"#,
                Some(r#"{"n":12345678901234567890123,"s":"\n"}"#),
            ),
            ("", None),
            ("[]", None),
            ("null", None),
            ("{} {}", None),
            ("{\"a\":1e999}", None),
            ("{\"a\":\"\\ud800\"}", None),
        ] {
            let message = text.parse::<Message>().ok();
            assert_eq!(message.as_ref().map(Message::as_str), expected, "{text:?}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(500), "]".repeat(500));
        assert!(deep.parse::<Message>().is_err(), "too deep to be read again");
        let large = format!("{{\"a\":\"{}\"}}", "a".repeat(MAX_BYTES));
        assert!(matches!(large.parse::<Message>(), Err(InvalidMessage::TooLarge { .. })));
    }

    #[test]
    fn a_message_is_written_as_it_is() {
        let text = r#"{"b": 1.50, "a":[]}"#;
        let message: Message = text.parse().unwrap();
        assert_eq!(serde_json::to_string(&[&message]).unwrap(), format!("[{text}]"));
        assert_eq!(Message::from(message.to_map()).as_str(), r#"{"b":1.5,"a":[]}"#);
    }
}
