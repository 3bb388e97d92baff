//! The files of `vendors`: requests by name, exchanges that use them, and tables of codes, each row of which is an exchange
//! too. The tests of the pure core and those of the built filter both include this file, so that they read the same.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

/// A configuration with all vendors.
pub(crate) const CONFIG: &str = r#"{
    "service": "push", "hold_request": true,
    "channels": ["apns", "fcm", "oppo", "wechat", "sms-tencent", {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}]
}"#;

/// All that a case speaks of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) node: String,
    pub(crate) channel: String,
    pub(crate) operation: String,
    pub(crate) message_ids: Vec<String>,
    pub(crate) recipients: u32,
    pub(crate) template: Option<String>,
    pub(crate) outcome: String,
    pub(crate) results: BTreeMap<String, u64>,
    pub(crate) fate: String,
    pub(crate) codes: BTreeMap<String, u64>,
}

/// How bodies come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// At once.
    Whole,
    /// Byte by byte, then trailers.
    Bytes,
}

/// A request line, taken apart.
pub(crate) struct Target<'a> {
    pub(crate) method: &'a str,
    pub(crate) authority: &'a str,
    pub(crate) path_and_query: &'a str,
}

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
    method: Option<String>,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
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
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
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

/// Runs every case of a vendor, with each body at once and byte by byte, and says which end otherwise than expected.
///
/// # Errors
/// The file has a fault.
pub(crate) fn check(
    folder: &Path,
    vendor: &str,
    expected: impl Fn(&Case<'_>) -> Seen,
    run: impl Fn(&Case<'_>, Pieces) -> Result<Seen, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let file = File::read(folder, vendor)?;
    let cases = file.cases();
    let mut wrong = Vec::new();
    for case in &cases {
        for pieces in [Pieces::Whole, Pieces::Bytes] {
            let expected = expected(case);
            match run(case, pieces) {
                Ok(seen) if seen == expected => {}
                Ok(seen) => {
                    wrong.push(format!("{} ({pieces:?})\n  expected {expected:?}\n  but saw  {seen:?}", case.about))
                }
                Err(error) => wrong.push(format!("{} ({pieces:?})\n  {error}", case.about)),
            }
        }
    }
    assert!(wrong.is_empty(), "{} runs of {} cases of {vendor} fail:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.iter().filter(|case| case.about.starts_with("misleading")).count() >= 2, "{vendor} misleads nobody");
    Ok(())
}

/// One exchange with what is expected of it.
pub(crate) struct Case<'a> {
    pub(crate) about: String,
    pub(crate) request: &'a Request,
    pub(crate) response: Response,
    expect: Expect,
}

impl File {
    /// What is known of a vendor; `folder` holds this file.
    fn read(folder: &Path, vendor: &str) -> Result<Self, Box<dyn Error>> {
        let text = std::fs::read_to_string(folder.join("vendors").join(vendor).with_extension("json"))?;
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

    fn cases(&self) -> Vec<Case<'_>> {
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

    pub(crate) fn target(&self) -> Result<Target<'_>, Box<dyn Error>> {
        let (_, rest) = self.url.split_once("://").ok_or("the URL has no scheme")?;
        let (authority, path_and_query) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, "/"),
        };
        Ok(Target { method: self.method.as_deref().unwrap_or("POST"), authority, path_and_query })
    }

    /// The header lines, `:method` and its like among them.
    pub(crate) fn lines(&self) -> Result<Vec<(&str, &str)>, Box<dyn Error>> {
        let target = self.target()?;
        let own = [
            (":method", target.method),
            (":authority", target.authority),
            (":path", target.path_and_query),
            ("content-type", self.content_type()),
        ];
        let given = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Ok(own.into_iter().chain(given.filter(|(name, _)| *name != "content-type")).collect())
    }
}

impl Response {
    /// The header lines, `:status` among them.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        let given = self.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
        std::iter::once((":status".to_owned(), self.status.to_string())).chain(given).collect()
    }

    pub(crate) fn body(&self) -> Option<String> {
        text(self.body.as_ref())
    }
}

impl Pieces {
    /// A body as it comes.
    pub(crate) fn of(self, body: &str) -> Vec<&[u8]> {
        match self {
            Self::Whole => vec![body.as_bytes()],
            Self::Bytes => body.as_bytes().chunks(1).collect(),
        }
    }
}

impl Seen {
    /// Takes in what one series has counted, by its encoded name. Gives the name of the metric and its labels.
    pub(crate) fn count<'a>(&mut self, encoded: &'a str, count: u64) -> (&'a str, BTreeMap<&'a str, &'a str>) {
        let labels: BTreeMap<&str, &str> = encoded.split(";.;").filter_map(|label| label.split_once("=.=")).collect();
        let value = |label: &str| labels.get(label).copied().unwrap_or_default().to_owned();
        let name = encoded.rsplit(";.;").next().unwrap_or_default();
        match name {
            "pointsman_node_calls_total" => self.outcome = value("outcome"),
            "pointsman_node_messages_total" => drop(self.results.insert(value("outcome"), count)),
            "pointsman_vendor_codes_total" => drop(self.codes.insert(value("code"), count)),
            _ => {}
        }
        (name, labels)
    }

    /// Takes in the fate from the line of a visit.
    pub(crate) fn read_fate(&mut self, line: &str) {
        let fate = line.split(' ').find_map(|word| word.strip_prefix("fate=")).unwrap_or_default();
        fate.clone_into(&mut self.fate);
    }
}

/// Text as it is, anything else as JSON.
fn text(value: Option<&Value>) -> Option<String> {
    value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
