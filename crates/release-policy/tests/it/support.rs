//! Facts that would go out, and ways to put one thing in their way.

use std::time::{Duration, SystemTime};

use release_policy::{Approval, ApprovalKind, Change, ChangeStatus, Changes, Facts, Freeze};

pub(crate) const SHA: &str = "9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f";
pub(crate) const OTHER: &str = "41be77c09b1d5e3b7a0f3c1f6b1c7f6f0d9a8e21";

/// 2026-11-20T18:00:00Z.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_197_600)
}

pub(crate) fn ago(seconds: u64) -> SystemTime {
    now() - Duration::from_secs(seconds)
}

pub(crate) fn later(seconds: u64) -> SystemTime {
    now() + Duration::from_secs(seconds)
}

/// A change of the documentation with nothing in its way.
pub(crate) fn ready() -> Facts {
    Facts {
        repo: "ana/shop".into(),
        deploy_configured: true,
        first_deploy: false,
        base: Some(OTHER.into()),
        changes: changed(["docs/index.md"]),
        ..Facts::new(SHA, now())
    }
}

pub(crate) fn changed<const N: usize>(paths: [&str; N]) -> Changes {
    Changes::complete(paths.map(|path| Change::new(ChangeStatus::Modified, path)))
}

pub(crate) fn low() -> Changes {
    changed(["docs/index.md"])
}

pub(crate) fn medium() -> Changes {
    changed(["web/package.json"])
}

pub(crate) fn high() -> Changes {
    changed(["db/migrations/0007_drop.sql"])
}

/// Declared two minutes ago, so that what was approved since knows of it.
pub(crate) fn freeze(until: Option<SystemTime>) -> Freeze {
    Freeze { ids: vec!["3".into()], reason: "fair".into(), declared_at: ago(120), until }
}

pub(crate) fn approved() -> Vec<Approval> {
    vec![Approval {
        kind: ApprovalKind::Commit,
        by: Some("ana".into()),
        detail: "looked at it".into(),
        given_at: Some(ago(60)),
    }]
}
