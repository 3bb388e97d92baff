//! Every visit is timed, judged and counted, once and nowhere else.

mod host_calls;
mod http2;
mod nodes;
mod privacy;
mod vendors;
