//! What can be proven about a deploy whose govctl is gone.

use booty_state::{DeliveryId, OpenDeploy, Sha};
use flock_guard::{Holder, Life};

use crate::{
    context::Context, dispatch::Record, exit::CliError, intent::declared, project::Project,
    waits::Waits,
};

/// What the audit log and this machine prove, once nobody holds the deploy lock for it.
#[derive(Debug)]
pub(crate) enum Evidence {
    /// Its command never started.
    NeverStarted {
        /// The delivery that it was declared for.
        delivery_id: DeliveryId,
        /// The delivery that had handled the commit before.
        before: Option<DeliveryId>,
    },
    /// Its command runs on.
    Running(Holder),
    /// It is a workflow at GitHub, which may have been dispatched.
    Dispatched(Record),
    /// Nothing: it may have ended in any way. This is what was looked at.
    Nothing { looked_at: String },
}

impl Evidence {
    /// Looks for it. Only a look under the deploy lock stays true.
    pub(crate) fn of(
        context: &Context,
        project: &Project,
        sha: &Sha,
    ) -> Result<Evidence, CliError> {
        Ok(match context.audit().open_deploy_of(&project.repo, sha)? {
            Some(open) => judge(open, &Waits::of(context, project.environment())),
            None => nothing("the audit log: no deploy of it was started here and left open"),
        })
    }
}

fn judge(open: OpenDeploy, waits: &Waits) -> Evidence {
    let never_started = || match (declared(open.before.as_ref()), open.delivery.parse()) {
        (Some(before), Ok(delivery_id)) => Some(Evidence::NeverStarted { delivery_id, before }),
        _ => None,
    };
    let Some(command) = open.command.clone() else {
        if !open.is_whole {
            return nothing(
                "the audit log: it was changed or imported since the start, and proves nothing",
            );
        }
        return never_started().unwrap_or_else(|| {
            nothing("the audit log: its start was not one of a command of ours")
        });
    };
    if let Ok(record) = serde_json::from_value(command.clone()) {
        return Evidence::Dispatched(record);
    }
    let Ok(process) = serde_json::from_value::<Holder>(command) else {
        return nothing("the audit log: the command was started, as a process without a name");
    };
    match Life::of(&process) {
        Life::Alive => Evidence::Running(process),
        // Who is dead takes no note away any more.
        Life::Dead { why } => {
            let still_waited = open.is_whole && waits.says(&open.delivery);
            let found = still_waited.then(never_started).flatten();
            found.unwrap_or_else(|| {
                nothing(format!("its command, {process}: {why}, and how it ended nobody saw"))
            })
        }
        Life::Unknown { why } => nothing(format!("its command, {process}: {why}")),
    }
}

fn nothing(looked_at: impl Into<String>) -> Evidence {
    Evidence::Nothing { looked_at: looked_at.into() }
}
