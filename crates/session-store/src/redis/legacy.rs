//! Messages as an older program left them: one JSON array under the key of the list.

use redis::Connection;
use serde_json::value::RawValue;

use super::{
    RedisStore,
    link::Effect::{Changes, Reads},
    scripts,
};
use crate::{SessionError, SessionId};

impl RedisStore {
    /// Moves a legacy array into a list, if it still is one.
    ///
    /// It is cut into its elements here, because a script would change them: it knows neither
    /// large numbers nor the difference between an empty list and an empty object. The script
    /// then replaces the array only if it still is the one that was read, so that however
    /// many do this at once, and whoever dies, each message is there once.
    pub(super) fn move_legacy(&self, id: &SessionId) -> Result<(), SessionError> {
        let key = self.messages_key(id);
        let kind = redis::Cmd::get(&key);
        let array = match self.link.run(&key, Reads, |to| kind.query(to)) {
            Ok(Some::<Vec<u8>>(array)) => array,
            // Somebody else has moved it, or deleted the session.
            Ok(None) | Err(SessionError::Damaged { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        // The old program wrote `null` for no messages.
        let elements: Result<Option<Vec<&RawValue>>, _> = serde_json::from_slice(&array);
        let elements = elements.map_err(|source| self.damaged(key.clone(), source.into()))?;
        let elements = elements.unwrap_or_default();
        let mut replace = scripts::MOVE.prepare_invoke();
        replace.key(&key).key(format!("{key}:moving")).key(self.session_key(id)).arg(&array);
        for element in &elements {
            replace.arg(element.get());
        }
        let call = |to: &mut Connection| replace.invoke::<String>(to);
        if self.link.run(&key, Changes, call)? == "done" {
            let place = self.link.place();
            tracing::info!(%id, place, messages = elements.len(), "moved a legacy array to a list");
        }
        Ok(())
    }
}
