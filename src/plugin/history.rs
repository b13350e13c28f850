//! What a plugin was: its latest generations, and which of them is wanted where its source says otherwise.
//!
//! A component that was given by the API, or went back to, stays wanted until the source has a newer one: the last
//! change wins. No I/O; what is written to the state folder is [`History::manifest`].

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Digest;

/// Generations that are kept to go back to, beside the one that runs.
pub const KEPT: usize = 3;

/// One plugin's.
#[derive(Clone, Debug, Default)]
pub struct History {
    record: Record,
    /// Of generations that the state folder does not hold.
    components: BTreeMap<Digest, Bytes>,
}

/// What survives the process.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
struct Record {
    /// The number that was given last.
    last: u64,
    /// In the order in which they last began to run.
    generations: Vec<Entry>,
    live: Option<Digest>,
    wanted: Option<Wanted>,
}

/// One generation, as it is remembered.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Entry {
    /// Counted from 1 for each plugin.
    pub number: u64,
    /// Of its component.
    pub digest: Digest,
    /// Bytes of its component.
    pub size: u64,
    /// Where its component came from.
    pub origin: Origin,
    /// When it last began to run, seconds since 1970.
    pub since: u64,
    /// Somebody went back from it: going back once more passes it over.
    pub left: bool,
}

/// Where a component came from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// From where the configuration says.
    Source,
    /// Given by the API.
    Api,
}

/// A component that is wanted instead of the source's.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Wanted {
    /// Which.
    pub digest: Digest,
    /// What the source held then, if anything: something newer there ends it.
    pub instead_of: Option<Digest>,
    /// What wants it.
    pub by: By,
}

/// What wants a component.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// It was given by the API.
    Put,
    /// Somebody went back to it.
    Rollback,
}

/// A generation that begins to run.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Of its component.
    pub digest: Digest,
    /// Bytes of its component.
    pub size: u64,
    /// Where its component came from.
    pub origin: Origin,
    /// Set when it is wanted although the source holds another one.
    pub wanted: Option<Wanted>,
}

impl History {
    /// As a [`History::manifest`] says.
    ///
    /// # Errors
    ///
    /// It says something else.
    pub fn read(manifest: &[u8]) -> serde_json::Result<Self> {
        Ok(Self {
            record: serde_json::from_slice(manifest)?,
            components: BTreeMap::new(),
        })
    }

    /// What another process has to know.
    pub fn manifest(&self) -> Vec<u8> {
        let text = serde_json::to_string_pretty(&self.record);
        text.unwrap_or_default().into_bytes()
    }

    /// The generations, in the order in which they last began to run.
    pub fn generations(&self) -> &[Entry] {
        &self.record.generations
    }

    /// Their digests.
    pub fn digests(&self) -> Vec<Digest> {
        self.generations().iter().map(|entry| entry.digest).collect()
    }

    /// What is wanted instead of the source's component.
    pub fn wanted(&self) -> Option<Wanted> {
        self.record.wanted
    }

    /// What is wanted, now that the source holds this; `None` for what the source holds.
    pub fn instead_of(&self, source: Option<Digest>) -> Option<Wanted> {
        let wanted = self.record.wanted?;
        // A source that is away for a while has nothing newer.
        (source.is_none() || wanted.instead_of == source).then_some(wanted)
    }

    /// The number of the generation with this component: its own, or the next one.
    pub fn number(&self, digest: Digest) -> u64 {
        self.entry(digest)
            .map_or(self.record.last + 1, |entry| entry.number)
    }

    /// The generation with this component.
    pub fn entry(&self, digest: Digest) -> Option<&Entry> {
        self.generations().iter().find(|entry| entry.digest == digest)
    }

    /// Where going back leads to: the generation of this number, or the one that ran before.
    pub fn earlier(&self, number: Option<u64>) -> Option<&Entry> {
        let entries = self.generations();
        if let Some(number) = number {
            return entries.iter().find(|entry| entry.number == number);
        }
        let live = entries
            .iter()
            .position(|entry| Some(entry.digest) == self.record.live);
        entries[..live?].iter().rev().find(|entry| !entry.left)
    }

    /// Its component, if it is kept here.
    pub fn component(&self, digest: Digest) -> Option<Bytes> {
        self.components.get(&digest).cloned()
    }

    /// Keeps a component here: there is no state folder, or it need not hold this one.
    pub fn keep_component(&mut self, digest: Digest, component: Bytes) {
        self.components.insert(digest, component);
    }

