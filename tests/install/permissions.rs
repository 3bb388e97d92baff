//! Who may change which rules in a cluster, and switching through the API server.

mod bed;
mod policies;
mod program;
mod switching;
mod tracker;

use bed::{Bed, PEOPLE};
use pointsman_tests::apiserver::{User, rights};

const CONFIG_MAPS: (&str, &str) = ("", "configmaps");
const FILTERS: (&str, &str) = ("networking.istio.io", "envoyfilters");

/// May this person do that with the object?
fn may(person: &str, verb: &str, (group, resource): (&str, &str), name: &str) -> bool {
    let groups = PEOPLE.iter().find(|(known, _)| *known == person).expect("a known person").1;
    let user = User { name: person.to_owned(), groups: groups.iter().map(|group| (*group).to_owned()).collect() };
    rights::allows(&rights::grants(&Bed::objects(), &user), verb, group, resource, "push", name)
}

#[test]
fn each_role_may_do_what_it_is_there_for_and_no_more() {
    for (person, verb, resource, name, expected) in [
        ("viewer", "get", CONFIG_MAPS, "pointsman", true),
        ("viewer", "get", CONFIG_MAPS, "pointsman-overrides", true),
        ("viewer", "get", CONFIG_MAPS, "passwords", false),
        ("viewer", "update", CONFIG_MAPS, "pointsman-overrides", false),
        ("viewer", "list", ("", "pods"), "*", true),
        ("viewer", "get", ("", "secrets"), "pointsman", false),
        ("alice", "update", CONFIG_MAPS, "pointsman-overrides", true),
        ("alice", "patch", CONFIG_MAPS, "pointsman-overrides", true),
        ("alice", "delete", CONFIG_MAPS, "pointsman-overrides", false),
        ("alice", "create", CONFIG_MAPS, "pointsman-overrides", false),
        ("alice", "update", CONFIG_MAPS, "pointsman", false),
        ("alice", "update", FILTERS, "pointsman-rules", true),
        ("alice", "update", FILTERS, "pointsman", false),
        ("alice", "delete", FILTERS, "pointsman-rules", false),
        ("alice", "operate", ("pointsman.io", "rules"), "pointsman-overrides", true),
        ("alice", "own", ("pointsman.io", "rules"), "pointsman-overrides", false),
        ("alice", "bypass", ("pointsman.io", "rules"), "pointsman-overrides", false),
        ("owner", "update", CONFIG_MAPS, "pointsman", true),
        ("owner", "delete", FILTERS, "pointsman", true),
        ("owner", "own", ("pointsman.io", "rules"), "pointsman", true),
        ("owner", "bypass", ("pointsman.io", "rules"), "pointsman", false),
        ("owner", "get", ("", "secrets"), "pointsman", false),
        ("nobody", "get", CONFIG_MAPS, "pointsman", false),
    ] {
        assert_eq!(may(person, verb, resource, name), expected, "{person} {verb} {resource:?} {name}");
    }
}

#[test]
fn whoever_applies_the_overlay_again_ends_no_order() {
    let overrides = pointsman_tests::manifests::object(&Bed::objects(), "ConfigMap", "pointsman-overrides").clone();
    assert!(overrides.get("data").is_none(), "what a manifest does not hold is left alone when it is applied");
}
