//! A file of cases as it is written.

use super::expect::{Expected, of_exchange, of_receipt};
use super::wire::{Answer, Failure, Sent};
use super::{Case, Each, Said, Seen};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// All that is known of one vendor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    requests: BTreeMap<String, Spoken>,
    pub(super) exchanges: Vec<Exchange>,
    #[serde(default)]
    pub(super) receipts: Vec<Receipt>,
    #[serde(default)]
    pub(super) code_tables: Vec<CodeTable>,
}

/// A request with what it says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spoken {
    #[serde(default)]
    method: Option<String>,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    form: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    multipart: Option<Vec<(String, String)>>,
    says: Says,
}

/// A request.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    /// Default `POST`.
    #[serde(default)]
    pub(super) method: Option<String>,
    pub(super) url: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) body: Option<Value>,
    /// Fields of a form; what is no text is JSON inside one.
    #[serde(default)]
    pub(super) form: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    pub(super) multipart: Option<Vec<(String, String)>>,
}

/// What a request says of its message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Says {
    pub(super) operation: String,
    pub(super) message_ids: Vec<String>,
    pub(super) recipients: Vec<String>,
    /// Left out: as many as there are recipients, at least one, for what is a message or might be.
    #[serde(default)]
    batch: Option<u64>,
    #[serde(default)]
    pub(super) template: Option<String>,
    #[serde(default)]
    pub(super) dedupe: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exchange {
    about: String,
    request: String,
    /// Left out: a failure.
    #[serde(default)]
    response: Option<Response>,
    #[serde(default)]
    failure: Option<Failure>,
    expect: Expect,
}

/// An answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Response {
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// Left out: the answer ends with its headers.
    #[serde(default)]
    pub(super) body: Option<Value>,
}

/// What becomes of the message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) outcome: String,
    pub(super) fate: String,
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) vendor_ids: Vec<String>,
    /// Recipients by outcome.
    pub(super) results: BTreeMap<String, u64>,
    #[serde(default)]
    pub(super) retry_after_ms: Option<u64>,
    /// What becomes of each recipient, in the order of the request; left out: nothing is expected.
    #[serde(default)]
    each: Vec<Each>,
}

/// What the vendor posts to the push service.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Receipt {
    about: String,
    request: Request,
    /// What the service answers.
    #[serde(default = "taken")]
    status: u16,
    expect: Told,
}

/// The vendor's id of a message, its recipient, and its status.
pub(super) type StatusOf = (Option<String>, Option<String>, String);

/// What a receipt tells.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    pub(super) statuses: Vec<StatusOf>,
    #[serde(default)]
    pub(super) opaque: bool,
}

const fn taken() -> u16 {
    200
}

/// Codes of one shape of answer, by the class that each stands for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeTable {
    #[serde(default)]
    about: String,
    request: String,
    status: u16,
    /// `$CODE` stands for the code.
    body: String,
    fate: String,
    classes: BTreeMap<String, Vec<String>>,
}

impl Says {
    /// How many recipients.
    pub(super) fn batch(&self) -> u64 {
        let named = u64::try_from(self.recipients.len()).unwrap_or(u64::MAX);
        let is_message = matches!(self.operation.as_str(), "send" | "dry_run");
        self.batch.unwrap_or(if is_message { named.max(1) } else { 0 })
    }

    fn said(&self, each: &[Each]) -> Said {
        Said {
            operation: self.operation.clone(),
            message_ids: self.message_ids.clone(),
            recipients: self.recipients.clone(),
            each: each.to_vec(),
        }
    }
}

impl Exchange {
    fn is_split(&self, recipients: usize) -> bool {
        recipients > 1 && (self.expect.results.len() > 1 || self.expect.outcome == "partial")
    }
}

impl Spoken {
    fn request(&self) -> Request {
        Request {
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
            form: self.form.clone(),
            multipart: self.multipart.clone(),
        }
    }
}

impl File {
    /// What is known of a vendor; `folder` holds `vendors`.
    pub(super) fn read(folder: &Path, vendor: &str) -> Result<Self> {
        let text = std::fs::read_to_string(folder.join("vendors").join(vendor).with_extension("json"))?;
        let file: Self = serde_json::from_str(&text).map_err(|error| format!("{vendor}: {error}"))?;
        file.check_names()?;
        for exchange in &file.exchanges {
            file.check_numbers(exchange)?;
        }
        Ok(file)
    }

