//! The server for webhooks: HTTP, a spool of deliveries, and a process for each.
//!
//! | file | knows |
//! |---|---|
//! | [`server`] | connections: how many at a time, when to stop |
//! | [`connection`] | one request of a client that may be slow or hostile |
//! | [`answer`] | what is said, and how it goes out |
//! | [`routes`] | which request means what, and who may ask for it |
//! | [`spool`] | deliveries on disk, until they are handled |
//! | [`sealed`] | the bytes of one of them |
//! | [`kept`] | the same deliveries, as a person asks about them |
//! | [`queue`] | which deliveries wait, and who waits for their end |
//! | [`handling`] | one `govctl event` for each delivery |
//! | [`metrics`] | counters, as Prometheus reads them |

pub(crate) mod answer;
pub(crate) mod connection;
pub(crate) mod handling;
pub(crate) mod kept;
pub(crate) mod metrics;
pub(crate) mod queue;
pub(crate) mod routes;
pub(crate) mod sealed;
pub(crate) mod server;
pub(crate) mod spool;