    /// This one runs from now on; the eldest are forgotten.
    pub fn arrived(&mut self, arrival: &Arrival, now: SystemTime) {
        let back = matches!(arrival.wanted, Some(Wanted { by: By::Rollback, .. }));
        let record = &mut self.record;
        record.wanted = arrival.wanted;
        if record.live == Some(arrival.digest) {
            return;
        }
        let known = record
            .generations
            .iter()
            .position(|entry| entry.digest == arrival.digest);
        if back && let Some(known) = known {
            // The order stays: going back once more leads further back.
            let live = record.live;
            for entry in &mut record.generations[known..] {
                entry.left |= Some(entry.digest) == live;
            }
            record.generations[known].left = false;
        } else {
            let number = match known {
                Some(known) => record.generations.remove(known).number,
                None => record.last + 1,
            };
            record.last = record.last.max(number);
            record.generations.push(Entry {
                number,
                digest: arrival.digest,
                size: arrival.size,
                origin: arrival.origin,
                since: 0,
                left: false,
            });
        }
        record.live = Some(arrival.digest);
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        for entry in &mut record.generations {
            if entry.digest == arrival.digest {
                entry.since = since;
            }
        }
        self.forget();
    }

    fn forget(&mut self) {
        let Record {
            generations, live, ..
        } = &mut self.record;
        while generations.len() > KEPT + 1 {
            let eldest = generations.iter().position(|entry| Some(entry.digest) != *live);
            generations.remove(eldest.unwrap_or_default());
        }
        self.components
            .retain(|digest, _| generations.iter().any(|entry| entry.digest == *digest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn arrive(history: &mut History, name: &str, wanted: Option<(By, Option<&str>)>) {
        let arrival = Arrival {
            digest: digest(name),
            size: 1,
            origin: Origin::Source,
            wanted: wanted.map(|(by, source)| Wanted {
                digest: digest(name),
                instead_of: source.map(digest),
                by,
            }),
        };
        history.arrived(&arrival, SystemTime::now());
    }

    fn back(history: &mut History, source: &str) -> Option<u64> {
        let entry = history.earlier(None)?.clone();
        let wanted = Wanted {
            digest: entry.digest,
            instead_of: Some(digest(source)),
            by: By::Rollback,
        };
        let arrival = Arrival {
            digest: entry.digest,
            size: 1,
            origin: entry.origin,
            wanted: Some(wanted),
        };
        history.arrived(&arrival, SystemTime::now());
        Some(entry.number)
    }

    #[test]
    fn going_back_leads_further_back_each_time_and_never_to_what_was_left() {
        let mut history = History::default();
        for name in ["a", "b", "c"] {
            arrive(&mut history, name, None);
        }
        assert_eq!(back(&mut history, "c"), Some(2));
        assert_eq!(back(&mut history, "c"), Some(1));
        assert_eq!(back(&mut history, "c"), None);
        arrive(&mut history, "d", None);
        assert_eq!(history.number(digest("d")), 4);
        assert_eq!(back(&mut history, "d"), Some(1), "2 and 3 were left");
        assert_eq!(
            history.earlier(Some(3)).map(|entry| entry.digest),
            Some(digest("c"))
        );
    }

    #[test]
    fn what_is_wanted_stays_until_the_source_has_something_newer() {
        let mut history = History::default();
        arrive(&mut history, "a", None);
        arrive(&mut history, "put", Some((By::Put, Some("a"))));
        assert!(history.instead_of(Some(digest("a"))).is_some(), "the same source");
        assert!(history.instead_of(None).is_some(), "no source for a while");
        assert_eq!(history.instead_of(Some(digest("b"))), None);
        arrive(&mut history, "b", None);
        assert_eq!(history.wanted(), None);
        arrive(&mut history, "first", Some((By::Put, None)));
        assert_eq!(
            history.instead_of(Some(digest("a"))),
            None,
            "there was nothing before"
        );
    }

    #[test]
    fn three_earlier_ones_are_kept_with_their_numbers() {
        let mut history = History::default();
        for name in ["a", "b", "c", "d", "e"] {
            arrive(&mut history, name, None);
            history.keep_component(digest(name), Bytes::from_static(b"x"));
        }
        let numbers: Vec<_> = history.generations().iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, [2, 3, 4, 5]);
        assert_eq!(history.component(digest("a")), None);
        assert!(history.component(digest("b")).is_some());
        arrive(&mut history, "b", None);
        assert_eq!(history.number(digest("b")), 2, "it is the one that it was");
        assert_eq!(history.number(digest("a")), 6, "forgotten");
    }

    #[test]
    fn another_process_knows_the_same() {
        let mut history = History::default();
        arrive(&mut history, "a", None);
        arrive(&mut history, "put", Some((By::Put, Some("a"))));
        let read = History::read(&history.manifest()).unwrap_or_default();
        assert_eq!(read.record, history.record);
        assert!(History::read(b"{").is_err());
    }
}
