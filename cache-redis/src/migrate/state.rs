//! How far a move is, on disk.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use cache_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::{report::Report, source::Node};

/// How far a move is. Never ahead of what the cache has on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    source: String,
    maps: Vec<(String, String)>,
    /// Per category, what had to make room.
    pub(super) evicted: Vec<(String, u64)>,
    /// One for each node.
    pub(super) places: Vec<Place>,
}

/// How far the scan of one node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    node: String,
    run_id: Option<String>,
    /// Where the next step of the scan begins; `None` once the node is done.
    pub(super) cursor: Option<u64>,
    pub(super) report: Report,
}

const VERSION: u32 = 1;

impl State {
    pub(super) fn new(source: &str, maps: Vec<(String, String)>) -> Self {
        Self { version: VERSION, source: source.to_owned(), maps, evicted: Vec::new(), places: Vec::new() }
    }

    /// What was saved at `path`, if anything, provided that it is about the same move as this one.
    pub(super) fn resumed(self, path: &Path) -> Result<Self> {
        let saved = match fs::read(path) {
            Ok(saved) => saved,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(self),
            Err(error) => return Err(refused(path, "reading the state of the move", error)),
        };
        let wrong = |why: String| Error::new(ErrorKind::InvalidOption(why)).about(path.display());
        let saved: Self = serde_json::from_slice(&saved).map_err(|error| {
            wrong("not the state of a move; delete it to begin anew".into()).caused_by(error)
        })?;
        if saved.version != VERSION || saved.source != self.source || saved.maps != self.maps {
            let maps: Vec<_> =
                saved.maps.iter().map(|(pattern, category)| format!("{pattern}={category}")).collect();
            return Err(wrong(format!(
                "resume: this is the state of another move, from {} with {}; go on with that one, or delete the \
                 file to begin anew",
                saved.source,
                maps.join(" ")
            )));
        }
        Ok(saved)
    }

    /// Refuses to begin where an earlier move was interrupted.
    pub(super) fn begin(self, path: &Path) -> Result<Self> {
        match path.try_exists() {
            Ok(false) => Ok(self),
            Ok(true) => {
                let why = "an earlier move was interrupted and left its state here; resume it, or delete the file to \
                           begin anew";
                Err(Error::new(ErrorKind::InvalidOption(why.into())).about(path.display()))
            }
            Err(error) => Err(refused(path, "looking for the state of a move", error)),
        }
    }

    /// Has a place for each of the nodes, in their order. A node begins anew unless it is the process that the cursor
    /// came from: another one has its keys in another order.
    pub(super) fn meet(&mut self, nodes: &[Node]) {
        let known = |place: &Place, node: &Node| {
            place.node == node.name() && place.run_id.is_some() && place.run_id == node.run_id
        };
        let places = nodes.iter().map(|node| match self.places.iter().find(|place| known(place, node)) {
            Some(place) => place.clone(),
            None => Place::new(node),
        });
        self.places = places.collect();
    }

    /// What became of the keys so far.
    pub(super) fn report(&self) -> Report {
        let mut report = Report::default();
        for (_, category) in &self.maps {
            report.moved_into(category);
        }
        self.places.iter().for_each(|place| report.add(&place.report));
        for (category, evicted) in &self.evicted {
            report.moved_into(category).evicted += evicted;
        }
        report
    }

    /// Puts the state in the place of the one before, whole or not at all.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        let failed = |error| refused(path, "saving the state of the move", error);
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let new = PathBuf::from(name);
        create(&new).and_then(|mut file| file.write_all(&text)).map_err(failed)?;
        fs::rename(&new, path).map_err(failed)
    }
}

impl Place {
    fn new(node: &Node) -> Self {
        Self { node: node.name(), run_id: node.run_id.clone(), cursor: Some(0), report: Report::default() }
    }
}

/// Forgets what was saved at `path`.
pub(super) fn forget(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|error| refused(path, "deleting the state of the move", error))
}

/// Keys are nobody else's business.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn refused(path: &Path, doing: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Storage(format!("{doing}: {error}"))).about(path.display()).caused_by(error)
}
