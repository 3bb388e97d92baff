//! What is made of events: the answers, as they go out. Nothing here reads a store or a clock.

mod blocked;
mod brief;
mod channels;
pub mod csv;
mod detail;
mod funnel;
mod history;
mod meaning;
mod nodes;
pub mod patterns;
mod range;
mod record;
mod rest;
mod series;
mod trend;
mod visits;
mod waits;

pub use blocked::{Blocked, BlockedNode, BlockedVisit};
pub use brief::{Brief, Conflict};
pub use channels::{Channel, ChannelCode, ChannelEvent, Channels, Happening, QUALITY_DIMENSIONS, Quality, RuleInForce};
pub use detail::{Detail, MAX_RAW, RecipientLine, StatusLine, detail};
pub use funnel::{Funnel, Stage, funnel};
pub use history::History;
pub use meaning::meaning;
pub use nodes::{NODE_DIMENSIONS, Node, Nodes, nodes};
pub use range::{RangeFault, Steps, asked, minutes};
pub use record::Record;
pub(crate) use series::dimension_name;
pub use series::{Group, Row, Series, SeriesOf, Statistics, series, statistics};
pub use trend::{Curves, Trend, trend};
pub use visits::{Edge, Visit, visits};
pub use waits::{Wait, WaitEdge, Waits, aggregate, waits};
