//! `pointsman otlp-sink`.

use super::check::count;
use super::records::Lines;
use anyhow::Context as _;
use clap::Args;
use pointsman_host::otlp::{Receiver, Record, Signal};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Args)]
pub(crate) struct OtlpSink {
    /// Where it listens, for OTLP over HTTP. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4318")]
    listen: SocketAddr,
    /// Print each record as a line of JSON in place of a line for people.
    #[arg(long)]
    json: bool,
    /// Add each record as a line of JSON to a file.
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
}

/// What has come.
#[derive(Default)]
struct Counts {
    logs: AtomicUsize,
    spans: AtomicUsize,
}

pub(crate) fn run(arguments: &OtlpSink) -> anyhow::Result<ExitCode> {
    let form = if arguments.json { Record::to_json_line } else { Record::to_line };
    let printed = Arc::new(Lines::stdout(form));
    let file = arguments.records.as_deref().map(Lines::append_to).transpose()?.map(Arc::new);
    let counts = Arc::new(Counts::default());
    if !arguments.json {
        super::check::print(&Record::headings())?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let receiver = Receiver::start_streaming(arguments.listen, {
        let (printed, file, counts) = (Arc::clone(&printed), file.clone(), Arc::clone(&counts));
        move |record| {
            let counted = if record.signal == Signal::Span { &counts.spans } else { &counts.logs };
            counted.fetch_add(1, Ordering::Relaxed);
            printed.put(record);
            if let Some(file) = &file {
                file.put(record);
            }
        }
    });
    let receiver = receiver.with_context(|| format!("cannot listen at {}", arguments.listen))?;
    let broken = async {
        match &file {
            Some(file) => file.failed().await,
            None => std::future::pending().await,
        }
    };
    runtime.block_on(async {
        // Before anybody can know where it listens: a signal must not be lost.
        let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        eprintln!("takes http://{0}/v1/logs and http://{0}/v1/traces until Ctrl-C", receiver.addr());
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
            () = printed.failed() => {}
            () = broken => {}
        }
        anyhow::Ok(())
    })?;
    let requests = usize::try_from(receiver.requests())?;
    receiver.stop();
    let (logs, spans) = (counts.logs.load(Ordering::Relaxed), counts.spans.load(Ordering::Relaxed));
    eprintln!("{} and {} in {}", count(spans, "span"), count(logs, "log record"), count(requests, "request"));
    printed.finish()?;
    file.map_or(Ok(()), |file| file.finish())?;
    Ok(ExitCode::SUCCESS)
}
