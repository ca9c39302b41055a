//! The release state in its document: one update per transition.

use state_store::{Change, Document, Key, Store};

use crate::{
    AuditLog, DeployResult, Entry, Moment, NoWitness, Owner, ReleaseState, Sha, StateError,
    witness::replay,
};

pub(crate) const KEY: Key = Key::fixed("release.json");

/// The document `release.json`. Cheap to make; nothing is read until it is asked for.
///
/// Every transition of [`ReleaseState`] is one update: when it returns `Ok`, it survives a
/// power cut, and of any number of processes every one counts.
///
/// # Examples
///
/// ```
/// use booty_state::{DeployResult, Moment, ReleaseStore, Sha};
/// use state_store::Store;
///
/// # let dir = tempfile::tempdir()?;
/// let releases = ReleaseStore::new(&Store::files(dir.path()));
/// let sha: Sha = "9f2c1ab5d0".parse()?;
/// let now: Moment = "2026-11-20T18:53:00Z".parse()?;
///
/// let state = releases.attempt_started(&sha, now)?;
/// assert_eq!(state.unknown(), [&sha]);
/// let state = releases.finished(&sha, DeployResult::Success, now)?;
/// assert!(state.is_live(&sha));
/// assert_eq!(releases.load()?, state);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ReleaseStore {
    document: Document<ReleaseState>,
    owner: Option<Owner>,
    witness: Option<AuditLog>,
}

impl ReleaseStore {
    /// The release state in `store`.
    #[must_use]
    pub fn new(store: &Store) -> ReleaseStore {
        ReleaseStore { document: store.document(KEY), owner: None, witness: None }
    }

    /// Lets nobody but `owner` use it: the state of another repository or environment is an
    /// error, and a state that does not say whose it is becomes the owner's with its first
    /// change.
    #[must_use]
    pub fn owned_by(self, owner: Owner) -> ReleaseStore {
        ReleaseStore { owner: Some(owner), ..self }
    }

    /// Asks `log` what the state lacks once it came back from a backup. Without one, or if it
    /// does not tell, the state is then an error until a person has looked. A state that knows
    /// of no deploy is what the log makes of it, as one that was lost with its backup.
    #[must_use]
    pub fn witnessed_by(self, log: AuditLog) -> ReleaseStore {
        ReleaseStore { witness: Some(log), ..self }
    }

    /// Names the document for people.
    #[must_use]
    pub fn place(&self) -> String {
        self.document.place()
    }

    /// Returns the state as one whole version, for looking. A missing document is a state in
    /// which nothing was ever deployed.
    ///
    /// # Errors
    ///
    /// - [`StateError::Store`]: the document cannot be read or trusted.
    /// - [`StateError::Foreign`]: it is somebody else's.
    /// - [`StateError::OneChangeOld`]: it lacks a transition, and nothing tells which.
    /// - [`StateError::Lost`]: it is missing, and the audit log knows of deploys and is damaged.
    pub fn load(&self) -> Result<ReleaseState, StateError> {
        let mut state = self.document.load()?.unwrap_or_default();
        self.check_owner(&state)?;
        self.catch_up(&mut state, None)?;
        Ok(state)
    }

    /// [`ReleaseState::attempt_started`], and the state after it.
    ///
    /// # Errors
    ///
    /// - [`StateError::Store`]; nothing was changed, except perhaps if the store says *unknown*.
    /// - [`StateError::Foreign`]: it is somebody else's, and was not changed.
    /// - [`StateError::OneChangeOld`]: it lacks a transition, nothing tells which, and it was not
    ///   changed.
    pub fn attempt_started(&self, sha: &Sha, now: Moment) -> Result<ReleaseState, StateError> {
        self.update(Some(sha), |state| {
            state.attempt_started(sha, now);
            true
        })
    }

    /// [`ReleaseState::finished`], and the state after it.
    ///
    /// # Errors
    ///
    /// As [`attempt_started`](ReleaseStore::attempt_started).
    pub fn finished(
        &self,
        sha: &Sha,
        result: DeployResult,
        now: Moment,
    ) -> Result<ReleaseState, StateError> {
        self.update(Some(sha), |state| {
            state.finished(sha, result.clone(), now);
            true
        })
    }

    /// As [`finished`](ReleaseStore::finished), unless `is_wanted` says no of the state as it is
    /// at that moment: then nothing is written, and that is `None`.
    ///
    /// # Errors
    ///
    /// As [`attempt_started`](ReleaseStore::attempt_started), and what `is_wanted` returns.
    pub fn finished_if(
        &self,
        sha: &Sha,
        result: DeployResult,
        now: Moment,
        is_wanted: impl Fn(&ReleaseState) -> Result<bool, StateError>,
    ) -> Result<Option<ReleaseState>, StateError> {
        let mut wanted = true;
        let state = self.try_update(Some(sha), |state| {
            wanted = is_wanted(state)?;
            if wanted {
                state.finished(sha, result.clone(), now);
            }
            Ok(wanted)
        })?;
        Ok(wanted.then_some(state))
    }

