//! Indices of what a plan lists.

/// Index of a node of a [`Plan`](super::Plan).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u16);

impl NodeId {
    /// The place of the node in [`Plan::nodes`](super::Plan::nodes).
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Index of a route of a [`Plan`](super::Plan).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(pub(crate) u16);

/// Index of a channel of a [`Plan`](super::Plan).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub(crate) u16);

impl ChannelId {
    /// The place of the channel in [`Plan::channels`](super::Plan::channels).
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Index of a value of the label `business`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusinessId(pub(crate) u16);

impl BusinessId {
    /// The place of the business in [`Plan::businesses`](super::Plan::businesses).
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// No business is known.
    pub const NONE: Self = Self(0);
    /// A business that the config does not list.
    pub const OTHER: Self = Self(1);
}
