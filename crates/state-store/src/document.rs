//! One typed value in one document: load it, change it.

use std::{convert::Infallible, marker::PhantomData, sync::Arc, time::Instant};

use flock_guard::Wait;

use crate::{
    Backend, Damage, Key, Loaded, Schema, StoreError, Swap, UpdateError,
    codec::{self, Decoded, Seal},
};

/// A document that holds one `T`.
///
/// Cheap to make and to clone; nothing is read or locked until it is asked for.
///
/// # Examples
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use state_store::{Change, Key, Schema, Store};
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct Visits {
///     count: u64,
/// }
/// impl Schema for Visits {}
///
/// # let dir = tempfile::tempdir()?;
/// let visits = Store::files(dir.path()).document::<Visits>(Key::fixed("visits.json"));
/// let count = visits.update(|visits| {
///     visits.count += 1;
///     Change::Write(visits.count)
/// })?;
/// assert_eq!(count, 1);
/// assert_eq!(visits.load()?.expect("it was just written").count, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Document<T> {
    backend: Arc<dyn Backend>,
    key: Key,
    wait: Wait,
    schema: PhantomData<fn() -> T>,
}

/// What a change has decided, with the caller's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<R> {
    /// Write the value.
    Write(R),
    /// Leave the document as it is; whatever was done to the value is forgotten.
    Keep(R),
}

impl<T: Schema> Document<T> {
    pub(crate) fn new(backend: Arc<dyn Backend>, key: Key, wait: Wait) -> Document<T> {
        Document { backend, key, wait, schema: PhantomData }
    }

    /// Names the document for people: a path, a URL.
    #[must_use]
    pub fn place(&self) -> String {
        self.backend.place(&self.key)
    }

    /// Returns the value as one whole version, or `None` if there is no document.
    ///
    /// Takes no lock: good for looking, never for deciding what to write.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Damaged`], [`StoreError::ChangedOutside`]: the contents cannot be
    ///   trusted.
    /// - [`StoreError::Io`]: they could not be read.
    pub fn load(&self) -> Result<Option<T>, StoreError> {
        let Some(loaded) = self.backend.load(&self.key)? else { return Ok(None) };
        Ok(Some(self.decode(&loaded)?.value))
    }

    /// Changes the document: waits for its turn, loads, lets `change` change the value,
    /// checks it, and replaces the document.
    ///
    /// This is the only way to change a document, so nothing that was read before the turn
    /// is ever written. When it returns `Ok` after [`Change::Write`], the new contents
    /// survive a power cut. On a backend without a lock `change` may run more than once,
    /// each time on newer contents; only what its last run did is written.
    ///
    /// # Errors
    ///
    /// Only [`StoreError::Unknown`] leaves open whether the change was made; after every other
    /// error the document is as it was. A document that cannot be trusted is never
    /// overwritten.
    pub fn update<R>(&self, mut change: impl FnMut(&mut T) -> Change<R>) -> Result<R, StoreError> {
        match self.try_update(|value| Ok::<_, Infallible>(change(value))) {
            Ok(answer) => Ok(answer),
            Err(UpdateError::Store(error)) => Err(error),
            Err(UpdateError::Refused(never)) => match never {},
        }
    }

    /// As [`update`](Document::update), for a change that may refuse.
    ///
    /// # Errors
    ///
    /// [`UpdateError::Refused`] is the caller's own error: nothing was changed. Else as
    /// [`update`](Document::update).
    pub fn try_update<R, E>(
        &self,
        mut change: impl FnMut(&mut T) -> Result<Change<R>, E>,
    ) -> Result<R, UpdateError<E>> {
        let started = Instant::now();
        let mut attempts = 0;
        loop {
            let mut turn = self.backend.turn(&self.key, self.wait)?;
            let loaded = turn.load()?;
            let mut value = match &loaded {
                Some(loaded) => self.writable(self.decode(loaded)?)?,
                None => T::default(),
            };
            let answer = match change(&mut value).map_err(UpdateError::Refused)? {
                Change::Write(answer) => answer,
                Change::Keep(answer) => return Ok(answer),
            };
            let contents = self.encode(&value)?;
            let expected = loaded.as_ref().map(|loaded| &loaded.version);
            match turn.swap(expected, &contents)? {
                Swap::Committed => return Ok(answer),
                Swap::Conflict => attempts += 1,
            }
            if !may_go_on(self.wait, started) {
                return Err(StoreError::Contended { place: self.place(), attempts }.into());
            }
        }
    }

