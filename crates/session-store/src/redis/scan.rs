//! Which sessions there are, without ever asking for all keys at once.

use std::collections::BTreeSet;

use super::{PAGE, RedisStore, link::Effect};
use crate::{SessionError, SessionId};

impl RedisStore {
    /// Hands every session that is there to `each`, with the text it is under its key.
    pub(super) fn scan(
        &self,
        mut each: impl FnMut(SessionId, String) -> Result<(), SessionError>,
    ) -> Result<(), SessionError> {
        let pattern = format!("{}*", escaped(&self.prefix));
        // The server may name a key twice.
        let mut seen = BTreeSet::new();
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(PAGE);
            let page = self.link.run(&pattern, Effect::Reads, |to| scan.query(to))?;
            let (next, keys): (u64, Vec<Vec<u8>>) = page;
            let id_in = |key: &[u8]| -> Option<SessionId> {
                str::from_utf8(key.strip_prefix(self.prefix.as_bytes())?).ok()?.parse().ok()
            };
            let ids = keys.iter().filter_map(|key| id_in(key));
            let new: Vec<SessionId> = ids.filter(|id| seen.insert(id.clone())).collect();
            if !new.is_empty() {
                let mut read = redis::cmd("MGET");
                read.arg(new.iter().map(|id| self.session_key(id)).collect::<Vec<_>>());
                let texts = self.link.run(&pattern, Effect::Reads, |to| read.query(to))?;
                let texts: Vec<Option<Vec<u8>>> = texts;
                for (id, text) in new.into_iter().zip(texts) {
                    if let Some(text) = text {
                        each(id, String::from_utf8_lossy(&text).into_owned())?;
                    }
                }
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }
}

/// The prefix as a pattern that matches itself and nothing else.
fn escaped(prefix: &str) -> String {
    let mut pattern = String::new();
    for character in prefix.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_matches_itself_only() {
        assert_eq!(escaped("session:"), "session:");
        assert_eq!(escaped(r"a*b?[c]\"), r"a\*b\?\[c\]\\");
    }
}
