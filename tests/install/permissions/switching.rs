//! Switching through the API server, with all that can go wrong on the way.

use super::bed::{Bed, CONFIG, back, filter, now, order, overrides};
use http::Method;
use pointsman_core::config::digest;
use pointsman_host::cluster::{
    Access, Cluster, ClusterError, Done, Kind, Mode, NewConfig, Object, Person, Unable, Wish, annotation, history,
    perform,
};
use pointsman_host::overrides::merge;
use pointsman_host::rules::{config_in_envoyfilter, with_config};
use pointsman_host::switch::Order;
use pointsman_tests::apiserver::Trouble;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Barrier;

async fn give(cluster: &Cluster, object: &Object, order: &Order) -> Result<Done, ClusterError> {
    perform(cluster, object, Wish::Order(order), now(), Mode::Write).await
}

#[tokio::test]
async fn an_operator_switches_and_takes_it_back_and_the_object_says_so() {
    let bed = Bed::start().await;
    let alice = bed.cluster("alice").await;
    let by = alice.signer(None).await.unwrap();
    let done = give(&alice, &overrides(), &order("xiaomi", &by)).await.unwrap();
    let object = bed.overrides();
    let text = object["data"]["overrides.json"].as_str().unwrap();
    assert_eq!(done.changed.record.version, digest(&merge(CONFIG, text).unwrap()), "what the filters will report");
    assert_eq!(object["metadata"]["annotations"][annotation::BY], "alice");
    assert_eq!(bed.server.object("ConfigMap", "pointsman")["data"]["pointsman.json"], CONFIG);

    let bob = bed.cluster("bob").await;
    give(&bob, &overrides(), &back("xiaomi", "bob")).await.unwrap();
    assert!(bed.orders().is_empty());
    let told = history(&bed.cluster("viewer").await, &overrides()).await.unwrap();
    let who: Vec<_> = told.iter().flatten().map(|record| (record.operation.name(), record.by.as_str())).collect();
    assert_eq!(who, [("switch", "alice"), ("back", "bob")]);
    let writes: Vec<_> = bed.server.audit().into_iter().filter(|audit| audit.what.starts_with("PUT")).collect();
    assert_eq!(writes.iter().map(|audit| audit.user.as_str()).collect::<Vec<_>>(), ["alice", "bob"]);
}

#[tokio::test]
async fn of_an_envoyfilter_only_the_text_changes() {
    let bed = Bed::start().await;
    let before = bed.server.object("EnvoyFilter", "pointsman-rules");
    give(&bed.cluster("alice").await, &filter(), &order("xiaomi", "alice")).await.unwrap();
    let mut after = bed.server.object("EnvoyFilter", "pointsman-rules");
    assert!(config_in_envoyfilter(&after).unwrap().contains("switch-xiaomi"));
    assert!(with_config(&mut after, CONFIG));
    assert_eq!(after["spec"].to_string(), before["spec"].to_string());
    assert_eq!(after["metadata"]["labels"], before["metadata"]["labels"]);
}

