//! The demo: stand-ins, a push service, a sidecar with the filter, a stream of pushes, and a table of what the filter saw. FCM
//! gets slow, its messages go to the platform's own gateway, and come back once it is well again.
//!
//! Below the table stands the way of one message, found by its id in the records that the filter exports.
//!
//! Every number of the table is read from the sidecar's metrics, be it Envoy or the native proxy. At the end of a bounded run the table is held
//! against the stand-ins' own counts, which is the whole point: the filter must know what the vendors know.

mod check;
mod live;
mod moves;
pub(crate) mod push;
mod receipts;
mod rules;
mod service;
mod signal;
mod story;
mod table;
mod tracker;
mod traffic;
pub(crate) mod vendor_calls;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::envoy::{Protocol, Upstream};
use crate::otlp::Receiver;
use crate::sidecar::{Kind, Setup, Sidecar, SidecarError};
use crate::vendors::{Fault, Vendors, VendorsError};
use live::Screen;
use moves::{Moves, Watch};
use push::Push;
use receipts::Receipts;
use service::Service;
use story::{Followed, Stories, Story};
use tracker::Tracker;
use traffic::Traffic;

pub use check::Difference;
pub use signal::stop_signal;
pub use table::{Row, render, rows};
pub use tracker::TrackerError;

/// Worker threads of the demo's sidecar: more than one, so that the counts of several VMs are added up.
const WORKERS: u32 = 2;

/// The key of hashes and derived trace ids. It guards nothing: every recipient of the demo is made up.
const SECRET: &str = "pointsman-demo-secret-0123456789";

/// When two vendors begin to fail.
const TROUBLE_AFTER: Duration = Duration::from_secs(4);

/// When the slow one of them is well again; the other is out of quota for the day.
const WELL_AFTER: Duration = Duration::from_secs(11);

/// How long pushes come in a bounded run: until FCM has all of its messages back.
const ONCE: Duration = Duration::from_secs(25);

/// The credential of the backup, which its cluster puts into requests: no rule and no metric shows it.
const CREDENTIAL: &str = "Bearer the-gateways-own";

/// Of how many of the last messages one is shown while the demo runs.
const SHOWN_AMONG: usize = 600;

/// How long open pushes may take to end, and how long counts, receipts and records may take to arrive, after a bounded run.
const SETTLE: Duration = Duration::from_secs(10);

/// Among so many pushes of the stream is one of each channel.
const FIRST: u64 = 20;

const WELL: &str = "all vendors are well";
const TROUBLE: &str = "fcm takes 3 s for 4 of 5 sends, oppo answers 200 with code 33 to 3 of 5";
const RECOVERY: &str = "fcm is well again and gets its messages back step by step; oppo still answers code 33";

/// What the demo needs.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Envoy or the native proxy.
    pub sidecar: Kind,
    /// The built filter.
    pub filter_wasm: PathBuf,
    /// Whether to stop after 25 s of pushes, compare counts, and see that messages have moved and come back; otherwise the demo runs until Ctrl-C.
    pub once: bool,
    /// Pushes per second; 150 shows all there is to see.
    pub pushes_per_second: u32,
    /// The `pointsman-tracker` program, to which all records go too.
    pub tracker: Option<PathBuf>,
}

