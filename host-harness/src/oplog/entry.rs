//! One line of the log.

use serde::{Deserialize, Serialize};

/// How far an operation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It is about to replace the config.
    Intent,
    /// The config is in place.
    Done,
    /// The config is as it was.
    Abandoned,
    /// It was interrupted, and the config has been changed otherwise since.
    Unclear,
}

/// What was done with a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Its messages go to other channels.
    Switch,
    /// Its messages are refused for the time being.
    Shed,
    /// It is taken for healthy or degraded, whatever is seen of it.
    Hold,
    /// The manual rule is taken back.
    Back,
    /// A share of its messages is struck, as a rehearsal.
    Drill,
    /// The rehearsal is ended.
    EndDrill,
    /// The whole config is replaced; only in the history of an object in a cluster.
    Apply,
}

impl Operation {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Shed => "shed",
            Self::Hold => "hold",
            Self::Back => "back",
            Self::Drill => "drill",
            Self::EndDrill => "end_drill",
            Self::Apply => "apply",
        }
    }
}

/// Who has done what with which channel. The order of the fields is that of the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// RFC 3339, UTC.
    pub time: String,
    /// How far it has come.
    pub step: Step,
    /// What it is.
    pub operation: Operation,
    /// The channel.
    pub channel: String,
    /// Where its messages go, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// The state in which it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Whose decision it is, as they say.
    pub by: String,
    /// Who else has agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// The user of the operating system who has done it, where that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Why.
    pub reason: String,
    /// When it ends by itself; RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// SHA-256 of the config before.
    pub before: String,
    /// SHA-256 of the config behind.
    pub after: String,
    /// The file of a proxy to which it was also applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether it was told by a later operation what has become of an interrupted one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settled: bool,
    /// What an interrupted write had left behind the line before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_off: Option<String>,
    /// SHA-256 of the line before, without its end; zeros in the first line.
    pub prev: String,
}
