//! The signals that end a program.

use tokio::signal::unix::{SignalKind, signal};

/// Completes on Ctrl-C or SIGTERM. From the first call on, neither ends the process by itself any more.
///
/// Where the system refuses a handler, that signal keeps its default effect, which is to end the process.
pub async fn stop_signal() {
    tokio::select! {
        () = one(SignalKind::interrupt()) => {}
        () = one(SignalKind::terminate()) => {}
    }
}

async fn one(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}
