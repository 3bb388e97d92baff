//! How requests find their routes.

use super::*;
use crate::config;

fn plan(json: &str) -> Plan {
    config::load(json).unwrap_or_else(|faults| panic!("{faults}"))
}

/// The nodes that a request may visit, best first, with what its path captures.
fn found(plan: &Plan, direction: Direction, host: &str, method: &str, path: &str) -> Vec<String> {
    let candidates = plan.candidates(direction, Target { host, method, path });
    let line = |(_, route, captures): (RouteId, &Route, Vec<&str>)| {
        let node = plan.node(route.node).map_or("", |node| &node.name);
        format!("{node} {}", captures.join(",")).trim_end().to_owned()
    };
    candidates.map(line).collect()
}

#[test]
fn inbound_routes_stand_in_the_configs_order_and_the_service_takes_the_rest() {
    let plan = plan(
        r#"{"service": "push", "nodes": [
            {"name": "ONE", "path": "/messages/{id}"},
            {"name": "READ", "path": "/messages/*", "methods": ["GET", "HEAD"]},
            {"name": "ALL", "path": "/messages/*"}]}"#,
    );
    let inbound = |method: &str, path: &str| found(&plan, Direction::Inbound, "push.internal", method, path);
    assert_eq!(inbound("POST", "/messages/7"), ["ONE 7", "ALL", "PUSH"]);
    assert_eq!(inbound("GET", "/messages/7/state"), ["READ", "ALL"]);
    assert_eq!(inbound("PUT", "/"), ["PUSH"]);
    assert_eq!(inbound("DELETE", "/"), [""; 0]);
    assert_eq!(inbound("post", "/"), [""; 0], "methods are told apart by case");
    assert_eq!(found(&plan, Direction::Outbound, "push.internal", "POST", "/messages/7"), [""; 0]);
}

#[test]
fn the_most_specific_host_comes_first_and_nodes_of_any_host_last() {
    let plan = plan(
        r#"{"channels": [
            {"name": "lc", "adapter": "generic-json", "hosts": ["internal"]},
            {"name": "eu", "adapter": "generic-json", "hosts": ["eu.lc.internal", "lc.internal"]}],
            "nodes": [{"name": "ANY", "direction": "outbound"},
                      {"name": "USERS", "direction": "outbound", "hosts": ["LC.Internal"]}]}"#,
    );
    let outbound = |host: &str| found(&plan, Direction::Outbound, host, "POST", "/x");
    assert_eq!(outbound("a.eu.lc.internal"), ["EU_PUSH", "USERS", "EU_PUSH", "LC_PUSH", "ANY"]);
    assert_eq!(outbound("lc.internal"), ["USERS", "EU_PUSH", "LC_PUSH", "ANY"]);
    assert_eq!(outbound("xlc.internal"), ["LC_PUSH", "ANY"]);
    assert_eq!(outbound("elsewhere"), ["ANY"]);
    assert_eq!(outbound(""), ["ANY"]);
}

#[test]
fn businesses_are_found_by_their_exact_name() {
    let plan = plan(r#"{"service": "push", "businesses": [{"name": "order", "priority": 9}, {"name": "promo"}]}"#);
    let name = |business: Option<&str>| {
        let business = plan.business_by_id(plan.business(business)).unwrap();
        (&*business.name, business.priority)
    };
    assert_eq!(name(None), ("none", None));
    assert_eq!(name(Some("order")), ("order", Some(9)));
    assert_eq!(name(Some("promo")), ("promo", None));
    for unlisted in ["", "Order", "none", "other", "order "] {
        assert_eq!(name(Some(unlisted)), ("other", None), "{unlisted:?}");
    }
}

#[test]
fn the_host_of_an_authority_has_no_port_and_no_capitals() {
    for (authority, host) in [
        ("api.example.com", "api.example.com"),
        ("API.example.com:443", "api.example.com"),
        ("[::1]:8080", "[::1]"),
        ("[::1]", "[::1]"),
        ("host:", "host"),
        ("host:http", "host:http"),
        ("", ""),
    ] {
        assert_eq!(host_of(authority), host, "{authority}");
    }
}

#[test]
fn a_config_that_says_nothing_has_no_routes() {
    assert!(plan("{}").is_empty());
    assert!(!plan(r#"{"service": "push"}"#).is_empty());
    assert_eq!(found(&plan("{}"), Direction::Inbound, "a", "POST", "/"), [""; 0]);
}