/// Why the demo ended without success.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The stand-ins do not run.
    #[error(transparent)]
    Vendors(#[from] VendorsError),
    /// The sidecar does not run, or does not answer.
    #[error(transparent)]
    Sidecar(#[from] SidecarError),
    /// The push service's port could not be had.
    #[error("cannot listen for the push service")]
    Service {
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The shipped rules are not a JSON object.
    #[error("the shipped rules are no JSON object")]
    Rules {
        /// Where they stop being JSON, if they do.
        source: Option<serde_json::Error>,
    },
    /// A signal came before the counts could be compared.
    #[error("stopped before the counts could be compared")]
    Interrupted,
    /// The filter's counts are not those of the vendors.
    #[error("{} counts differ from the vendors' own", differences.len())]
    Counts {
        /// Each count that differs.
        differences: Vec<Difference>,
    },
    /// The slow vendor's messages did not find their way to its backup, or not back.
    #[error("the messages of {} did not go to {} and come back: {found}", rules::SLOW, rules::BACKUP)]
    NotBack {
        /// How many went, how many came back, and the state at the end.
        found: String,
    },
    /// Records do not tell of every message from its push to the vendor's receipt.
    #[error("of {sent} messages only {whole} can be followed from push to receipt, or none that has moved")]
    Untold {
        /// Messages that can be.
        whole: usize,
        /// Messages that a vendor took which reports on them.
        sent: usize,
    },
    /// The collector's port could not be had.
    #[error("cannot listen for records")]
    Collector {
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The tracker does not find a message by its id, its vendor's id and its recipient.
    #[error("the tracker does not find a message by its own id, the vendor's and its openid")]
    NotFound,
    /// The tracker's trend has no failures of a vendor that has failed.
    #[error("the tracker does not show that oppo has failed")]
    NotShown,
    /// The tracker does not run, or does not answer.
    #[error(transparent)]
    Tracker(#[from] TrackerError),
    /// Callers of the push service got something else than its answer.
    #[error("{broken} of {sent} pushes got no answer of the push service")]
    Broken {
        /// Pushes that failed on the way, or that the service could not hand on.
        broken: u64,
        /// All pushes.
        sent: u64,
    },
}

/// Everything that runs. Dropping it stops it all.
struct Demo {
    vendors: Vendors,
    sidecar: Sidecar,
    traffic: Traffic,
    stories: Arc<Mutex<Stories>>,
    _receipts: Receipts,
    _collector: Receiver,
    tracker: Option<Tracker>,
    _service: Service,
    started: Instant,
    slow: Watch,
    screen: Screen,
}

/// Runs the demo: until Ctrl-C or SIGTERM, or for a bounded time if `once`.
///
/// # Errors
/// [`DemoError`]: something did not start, or a bounded run did not end with counts that agree and with every message back on
/// its way.
pub async fn run(options: DemoOptions) -> Result<(), DemoError> {
    let once = options.once;
    // Whatever is under way when the signal comes is dropped, and the sidecar with it.
    tokio::select! {
        result = run_to_the_end(options) => result,
        () = stop_signal() => if once { Err(DemoError::Interrupted) } else { Ok(()) },
    }
}

async fn run_to_the_end(options: DemoOptions) -> Result<(), DemoError> {
    let limit = options.once.then_some(ONCE);
    let mut demo = Demo::start(options).await?;
    demo.watch(limit).await?;
    demo.settle().await
}

impl Demo {
    async fn start(options: DemoOptions) -> Result<Self, DemoError> {
        let vendors = Vendors::start().await?;
        everyday(&vendors)?;
        let service = Service::start().await.map_err(|source| DemoError::Service { source })?;
        let stories = Arc::<Mutex<Stories>>::default();
        let tracker = match &options.tracker {
            Some(program) => Some(Tracker::start(program, SECRET).await?),
            None => None,
        };
        let onward = tracker.as_ref().map(Tracker::addr);
        let collector = collector(&stories, onward).map_err(|source| DemoError::Collector { source })?;
        let setup = setup(options.filter_wasm, &vendors, service.addr(), collector.addr())?;
        let sidecar = Sidecar::start(&options.sidecar, setup).await?;
        service.send_through(sidecar.outbound());
        let receipts = Receipts::start(&vendors, sidecar.inbound());
        let traffic = Traffic::start(sidecar.inbound(), options.pushes_per_second);
        let screen = Screen::new(sidecar.metrics_url(), vendors.control_addr(), onward);
        let slow = Watch::default();
        Ok(Self {
            vendors,
            sidecar,
            traffic,
            stories,
            _receipts: receipts,
            _collector: collector,
            tracker,
            _service: service,
            started: Instant::now(),
            slow,
            screen,
        })
    }

    fn stories(&self) -> MutexGuard<'_, Stories> {
        self.stories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the table every second until the time is over, if it has an end.
    async fn watch(&mut self, limit: Option<Duration>) -> Result<(), DemoError> {
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut news = WELL;
        while limit.is_none_or(|limit| self.started.elapsed() < limit) {
            seconds.tick().await;
            if news == WELL && self.started.elapsed() >= TROUBLE_AFTER {
                self.begin_trouble()?;
                news = TROUBLE;
            }
            if news == TROUBLE && self.started.elapsed() >= WELL_AFTER {
                self.vendors.set_fault(rules::SLOW, everyday_fcm())?;
                news = RECOVERY;
            }
            let rows = rows(&self.sidecar.scrape().await?);
            self.slow.observe(&rows, accepted(&self.vendors)?);
            let story = self.stories().example(SHOWN_AMONG);
            self.screen.show(self.started.elapsed(), news, &rows, story.as_ref());
        }
        Ok(())
    }

    fn begin_trouble(&self) -> Result<(), VendorsError> {
        self.vendors.set_fault(rules::SLOW, Fault::delay(3_000).share(0.8))?;
        self.vendors.set_fault("oppo", Fault::error("33").after(25).share(0.6))
    }

    /// Every record of a bounded run has been answered by the tracker, and so it must find one of its first messages, and show that
    /// OPPO has failed.
    async fn ask_tracker(&self) -> Result<(), DemoError> {
        let first = (1..=FIRST).map(Push::numbered).find(|push| push.channel == "wechat");
        let (Some(tracker), Some(push)) = (&self.tracker, first) else { return Ok(()) };
        if !tracker.finds(&push).await? {
            return Err(DemoError::NotFound);
        }
        if tracker.shows_outage("oppo").await? { Ok(()) } else { Err(DemoError::NotShown) }
    }

    /// Ends the stream, lets what is open end, and holds the table against the vendors' own counts.
    async fn settle(mut self) -> Result<(), DemoError> {
        let pushes = self.traffic.stop(SETTLE).await;
        let deadline = Instant::now() + SETTLE;
        loop {
            let rows = rows(&self.sidecar.scrape().await?);
            let differences = check::compare(&rows, &self.vendors, pushes.sent)?;
            let told = Told::of(&self.stories());
            if (differences.is_empty() && told.is_all()) || Instant::now() >= deadline {
                let moves = self.slow.moves(&rows, accepted(&self.vendors)?);
                self.screen.finish(&rows, &differences, &moves, &told, pushes);
                self.ask_tracker().await?;
                return verdict(&moves, differences, &told, pushes);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// What the records of a bounded run have told of messages.
#[derive(Debug)]
struct Told {
    followed: Followed,
    /// One that is not whole, if there is one.
    example: Option<Story>,
}

impl Told {
    fn of(stories: &Stories) -> Self {
        let example = || stories.example(usize::MAX);
        Self { followed: stories.followed(), example: stories.broken().or_else(example) }
    }

    /// Whether every message can be followed to its receipt, one among them that has moved.
    fn is_all(&self) -> bool {
        let Followed { whole, sent } = self.followed;
        whole == sent && self.example.as_ref().is_some_and(Story::has_moved)
    }
}

/// Takes what the filter exports.
fn collector(stories: &Arc<Mutex<Stories>>, onward: Option<SocketAddr>) -> std::io::Result<Receiver> {
    let stories = Arc::clone(stories);
    let put = move |record: &_| stories.lock().unwrap_or_else(PoisonError::into_inner).put(record);
    let addr = (Ipv4Addr::LOCALHOST, 0).into();
    match onward {
        Some(onward) => Receiver::start_between(addr, put, onward),
        None => Receiver::start_streaming(addr, put),
    }
}

/// What the slow vendor has accepted by its own books.
fn accepted(vendors: &Vendors) -> Result<u64, VendorsError> {
    Ok(vendors.counts(rules::SLOW)?.messages_accepted)
}

fn verdict(moves: &Moves, differences: Vec<Difference>, told: &Told, pushes: traffic::Pushes) -> Result<(), DemoError> {
    let traffic::Pushes { sent, broken } = pushes;
    if !differences.is_empty() {
        return Err(DemoError::Counts { differences });
    }
    if !moves.there_and_back() {
        return Err(DemoError::NotBack { found: moves.to_string() });
    }
    if !told.is_all() {
        let Followed { whole, sent } = told.followed;
        return Err(DemoError::Untold { whole, sent });
    }
    if broken > 0 {
        return Err(DemoError::Broken { broken, sent });
    }
    Ok(())
}

fn everyday_fcm() -> Fault {
    Fault::delay_between(20, 90)
}

/// Times and refusals of an ordinary day.
fn everyday(vendors: &Vendors) -> Result<(), VendorsError> {
    let blacklisted = "FailedOperation.PhoneNumberInBlacklist";
    vendors.set_fault("apns", Fault::error("Unregistered").after(20).share(0.03))?;
    vendors.set_fault(rules::SLOW, everyday_fcm())?;
    vendors.require_credential(rules::BACKUP, CREDENTIAL)?;
    vendors.set_fault("oppo", Fault::delay_between(15, 80))?;
    vendors.set_fault("wechat", Fault::delay_between(30, 140))?;
    vendors.set_fault("sms-tencent", Fault::error_for(blacklisted, 1).share(0.25))
}

fn setup(
    filter_wasm: PathBuf,
    vendors: &Vendors,
    service: SocketAddr,
    collector: SocketAddr,
) -> Result<Setup, DemoError> {
    let mut upstreams = BTreeMap::from([
        ("service".to_owned(), Upstream::from(service)),
        (rules::COLLECTOR.to_owned(), Upstream::from(collector)),
    ]);
    for vendor in Vendors::names() {
        let addr = vendors.addr(vendor)?;
        let protocol = match vendor {
            "apns" | "fcm" => Protocol::Http2,
            _ => Protocol::Http1,
        };
        // The platform's own gateway is a cluster by its role, the vendors are by their channel.
        let cluster = if vendor == rules::BACKUP { rules::CLUSTER } else { vendor };
        upstreams.insert(cluster.to_owned(), Upstream { addr, protocol });
    }
    let (rules, secret) = (rules::demo_rules()?, SECRET.to_owned());
    let credentials = BTreeMap::from([(rules::CLUSTER.to_owned(), CREDENTIAL.to_owned())]);
    Ok(Setup { filter_wasm, rules, upstreams, credentials, workers: WORKERS, secret })
}
