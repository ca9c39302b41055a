//! The contract, call by call.

use std::{ops::ControlFlow, time::SystemTime};

use redis::Connection;

use super::{
    PAGE, RedisStore,
    link::{Effect, MARK_LIVES},
    scripts,
};
use crate::{
    Agents, Listing, Message, Metadata, Session, SessionError, SessionId, SessionStore, Skipped,
    error::Cause, moment, session::random_hex,
};

impl SessionStore for RedisStore {
    fn create(
        &self,
        agent_name: &str,
        metadata: Metadata,
        now: SystemTime,
    ) -> Result<Session, SessionError> {
        let session = Session::new(agent_name, metadata, now)?;
        let text = serde_json::to_string(&session).expect("all its keys are text");
        let key = self.session_key(&session.id);
        let mut set = redis::cmd("SET");
        set.arg(&key).arg(text);
        if self.time_to_live() > 0 {
            set.arg("PX").arg(self.time_to_live());
        }
        self.link.run(&key, Effect::Changes, |to| set.exec(to))?;
        Ok(session)
    }

    fn get(&self, id: &SessionId, now: SystemTime) -> Result<Option<Session>, SessionError> {
        let key = self.session_key(id);
        let get = redis::Cmd::get(&key);
        let text: Option<Vec<u8>> = self.link.run(&key, Effect::Reads, |to| get.query(to))?;
        let Some(text) = text else { return Ok(None) };
        let session = self
            .parse(id, &String::from_utf8_lossy(&text))
            .map_err(|source| self.damaged(key, source))?;
        Ok(Some(session).filter(|session| !self.expiry.has_ended(session.last_active, now)))
    }

    /// If the connection breaks and the session is gone when this is sent again, the answer
    /// is `false`, although this call may have deleted it.
    fn delete(&self, id: &SessionId, now: SystemTime) -> Result<bool, SessionError> {
        let mut delete = scripts::DELETE.prepare_invoke();
        delete.key(self.session_key(id)).key(self.messages_key(id)).arg(self.deadline(now));
        let call = |to: &mut Connection| delete.invoke::<String>(to);
        match self.answer(id, Effect::Changes, call, String::as_str) {
            Ok(deleted) => Ok(deleted.is_some()),
            Err(SessionError::Damaged { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn list(&self, agents: Agents<'_>, now: SystemTime) -> Result<Listing, SessionError> {
        let mut listing = Listing::default();
        self.scan(|id, text| {
            match self.parse(&id, &text) {
                Ok(session) => {
                    let is_alive = !self.expiry.has_ended(session.last_active, now);
                    listing
                        .sessions
                        .extend((is_alive && agents.include(&session)).then_some(session));
                }
                Err(why) => {
                    self.skip(&id, &why);
                    listing.skipped += 1;
                }
            }
            Ok(())
        })?;
        Ok(listing.sorted())
    }

    fn append(
        &self,
        id: &SessionId,
        messages: &[Message],
        now: SystemTime,
    ) -> Result<bool, SessionError> {
        let mark = format!("{}:append:{}", self.session_key(id), random_hex()?);
        let mark_lives = u64::try_from(MARK_LIVES.as_millis()).expect("it is minutes");
        let mut append = scripts::APPEND.prepare_invoke();
        append.key(self.session_key(id)).key(self.messages_key(id)).key(mark);
        append.arg(moment::text(now)).arg(self.deadline(now));
        append.arg(self.time_to_live()).arg(mark_lives);
        for message in messages {
            append.arg(message.as_str());
        }
        let call = |to: &mut Connection| append.invoke::<String>(to);
        Ok(self.answer(id, Effect::Changes, call, String::as_str)?.is_some())
    }

    fn read(
        &self,
        id: &SessionId,
        now: SystemTime,
        each: &mut dyn FnMut(Message) -> ControlFlow<()>,
    ) -> Result<Option<Skipped>, SessionError> {
        let (mut from, mut skipped) = (0, 0);
        loop {
            let mut page = scripts::PAGE.prepare_invoke();
            page.key(self.session_key(id)).key(self.messages_key(id));
            page.arg(self.deadline(now)).arg(from).arg(from + PAGE - 1);
            let call = |to: &mut Connection| page.invoke::<(String, Vec<Vec<u8>>)>(to);
            let answer = self.answer(id, Effect::Reads, call, |(status, _)| status)?;
            let Some((_, texts)) = answer else { return Ok(None) };
            for text in &texts {
                let message = str::from_utf8(text).map_err(Cause::from);
                match message.and_then(|text| text.parse().map_err(Cause::from)) {
                    Ok(message) => {
                        if each(message).is_break() {
                            return Ok(Some(skipped));
                        }
                    }
                    Err(why) => {
                        self.skip(id, &why);
                        skipped += 1;
                    }
                }
            }
            if texts.len() < PAGE {
                return Ok(Some(skipped));
            }
            from += PAGE;
        }
    }

    /// The server removes by itself what has ended by its own clock. This removes what has
    /// ended by the caller's.
    fn sweep(&self, now: SystemTime) -> Result<u64, SessionError> {
        let mut swept = 0;
        self.scan(|id, text| {
            let session = self.parse(&id, &text);
            if !session.is_ok_and(|session| self.expiry.has_ended(session.last_active, now)) {
                return Ok(());
            }
            let key = self.session_key(&id);
            let mut sweep = scripts::SWEEP.prepare_invoke();
            sweep.key(&key).key(self.messages_key(&id)).arg(text);
            let call = |to: &mut Connection| sweep.invoke::<String>(to);
            let answer = self.link.run(&key, Effect::Changes, call)?;
            swept += u64::from(answer == "done");
            Ok(())
        })?;
        Ok(swept)
    }
}
