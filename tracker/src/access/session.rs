//! Sessions of browsers: a random id in a cookie, known here by its hash, bounded in number and in time.

use super::Person;
use super::token::{NoRandom, TokenHash, random_text};
use super::wire::SessionSettings;
use http::HeaderMap;
use http::header::COOKIE;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The most sessions of one person; the one that was not used for longest goes.
const MOST_OF_ONE: usize = 16;

/// Which cookie holds the id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cookie {
    /// One that is sent without TLS too.
    #[default]
    Plain,
    /// One that no other host and no plain connection can set.
    Secure,
}

impl Cookie {
    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "pointsman-session",
            Self::Secure => "__Host-pointsman-session",
        }
    }

    /// The id that a browser sends. Of two with the same name nobody knows who has set which, so neither counts.
    pub(super) fn find(self, headers: &HeaderMap) -> Option<&str> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut ids = lines.flat_map(|line| line.split(';')).filter_map(|cookie| {
            let (name, id) = cookie.trim().split_once('=')?;
            (name == self.name()).then_some(id)
        });
        let id = ids.next()?;
        ids.next().is_none().then_some(id)
    }

    /// The `Set-Cookie` header that hands out an id.
    pub(super) fn set(self, id: &str, longest: Duration) -> String {
        let secure = if self == Self::Secure { "; Secure" } else { "" };
        format!("{}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", self.name(), longest.as_secs())
    }
}

struct Session {
    person: Person,
    began: Instant,
    used: Instant,
}

/// All sessions. They end with the program.
pub(super) struct Sessions {
    settings: SessionSettings,
    open: Mutex<BTreeMap<[u8; 32], Session>>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self::new(SessionSettings::default())
    }
}

impl Sessions {
    pub(super) const fn new(settings: SessionSettings) -> Self {
        Self { settings, open: Mutex::new(BTreeMap::new()) }
    }

    /// Begins a session, and gives its id, which nobody has chosen.
    pub(super) fn begin(&self, person: Person, now: Instant) -> Result<String, NoRandom> {
        let id = random_text()?;
        let mut open = self.lock();
        open.retain(|_, session| self.is_alive(session, now));
        let own = open.values().filter(|session| session.person.name == person.name).count();
        if own >= MOST_OF_ONE {
            remove_least_used(&mut open, |session| session.person.name == person.name);
        }
        if open.len() >= self.settings.most {
            remove_least_used(&mut open, |_| true);
        }
        open.insert(key(&id), Session { person, began: now, used: now });
        Ok(id)
    }

    /// Whose session it is; it was used just now.
    pub(super) fn find(&self, id: &str, now: Instant) -> Option<Person> {
        let mut open = self.lock();
        let session = open.get_mut(&key(id))?;
        if !self.is_alive(session, now) {
            open.remove(&key(id));
            return None;
        }
        session.used = now;
        Some(session.person.clone())
    }

    pub(super) fn end(&self, id: &str) {
        self.lock().remove(&key(id));
    }

    fn is_alive(&self, session: &Session, now: Instant) -> bool {
        now.duration_since(session.used) < self.settings.idle
            && now.duration_since(session.began) < self.settings.longest
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An id is looked up by its hash, so that the time of the look-up tells nothing of other ids.
fn key(id: &str) -> [u8; 32] {
    *TokenHash::of(id).bytes()
}

fn remove_least_used(open: &mut BTreeMap<[u8; 32], Session>, of: impl Fn(&Session) -> bool) {
    let least = open.iter().filter(|(_, session)| of(session)).min_by_key(|(_, session)| session.used);
    if let Some(key) = least.map(|(key, _)| *key) {
        open.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;

    fn person(name: &str) -> Person {
        Person { name: name.to_owned(), groups: Vec::new(), role: Role::Operator }
    }

    fn sessions(most: usize) -> Sessions {
        Sessions::new(SessionSettings { idle: Duration::from_secs(60), longest: Duration::from_secs(100), most })
    }

    #[test]
    fn a_session_ends_when_it_is_idle_or_old() {
        let (sessions, now) = (sessions(10), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        let idle = sessions.begin(person("alice"), now).unwrap();
        let busy = sessions.begin(person("bob"), now).unwrap();
        for seconds in [40, 80, 99] {
            assert_eq!(sessions.find(&busy, at(seconds)), Some(person("bob")));
        }
        assert_eq!(sessions.find(&idle, at(60)), None);
        assert_eq!(sessions.find(&idle, at(1)), None, "what is over does not come back");
        assert_eq!(sessions.find(&busy, at(100)), None);
    }

    #[test]
    fn there_is_a_bound_for_each_and_for_all_and_the_least_used_goes() {
        let (sessions, now) = (sessions(MOST_OF_ONE + 2), Instant::now());
        let bob = sessions.begin(person("bob"), now).unwrap();
        let first = sessions.begin(person("alice"), now).unwrap();
        for seconds in 1..=MOST_OF_ONE as u64 {
            sessions.begin(person("alice"), now + Duration::from_secs(seconds)).unwrap();
        }
        assert_eq!(sessions.find(&first, now), None, "alice has too many");
        assert!(sessions.find(&bob, now).is_some(), "which is nothing to bob");
        for name in ["carol", "dave"] {
            sessions.begin(person(name), now + Duration::from_secs(30)).unwrap();
        }
        assert_eq!(sessions.lock().len(), MOST_OF_ONE + 2);
        assert_eq!(sessions.find(&bob, now), None);
    }

    #[test]
    fn a_cookie_is_found_among_others_and_never_guessed_from_two() {
        let headers = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, line.parse().unwrap());
            }
            headers
        };
        let cookie = Cookie::Plain;
        assert_eq!(cookie.find(&headers(&["a=b; pointsman-session=x; c=d"])), Some("x"));
        assert_eq!(cookie.find(&headers(&["a=b", "pointsman-session=x"])), Some("x"));
        assert_eq!(cookie.find(&headers(&["pointsman-session=x; pointsman-session=y"])), None);
        assert_eq!(cookie.find(&headers(&["pointsman-session=x", "pointsman-session=x"])), None);
        assert_eq!(cookie.find(&headers(&["xpointsman-session=x"])), None);
        assert_eq!(Cookie::Secure.find(&headers(&["pointsman-session=x"])), None);
        let set = Cookie::Secure.set("x", Duration::from_secs(9));
        assert_eq!(set, "__Host-pointsman-session=x; Path=/; HttpOnly; SameSite=Strict; Max-Age=9; Secure");
    }
}
