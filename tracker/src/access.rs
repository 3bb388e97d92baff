//! Who is calling, and what they may do.
//!
//! Three ways lead in: a bearer token of the config, a session that a browser has begun with one, and the name that a proxy in
//! front has put into a header. Nothing that a caller says of themselves counts otherwise. A change needs a sign that it comes
//! from the tracker's own page, where a browser would send along by itself what lets the caller in.

mod attempts;
mod body;
mod csrf;
mod denied;
mod extract;
mod network;
mod proxy;
mod routes;
mod session;
mod token;
mod wire;

pub use body::JsonBody;
pub use denied::{Denied, failure};
pub use extract::{Approver, Operator, Peer, Viewer};
pub use network::{Network, NotANetwork};
pub use session::Cookie;
pub use token::{NewToken, NoRandom, NotAHash, TokenHash, new_token};
pub use wire::{Settings, Wire};

pub(crate) use routes::routes;
pub(crate) use token::random_id;

use attempts::Attempts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use session::Sessions;
use std::fmt;
use std::net::IpAddr;
use tokio::time::Instant;

/// What somebody may do; the later may do all that the earlier may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Viewer,
    /// Switch channels, and ask for what needs a second person.
    Operator,
    /// Agree to what somebody else has asked for.
    Approver,
}

impl Role {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
        }
    }
}

/// How somebody is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// By a bearer token.
    Token,
    /// By a session that was begun with a token.
    Session,
    /// By what a proxy says.
    Header,
    /// Not at all.
    Anonymous,
}

/// Somebody with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name; in a cluster the one that the API server knows.
    pub name: String,
    /// The groups, as a cluster knows them.
    pub groups: Vec<String>,
    /// What they may do.
    pub role: Role,
}

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name.
    pub name: String,
    /// The groups.
    pub groups: Vec<String>,
    /// What they may do.
    pub role: Role,
    /// How they are known.
    pub how: How,
    /// What a change has to carry; none where no browser would let a caller in by itself.
    csrf: Option<String>,
}

impl Caller {
    fn new(person: Person, how: How, csrf: Option<String>) -> Self {
        let Person { name, groups, role } = person;
        Self { name, groups, role, how, csrf }
    }

    /// Who it is, without how they are known.
    pub fn person(&self) -> Person {
        Person { name: self.name.clone(), groups: self.groups.clone(), role: self.role }
    }

    fn anonymous() -> Self {
        let person = Person { name: "anonymous".to_owned(), groups: Vec::new(), role: Role::Viewer };
        Self::new(person, How::Anonymous, None)
    }
}

/// Decides who is calling. The default lets everybody look and nobody change anything.
#[derive(Default)]
pub struct Access {
    settings: Settings,
    sessions: Sessions,
    attempts: Attempts,
    /// Begins with the program, so that what was given out before is worth nothing.
    secret: [u8; 32],
    cookie: Cookie,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Access {
    /// One that knows whom the config names; `tls` says whether browsers reach it by TLS, unless the config says so.
    ///
    /// # Errors
    /// [`NoRandom`].
    pub fn new(settings: Settings, tls: bool) -> Result<Self, NoRandom> {
        Ok(Self {
            sessions: Sessions::new(settings.session),
            attempts: Attempts::default(),
            secret: token::random()?,
            cookie: if settings.secure_cookies.unwrap_or(tls) { Cookie::Secure } else { Cookie::Plain },
            settings,
        })
    }

    /// Who is calling from this address.
    ///
    /// # Errors
    /// [`Denied`]. A session that is over is no error where anybody may look.
    pub fn caller(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Caller, Denied> {
        if let Some(person) =
            self.settings.proxy.as_ref().map(|proxy| proxy.person(headers, peer)).transpose()?.flatten()
        {
            let csrf = csrf::of_header(&self.secret, &person.name);
            return Ok(Caller::new(person, How::Header, Some(csrf)));
        }
        if let Some(token) = bearer(headers)? {
            let person = self.by_token(token, peer)?;
            return Ok(Caller::new(person, How::Token, None));
        }
        let id = self.cookie.find(headers);
        if let Some((id, person)) = id.and_then(|id| Some((id, self.sessions.find(id, Instant::now())?))) {
            let csrf = csrf::of_session(&self.secret, id);
            return Ok(Caller::new(person, How::Session, Some(csrf)));
        }
        if self.settings.anonymous { Ok(Caller::anonymous()) } else { Err(Denied::Unknown) }
    }

    /// Whose token it is. Each known one is compared, and each to its end. A right one is never made to wait: behind a proxy all
    /// who are wrong have one address with all who are not.
    fn by_token(&self, token: &str, peer: IpAddr) -> Result<Person, Denied> {
        let hash = TokenHash::of(token);
        let known = self.settings.tokens.iter().fold(
            None,
            |found, (known, person)| {
                if known.is_same(&hash) { Some(person) } else { found }
            },
        );
        let Some(person) = known else {
            let now = Instant::now();
            self.attempts.failed(peer, now);
            return Err(match self.attempts.wait(peer, now) {
                Some(wait) => Denied::TooMany { wait },
                None => Denied::WrongToken,
            });
        };
        Ok(person.clone())
    }

    /// Begins a session, in the place of the one that the browser has: whoever has given it an id gets nothing of it.
    fn sign_in(&self, token: &str, headers: &HeaderMap, peer: IpAddr) -> Result<SignedIn, Denied> {
        let person = self.by_token(token, peer)?;
        self.sign_out(headers);
        let id = self.sessions.begin(person.clone(), Instant::now()).map_err(|NoRandom| Denied::NoSession)?;
        let caller = Caller::new(person, How::Session, Some(csrf::of_session(&self.secret, &id)));
        let cookie = self.cookie.set(&id, self.settings.session.longest);
        Ok(SignedIn { caller, cookie })
    }

    /// Ends the session, if there is one.
    fn sign_out(&self, headers: &HeaderMap) {
        if let Some(id) = self.cookie.find(headers) {
            self.sessions.end(id);
        }
    }
}

/// A session that has begun.
struct SignedIn {
    caller: Caller,
    cookie: String,
}

/// The token of the `Authorization` header; another scheme is not ours.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Denied> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return if headers.contains_key(AUTHORIZATION) { Err(Denied::Ambiguous) } else { Ok(None) };
    };
    let Some((scheme, token)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else { return Ok(None) };
    Ok(scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()))
}

#[cfg(test)]
mod tests;
