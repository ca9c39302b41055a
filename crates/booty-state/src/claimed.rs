//! Who handled a delivery, as the audit log says, which no bound makes it forget.

use crate::{AuditLog, DeliveryKey, Entry, StateError, audit_store::is_not_text};

impl AuditLog {
    /// Returns the delivery that claimed `key`, or was recorded for it, and did not give it back,
    /// as far as the log goes back. Deploys are not among them: see
    /// [`last_deploy_of`](AuditLog::last_deploy_of).
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: the log could not be read, so nobody knows.
    ///
    /// # Examples
    ///
    /// ```
    /// use booty_state::{AuditLog, DeliveryKey, Moment, NewEntry};
    /// use serde_json::json;
    ///
    /// # let dir = tempfile::tempdir()?;
    /// let log = AuditLog::at(dir.path().join("audit.jsonl"));
    /// let key: DeliveryKey = "acme/site:9f2c1ab5d0".parse()?;
    /// let now: Moment = "2026-11-20T18:53:00Z".parse()?;
    /// let claim = json!({ "key": key.to_string(), "delivery_id": "event-1" });
    /// let entry = |what| NewEntry::new(now, "ana@build-3", what).changing((), claim.clone());
    /// log.append(&entry("delivery_claimed"))?;
    /// assert_eq!(log.claimed_by(&key)?.as_deref(), Some("event-1"));
    /// log.append(&entry("delivery_given_back"))?;
    /// assert_eq!(log.claimed_by(&key)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn claimed_by(&self, key: &DeliveryKey) -> Result<Option<String>, StateError> {
        let mut by: Option<String> = None;
        for line in self.lines()? {
            let line = match line {
                Ok(line) => line,
                Err(error) if is_not_text(&error) => continue,
                Err(error) => return Err(error.into()),
            };
            // Reading a line costs a hundred times what passing over it does.
            if !line.contains(key.subject().as_str()) || !line.contains("\"delivery_") {
                continue;
            }
            let Ok(entry) = serde_json::from_str::<Entry>(&line) else { continue };
            let text = |name| entry.after.as_ref().and_then(|after| after.get(name)?.as_str());
            let about = text("key").and_then(|text| text.parse::<DeliveryKey>().ok());
            let (true, Some(id)) = (about.as_ref() == Some(key), text("delivery_id")) else {
                continue;
            };
            match entry.what.as_str() {
                "delivery_claimed" | "delivery_recorded" => by = Some(id.to_owned()),
                "delivery_given_back" if by.as_deref() == Some(id) => by = None,
                _ => {}
            }
        }
        Ok(by)
    }
}
