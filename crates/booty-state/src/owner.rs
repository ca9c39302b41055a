//! Whose release state it is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ReleaseState, Repo};

/// A repository and the environment that it is deployed to.
///
/// What is live in one environment says nothing about another, and the commits of one
/// repository mean nothing in another, so each pair has a release state of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The repository.
    pub repo: Repo,
    /// The environment.
    pub environment: String,
}

impl Owner {
    /// The owner that a state names, if it names one.
    #[must_use]
    pub fn of(state: &ReleaseState) -> Option<Owner> {
        let (repo, environment) = (state.repo.clone()?, state.environment.clone()?);
        Some(Owner { repo, environment })
    }

    /// Makes the state this owner's.
    pub(crate) fn sign(&self, state: &mut ReleaseState) {
        state.repo = Some(self.repo.clone());
        state.environment = Some(self.environment.clone());
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` in `{}`", self.repo, self.environment)
    }
}
