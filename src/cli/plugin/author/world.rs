//! The world that a plugin is made for, read from its WIT. What does not parse is told at its line.

use std::path::Path;

use wit_parser::{PackageId, Resolve, SourceMap, WorldId};

use super::WorldArgs;
use crate::cli::plugin::new;

/// Where the world is, unless said otherwise.
const FOLDER: &str = "wit";

/// The world that is taken among several.
const USUAL: &str = "plugin";

/// A world, with everything that it names.
pub(super) struct World {
    pub(super) resolve: Resolve,
    pub(super) id: WorldId,
}

/// Why there is no world.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(
        "there is no {0}: it holds the world of the plugin, which says what it uses and what it offers. `gatewit plugin \
         new NAME --lang c` makes a folder that has one; `--wit` names another place"
    )]
    NoWit(String),
    #[error("{0}")]
    Wit(String),
    #[error("{place}: {why}")]
    NoWorld { place: String, why: String },
}

impl World {
    /// Reads it. Where the contract is not among the packages beside it, it is the one of this gateway.
    pub(super) fn read(args: &WorldArgs) -> Result<Self, Error> {
        let path = args.wit.as_deref().unwrap_or(Path::new(FOLDER));
        if !path.exists() {
            return Err(Error::NoWit(path.display().to_string()));
        }
        let (resolve, package) = match parse(path, false) {
            Err(why) if why.contains("gatewit:plugin") => parse(path, true),
            parsed => parsed,
        }
        .map_err(|why| Error::Wit(why.trim_end().to_owned()))?;
        let worlds = &resolve.packages[package].worlds;
        let wanted = match &args.world {
            Some(name) => Some(name.as_str()),
            None if worlds.len() > 1 && worlds.contains_key(USUAL) => Some(USUAL),
            None => None,
        };
        match resolve.select_world(&[package], wanted) {
            Ok(id) => Ok(Self { resolve, id }),
            Err(why) => Err(Error::NoWorld {
                place: path.display().to_string(),
                why: format!("{why:#}"),
            }),
        }
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.resolve.worlds[self.id].name
    }
}

/// The package at this place, with or without the contract of this gateway to begin with.
fn parse(path: &Path, contract: bool) -> Result<(Resolve, PackageId), String> {
    let mut resolve = Resolve::default();
    if contract {
        let mut files = SourceMap::default();
        for (path, text) in new::contract("wit") {
            files.push_str(&path.display().to_string(), &text);
        }
        let group = files.parse().map_err(|(_, error)| error.to_string())?;
        resolve.push_group(group).map_err(|error| error.to_string())?;
    }
    match resolve.push_path(path) {
        Ok((package, _)) => Ok((resolve, package)),
        Err(error) => Err(resolve.render_error(&error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder with this world, which is asked for by this name.
    fn read(text: &str, world: Option<&str>) -> Result<World, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("world.wit"), text).unwrap();
        let args = WorldArgs {
            wit: Some(folder.path().to_owned()),
            world: world.map(str::to_owned),
        };
        World::read(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn a_world_needs_no_copy_of_the_contract() {
        let world = read(
            "package a:b; world w { import gatewit:plugin/log@0.1.0; export gatewit:plugin/lifecycle@0.1.0; }",
            None,
        );
        assert_eq!(world.unwrap().name(), "w");
    }

    #[test]
    fn of_several_worlds_the_usual_one_is_meant() {
        let text = "package a:b; world plugin {} world other {}";
        assert_eq!(read(text, None).unwrap().name(), "plugin");
        assert_eq!(read(text, Some("other")).unwrap().name(), "other");
        let error = read(text, Some("none")).err().unwrap();
        assert!(error.contains("`none` not found"), "{error}");
        let error = read("package a:b; world x {} world y {}", None).err().unwrap();
        assert!(error.contains("a:b/x") && error.contains("a:b/y"), "{error}");
    }

    #[test]
    fn what_does_not_parse_is_told_at_its_line() {
        for (text, place, word) in [
            ("package a:b;\nworld w { import x; }", "world.wit:2:18", "x"),
            ("package a:b;\nworld {", "world.wit:2:7", "expected"),
            (
                "package a:b;\nworld w {\n  import gatewit:plugin/lgo@0.1.0;\n}",
                "world.wit:3:25",
                "lgo",
            ),
            (
                "package a:b;\nworld w {\n  import gatewit:plugin/log@9.0.0;\n}",
                "world.wit:3:10",
                "gatewit:plugin@9.0.0",
            ),
        ] {
            let error = read(text, None).err().unwrap();
            assert!(error.contains(place) && error.contains(word), "{text}: {error}");
        }
        let args = WorldArgs {
            wit: Some("/nowhere".into()),
            world: None,
        };
        let error = World::read(&args).err().unwrap().to_string();
        assert!(error.contains("there is no /nowhere"), "{error}");
    }
}
