//! The files of `tests/cases/vendors`: requests by name, exchanges that use them, and tables of codes, each row of which
//! is an exchange too.

use super::run::Seen;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cases/vendors");

/// All that is known of one vendor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    requests: BTreeMap<String, Request>,
    exchanges: Vec<Exchange>,
    #[serde(default)]
    code_tables: Vec<CodeTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    #[serde(default)]
    pub(crate) method: Option<String>,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
    /// Fields of a form; what is no text is JSON inside one.
    #[serde(default)]
    form: Option<BTreeMap<String, Value>>,
    says: Says,
}

/// What the request says of its message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Says {
    node: String,
    channel: String,
    operation: String,
    message_ids: Vec<String>,
    recipients: u32,
    #[serde(default)]
    template: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    about: String,
    request: String,
    response: Response,
    expect: Expect,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Response {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Left out: the answer ends with its headers.
    #[serde(default)]
    body: Option<Value>,
}

/// What becomes of the message: recipients by outcome and by vendor code are what is counted.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    outcome: String,
    results: BTreeMap<String, u64>,
    fate: String,
    codes: BTreeMap<String, u64>,
}

/// Codes of one shape of answer, by the class that each stands for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeTable {
    #[serde(default)]
    about: String,
    request: String,
    status: u16,
    /// `$CODE` stands for the code.
    body: String,
    fate: String,
    classes: BTreeMap<String, Vec<String>>,
    /// Whether the codes are counted under their own names; others are known only by their family.
    #[serde(default = "yes")]
    listed: bool,
}

const fn yes() -> bool {
    true
}

/// One exchange with what is expected of it.
pub(crate) struct Case<'a> {
    pub(crate) about: String,
    pub(crate) request: &'a Request,
    pub(crate) response: Response,
    expect: Expect,
}

impl File {
    pub(crate) fn read(vendor: &str) -> Result<Self, Box<dyn Error>> {
        let text = std::fs::read_to_string(Path::new(FOLDER).join(vendor).with_extension("json"))?;
        let file: Self = serde_json::from_str(&text)?;
        let used = file.exchanges.iter().map(|exchange| &exchange.request);
        let used: Vec<&String> = used.chain(file.code_tables.iter().map(|table| &table.request)).collect();
        if let Some(unknown) = used.iter().find(|name| !file.requests.contains_key(**name)) {
            return Err(format!("no request is named {unknown:?}").into());
        }
        if let Some(unused) = file.requests.keys().find(|name| !used.contains(name)) {
            return Err(format!("the request {unused:?} is not used").into());
        }
        Ok(file)
    }

    pub(crate) fn cases(&self) -> Vec<Case<'_>> {
        let exchanges = self.exchanges.iter().filter_map(|exchange| {
            let (response, expect) = (exchange.response.clone(), exchange.expect.clone());
            Some(Case {
                about: exchange.about.clone(),
                request: self.requests.get(&exchange.request)?,
                response,
                expect,
            })
        });
        exchanges.chain(self.code_tables.iter().flat_map(|table| self.rows(table))).collect()
    }

    fn rows<'a>(&'a self, table: &'a CodeTable) -> impl Iterator<Item = Case<'a>> {
        let codes = table.classes.iter().flat_map(|(class, codes)| codes.iter().map(move |code| (class, code)));
        codes.filter_map(|(class, code)| {
            let request = self.requests.get(&table.request)?;
            let messages = u64::from(request.says.recipients.max(1));
            let label = if table.listed { code.as_str() } else { "other" };
            let expect = Expect {
                outcome: class.clone(),
                results: BTreeMap::from([(class.clone(), messages)]),
                fate: table.fate.clone(),
                codes: BTreeMap::from([(label.to_owned(), messages)]),
            };
            let body = Some(Value::String(table.body.replace("$CODE", code)));
            let response = Response { status: table.status, headers: BTreeMap::new(), body };
            Some(Case { about: format!("code {code} {}", table.about), request, response, expect })
        })
    }
}

impl Case<'_> {
    pub(crate) fn expected(&self) -> Seen {
        let (says, expect) = (&self.request.says, &self.expect);
        Seen {
            node: says.node.clone(),
            channel: says.channel.clone(),
            operation: says.operation.clone(),
            message_ids: says.message_ids.clone(),
            recipients: says.recipients,
            template: says.template.clone(),
            outcome: expect.outcome.clone(),
            results: expect.results.clone(),
            fate: expect.fate.clone(),
            codes: expect.codes.clone(),
        }
    }
}

impl Request {
    /// `None` if the request ends with its headers.
    pub(crate) fn body(&self) -> Option<String> {
        let Some(form) = &self.form else { return text(self.body.as_ref()) };
        let mut body = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form {
            body.append_pair(name, &text(Some(value)).unwrap_or_default());
        }
        Some(body.finish())
    }

    pub(crate) fn content_type(&self) -> &str {
        let default = if self.form.is_some() { "application/x-www-form-urlencoded" } else { "application/json" };
        self.headers.get("content-type").map_or(default, String::as_str)
    }
}

impl Response {
    pub(crate) fn body(&self) -> Option<String> {
        text(self.body.as_ref())
    }
}

/// Text as it is, anything else as JSON.
fn text(value: Option<&Value>) -> Option<String> {
    value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
