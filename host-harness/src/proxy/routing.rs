//! Which route a request takes, as in Envoy: the most specific authority first, then the first route whose path matches.

use super::config::{ListenerConfig, RouteConfig};
use std::collections::HashMap;
use std::rc::Rc;

/// The routes of one listener.
pub(super) struct Routes {
    exact: HashMap<Box<[u8]>, VirtualHost>,
    /// `*.example.com` as `.example.com`, longest first.
    suffixes: Vec<(Vec<u8>, VirtualHost)>,
    any: VirtualHost,
}

type VirtualHost = Vec<Rc<RouteConfig>>;

impl Routes {
    pub(super) fn new(listener: &ListenerConfig) -> Self {
        let mut routes = Self { exact: HashMap::new(), suffixes: Vec::new(), any: Vec::new() };
        for route in &listener.routes {
            let host = match route.authority.strip_prefix('*') {
                Some("") => &mut routes.any,
                Some(suffix) => suffix_host(&mut routes.suffixes, suffix.as_bytes()),
                None => routes.exact.entry(without_port(route.authority.as_bytes()).into()).or_default(),
            };
            host.push(Rc::new(route.clone()));
        }
        routes.suffixes.sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        routes
    }

    /// The route of a request; an authority that has routes of its own takes no other's.
    pub(super) fn find(&self, authority: &[u8], path: &[u8]) -> Option<&Rc<RouteConfig>> {
        let host = without_port(authority);
        let routes = if host.iter().any(u8::is_ascii_uppercase) {
            self.virtual_host(&host.to_ascii_lowercase())
        } else {
            self.virtual_host(host)
        };
        routes.iter().find(|route| path.starts_with(route.path_prefix.as_bytes()))
    }

    fn virtual_host(&self, host: &[u8]) -> &VirtualHost {
        let suffix = || self.suffixes.iter().find(|(suffix, _)| host.len() > suffix.len() && host.ends_with(suffix));
        self.exact.get(host).or_else(|| suffix().map(|(_, routes)| routes)).unwrap_or(&self.any)
    }
}

fn suffix_host<'a>(suffixes: &'a mut Vec<(Vec<u8>, VirtualHost)>, suffix: &[u8]) -> &'a mut VirtualHost {
    let index = suffixes.iter().position(|(known, _)| known == suffix).unwrap_or_else(|| {
        suffixes.push((suffix.to_vec(), Vec::new()));
        suffixes.len() - 1
    });
    &mut suffixes[index].1
}

/// The host of an authority; an IPv6 address keeps its brackets.
fn without_port(authority: &[u8]) -> &[u8] {
    let digits = authority.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    match authority.len().checked_sub(digits + 1) {
        Some(colon) if authority.get(colon) == Some(&b':') => authority.get(..colon).unwrap_or(authority),
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::{Routes, without_port};
    use crate::proxy::config::{ListenerConfig, RouteConfig};

    #[test]
    fn the_most_specific_authority_wins_then_the_first_path() {
        let route = |authority: &str, path: &str, name: &str| RouteConfig {
            name: name.to_owned(),
            authority: authority.to_owned(),
            path_prefix: path.to_owned(),
            ..RouteConfig::to("c")
        };
        let routes = Routes::new(&ListenerConfig {
            routes: vec![
                route("*", "/", "any"),
                route("*.b.c", "/", "suffix"),
                route("*.a.b.c", "/", "longer"),
                route("a.b.c", "/v1", "exact"),
                route("a.b.c", "/v1/deep", "never"),
            ],
            ..ListenerConfig::default()
        });
        let find = |authority: &str, path: &str| {
            routes.find(authority.as_bytes(), path.as_bytes()).map_or("-", |route| &route.name)
        };
        assert_eq!(find("a.b.c:443", "/v1/deep"), "exact");
        assert_eq!(find("A.B.c", "/v1"), "exact");
        assert_eq!(find("a.b.c", "/v2"), "-");
        assert_eq!(find("x.b.c", "/v2"), "suffix");
        assert_eq!(find("x.a.b.c", "/"), "longer");
        assert_eq!(find("other", "/"), "any");
    }

    #[test]
    fn only_a_port_is_cut_off() {
        for (authority, host) in
            [("a:1", "a"), ("a", "a"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("a1", "a1"), ("", "")]
        {
            assert_eq!(without_port(authority.as_bytes()), host.as_bytes());
        }
    }
}
