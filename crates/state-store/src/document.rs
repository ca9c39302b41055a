//! One typed value in one document: load it, change it.

use std::{convert::Infallible, fmt, marker::PhantomData, time::Instant};

use flock_guard::Wait;

use crate::{
    Damage, Key, Loaded, NoFallback, Schema, Store, StoreError, Swap, UpdateError,
    codec::{self, Decoded, Seal, Undecoded},
    recover::Recovered,
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
pub struct Document<T> {
    pub(crate) store: Store,
    pub(crate) key: Key,
    schema: PhantomData<fn() -> T>,
}

/// What a look without a lock has seen.
#[derive(Debug)]
pub struct Seen<T> {
    /// The value that the next change would start from.
    pub value: T,
    /// What is wrong with the document, if the value is that of its backup instead. The next
    /// change puts the backup in its place.
    pub instead_of: Option<Damage>,
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
    pub(crate) fn new(store: Store, key: Key) -> Document<T> {
        Document { store, key, schema: PhantomData }
    }

    /// Names the document for people: a path, a URL.
    #[must_use]
    pub fn place(&self) -> String {
        self.store.backend.place(&self.key)
    }

    /// Returns the value as one whole version, or `None` if there is no document.
    ///
    /// Takes no lock: good for looking, never for deciding what to write. Of a damaged document
    /// whose backup is whole it returns what the next change would start from, as
    /// [`look`](Document::look) does.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Damaged`], [`StoreError::ChangedOutside`]: the contents cannot be
    ///   trusted.
    /// - [`StoreError::NewerFormat`]: they have another shape than this program knows.
    /// - [`StoreError::Io`]: they could not be read.
    pub fn load(&self) -> Result<Option<T>, StoreError> {
        Ok(self.look()?.map(|seen| seen.value))
    }

    /// As [`load`](Document::load), and says whether the value is that of the backup.
    ///
    /// Nothing is written. A warning event tells of a value that is that of the backup.
    ///
    /// # Errors
    ///
    /// As [`load`](Document::load).
    pub fn look(&self) -> Result<Option<Seen<T>>, StoreError> {
        let look = || self.judged(self.store.backend.load(&self.key));
        let damage = match look() {
            Err(StoreError::Damaged { source, .. }) => source,
            whole => return Ok(whole?.map(Found::seen)),
        };
        let instead = self.value_instead(damage);
        // Somebody may have repaired it in between, and changed it since.
        if let Ok(whole) = look() {
            return Ok(whole.map(Found::seen));
        }
        let Recovered { value, damage, backup } = instead?;
        let why = damage.to_string();
        tracing::warn!(place = self.place(), backup, why, "a damaged document: read its backup");
        Ok(Some(Seen { value, instead_of: Some(damage) }))
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
        let (mut attempts, mut fell_back) = (0, false);
        loop {
            let mut turn = self.store.backend.turn(&self.key, self.store.wait)?;
            let found = match self.judged(turn.load()) {
                Err(StoreError::Damaged { source, .. }) if !fell_back => {
                    // Whatever `change` says, the document is repaired first.
                    fell_back = self.fall_back(turn, source)? == Swap::Committed;
                    attempts += u32::from(!fell_back);
                    if !fell_back && !may_go_on(self.store.wait, started) {
                        return Err(self.contended(attempts).into());
                    }
                    continue;
                }
                found => found?,
            };
            let (mut value, version) = match found {
                Some(Found { loaded, decoded }) => (self.writable(decoded)?, Some(loaded.version)),
                None => (T::default(), None),
            };
            let answer = match change(&mut value).map_err(UpdateError::Refused)? {
                Change::Write(answer) => answer,
                Change::Keep(answer) => return Ok(answer),
            };
            let contents = self.encode(&value)?;
            match turn.swap(version.as_ref(), &contents)? {
                Swap::Committed => return Ok(answer),
                Swap::Conflict => attempts += 1,
            }
            if !may_go_on(self.store.wait, started) {
                return Err(self.contended(attempts).into());
            }
        }
    }

    /// What a backend has loaded, decoded and judged.
    pub(crate) fn judged(
        &self,
        loaded: Result<Option<Loaded>, StoreError>,
    ) -> Result<Option<Found<T>>, StoreError> {
        let Some(loaded) = loaded? else { return Ok(None) };
        let place = || self.place();
        let decoded = codec::decode(&loaded.contents).map_err(|why| match why {
            Undecoded::Damaged(source) => {
                StoreError::Damaged { place: place(), source, backup: NoFallback::NotAsked }
            }
            Undecoded::Newer(found) => self.newer(found),
        })?;
        match decoded.seal {
            Seal::Whole | Seal::Absent => Ok(Some(Found { loaded, decoded })),
            Seal::Broken => Err(StoreError::ChangedOutside { place: place() }),
        }
    }

    /// The value, if this program may write it back without losing what it does not know.
    pub(crate) fn writable(&self, decoded: Decoded<T>) -> Result<T, StoreError> {
        match decoded.newer_format {
            Some(found) => Err(self.newer(found)),
            None => Ok(decoded.value),
        }
    }

    pub(crate) fn newer(&self, found: u64) -> StoreError {
        let known = T::FORMAT.unwrap_or(u64::MAX);
        StoreError::NewerFormat { place: self.place(), found, known }
    }

    pub(crate) fn contended(&self, attempts: u32) -> StoreError {
        StoreError::Contended { place: self.place(), attempts }
    }

    pub(crate) fn encode(&self, value: &T) -> Result<Vec<u8>, StoreError> {
        let impossible = |source| StoreError::Impossible { place: self.place(), source };
        value.check().map_err(|why| impossible(Damage::Impossible(why)))?;
        codec::encode(value).map_err(impossible)
    }
}

impl<T> fmt::Debug for Document<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("store", &self.store).field("key", &self.key).finish()
    }
}

impl<T> Clone for Document<T> {
    fn clone(&self) -> Document<T> {
        Document { store: self.store.clone(), key: self.key.clone(), schema: PhantomData }
    }
}

/// A document that was found, and can be trusted.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub(crate) loaded: Loaded,
    pub(crate) decoded: Decoded<T>,
}

impl<T> Found<T> {
    fn seen(self) -> Seen<T> {
        Seen { value: self.decoded.value, instead_of: None }
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
