//! The scripts that run inside the server, each as one step that nothing interrupts.

use std::sync::LazyLock;

use redis::Script;

macro_rules! script {
    ($file:literal) => {
        LazyLock::new(|| Script::new(concat!(include_str!("alive.lua"), "\n", include_str!($file))))
    };
}

pub(super) static APPEND: LazyLock<Script> = script!("append.lua");
pub(super) static DELETE: LazyLock<Script> = script!("delete.lua");
pub(super) static MOVE: LazyLock<Script> = script!("move.lua");
pub(super) static PAGE: LazyLock<Script> = script!("page.lua");
pub(super) static SWEEP: LazyLock<Script> = script!("sweep.lua");
