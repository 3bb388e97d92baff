//! What a handler asks for to be called only by who may.

use super::{Access, Caller, Denied, How, Role};
use crate::serve::App;
use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Where a request comes from; the server puts it among the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// A caller who may look.
#[derive(Clone, Debug)]
pub struct Viewer(pub Caller);

/// A caller who may switch.
#[derive(Clone, Debug)]
pub struct Operator(pub Caller);

/// A caller who may agree to what others have asked for.
#[derive(Clone, Debug)]
pub struct Approver(pub Caller);

/// Nobody trusts an address that is not known.
pub(super) fn peer(parts: &Parts) -> IpAddr {
    parts.extensions.get::<Peer>().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.0.ip().to_canonical())
}

impl Access {
    /// Who is calling, if they may do what `least` may, and it comes from where it should.
    fn admit(&self, parts: &Parts, least: Role) -> Result<Caller, Denied> {
        let caller = self.caller(&parts.headers, peer(parts))?;
        if caller.role < least {
            return Err(if caller.how == How::Anonymous { Denied::Unknown } else { Denied::Role { needed: least } });
        }
        self.check_page(parts, &caller)?;
        Ok(caller)
    }
}

macro_rules! extractor {
    ($($name:ident),*) => {$(
        impl<S: Send + Sync> FromRequestParts<S> for $name
        where
            App: FromRef<S>,
        {
            type Rejection = Denied;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
                App::from_ref(state).access.admit(parts, Role::$name).map(Self)
            }
        }
    )*};
}

extractor!(Viewer, Operator, Approver);
