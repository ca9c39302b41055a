//! The reading of a document that trusts nothing: one pass over all of its bytes.
//!
//! `serde_json` into a typed value accepts more than a careful reader should: a duplicate
//! key (the last one wins), damage inside keys that the type does not know, an array where
//! the type is a struct. This pass refuses all of it and notes what the store needs to know.

use std::{collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The deepest nesting that is read. Documents of this system have three levels.
const DEPTH_MAX: usize = 64;

/// The key under which the store keeps its checksum.
pub(crate) const CHECKSUM_KEY: &str = "checksum";

/// What a checksum starts with, whatever became of its key.
pub(crate) const CHECKSUM_PREFIX: &str = "sha256:";

/// What stands at the top of a document.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// The number before the first dot of `version`, if the key is there.
    pub(crate) format: Option<u64>,
    /// There is a checksum, or what is left of one.
    pub(crate) checksum: bool,
}

/// Reads all of `bytes` as one JSON object without duplicate keys.
pub(crate) fn outline(bytes: &[u8]) -> Result<Outline, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut outline = Outline::default();
    json.deserialize_map(Top(&mut outline))?;
    json.end()?;
    Ok(outline)
}

/// The number before the first dot of a `version`.
pub(crate) fn format(version: &str) -> Option<u64> {
    version.split('.').next().unwrap_or_default().parse().ok()
}

struct Top<'a>(&'a mut Outline);

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = Keys::default();
        while let Some(key) = map.next_key::<String>()? {
            let is_version = key == "version";
            self.0.checksum |= key == CHECKSUM_KEY;
            keys.add(key)?;
            match map.next_value_seed(Any { depth: 1 })? {
                Scalar::Number(number) if is_version => self.0.format = Some(number),
                Scalar::Text(text) if is_version => self.0.format = format(&text),
                Scalar::Text(text) => self.0.checksum |= text.starts_with(CHECKSUM_PREFIX),
                Scalar::Number(_) | Scalar::Other => {}
            }
        }
        Ok(())
    }
}

/// Keys of one object, to find the second of a name.
#[derive(Default)]
struct Keys(HashSet<String>);

impl Keys {
    fn add<E: Error>(&mut self, key: String) -> Result<(), E> {
        match self.0.replace(key) {
            None => Ok(()),
            Some(key) => Err(E::custom(format_args!("duplicate key `{}`", key.escape_debug()))),
        }
    }
}

/// The value under a key, as far as the top level needs to know it.
enum Scalar {
    Number(u64),
    Text(String),
    Other,
}

/// Any value at `depth` objects and arrays below the top.
#[derive(Clone, Copy)]
struct Any {
    depth: usize,
}

impl Any {
    fn deeper<E: Error>(self) -> Result<Any, E> {
        if self.depth == DEPTH_MAX {
            return Err(E::custom(format_args!("nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(Any { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Any {
    type Value = Scalar;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
        // Only the top level looks at texts.
        if self.depth > 1 { Ok(Scalar::Other) } else { Ok(Scalar::Text(text.to_owned())) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar, A::Error> {
        let deeper = self.deeper()?;
        while seq.next_element_seed(deeper)?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        let deeper = self.deeper()?;
        let mut keys = Keys::default();
        while let Some(key) = map.next_key::<String>()? {
            keys.add(key)?;
            map.next_value_seed(deeper)?;
        }
        Ok(Scalar::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_typed_reader_would_let_through_is_refused() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
        let cases = [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("[1]", "invalid type: sequence, expected an object at line 1 column 0"),
            ("{} {}", "trailing characters at line 1 column 4"),
            ("{}\0", "trailing characters at line 1 column 3"),
            ("\u{feff}{}", "expected value at line 1 column 1"),
            ("{\"a\":1,\n\"a\":2}", "duplicate key `a` at line 2 column 3"),
            ("{\"a\":{\"b\":1,\"b\":2}}", "duplicate key `b` at line 1 column 15"),
            ("{\"a\":1e400}", "number out of range at line 1 column 10"),
            ("{\"a\":\"\\ud800\"}", "unexpected end of hex escape at line 1 column 13"),
            (deep.as_str(), "nested deeper than 64 levels at line 1 column 70"),
        ];
        for (text, expected) in cases {
            assert_eq!(outline(text.as_bytes()).unwrap_err().to_string(), expected, "{text}");
        }
        assert!(outline(b"{\"a\":\"\xff\"}").is_err(), "invalid UTF-8 was accepted");
    }

    #[test]
    fn the_format_is_the_number_before_the_first_dot() {
        for (text, expected) in [
            ("{}", None),
            ("{\"version\": 3}", Some(3)),
            ("{\"version\": \"1.0\"}", Some(1)),
            ("{\"version\": \"next\"}", None),
            ("{\"a\": {\"version\": 3}}", None),
        ] {
            assert_eq!(outline(text.as_bytes()).unwrap().format, expected, "{text}");
        }
    }
}
