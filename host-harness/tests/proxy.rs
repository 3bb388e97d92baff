//! The native proxy as clients, upstreams and operators see it, over real sockets.

#[path = "proxy/config.rs"]
mod config;
#[path = "proxy/credential.rs"]
mod credential;
#[path = "proxy/failures.rs"]
mod failures;
#[path = "proxy/messages.rs"]
mod messages;
#[path = "proxy/operation.rs"]
mod operation;
#[path = "proxy/reload.rs"]
mod reload;
#[path = "proxy/support.rs"]
mod support;
#[path = "proxy/tls.rs"]
mod tls;