    fn check_names(&self) -> Result<()> {
        let used = self.exchanges.iter().map(|exchange| &exchange.request);
        let used: BTreeSet<&String> = used.chain(self.code_tables.iter().map(|table| &table.request)).collect();
        match self.requests.keys().find(|name| !used.contains(name)) {
            Some(unused) => Err(format!("the request {unused:?} is not used").into()),
            None => Ok(()),
        }
    }

    /// Results are of all recipients of a send, and of nobody else; where only some of several are accepted, it is said of
    /// each.
    fn check_numbers(&self, exchange: &Exchange) -> Result<()> {
        let says = &self.spoken(&exchange.request)?.says;
        let expected = if says.operation == "send" { says.batch() } else { 0 };
        let results: u64 = exchange.expect.results.values().sum();
        let named = says.recipients.len();
        let says_each =
            exchange.expect.each.len() == named || (exchange.expect.each.is_empty() && !exchange.is_split(named));
        if !says_each {
            return Err(format!("{}: does not say what becomes of each recipient", exchange.about).into());
        }
        if results == expected {
            return Ok(());
        }
        Err(format!("{}: {results} results of {expected} recipients", exchange.about).into())
    }

    fn spoken(&self, name: &str) -> Result<&Spoken> {
        self.requests.get(name).ok_or_else(|| format!("no request is named {name:?}").into())
    }

    pub(super) fn case(&self, vendor: &str, exchange: &Exchange) -> Result<Case> {
        let spoken = self.spoken(&exchange.request)?;
        let answer = match (&exchange.response, exchange.failure) {
            (Some(response), None) => Answer::of_vendor(response),
            (None, Some(failure)) => Answer::of_envoy(failure),
            _ => return Err(format!("{}: has either a `response` or a `failure`", exchange.about).into()),
        };
        Ok(Case {
            about: exchange.about.clone(),
            sent: Sent::outbound(&spoken.request())?,
            answer,
            said: spoken.says.said(&exchange.expect.each),
            expected: Expected::one(of_exchange(vendor, &spoken.says, &exchange.expect)?),
        })
    }

    /// One case a code.
    pub(super) fn rows<'a>(&'a self, vendor: &'a str, table: &'a CodeTable) -> impl Iterator<Item = Result<Case>> {
        let codes = table.classes.iter().flat_map(|(class, codes)| codes.iter().map(move |code| (class, code)));
        codes.map(move |(class, code)| self.row(vendor, table, class, code))
    }

    fn row(&self, vendor: &str, table: &CodeTable, class: &str, code: &str) -> Result<Case> {
        let spoken = self.spoken(&table.request)?;
        let of_send = (spoken.says.operation == "send").then(|| (class.to_owned(), spoken.says.batch()));
        let expect = Expect {
            outcome: class.to_owned(),
            fate: table.fate.clone(),
            code: Some(code.to_owned()),
            vendor_ids: Vec::new(),
            results: of_send.into_iter().collect(),
            retry_after_ms: None,
            each: Vec::new(),
        };
        let body = Some(Value::String(table.body.replace("$CODE", code)));
        let response = Response { status: table.status, headers: BTreeMap::new(), body };
        Ok(Case {
            about: format!("code {code} {}", table.about),
            sent: Sent::outbound(&spoken.request())?,
            answer: Answer::of_vendor(&response),
            said: spoken.says.said(&expect.each),
            expected: Expected::one(of_exchange(vendor, &spoken.says, &expect)?),
        })
    }
}

impl Receipt {
    pub(super) fn case(&self, vendor: &str) -> Result<Case> {
        let seen = of_receipt(vendor, self.status, &self.expect)?;
        let is_silent = self.expect.statuses.is_empty() && !self.expect.opaque && self.status < 300;
        // What the vendor posts there and is no report need not visit any node.
        let or = is_silent.then(Seen::nothing);
        let response = Response { status: self.status, headers: BTreeMap::new(), body: None };
        Ok(Case {
            about: format!("receipt: {}", self.about),
            sent: Sent::inbound(&self.request)?,
            answer: Answer::of_vendor(&response),
            said: Said::default(),
            expected: Expected { seen, or },
        })
    }
}
