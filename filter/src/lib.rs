//! The proxy-wasm shell of Pointsman: it carries what the host says to `pointsman-core` and does what that decides.
#![allow(missing_docs, reason = "nothing here is public; the entry point that the SDK's macro makes has no docs")]
#![deny(clippy::indexing_slicing, clippy::string_slice, clippy::unreachable)]

mod export;
mod host;
mod metrics;
mod root;
mod shell;
mod stream;

use host::Level;

proxy_wasm::main! {{
    std::panic::set_hook(Box::new(|info| {
        // The payload may hold a value of the request; the place is enough to find the fault.
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        host::log(Level::Error, &format!("panic at {place}"));
    }));
    proxy_wasm::set_root_context(|_| Box::new(root::Root::default()));
}}
