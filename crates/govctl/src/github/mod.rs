//! GitHub: what a run tells the workflow around it, and the files that a repository needs.
//!
//! What only thinks is apart from what touches a file or a network, and has no `Context`:
//!
//! | thinks | acts |
//! |---|---|
//! | [`escape`]: text from outside, made harmless for each place it goes to | [`surroundings`]: the files and the log of a workflow step |
//! | [`announcement`]: what a step says about a decision | |
//! | [`templates`]: the files of `govctl init` | |

pub(crate) mod announcement;
pub(crate) mod escape;
pub(crate) mod surroundings;
pub(crate) mod templates;
