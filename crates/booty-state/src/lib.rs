//! The release state and the delivery cache of a release governor.
