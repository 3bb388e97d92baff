//! Runs all cases through one proxy and gathers what is seen.

use super::case::{AnswerSpec, Case};
use super::client;
use super::observe::{Message, Observation};
use super::settings::Setting;
use super::upstream::Upstream;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How many cases run at once. More would make pieces of bodies meet in a proxy that is busy.
const AT_ONCE: usize = 6;

/// How long the log may take to say that an exchange is over. Where the VM has failed it never does.
const LOG_PATIENCE: Duration = Duration::from_millis(300);

/// A proxy with the filter in all its settings.
pub trait Proxy: Sync {
    /// Where the listener of a setting is.
    fn addr(&self, setting: usize) -> SocketAddr;
    /// What guests have logged, in order.
    fn log(&self) -> Vec<String>;
    /// What is exported now, in Prometheus's text format.
    fn metrics(&self) -> impl Future<Output = String> + Send;
}

/// The server behind the routes and the one behind the guest's calls.
pub async fn upstreams(cases: &[Case]) -> (Upstream, Upstream) {
    let answers = |of: fn(&Case) -> &AnswerSpec| -> HashMap<String, AnswerSpec> {
        cases.iter().map(|case| (case.name.clone(), of(case).clone())).collect()
    };
    (Upstream::start(answers(|case| &case.upstream)).await, Upstream::start(answers(|case| &case.call)).await)
}

/// What is seen of all cases.
pub struct Seen {
    /// By the name of the case.
    pub exchanges: BTreeMap<String, Observation>,
    /// Samples of metrics that cases define.
    pub metrics: Vec<String>,
}

/// Runs all cases.
pub async fn run(
    cases: &[Case],
    settings: &[Setting],
    proxy: &impl Proxy,
    upstream: &Upstream,
    calls: &Upstream,
) -> Seen {
    let jobs: Vec<(SocketAddr, &Case)> = settings
        .iter()
        .enumerate()
        .flat_map(|(index, setting)| setting.cases.iter().map(move |case| (proxy.addr(index), &cases[*case])))
        .collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let answers = std::sync::Mutex::new(HashMap::new());
    let worker = || async {
        while let Some((addr, case)) = jobs.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            let client = client::run(*addr, case).await;
            over(proxy, case).await;
            answers.lock().expect("no thread panics with the lock").insert(case.name.as_str(), client);
        }
    };
    let workers: Vec<_> = (0..AT_ONCE).map(|_| worker()).collect();
    join_all(workers).await;
    let mut answers = answers.into_inner().expect("no thread panics with the lock");
    let log = proxy.log();
    let lines = by_tag(&log);
    let seen = cases.iter().map(|case| {
        let name = case.name.as_str();
        let observation = Observation {
            client: answers.remove(name).unwrap_or_default(),
            upstream: upstream.received(name),
            calls: once_each(case, calls.received(name)),
            log: shown_lines(case, lines.get(name).map(Vec::as_slice).unwrap_or_default()),
        };
        (case.name.clone(), observation)
    });
    Seen { exchanges: seen.collect(), metrics: metric_lines(&proxy.metrics().await) }
}

/// Calls of root contexts are made by the main thread's VM too, where a proxy has one.
fn once_each(case: &Case, mut calls: Vec<Message>) -> Vec<Message> {
    if !case.plugin.config.is_empty() {
        calls.dedup();
    }
    calls
}

fn shown_lines(case: &Case, lines: &[String]) -> Vec<String> {
    let varies = |line: &str| line.starts_with("request_body size=") || line.starts_with("response_body size=");
    lines.iter().filter(|line| !case.pieces_vary || !varies(line)).cloned().collect()
}

async fn join_all(workers: Vec<impl Future<Output = ()>>) {
    let mut workers: Vec<_> = workers.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        workers.retain_mut(|worker| worker.as_mut().poll(context).is_pending());
        if workers.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// Waits until the log says that the case is over, for as long as it may take.
async fn over(proxy: &impl Proxy, case: &Case) {
    let wanted = match &case.until {
        Some(text) => format!("{} {text}", case.name),
        None => format!("{} delete", case.name),
    };
    let times = if case.then && case.until.is_none() { 2 } else { 1 };
    let patience = if case.until.is_some() { 10 * LOG_PATIENCE } else { LOG_PATIENCE };
    let deadline = Instant::now() + patience;
    while proxy.log().iter().filter(|line| line.starts_with(&wanted)).count() < times && Instant::now() < deadline {
        sleep(Duration::from_millis(10)).await;
    }
}

fn by_tag(log: &[String]) -> HashMap<&str, Vec<String>> {
    let mut lines: HashMap<&str, Vec<String>> = HashMap::new();
    for (tag, rest) in log.iter().filter_map(|line| line.split_once(' ')) {
        lines.entry(tag).or_default().push(rest.trim_end().to_owned());
    }
    lines
}

/// Metrics that cases define, as lines. Their names start with `diff_`. A histogram's sum is left out: Envoy's is a guess.
fn metric_lines(text: &str) -> Vec<String> {
    let own = |line: &&str| line.starts_with("diff_") && !line.contains("_sum");
    let mut lines: Vec<String> = text.lines().filter(own).map(|line| plain_bound(&line.replace("{}", ""))).collect();
    lines.sort();
    lines
}

/// The bound of a bucket without an exponent: both ways to write it are Prometheus's.
fn plain_bound(line: &str) -> String {
    let bound = line.split_once("le=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(bound, _)| bound);
    match bound.and_then(|bound| Some((bound, bound.parse::<f64>().ok().filter(|number| number.is_finite())?))) {
        Some((bound, number)) => line.replace(&format!("\"{bound}\""), &format!("\"{number}\"")),
        None => line.to_owned(),
    }
}
