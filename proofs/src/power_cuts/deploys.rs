//! Deploys whose state loses its power: the command has started once at most.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use system_tests::{Exit, Stage, govctl_binary};

use crate::disks::{Disk, Ioctls};
use crate::evidence::Tally;
use crate::killed::Scene;
use crate::proof::Effort;

/// Cuts the power under deploys. What they deploy is elsewhere, and stays deployed.
pub(crate) fn cut_deploys(
    disk: &mut Disk,
    ioctls: &mut Ioctls,
    count: u64,
    effort: Effort,
    tally: &mut Tally,
) -> Result<()> {
    govctl_binary(); // What building it takes is not the length of a deploy.
    let mut random = effort.random();
    let stage = Stage::new();
    stage.repository.configure("max_deploys_per_hour: 1000000");
    stage.script("slowly", "sleep 0.005; ran; sleep 0.005");
    let commits = stage.repository.commits(usize::try_from(count)? + 1);
    let scene = Scene { stage: &stage, state: &disk.path().join("state") };
    disk.mount(ioctls)?;
    let start = Instant::now();
    scene.deploy(&commits[0]).run().whatever_is_said().exit(Exit::Yes);
    let longest = u64::try_from(start.elapsed().as_micros())?;
    for sha in &commits[1..] {
        let victim = scene.deploy(sha).start();
        thread::sleep(Duration::from_micros(random.below(longest))); // The random moment.
        disk.cut(ioctls, &mut random)?;
        let _cut_off = victim.wait();
        disk.unmount()?;
        disk.mount(ioctls)?;
        tally.tried(1);
        scene.go_on(sha, tally)?;
    }
    disk.unmount()?;
    scene.count_runs(tally);
    Ok(())
}
