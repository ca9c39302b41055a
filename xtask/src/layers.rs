//! `cargo xtask layers`: dependencies between the crates of this workspace only point down.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace;

/// The picture of `docs/style.md` as data: who lives where, and the arrows that may leave it.
const HOUSE: &[Room] = &[
    Room {
        name: "govctl",
        floor: Some(3),
        uses: Uses::Only(&[
            "booty-state",
            "circuit-breaker",
            "external-ids",
            "session-store",
            "release-policy",
            "state-store",
            "flock-guard",
            "atomic-file",
        ]),
    },
    Room { name: "booty-state", floor: Some(2), uses: Uses::Only(&["state-store"]) },
    Room { name: "circuit-breaker", floor: Some(2), uses: Uses::Only(&["state-store"]) },
    Room { name: "external-ids", floor: Some(2), uses: Uses::Only(&["state-store"]) },
    Room { name: "session-store", floor: Some(2), uses: Uses::Only(&["state-store"]) },
    // Pure: a function that can be read aloud. It never meets a store below `govctl`.
    Room { name: "release-policy", floor: Some(2), uses: Uses::Only(&[]) },
    Room { name: "state-store", floor: Some(1), uses: Uses::Only(&["atomic-file", "flock-guard"]) },
    Room { name: "atomic-file", floor: Some(0), uses: Uses::Only(&[]) },
    Room { name: "flock-guard", floor: Some(0), uses: Uses::Only(&[]) },
    Room { name: "system-tests", floor: None, uses: Uses::Anything },
    Room { name: "bench", floor: None, uses: Uses::Anything },
    Room { name: "proofs", floor: None, uses: Uses::Anything },
    Room { name: "xtask", floor: None, uses: Uses::Only(&[]) },
];

/// Packages that nothing may use, not even those beside the house, but for the ones named here.
/// Proofs are tests that take long: they break things with the same kit, and like it they reach
/// no user.
const UNUSABLE: &[(&str, &[&str])] = &[("xtask", &[]), ("system-tests", &["proofs"])];

struct Room {
    name: &'static str,
    /// `None` is beside the house: it looks in, nobody on a floor looks out.
    floor: Option<u8>,
    uses: Uses,
}

enum Uses {
    Only(&'static [&'static str]),
    Anything,
}

/// One package of the workspace depends on another.
#[derive(Debug, PartialEq)]
struct Arrow {
    from: String,
    to: String,
    dev: bool,
}

/// Prints the picture, then fails on every arrow that is not in it.
pub(crate) fn run() -> Result<()> {
    print!("{}", picture());
    let metadata = workspace::metadata()?;
    let (members, arrows) = read(&metadata).context("`cargo metadata` has changed its form")?;
    let complaints = judge(&members, &arrows);
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    if !complaints.is_empty() {
        bail!("{} of the arrows or crates do not fit the picture", complaints.len());
    }
    println!("{} crates, {} arrows, every one as drawn", members.len(), arrows.len());
    Ok(())
}

fn picture() -> String {
    let mut text = String::new();
    for Room { name, floor, uses } in HOUSE {
        let place = floor.map_or("beside ".to_owned(), |floor| format!("floor {floor}"));
        let targets = match uses {
            Uses::Anything => "-> anything".to_owned(),
            Uses::Only([]) => String::new(),
            Uses::Only(names) => format!("-> {}", names.join(", ")),
        };
        text += format!("{place}  {name:<16} {targets}").trim_end();
        text.push('\n');
    }
    text
}

/// Finds the members and the arrows between them; dependencies from elsewhere are no arrows.
fn read(metadata: &Value) -> Option<(Vec<String>, Vec<Arrow>)> {
    let packages = metadata["packages"].as_array()?;
    let name_of = |value: &Value| value["name"].as_str().map(str::to_owned);
    let members: Vec<String> = packages.iter().map(name_of).collect::<Option<_>>()?;
    let mut arrows = Vec::new();
    for package in packages {
        for dependency in package["dependencies"].as_array()? {
            let to = name_of(dependency)?;
            // A path, because a published crate may happen to have the name of a member.
            if dependency["path"].is_string() && members.contains(&to) {
                arrows.push(Arrow {
                    from: name_of(package)?,
                    to,
                    dev: dependency["kind"] == "dev",
                });
            }
        }
    }
    Some((members, arrows))
}

