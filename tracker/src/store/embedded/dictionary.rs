//! What many events of a day have in common, by number.
//!
//! Each day has numbers of its own, so that what is no longer said goes with its day.

use super::pack::{Reader, put_number, put_text};
use crate::event::{Facts, Kind};
use crate::fold::Summary;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::Arc;

/// How many different facts a day can have by number; those that come after it stand in full with each event.
pub(super) const MAX_FACTS: usize = 65_536;
/// Of so many facts in memory the numbers are kept.
const MAX_PLACES: usize = 8_192;
/// How many different groups of counts a day can have; what comes after is counted by its kind alone.
pub(super) const MAX_GROUPS: usize = 65_536;
/// Of the places that a day can have, so many are for the statuses of messages that come after the others: there are fewer.
const STATUS_PLACES: usize = 64;
/// How many texts of what else events tell a day can have by number, and how long they may be.
const MAX_RESTS: usize = 4_096;
const MAX_REST_BYTES: usize = 512;
/// A text gets a number when it comes again; so many are remembered for that.
const SEEN: usize = 16_384;
/// Tenants, and channels of tenants, of a day that are tried one after another when an id is looked up; events of further ones
/// are indexed.
pub(super) const MAX_TRIED: usize = 64;

/// Things by number, and the numbers of things.
#[derive(Debug)]
pub(super) struct Table<T> {
    things: Vec<Arc<T>>,
    numbers: HashMap<Arc<T>, u32>,
    /// Those before are on disk.
    saved: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { things: Vec::new(), numbers: HashMap::new(), saved: 0 }
    }
}

impl<T: Eq + Hash> Table<T> {
    pub(super) fn get(&self, number: u32) -> Option<&Arc<T>> {
        self.things.get(usize::try_from(number).ok()?)
    }

    pub(super) fn all(&self) -> &[Arc<T>] {
        &self.things
    }

    pub(super) fn number(&self, thing: &T) -> Option<u32> {
        self.numbers.get(thing).copied()
    }

    /// The number of a thing, which gets one if there is room.
    fn add(&mut self, thing: &Arc<T>, most: usize) -> Option<u32> {
        if let Some(number) = self.numbers.get(thing) {
            return Some(*number);
        }
        let number = u32::try_from(self.things.len()).ok().filter(|_| self.things.len() < most)?;
        self.things.push(Arc::clone(thing));
        self.numbers.insert(Arc::clone(thing), number);
        Some(number)
    }

    /// Those that are not on disk yet, with their numbers.
    pub(super) fn unsaved(&self) -> impl Iterator<Item = (u32, &Arc<T>)> {
        let numbered = self.things.iter().enumerate().skip(self.saved);
        numbered.filter_map(|(number, thing)| Some((u32::try_from(number).ok()?, thing)))
    }

    pub(super) fn set_saved(&mut self) {
        self.saved = self.things.len();
    }

    /// Takes one from disk. They come in the order of their numbers.
    fn restore(&mut self, number: u32, thing: T) -> Option<()> {
        if number == 0 {
            *self = Self::default();
        }
        let thing = Arc::new(thing);
        self.things.push(Arc::clone(&thing));
        self.numbers.insert(thing, number);
        self.saved = self.things.len();
        (usize::try_from(number).ok()? + 1 == self.saved).then_some(())
    }
}

/// Where messages are: what cohorts are told apart by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) channel: String,
    pub(super) business: String,
    pub(super) status: String,
    pub(super) reached: u16,
    pub(super) doubled: bool,
}

impl Place {
    pub(super) fn of(summary: &Summary) -> Self {
        Self {
            channel: summary.channel.clone(),
            business: summary.business.clone(),
            status: summary.status.clone(),
            reached: summary.reached,
            doubled: summary.doubled,
        }
    }
}

/// The numbers of a day.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    /// Number 0 stands for facts that are given in full.
    pub(super) facts: Table<Facts>,
    /// Facts of which only what can be counted by is left. Number 0 is that of which nothing is known.
    pub(super) groups: Table<Facts>,
    /// Number 0 is nowhere, and is not told of.
    pub(super) places: Table<Place>,
    /// Numbers of facts by where these are in memory, which is where they stay as long as they are here.
    by_place: HashMap<usize, (Arc<Facts>, u32)>,
    /// What else events tell, where many tell the same.
    pub(super) rests: Table<String>,
    seen: Vec<u64>,
    hasher: RandomState,
    groups_of_facts: HashMap<u32, u32>,
    tenants: Vec<String>,
    senders: Vec<(String, String)>,
}

