//! GitHub: what a run tells the workflow around it, what a repository needs, and the few
//! endpoints of the REST API that are asked.
//!
//! What only thinks is apart from what touches a file or a network:
//!
//! | thinks | acts |
//! |---|---|
//! | [`escape`]: text from outside, made harmless for each place it goes to | [`surroundings`]: the files of a workflow step |
//! | [`announcement`]: what a step says about a decision | |
//! | [`templates`]: the files of `govctl init` | |
//! | [`headers`]: the next page, the wait that a limit asks for | [`client`]: one request after the other, only reads are repeated |
//! | [`failure`]: why there is no answer, and whether it may have happened | [`hub`]: the endpoints |
//! | [`compare`]: the changed paths of a comparison | [`people`]: approvals by who may write |
//! | [`run`]: which run a dispatch made, how it ended | [`issues`]: the issue about a failed deploy |
//! | [`wording`]: statuses and issues as people read them | |
//! | | [`asked`]: what a decision learns from all of this |
//! | [`event`]: what an event means | [`told`]: what GitHub is told about a commit |
//! | [`secret`]: a text that is never shown, [`signature`]: what GitHub has signed | |

pub(crate) mod announcement;
pub(crate) mod asked;
pub(crate) mod client;
pub(crate) mod compare;
pub(crate) mod escape;
pub(crate) mod event;
pub(crate) mod failure;
pub(crate) mod headers;
pub(crate) mod hub;
pub(crate) mod issues;
pub(crate) mod people;
pub(crate) mod run;
pub(crate) mod secret;
pub(crate) mod signature;
pub(crate) mod surroundings;
pub(crate) mod templates;
pub(crate) mod told;
pub(crate) mod wording;
