//! Who is calling, by what a proxy in front has found out. From any other address the same headers say nothing.

use super::{Denied, Network, Person, Role};
use http::{HeaderMap, HeaderName};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The longest name of a person or group.
pub(super) const MAX_NAME_BYTES: usize = 256;
/// The most groups that are looked at.
const MAX_GROUPS: usize = 256;

/// A proxy that signs people in.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    pub(super) from: Vec<Network>,
    pub(super) user_header: HeaderName,
    pub(super) groups_header: Option<HeaderName>,
    pub(super) users: BTreeMap<String, Role>,
    pub(super) groups: BTreeMap<String, Role>,
    pub(super) others: Option<Role>,
}

impl Proxy {
    /// Who it says is calling; `None` if it is not the proxy, or says nothing.
    pub(super) fn person(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Option<Person>, Denied> {
        if !self.from.iter().any(|network| network.has(peer)) {
            return Ok(None);
        }
        let mut values = headers.get_all(&self.user_header).iter();
        let Some(value) = values.next() else { return Ok(None) };
        // Two names are a sign that a header of the caller's own has come through.
        let name = value.to_str().ok().map(str::trim).filter(|name| values.next().is_none() && is_name(name));
        let Some(name) = name else { return Err(Denied::Ambiguous) };
        let groups = self.groups(headers)?;
        let role = self.role(name, &groups).ok_or_else(|| Denied::NoRole { name: name.to_owned() })?;
        Ok(Some(Person { name: name.to_owned(), groups, role }))
    }

    fn groups(&self, headers: &HeaderMap) -> Result<Vec<String>, Denied> {
        let Some(header) = &self.groups_header else { return Ok(Vec::new()) };
        let mut groups = Vec::new();
        for value in headers.get_all(header) {
            let text = value.to_str().map_err(|_| Denied::Ambiguous)?;
            let named = text.split(',').map(str::trim).filter(|group| is_name(group));
            groups.extend(named.map(str::to_owned));
        }
        groups.sort();
        groups.dedup();
        groups.truncate(MAX_GROUPS);
        Ok(groups)
    }

    /// The highest that the name or a group has.
    fn role(&self, name: &str, groups: &[String]) -> Option<Role> {
        let of_groups = groups.iter().filter_map(|group| self.groups.get(group));
        self.users.get(name).into_iter().chain(of_groups).copied().max().or(self.others)
    }
}

/// Whether it may be somebody's name. Those of Kubernetes itself are nobody's: they would be acted for with all their rights.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && !name.chars().any(char::is_control)
        && !name.to_ascii_lowercase().starts_with("system:")
}