/// What is on disk of a dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Facts,
    Groups,
    Places,
    Rests,
}

impl Part {
    pub(super) const ALL: [Self; 4] = [Self::Facts, Self::Groups, Self::Places, Self::Rests];

    pub(super) const fn tag(self) -> u8 {
        match self {
            Self::Facts => b'f',
            Self::Groups => b'g',
            Self::Places => b'l',
            Self::Rests => b'e',
        }
    }
}

impl Dictionary {
    pub(super) fn new() -> Self {
        let mut new = Self::default();
        let nothing = Arc::default();
        new.facts.add(&nothing, MAX_FACTS);
        new.groups.add(&nothing, MAX_GROUPS);
        new.places.add(&Arc::default(), MAX_GROUPS);
        new
    }

    /// The number of facts; 0 if they have to be given in full.
    pub(super) fn facts(&mut self, facts: &Arc<Facts>) -> u32 {
        // Most events come with facts that an earlier one had too: to compare all of their words is dear.
        let place = Arc::as_ptr(facts).addr();
        if let Some((_, number)) = self.by_place.get(&place) {
            return *number;
        }
        let number = match self.facts.number(facts) {
            Some(number) => number,
            None => self.facts.add(facts, MAX_FACTS).inspect(|_| self.learn(facts)).unwrap_or_default(),
        };
        if self.by_place.len() >= MAX_PLACES {
            self.by_place.clear();
        }
        self.by_place.insert(place, (Arc::clone(facts), number));
        number
    }

    fn learn(&mut self, facts: &Facts) {
        if !self.tenants.contains(&facts.tenant) && self.tenants.len() < MAX_TRIED {
            self.tenants.push(facts.tenant.clone());
        }
        let known = self.senders.iter().any(|(tenant, channel)| *tenant == facts.tenant && *channel == facts.channel);
        if !known && !facts.channel.is_empty() && self.senders.len() < MAX_TRIED {
            self.senders.push((facts.tenant.clone(), facts.channel.clone()));
        }
    }

    /// Tenants that are tried when an id is looked up.
    pub(super) fn tenants(&self) -> &[String] {
        &self.tenants
    }

    /// Tenants with their channels that are tried when a vendor's id is looked up.
    pub(super) fn senders(&self) -> &[(String, String)] {
        &self.senders
    }

    /// Whether a message of that tenant is found by trying.
    pub(super) fn tries(&self, tenant: &str) -> bool {
        self.tenants.iter().any(|one| one == tenant)
    }

    /// Whether a vendor's id of that channel is found by trying.
    pub(super) fn tries_sender(&self, tenant: &str, channel: &str) -> bool {
        self.senders.iter().any(|(one, other)| one == tenant && other == channel)
    }

    /// The group in which events with these facts are counted. `number` is that of the facts in this dictionary, or 0.
    pub(super) fn group(&mut self, number: u32, facts: &Facts) -> u32 {
        if let Some(group) = self.groups_of_facts.get(&number) {
            return *group;
        }
        let counted = Facts {
            kind: facts.kind,
            node: facts.node.clone(),
            channel: facts.channel.clone(),
            status: facts.status.clone(),
            outcome: facts.outcome.clone(),
            code: facts.code.clone(),
            business: facts.business.clone(),
            text: facts.text.clone(),
            ..Facts::default()
        };
        let kind_only = Facts { kind: facts.kind, ..Facts::default() };
        let group = self
            .groups
            .add(&Arc::new(counted), MAX_GROUPS)
            .or_else(|| self.groups.add(&Arc::new(kind_only), MAX_GROUPS + Kind::ALL.len()))
            .unwrap_or_default();
        if number != 0 {
            self.groups_of_facts.insert(number, group);
        }
        group
    }

    /// The number of what else an event tells, if that has one: it has come before.
    pub(super) fn rest(&mut self, rest: &String) -> Option<u32> {
        if let Some(number) = self.rests.number(rest) {
            return Some(number);
        }
        if rest.len() < 8 || rest.len() > MAX_REST_BYTES {
            return None;
        }
        self.seen.resize(SEEN, 0);
        let hash = self.hasher.hash_one(rest) | 1;
        let place = usize::try_from(hash >> 8).unwrap_or_default() % SEEN;
        let seen = self.seen.get_mut(place)?;
        if std::mem::replace(seen, hash) != hash {
            return None;
        }
        self.rests.add(&Arc::new(rest.clone()), MAX_RESTS)
    }

