//! GitHub: what a run tells the workflow around it.
//!
//! What only thinks is apart from what touches a file or a network, and has no `Context`:
//!
//! | thinks | acts |
//! |---|---|
//! | [`escape`]: text from outside, made harmless for each place it goes to | [`surroundings`]: the files and the log of a workflow step |
//! | [`announcement`]: what a step says about a decision | |

pub(crate) mod announcement;
pub(crate) mod escape;
pub(crate) mod surroundings;