fn judge(members: &[String], arrows: &[Arrow]) -> Vec<String> {
    let homeless = members.iter().filter(|name| room(name).is_none()).map(|name| {
        format!(
            "`{name}` has no floor: decide where it lives and give it a line \
             in HOUSE in xtask/src/layers.rs"
        )
    });
    homeless.chain(arrows.iter().filter(|arrow| !allowed(arrow)).map(complaint)).collect()
}

fn allowed(arrow: &Arrow) -> bool {
    // A crate without a floor has its own complaint.
    let Some(from) = room(&arrow.from) else { return true };
    let below = |floor: u8| from.floor.is_some_and(|from| floor < from);
    let points_down = || room(&arrow.to).and_then(|to| to.floor).is_some_and(below);
    let unusable = UNUSABLE.iter().find(|(name, _)| *name == arrow.to);
    match from.uses {
        _ if unusable.is_some_and(|(_, but)| !but.contains(&from.name)) => false,
        Uses::Anything => true,
        Uses::Only(names) => names.contains(&arrow.to.as_str()) || (arrow.dev && points_down()),
    }
}

fn complaint(Arrow { from, to, dev }: &Arrow) -> String {
    let kind = if *dev { " (for its tests)" } else { "" };
    format!(
        "`{from}` -> `{to}`{kind} is not in the picture: move the code to the floor \
         where both can see it, or change HOUSE in xtask/src/layers.rs and docs/style.md together"
    )
}

fn room(name: &str) -> Option<&'static Room> {
    HOUSE.iter().find(|room| room.name == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Arrow, HOUSE, Uses, judge, picture, read, room};

    fn arrow(from: &str, to: &str, dev: bool) -> Arrow {
        Arrow { from: from.to_owned(), to: to.to_owned(), dev }
    }

    #[test]
    fn only_drawn_arrows_pass() {
        let table = [
            ("state-store", "atomic-file", false, true),
            ("govctl", "release-policy", false, true),
            ("system-tests", "govctl", false, true),
            ("bench", "state-store", false, true),
            ("atomic-file", "state-store", false, false),
            ("booty-state", "external-ids", false, false),
            ("booty-state", "atomic-file", false, false),
            ("release-policy", "state-store", false, false),
            ("proofs", "system-tests", false, true),
            ("bench", "system-tests", false, false),
            ("xtask", "govctl", false, false),
            ("booty-state", "atomic-file", true, true),
            ("state-store", "booty-state", true, false),
            ("booty-state", "session-store", true, false),
            ("govctl", "system-tests", true, false),
            ("govctl", "bench", true, false),
        ];
        for (from, to, dev, passes) in table {
            let complaints = judge(&[], &[arrow(from, to, dev)]);
            assert_eq!(complaints.is_empty(), passes, "{from} -> {to}, dev {dev}: {complaints:?}");
        }
    }

    #[test]
    fn a_crate_without_a_floor_is_told_to_decide() {
        let complaints = judge(&["govctl".to_owned(), "attic".to_owned()], &[]);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].starts_with("`attic` has no floor: decide where it lives"));
    }

    #[test]
    fn the_picture_itself_never_points_up() {
        for from in HOUSE {
            let Uses::Only(names) = from.uses else { continue };
            for name in names {
                let to = room(name).unwrap_or_else(|| panic!("{name} is not in the picture"));
                assert!(to.floor.is_some() && to.floor < from.floor, "{} -> {name}", from.name);
            }
        }
        assert!(picture().contains("floor 1  state-store      -> atomic-file, flock-guard\n"));
    }

    #[test]
    fn arrows_are_paths_to_members_and_nothing_else() {
        let metadata = json!({ "packages": [
            { "name": "state-store", "dependencies": [
                { "name": "atomic-file", "kind": null, "path": "/somewhere" },
                { "name": "flock-guard", "kind": "dev", "path": "/somewhere" },
                { "name": "serde", "kind": null },
                { "name": "flock-guard", "kind": null },
            ] },
            { "name": "atomic-file", "dependencies": [] },
            { "name": "flock-guard", "dependencies": [] },
        ] });
        let (members, arrows) = read(&metadata).unwrap();
        assert_eq!(members, ["state-store", "atomic-file", "flock-guard"]);
        let expected =
            [arrow("state-store", "atomic-file", false), arrow("state-store", "flock-guard", true)];
        assert_eq!(arrows, expected);
    }
}
