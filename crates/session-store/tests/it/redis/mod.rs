//! What is particular to Redis, against a real server.

mod keys;
mod legacy;
mod lost;
mod outage;
mod proxy;
pub(crate) mod server;