    /// As [`update`](Document::update), but a document that cannot be trusted does not stand in
    /// the way: it is set aside as `NAME.damaged-DIGITS`, and the change starts from the default
    /// value.
    ///
    /// For state that is cheaper to lose than to stop for. A warning event names both places.
    ///
    /// # Errors
    ///
    /// As [`update`](Document::update); also if the document could not be set aside, and then
    /// it is as it was.
    pub fn update_or_start_over<R>(
        &self,
        mut change: impl FnMut(&mut T) -> Change<R>,
    ) -> Result<R, StoreError> {
        match self.update(&mut change) {
            Err(distrusted @ (StoreError::Damaged { .. } | StoreError::ChangedOutside { .. })) => {
                self.start_over(distrusted)?;
                self.update(change)
            }
            done => done,
        }
    }

    /// Puts the default value in the place of a document that cannot be trusted, once a copy of
    /// its bytes is on disk under another name.
    fn start_over(&self, distrusted: StoreError) -> Result<(), StoreError> {
        let mut turn = self.backend.turn(&self.key, self.wait)?;
        let loaded = match turn.load() {
            // Its backup stays beside it until the next change.
            Err(StoreError::Damaged { source: Damage::Missing { .. }, .. }) => None,
            loaded => loaded?,
        };
        let aside = match &loaded {
            // Somebody else was faster.
            Some(loaded) if self.decode(loaded).is_ok() => return Ok(()),
            Some(loaded) => Some(self.copy_aside(loaded, distrusted)?),
            None => None,
        };
        let place = self.place();
        let contents = self.encode(&T::default())?;
        match turn.swap(loaded.as_ref().map(|loaded| &loaded.version), &contents)? {
            Swap::Committed => {
                tracing::warn!(place, aside, "starting over: the document cannot be trusted");
                Ok(())
            }
            Swap::Conflict => Err(StoreError::Contended { place, attempts: 1 }),
        }
    }

    fn copy_aside(&self, loaded: &Loaded, distrusted: StoreError) -> Result<String, StoreError> {
        // Named after its contents, so that the same damage is kept once and none is overwritten.
        let digits = codec::digest(&loaded.contents);
        let Ok(key) = Key::new(format!("{}.damaged-{}", self.key.as_str(), &digits[..8])) else {
            return Err(distrusted);
        };
        let turn = self.backend.turn(&key, self.wait)?;
        match turn.swap(None, &loaded.contents)? {
            Swap::Committed | Swap::Conflict => Ok(self.backend.place(&key)),
        }
    }

    fn decode(&self, loaded: &Loaded) -> Result<Decoded<T>, StoreError> {
        let decoded = codec::decode(&loaded.contents)
            .map_err(|source| StoreError::Damaged { place: self.place(), source })?;
        match decoded.seal {
            Seal::Whole | Seal::Absent => Ok(decoded),
            Seal::Broken => Err(StoreError::ChangedOutside { place: self.place() }),
        }
    }

    /// The value, if this program may write it back without losing what it does not know.
    fn writable(&self, decoded: Decoded<T>) -> Result<T, StoreError> {
        match (decoded.newer_format, T::FORMAT) {
            (Some(found), Some(known)) => {
                Err(StoreError::NewerFormat { place: self.place(), found, known })
            }
            _ => Ok(decoded.value),
        }
    }

    fn encode(&self, value: &T) -> Result<Vec<u8>, StoreError> {
        let impossible = |source| StoreError::Impossible { place: self.place(), source };
        value.check().map_err(|why| impossible(Damage::Impossible(why)))?;
        codec::encode(value).map_err(impossible)
    }
}

impl<T> Clone for Document<T> {
    fn clone(&self) -> Document<T> {
        Document {
            backend: Arc::clone(&self.backend),
            key: self.key.clone(),
            wait: self.wait,
            schema: PhantomData,
        }
    }
}

/// After a conflict: the wait is a limit on the whole update, not on one turn.
fn may_go_on(wait: Wait, started: Instant) -> bool {
    match wait {
        Wait::Never => false,
        Wait::UpTo(limit) => started.elapsed() < limit,
        Wait::Forever => true,
    }
}