    /// The number of a place; where there is no more room, that of its status alone.
    pub(super) fn place(&mut self, place: Place) -> u32 {
        let nowhere = Place { status: place.status.clone(), ..Place::default() };
        let place = Arc::new(place);
        let number = self.places.add(&place, MAX_GROUPS - STATUS_PLACES);
        number.or_else(|| self.places.add(&Arc::new(nowhere), MAX_GROUPS)).unwrap_or_default()
    }

    /// What of a part is not on disk yet: numbers and bytes.
    pub(super) fn unsaved(&self, part: Part) -> Vec<(u32, Vec<u8>)> {
        match part {
            Part::Facts => self.facts.unsaved().map(|(number, facts)| (number, pack_facts(facts))).collect(),
            Part::Groups => self.groups.unsaved().map(|(number, facts)| (number, pack_facts(facts))).collect(),
            Part::Places => self.places.unsaved().map(|(number, place)| (number, pack_place(place))).collect(),
            Part::Rests => self.rests.unsaved().map(|(number, rest)| (number, rest.as_bytes().to_vec())).collect(),
        }
    }

    /// All of it is on disk now.
    pub(super) fn set_saved(&mut self) {
        self.facts.set_saved();
        self.groups.set_saved();
        self.places.set_saved();
        self.rests.set_saved();
    }

    /// Takes one from disk; `None` if it is not as it should be.
    pub(super) fn restore(&mut self, part: Part, number: u32, bytes: &[u8]) -> Option<()> {
        let mut reader = Reader(bytes);
        match part {
            Part::Facts => {
                let facts = unpack_facts(&mut reader)?;
                if number != 0 {
                    self.learn(&facts);
                }
                self.facts.restore(number, facts)
            }
            Part::Groups => self.groups.restore(number, unpack_facts(&mut reader)?),
            Part::Places => self.places.restore(number, unpack_place(&mut reader)?),
            Part::Rests => self.rests.restore(number, std::str::from_utf8(bytes).ok()?.to_owned()),
        }
    }
}

/// Facts in full.
pub(super) fn pack_facts(facts: &Facts) -> Vec<u8> {
    let mut out = vec![facts.kind as u8];
    out.push(facts.on_time.map_or(0, |on_time| 1 + u8::from(on_time)) | u8::from(facts.drill) << 2);
    let Facts { name, tenant, service, node, channel, status, outcome, code, business, .. } = facts;
    let Facts { template, fate, switched_from, conflict, text, .. } = facts;
    for text in [
        name,
        tenant,
        service,
        node,
        channel,
        status,
        outcome,
        code,
        business,
        template,
        fate,
        switched_from,
        conflict,
        text,
    ] {
        put_text(&mut out, text);
    }
    out
}

/// What [`pack_facts`] has made.
pub(super) fn unpack_facts(reader: &mut Reader<'_>) -> Option<Facts> {
    let kind = Kind::ALL.get(usize::from(reader.byte()?)).copied()?;
    let bits = reader.byte()?;
    let on_time = match bits & 3 {
        0 => None,
        known => Some(known == 2),
    };
    Some(Facts {
        kind,
        on_time,
        drill: bits & 4 != 0,
        name: reader.text()?,
        tenant: reader.text()?,
        service: reader.text()?,
        node: reader.text()?,
        channel: reader.text()?,
        status: reader.text()?,
        outcome: reader.text()?,
        code: reader.text()?,
        business: reader.text()?,
        template: reader.text()?,
        fate: reader.text()?,
        switched_from: reader.text()?,
        conflict: reader.text()?,
        text: reader.text()?,
    })
}

fn pack_place(place: &Place) -> Vec<u8> {
    let mut out = vec![u8::from(place.doubled)];
    put_number(&mut out, u64::from(place.reached));
    for text in [&place.channel, &place.business, &place.status] {
        put_text(&mut out, text);
    }
    out
}

fn unpack_place(reader: &mut Reader<'_>) -> Option<Place> {
    Some(Place {
        doubled: reader.byte()? != 0,
        reached: reader.small()?,
        channel: reader.text()?,
        business: reader.text()?,
        status: reader.text()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_no_more_room_every_status_has_a_place_of_its_own() {
        let mut dictionary = Dictionary::new();
        let place =
            |n: usize, status: &str| Place { business: n.to_string(), status: status.to_owned(), ..Place::default() };
        for n in 0..MAX_GROUPS {
            assert_ne!(dictionary.place(place(n, "sent")), 0);
        }
        for status in ["failed", "delivered", "read"] {
            let number = dictionary.place(place(0, status));
            let wanted = Place { status: status.to_owned(), ..Place::default() };
            assert_eq!(dictionary.places.get(number).map(|place| &**place), Some(&wanted));
        }
    }
}
