//! The deliveries in their document: claimed by one, durable before the answer.

use state_store::{Change, Document, Key, Store};

use crate::{
    AuditLog, Claim, Deliveries, Delivery, DeliveryId, DeliveryKey, Keep, NoWitness, Repo,
    StateError,
};

pub(crate) const KEY: Key = Key::fixed("delivery_ids.json");

/// The document `delivery_ids.json`. Cheap to make; nothing is read until it is asked for.
///
/// Of any number of processes that claim one delivery at once, exactly one is told
/// [`Claim::New`], and that answer survives a power cut. A document that cannot be read or
/// trusted is an error, never "not handled".
///
/// A document that came back from its backup lacks the last change, perhaps a claim. It answers
/// nothing until the audit log has told which ([`witnessed_by`](DeliveryCache::witnessed_by)) or
/// a person has accepted it.
///
/// # Limits
///
/// The log can tell of what was written down there, and not of deliveries that another program
/// claims without it.
///
/// The cache is bounded: a delivery that has left it looks new. [`Keep`] says how many stay, and
/// what else is handled once never pushes out a commit.
///
/// # Examples
///
/// ```
/// use booty_state::{Claim, DeliveryCache, DeliveryId, DeliveryKey, Keep};
/// use state_store::Store;
///
/// # let dir = tempfile::tempdir()?;
/// let deliveries = DeliveryCache::new(&Store::files(dir.path()), Keep::default());
/// let key: DeliveryKey = "acme/site:9f2c1ab5d0".parse()?;
/// let (first, second): (DeliveryId, DeliveryId) = ("event-1".parse()?, "event-2".parse()?);
///
/// assert_eq!(deliveries.claim(&key, &first)?, Claim::New);
/// let by = "event-1".to_owned();
/// assert_eq!(deliveries.claim(&key, &second)?, Claim::Already { by });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct DeliveryCache {
    document: Document<Deliveries>,
    keep: Keep,
    witness: Option<AuditLog>,
}

impl DeliveryCache {
    /// The deliveries in `store`, of which `keep` stay when one is added.
    #[must_use]
    pub fn new(store: &Store, keep: Keep) -> DeliveryCache {
        DeliveryCache { document: store.document(KEY), keep, witness: None }
    }

    /// Asks `log` what the deliveries lack once they came back from a backup. Without one, or if
    /// it does not tell, every question is then an error until a person has looked.
    #[must_use]
    pub fn witnessed_by(self, log: AuditLog) -> DeliveryCache {
        DeliveryCache { witness: Some(log), ..self }
    }

    /// Names the document for people.
    #[must_use]
    pub fn place(&self) -> String {
        self.document.place()
    }

    /// Returns what handled the delivery, if it was handled. Takes no lock: good for looking;
    /// who is about to deliver claims.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`], [`StateError::OneChangeOld`]: nobody knows whether it was handled.
    pub fn find(&self, key: &DeliveryKey) -> Result<Option<String>, StateError> {
        Ok(self.load()?.find(key).map(str::to_owned))
    }

    /// Claims the delivery for `id`: checks and records in one step. A delivery that is
    /// handled already is left as it is, and nothing is written.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`], [`StateError::OneChangeOld`]: the delivery is not the caller's. It
    /// may be recorded as theirs if the store says *unknown*.
    pub fn claim(&self, key: &DeliveryKey, id: &DeliveryId) -> Result<Claim, StateError> {
        self.update(|deliveries| {
            let claim = deliveries.claim(key, id);
            if claim != Claim::New {
                return Change::Keep(claim);
            }
            deliveries.prune_beside(key, self.keep);
            Change::Write(claim)
        })
    }

    /// Records that `id` handled the delivery, whatever was there before.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: it is not recorded, except perhaps if the store says *unknown*.
    pub fn record(&self, key: &DeliveryKey, id: &DeliveryId) -> Result<(), StateError> {
        self.update(|deliveries| {
            deliveries.record(key, id);
            deliveries.prune_beside(key, self.keep);
            Change::Write(())
        })
    }

    /// Gives the claim of `id` on the delivery back: it provably was not handled. Returns
    /// whether there was that claim; a claim of anybody else stays.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: the claim stands, except perhaps if the store says *unknown*.
    pub fn give_back(&self, key: &DeliveryKey, id: &DeliveryId) -> Result<bool, StateError> {
        self.update(|deliveries| {
            if deliveries.give_back(key, id) { Change::Write(true) } else { Change::Keep(false) }
        })
    }

    /// Returns the deliveries, of one repository or all of them, in order of arrival.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: they cannot be read or trusted.
    pub fn list(&self, repo: Option<&Repo>) -> Result<Vec<Delivery>, StateError> {
        Ok(self.load()?.list(repo).collect())
    }

    /// Forgets the oldest deliveries of every repository that has more than `keep` allows.
    /// Returns how many.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: none was forgotten, except perhaps if the store says *unknown*.
    pub fn prune(&self, keep: Keep) -> Result<usize, StateError> {
        self.update(|deliveries| match deliveries.prune(keep) {
            0 => Change::Keep(0),
            count => Change::Write(count),
        })
    }

    /// No document means that nothing was handled yet; one that cannot be trusted does not.
    fn load(&self) -> Result<Deliveries, StateError> {
        let mut deliveries = self.document.load()?.unwrap_or_default();
        self.complete(&mut deliveries)?;
        Ok(deliveries)
    }

    fn update<R>(
        &self,
        mut change: impl FnMut(&mut Deliveries) -> Change<R>,
    ) -> Result<R, StateError> {
        let updated = self.document.try_update(|deliveries| {
            let was_completed = self.complete(deliveries)?;
            Ok(match change(deliveries) {
                Change::Keep(answer) if was_completed => Change::Write(answer),
                change => change,
            })
        });
        Ok(updated?)
    }

    /// Adds what deliveries that came back from a backup lack. Returns whether they did.
    fn complete(&self, deliveries: &mut Deliveries) -> Result<bool, StateError> {
        if !deliveries.may_lack_one() {
            return Ok(false);
        }
        let completed = match &self.witness {
            Some(log) => log.complete(deliveries, self.keep),
            None => Err(NoWitness::NotAsked),
        };
        let place = || self.place();
        completed.map_err(|source| StateError::OneChangeOld { place: place(), source })?;
        Ok(true)
    }
}