#[tokio::test]
async fn two_orders_at_once_are_both_there_behind() {
    let bed = Bed::start().await;
    let (alice, bob) = (bed.cluster("alice").await, bed.cluster("bob").await);
    // Both have read before one of them writes.
    let both = Arc::new(Barrier::new(2));
    for _ in 0..2 {
        bed.server.trouble(Method::PUT, Trouble::Meet(Arc::clone(&both)));
    }
    let (first, second) = (order("xiaomi", "alice"), order("oppo", "bob"));
    let (overrides_a, overrides_b) = (overrides(), overrides());
    let (one, other) = tokio::join!(give(&alice, &overrides_a, &first), give(&bob, &overrides_b, &second));
    let tries = one.unwrap().tries + other.unwrap().tries;
    assert_eq!(tries, 3, "one of them came too late and looked again");
    let mut orders = bed.orders();
    orders.sort();
    assert_eq!(orders, ["switch-oppo", "switch-xiaomi"]);
    assert_eq!(history(&alice, &overrides()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn who_never_gets_the_turn_gives_up() {
    let bed = Bed::start().await;
    for _ in 0..5 {
        bed.server.trouble(Method::PUT, Trouble::Rival);
    }
    let refused = give(&bed.cluster("alice").await, &overrides(), &order("xiaomi", "alice")).await;
    assert!(matches!(refused, Err(ClusterError::Busy { tries: 5, .. })), "{refused:?}");
    assert!(bed.orders().is_empty());
}

#[tokio::test]
async fn an_order_that_was_written_and_not_confirmed_is_found_and_not_given_twice() {
    let bed = Bed::start().await;
    let alice = bed.cluster("alice").await;
    bed.server.trouble(Method::PUT, Trouble::CutBehind);
    let done = give(&alice, &overrides(), &order("xiaomi", "alice")).await.unwrap();
    assert_eq!((done.tries, bed.orders()), (2, vec!["switch-xiaomi".to_owned()]));
    bed.server.trouble(Method::PUT, Trouble::CutBehind);
    give(&alice, &overrides(), &back("xiaomi", "alice")).await.unwrap();
    assert_eq!(history(&alice, &overrides()).await.unwrap().len(), 2);

    bed.server.trouble(Method::PUT, Trouble::Cut);
    let done = give(&alice, &overrides(), &order("xiaomi", "alice")).await.unwrap();
    assert_eq!(done.tries, 2, "it was not there, so it was written again");
}

#[tokio::test]
async fn where_nobody_can_tell_the_answer_says_so() {
    let bed = Bed::start().await;
    let alice = bed.cluster("alice").await.within(Duration::from_secs(6));
    bed.server.trouble(Method::PUT, Trouble::CutBehind);
    // The read of the object, the read of the config, and the read that would clear the doubt.
    for pause in [0, 0, 60] {
        bed.server.trouble(Method::GET, Trouble::Slow(Duration::from_secs(pause)));
    }
    let unclear = give(&alice, &overrides(), &order("xiaomi", "alice")).await;
    assert!(matches!(unclear, Err(ClusterError::Unclear { .. })), "{unclear:?}");

    bed.server.trouble(Method::GET, Trouble::Slow(Duration::from_secs(60)));
    let slow = alice.get(&overrides()).await.unwrap_err();
    assert!(matches!(slow, ClusterError::NoAnswer { source: None, .. }), "{slow:?}");
    bed.server.trouble(Method::GET, Trouble::BadGateway);
    let page = alice.get(&overrides()).await.unwrap_err().to_string();
    assert!(page.contains("answers 502") && !page.contains('\n'), "{page}");
}

#[tokio::test]
async fn a_dry_run_is_judged_and_writes_nothing() {
    let bed = Bed::start().await;
    let before = bed.overrides();
    let wish = order("xiaomi", "alice");
    let alice = bed.cluster("alice").await;
    let done = perform(&alice, &overrides(), Wish::Order(&wish), now(), Mode::DryRun).await.unwrap();
    assert!(done.changed.diff.contains("+{\"rules\": [{\"name\": \"switch-xiaomi\""), "{}", done.changed.diff);
    let viewer = bed.cluster("viewer").await;
    let refused = perform(&viewer, &overrides(), Wish::Order(&wish), now(), Mode::DryRun).await;
    assert!(matches!(refused, Err(ClusterError::Forbidden { .. })), "{refused:?}");
    assert_eq!(bed.overrides(), before);
}

#[tokio::test]
async fn who_may_not_is_told_in_words_and_nothing_is_written() {
    let bed = Bed::start().await;
    let before = bed.overrides();
    let refused = |person: &'static str, by: &'static str| {
        let bed = &bed;
        async move { give(&bed.cluster(person).await, &overrides(), &order("xiaomi", by)).await.unwrap_err() }
    };
    assert!(matches!(refused("stranger", "stranger").await, ClusterError::NotSignedIn { .. }));
    let error = refused("viewer", "viewer").await;
    assert!(
        error.to_string().starts_with("you may not: configmaps \"pointsman-overrides\" is forbidden: User \"viewer\"")
    );
    // The right to change any ConfigMap is not the right to operate.
    let error = refused("editor", "editor").await;
    assert!(matches!(error, ClusterError::Refused { .. }) && error.to_string().contains("may `operate`"), "{error}");
    let error = refused("alice", "bob").await;
    assert!(error.to_string().contains("pointsman.io/by must be the user who asks"), "{error}");
    let alice = bed.cluster("alice").await;
    assert!(matches!(alice.signer(Some("bob")).await, Err(ClusterError::NotYou { .. })));
    assert_eq!(alice.signer(Some("alice")).await.unwrap(), "alice");
    let missing = Object::parse(Kind::ConfigMap, "push/pointsman-overrides-b").unwrap();
    assert!(matches!(
        give(&bed.cluster("admin").await, &missing, &order("xiaomi", "admin")).await,
        Err(ClusterError::NotFound { .. })
    ));
    assert_eq!(bed.overrides(), before);
}

#[tokio::test]
async fn a_service_acts_in_the_name_of_who_has_signed_in_and_of_nobody_else() {
    let bed = Bed::start().await;
    let console = bed.cluster("console").await;
    let groups = vec!["push-operators".to_owned()];
    let as_alice = console.acting_as(Person { name: "alice".to_owned(), groups: groups.clone() });
    let by = as_alice.signer(None).await.unwrap();
    give(&as_alice, &overrides(), &order("xiaomi", &by)).await.unwrap();
    let write = bed.server.audit().into_iter().find(|audit| audit.what.starts_with("PUT")).unwrap();
    assert_eq!((write.user.as_str(), write.asked_by.as_deref()), ("alice", Some("console")));
    assert_eq!(bed.overrides()["metadata"]["annotations"][annotation::BY], "alice");
    let as_admin = console.acting_as(Person { name: "admin".to_owned(), groups });
    assert!(matches!(as_admin.user().await, Err(ClusterError::Forbidden { .. })));
    let refused = give(&console, &overrides(), &back("xiaomi", "console")).await;
    assert!(matches!(refused, Err(ClusterError::Forbidden { .. })), "a service has no rights of its own: {refused:?}");
}

#[tokio::test]
async fn an_owner_applies_a_config_and_an_operator_does_not() {
    let bed = Bed::start().await;
    let new = |by: &str| NewConfig {
        text: CONFIG.replace("\"push\"", "\"other\""),
        by: by.to_owned(),
        approved_by: None,
        reason: "more".to_owned(),
        end_orders: false,
    };
    let config = Object::parse(Kind::ConfigMap, "push/pointsman").unwrap();
    for (object, kind, name) in [(config, "ConfigMap", "pointsman"), (filter(), "EnvoyFilter", "pointsman-rules")] {
        let before = bed.server.object(kind, name);
        for person in ["alice", "editor"] {
            let wish = new(person);
            let cluster = bed.cluster(person).await;
            let refused = perform(&cluster, &object, Wish::Config(&wish), now(), Mode::Write).await;
            assert!(
                matches!(refused, Err(ClusterError::Forbidden { .. } | ClusterError::Refused { .. })),
                "{refused:?}"
            );
        }
        assert_eq!(bed.server.object(kind, name), before);
        let wish = new("owner");
        perform(&bed.cluster("owner").await, &object, Wish::Config(&wish), now(), Mode::Write).await.unwrap();
        assert!(bed.server.object(kind, name).to_string().contains(r#"\"other\""#));
    }
}

#[tokio::test]
async fn an_order_that_does_not_fit_the_config_beside_is_never_written() {
    let bed = Bed::start().await;
    let alice = bed.cluster("alice").await;
    let refused = give(&alice, &overrides(), &order("nobody", "alice")).await;
    assert!(matches!(refused, Err(ClusterError::Unable { reason: Unable::Unfit(_), .. })), "{refused:?}");
    assert!(!bed.server.audit().iter().any(|audit| audit.what.starts_with("PUT")));
}

#[tokio::test]
async fn without_an_api_server_or_a_kubeconfig_the_answer_comes_soon() {
    let bed = Bed::start().await;
    let kubeconfig = bed.server.kubeconfig("alice");
    let text = std::fs::read_to_string(&kubeconfig).unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = text.split("http://").nth(1).unwrap().split('"').next().unwrap();
    std::fs::write(&kubeconfig, text.replace(server, &closed.to_string())).unwrap();
    let access = Access { kubeconfig: Some(kubeconfig), ..Access::default() };
    let cluster = Cluster::connect(&access).await.unwrap();
    assert!(matches!(cluster.user().await, Err(ClusterError::NoAnswer { .. })));
    let none = Access { kubeconfig: Some("/nonexistent".into()), ..Access::default() };
    assert!(matches!(Cluster::connect(&none).await, Err(ClusterError::Access(_))));
}