    /// [`ReleaseState::health_checked`], and the state after it.
    ///
    /// # Errors
    ///
    /// As [`attempt_started`](ReleaseStore::attempt_started).
    pub fn health_checked(&self, now: Moment) -> Result<ReleaseState, StateError> {
        self.update(None, |state| {
            state.health_checked(now);
            true
        })
    }

    /// [`ReleaseState::health_found`], and the state after it.
    ///
    /// # Errors
    ///
    /// As [`attempt_started`](ReleaseStore::attempt_started).
    pub fn health_found(&self, healthy: bool, now: Moment) -> Result<ReleaseState, StateError> {
        self.update(None, |state| {
            state.health_found(healthy, now);
            true
        })
    }

    /// [`ReleaseState::take_back`], and the state after it.
    ///
    /// # Errors
    ///
    /// As [`attempt_started`](ReleaseStore::attempt_started).
    pub fn take_back(
        &self,
        sha: &Sha,
        reason: Option<&str>,
        now: Moment,
    ) -> Result<ReleaseState, StateError> {
        self.update(Some(sha), |state| {
            state.take_back(sha, reason, now);
            true
        })
    }

    /// [`ReleaseState::abandon`], and the state after it. Writes nothing if there was nothing
    /// to take back.
    ///
    /// # Errors
    ///
    /// As [`attempt_started`](ReleaseStore::attempt_started).
    pub fn abandon(&self, sha: &Sha) -> Result<ReleaseState, StateError> {
        self.update(Some(sha), |state| state.abandon(sha))
    }

    /// Makes the change of which a line of the audit log tells that was [cut off](crate::CutOff::Change)
    /// before it, as of the time of that line. Returns the state after it.
    ///
    /// # Errors
    ///
    /// As [`attempt_started`](ReleaseStore::attempt_started).
    pub fn redo(&self, line: &Entry) -> Result<ReleaseState, StateError> {
        self.update(line.sha.as_ref(), |state| {
            replay(state, line);
            true
        })
    }

    /// One update; `transition` says whether it changed anything. Its line about `sha` is in the
    /// log already, and is not to count twice.
    fn update(
        &self,
        sha: Option<&Sha>,
        mut transition: impl FnMut(&mut ReleaseState) -> bool,
    ) -> Result<ReleaseState, StateError> {
        self.try_update(sha, |state| Ok(transition(state)))
    }

    /// As [`update`](ReleaseStore::update), with a transition that may fail.
    fn try_update(
        &self,
        sha: Option<&Sha>,
        mut transition: impl FnMut(&mut ReleaseState) -> Result<bool, StateError>,
    ) -> Result<ReleaseState, StateError> {
        let updated = self.document.try_update(|state| {
            self.check_owner(state)?;
            let was_behind = self.catch_up(state, sha)?;
            if !transition(state)? && !was_behind {
                return Ok(Change::Keep(state.clone()));
            }
            if let Some(owner) = &self.owner {
                owner.sign(state);
            }
            Ok(Change::Write(state.clone()))
        });
        Ok(updated?)
    }

    /// Makes the transition that a state which came back from a backup lacks, and all of them in
    /// one that knows of no deploy, but for that of `sha` which is being made. Returns whether it
    /// may lack a transition.
    fn catch_up(&self, state: &mut ReleaseState, sha: Option<&Sha>) -> Result<bool, StateError> {
        if !state.restored_from_backup {
            if let Some(log) = self.witness.as_ref().filter(|_| state.knows_of_none()) {
                let repo = self.owner.as_ref().map(|owner| &owner.repo);
                let remembered = log.remember(state, repo, sha);
                remembered.map_err(|source| StateError::Lost { place: self.place(), source })?;
            }
            return Ok(false);
        }
        let caught_up = match &self.witness {
            Some(log) => log.catch_up(state),
            None => Err(NoWitness::NotAsked),
        };
        let place = || self.place();
        caught_up.map_err(|source| StateError::OneChangeOld { place: place(), source })?;
        Ok(true)
    }

    fn check_owner(&self, state: &ReleaseState) -> Result<(), StateError> {
        match (&self.owner, Owner::of(state)) {
            (Some(wanted), Some(found)) if found != *wanted => {
                let (place, wanted) = (self.place(), wanted.clone());
                Err(StateError::Foreign { place, found, wanted })
            }
            _ => Ok(()),
        }
    }
}
