//! The approvals in their document: one update per transition.

use state_store::{Change, Document, Key, Store};

use crate::{
    Approval, Approvals, AuditLog, NewEntry, Owner, Sha, StateError, Withdrawn,
    line_first::{FASTER, LineFirst},
};

pub(crate) const KEY: Key = Key::fixed("approvals.json");

/// The document `approvals.json`. Cheap to make; nothing is read until it is asked for.
///
/// When a change returns `Ok` it survives a power cut. A document that cannot be read or
/// trusted is an error, never an approval, and never "there is none" either.
///
/// # Examples
///
/// ```
/// use booty_state::{Approval, ApprovalStore, Moment, Owner, Sha};
/// use state_store::Store;
/// use std::time::Duration;
///
/// # let dir = tempfile::tempdir()?;
/// let approvals = ApprovalStore::new(&Store::files(dir.path()));
/// let owner = Owner { repo: "acme/site".parse()?, environment: "production".into() };
/// let sha: Sha = "9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f".parse()?;
/// let now: Moment = "2026-11-20T18:53:00Z".parse()?;
///
/// approvals.give(&Approval {
///     owner: owner.clone(),
///     sha: sha.clone(),
///     by: "ana@build-3".into(),
///     reason: Some("looked at the migration".into()),
///     given_at: now,
///     expires_at: now.later_by(Duration::from_secs(7200)),
///     revoked: None,
///     unknown: Default::default(),
/// })?;
/// assert_eq!(approvals.load()?.in_force(&owner, &sha, now).count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ApprovalStore {
    document: Document<Approvals>,
}

impl ApprovalStore {
    /// The approvals in `store`.
    #[must_use]
    pub fn new(store: &Store) -> ApprovalStore {
        ApprovalStore { document: store.document(KEY) }
    }

    /// Names the document for people.
    #[must_use]
    pub fn place(&self) -> String {
        self.document.place()
    }

    /// Returns the approvals as one whole version, for looking.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: nobody knows what was approved.
    pub fn load(&self) -> Result<Approvals, StateError> {
        Ok(self.document.load()?.unwrap_or_default())
    }

    /// [`Approvals::give`].
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: it was not given, except perhaps if the store says *unknown*.
    pub fn give(&self, approval: &Approval) -> Result<(), StateError> {
        Ok(self.document.update(|approvals| {
            approvals.give(approval.clone());
            Change::Write(())
        })?)
    }

    /// [`Approvals::revoke`]. Writes nothing if there was nothing to take back.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: nothing was taken back, except perhaps if the store says
    /// *unknown*.
    pub fn revoke(
        &self,
        owner: &Owner,
        sha: &Sha,
        withdrawn: &Withdrawn,
    ) -> Result<Vec<Approval>, StateError> {
        Ok(self.document.update(|approvals| match approvals.revoke(owner, sha, withdrawn) {
            revoked if revoked.is_empty() => Change::Keep(revoked),
            revoked => Change::Write(revoked),
        })?)
    }

    /// As [`revoke`](ApprovalStore::revoke), after its `line` in `log`, which is about what was
    /// taken back. Of those who take it back at once, one has, and the others leave no line.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::change`].
    pub fn revoke_after(
        &self,
        log: &AuditLog,
        owner: &Owner,
        sha: &Sha,
        withdrawn: &Withdrawn,
        line: impl Fn(&[Approval]) -> NewEntry,
    ) -> Result<Vec<Approval>, StateError> {
        let mut first = LineFirst::of(log);
        let made = self.document.try_update(|approvals| {
            let revoked = approvals.revoke(owner, sha, withdrawn);
            if revoked.is_empty() {
                first.take_back(FASTER);
                return Ok(Change::Keep(revoked));
            }
            first.write(line(&revoked))?;
            Ok(Change::Write(revoked))
        });
        first.stands_if(made.map_err(StateError::from))
    }
}
