//! A story in real time: Envoy between an application and the servers of the vendors.

use super::telling::{LOOK, Telling};
use super::theatre::{Books, Theatre};
use crate::cases_of_rules::case::{Case, Channel, Traffic};
use crate::cases_of_rules::dialect;
use crate::cases_of_rules::instant;
use crate::cases_of_rules::seen::{Answered, Message, Seen};
use bytes::Bytes;
use http_body_util::Full;
use pointsman_host::envoy::{Protocol, Rules};
use pointsman_host::http::{Version, send_within};
use pointsman_tests::{Bed, Setup};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};

/// How long before the beginning the rules are put in force.
const PREPARATION: Duration = Duration::from_millis(1_000);

/// How often the beginning may be put off because the machine was too slow for it.
const TRIES: u32 = 10;

/// Longer than any answer takes.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);

/// The fastest traffic of a story in messages a second, with room for what failover adds.
const CONNECTIONS: u32 = 4_096;

/// Runs a story to its end.
pub(super) async fn run(case: &Case) -> Result<Seen, Box<dyn Error>> {
    let mut theatre = Theatre::open(case).await?;
    let bed = bed(case, &theatre).await;
    let (start, since_1970) = begin(case, &bed).await?;
    let books = Books::open(case, start)?;
    theatre.begin(&books);
    let mut seen = Seen::default();
    let mut telling = Telling::default();
    let mut sending = send(case, &bed, &books, &mut seen, start);
    let mut changes = case.then.iter().peekable();
    let mut look = interval(LOOK);
    let mut answers = BTreeMap::new();
    while start.elapsed() < case.length || !sending.is_empty() {
        tokio::select! {
            _ = look.tick() => {}
            Some(answer) = sending.join_next() => {
                answers.extend([answer?]);
                continue;
            }
        }
        if let Some(change) = changes.next_if(|change| start.elapsed() >= change.at) {
            bed.envoy.apply(&instant::fill(&change.config, since_1970))?;
        }
        for (at, record) in telling.since(&bed, start) {
            seen.record(at, record);
        }
    }
    for (index, answered) in answers {
        seen.messages[index].answered = answered;
    }
    let log = bed.envoy.log();
    for complaint in ["config rejected", "panic at", "was not done", "could not go on"] {
        assert!(!log.contains(complaint), "{complaint}: {log}");
    }
    books.close(&mut seen);
    Ok(seen)
}

/// Puts the rules in force and waits for the beginning, which they name.
async fn begin(case: &Case, bed: &Bed) -> Result<(Instant, Duration), Box<dyn Error>> {
    for _ in 0..TRIES {
        let start = Instant::now() + PREPARATION;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)? + PREPARATION;
        bed.apply(&case.config_at(since_1970)).await;
        if Instant::now() < start {
            sleep_until(start).await;
            return Ok((start, since_1970));
        }
    }
    Err("the rules are never in force in time".into())
}

async fn bed(case: &Case, theatre: &Theatre) -> Bed {
    let mut setup = Setup::with_rules("{}").rules_file(Rules::Config("{}".to_owned()));
    setup = setup.workers(u32::try_from(case.workers).unwrap_or(2));
    let mut more = Vec::new();
    for (channel, addr) in &theatre.addresses {
        if channel.cluster == "gateway-2" {
            more.push((channel.clone(), *addr));
        } else {
            setup = setup.upstream(&channel.cluster, *addr, Protocol::Http1);
        }
    }
    let (timeout, may_hold) = (case.route_timeout, case.may_hold);
    setup.edit(move |bootstrap| adapt(bootstrap, timeout, may_hold, &more)).start().await
}

/// What a story wants of Envoy.
fn adapt(bootstrap: &mut Value, timeout: Duration, may_hold: bool, more: &[(Channel, SocketAddr)]) {
    let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().unwrap();
    for (channel, addr) in more {
        let mut cluster = clusters.iter().find(|cluster| cluster["name"] == "gateway").unwrap().clone();
        cluster["name"] = channel.cluster.as_str().into();
        cluster["load_assignment"]["cluster_name"] = channel.cluster.as_str().into();
        let address = json!({"address": addr.ip().to_string(), "port_value": addr.port()});
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"] =
            address;
        clusters.push(cluster);
    }
    for cluster in clusters {
        // A story is about vendors and not about how many calls Envoy has room for.
        let limits =
            json!({"max_connections": CONNECTIONS, "max_pending_requests": CONNECTIONS, "max_requests": CONNECTIONS});
        cluster["circuit_breakers"] = json!({"thresholds": [limits]});
    }
    for listener in bootstrap["static_resources"]["listeners"].as_array_mut().unwrap() {
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        let plugin = manager["http_filters"][0].pointer_mut("/config_discovery/default_config/config");
        if let (false, Some(plugin)) = (may_hold, plugin.and_then(Value::as_object_mut)) {
            plugin.remove("allow_on_headers_stop_iteration");
        }
        let hosts = manager["route_config"]["virtual_hosts"].as_array_mut().into_iter().flatten();
        let routes = hosts.filter_map(|host| host["routes"].as_array_mut()).flatten();
        for route in routes.filter_map(|route| route.get_mut("route")) {
            route["timeout"] = format!("{}s", timeout.as_secs_f64()).into();
        }
    }
}

type Sending = JoinSet<(usize, Option<Answered>)>;

/// Sends every message at its time, each on a connection of its own, so that both workers get as many.
fn send(case: &Case, bed: &Bed, books: &Arc<Books>, seen: &mut Seen, start: Instant) -> Sending {
    let mut sending = JoinSet::new();
    for (index, (at, traffic)) in case.messages().into_iter().enumerate() {
        let channel = channel(case, traffic);
        let recipient = dialect::recipient(&channel.adapter, index);
        books.vendors().expect(&channel, &recipient);
        let id = format!("m-{index:06}");
        let mut request = dialect::request(&channel.adapter, &channel.host, &id, &recipient, traffic.key);
        request.headers.extend(traffic.business.clone().map(|business| ("x-business".to_owned(), business)));
        seen.messages.push(Message {
            id,
            recipient,
            business: traffic.business.clone(),
            sent: at,
            answered: None,
            taken: Vec::new(),
        });
        let listener = bed.envoy.outbound();
        sending.spawn(async move {
            sleep_until(start + at).await;
            let answer = send_within(listener, Version::Http1, wire(request), ANSWER_LIMIT).await;
            let answer = answer.ok().map(|answer| dialect::Answer {
                status: answer.status.as_u16(),
                headers: Vec::new(),
                body: answer.body.to_vec(),
            });
            (index, answer.map(|answer| dialect::understand(&channel.adapter, &answer)))
        });
    }
    sending
}

fn channel(case: &Case, traffic: &Traffic) -> Channel {
    let mut channels = case.channels().into_iter();
    channels.find(|channel| channel.name == traffic.to).expect("reading the case has made sure of it")
}

fn wire(request: dialect::Request) -> http::Request<Full<Bytes>> {
    let mut wire = http::Request::post(request.path).header("host", request.authority);
    for (name, value) in request.headers {
        wire = wire.header(name, value);
    }
    wire.body(Full::from(request.body)).expect("a request of fixed parts")
}
