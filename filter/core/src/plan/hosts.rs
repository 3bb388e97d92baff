//! Which routes a host has.

use super::RouteId;
use std::collections::HashMap;

/// Routes by host, so that matching does not grow with the number of channels.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteIndex {
    by_host: HashMap<Box<str>, Vec<RouteId>>,
    any_host: Vec<RouteId>,
}

impl RouteIndex {
    pub(crate) fn add(&mut self, hosts: &[Box<str>], route: RouteId) {
        if hosts.is_empty() || hosts.iter().any(|host| **host == *"*") {
            self.any_host.push(route);
        }
        for host in hosts.iter().filter(|host| ***host != *"*") {
            self.by_host.entry(host.clone()).or_default().push(route);
        }
    }

    /// The routes of each host, and those of any.
    pub(super) fn lists(&self) -> impl Iterator<Item = &Vec<RouteId>> {
        // The order of hosts cannot be seen: each list stands for itself.
        #[expect(clippy::disallowed_methods, reason = "each list is looked at by itself")]
        let of_hosts = self.by_host.values();
        of_hosts.chain(std::iter::once(&self.any_host))
    }

    /// The routes that may serve `host`, the most specific host first.
    pub(super) fn of_host<'a>(&'a self, host: &'a str) -> impl Iterator<Item = RouteId> + 'a {
        self.of_named_host(host).chain(self.any_host.iter().copied())
    }

    /// Those of them that name a host.
    pub(super) fn of_named_host<'a>(&'a self, host: &'a str) -> impl Iterator<Item = RouteId> + 'a {
        let suffixes = std::iter::successors(Some(host), |host| host.split_once('.').map(|(_, parent)| parent));
        suffixes.filter_map(|suffix| self.by_host.get(suffix)).flatten().copied()
    }
}
