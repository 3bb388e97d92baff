//! The `pointsman-tracker` program.

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use pointsman_tracker::access::{Access, NewToken, new_token};
use pointsman_tracker::config::fault::Faults;
use pointsman_tracker::config::{Config, StoreSettings};
use pointsman_tracker::ingest::Ingest;
use pointsman_tracker::operations::Operations;
use pointsman_tracker::serve::{self, App, Settings, Tls};
use pointsman_tracker::store::clickhouse::ClickHouse;
use pointsman_tracker::store::embedded::Embedded;
use pointsman_tracker::store::memory::Memory;
use pointsman_tracker::store::{Store, StoreError};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

/// `EX_USAGE` of sysexits: the input is at fault, not the program.
const FAULTY: u8 = 64;
/// How long reads of the store that are under way may take when everything else has ended.
const LAST_READS: Duration = Duration::from_secs(5);

/// Where is my message? Keeps what filters record, and answers questions about it.
#[derive(Parser)]
#[command(name = "pointsman-tracker", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take records and answer questions, until SIGTERM or Ctrl-C.
    Serve {
        /// The config; without it all is as by default.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Where to listen, in place of the config's. Port 0 takes a free one.
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
    },
    /// Report every fault of a config (exit 64), or that there is none (exit 0).
    Check {
        /// The config.
        file: PathBuf,
    },
    /// Make a token for somebody: the token on the first line, its hash for the config on the second.
    Token,
}

/// Events are many small texts that one thread makes and another one ends, which is what it is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Serve { config, listen } => match load(config.as_deref(), listen)? {
            Ok(config) => {
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
                let served = runtime.block_on(serve(config));
                // Whoever reads for longer than that reads for nobody.
                runtime.shutdown_timeout(LAST_READS);
                served?;
                Ok(ExitCode::SUCCESS)
            }
            Err(code) => Ok(code),
        },
        Command::Check { file } => match load(Some(&file), None)? {
            Ok(_) => {
                // A reader that has left is no fault of the program.
                let _ = writeln!(std::io::stdout(), "{}: ok", file.display());
                Ok(ExitCode::SUCCESS)
            }
            Err(code) => Ok(code),
        },
        Command::Token => {
            let NewToken { token, hash } = new_token()?;
            writeln!(std::io::stdout(), "{token}\nsha256: {hash}")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The config, or the code to end with after its faults were told.
fn load(file: Option<&Path>, listen: Option<SocketAddr>) -> anyhow::Result<Result<Config, ExitCode>> {
    let text = match file {
        Some(file) => std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?,
        None => String::new(),
    };
    let loaded = Config::load(&text).and_then(|mut config| {
        let mut faults = Faults::default();
        config.listen = listen.unwrap_or(config.listen);
        config.check_reach(config.listen, &mut faults);
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    });
    Ok(loaded.map_err(|faults| {
        let name = file.map_or("the config".to_owned(), |file| file.display().to_string());
        let count = faults.0.len();
        eprint!("{name}: {count} fault{}\n{faults}", if count == 1 { "" } else { "s" });
        ExitCode::from(FAULTY)
    }))
}

async fn serve(config: Config) -> anyhow::Result<()> {
    // Before anybody can know where it listens: a signal must not be lost.
    let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let settings = Settings {
        connections: config.connections,
        header_timeout: config.header_timeout,
        stop_timeout: config.stop_timeout,
        tls: config.tls.as_ref().map(|files| Tls::load(&files.certificate, &files.key)).transpose()?,
    };
    let app = app(&config).await?;
    let addr = config.listen;
    let listener = TcpListener::bind(addr).await.with_context(|| format!("cannot listen on {addr}"))?;
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    writeln!(std::io::stdout(), "pointsman-tracker serves {scheme}://{}", listener.local_addr()?)?;
    let mut beside = JoinSet::new();
    beside.spawn(serve::expire(app.clone(), config.store.retention()));
    beside.spawn(serve::watch(app.clone()));
    let shutdown = async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    serve::run(listener, app, settings, shutdown).await;
    // What holds the store has to be gone before it can be closed.
    beside.shutdown().await;
    Ok(())
}

async fn app(config: &Config) -> anyhow::Result<App> {
    let store = store(config).await.context("the store cannot be opened")?;
    let access = Access::new(config.access.clone().unwrap_or_default(), config.tls.is_some())?;
    let keys = config.recipients.keys(|name| std::env::var_os(name).map(OsStringExt::into_vec))?;
    let operations = operations(config).await;
    Ok(App {
        access: Arc::new(access),
        operations,
        page: Arc::new(config.page.clone()),
        keys: keys.map(Arc::new),
        limits: config.limits,
        ingest: Arc::new(Ingest::new(config.ingest.clone(), config.store.retention())),
        ..App::new(store, Arc::new(config.lifecycle.clone()))
    })
}

/// What changes rules; nothing if that cannot be, since records are to be taken and questions answered all the same.
async fn operations(config: &Config) -> Option<Arc<Operations>> {
    match Operations::open(config.operations.clone()?, serve::now_ms()).await {
        Ok(operations) => Some(Arc::new(operations)),
        Err(error) => {
            // That nobody listens is no trouble.
            let _ = writeln!(std::io::stderr(), "operations are off until the program is started again: {error}");
            None
        }
    }
}

async fn store(config: &Config) -> Result<Arc<dyn Store>, StoreError> {
    let lifecycle = config.lifecycle.clone();
    Ok(match config.store.clone() {
        StoreSettings::Embedded(settings) => Arc::new(Embedded::open(settings, lifecycle)?),
        StoreSettings::Clickhouse(settings) => Arc::new(ClickHouse::open(settings, lifecycle).await?),
        StoreSettings::Memory => Arc::new(Memory::new(lifecycle)),
    })
}
