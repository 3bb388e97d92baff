//! Requests and answers of the vendors' APIs as they stand on the wire: written once by the demo's push service and by the
//! stand-ins, then filled in for every call.

use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderValue, Request};

use super::scenario::Channel;
use super::template::{Fill, Slot, Template};
use crate::abi::Headers;
use crate::demo::push::{Push, recipient, scramble};
use crate::demo::vendor_calls;
use crate::vendors::{Answer, Api, Received, Refusal};

/// Stands for the message's id in what is turned into a template.
const ID_MARK: &str = "a11ce000-0b0b-4ca1-8d09-00000000ca75";

/// Stands for the number of an answer. Its digits stay as many when a count of calls is added.
const NUMBER_MARK: u64 = 0x7e57_ab1e;

/// The wire forms of one channel's calls.
pub(super) struct Calls {
    api: &'static dyn Api,
    authority: String,
    header: Option<String>,
    requests: HashMap<usize, Rc<RequestForm>>,
    answers: HashMap<AnswerKey, Rc<AnswerForm>>,
    answered: u64,
}

/// Which answer: to a call with so many recipients, with this code for all (`None`) or for the first so many of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct AnswerKey {
    pub(super) recipients: usize,
    pub(super) refused: Option<(String, Option<usize>)>,
}

struct RequestForm {
    request: Request<Bytes>,
    marks: Vec<(Vec<u8>, Slot)>,
    headers: Form,
    body: Template,
}

struct AnswerForm {
    headers: Form,
    body: Template,
    accepted: u64,
}

/// A list of headers, most of which are always the same.
struct Form {
    base: Headers,
    filled: Vec<(Vec<u8>, Template)>,
}

/// An answer on the wire.
pub(super) struct WireAnswer {
    pub(super) headers: Headers,
    pub(super) body: Bytes,
}

/// Why a channel's requests cannot be written.
#[derive(Clone, Debug, thiserror::Error)]
#[error("channel {channel}: its requests cannot be written: {reason}")]
pub(super) struct CallsError {
    channel: String,
    reason: String,
}

impl Calls {
    pub(super) fn new(channel: &Channel, business_header: Option<&str>) -> Self {
        Self {
            api: channel.api,
            authority: channel.authority.clone(),
            header: business_header.map(str::to_owned),
            requests: HashMap::new(),
            answers: HashMap::new(),
            answered: 0,
        }
    }

    /// The request that takes a message to its recipients.
    pub(super) fn request(&mut self, fill: &Fill<'_>, business: &str) -> Result<(Headers, Bytes), CallsError> {
        let form = self.request_form(fill.recipients.len())?;
        let mut headers = form.headers.fill(fill);
        if let Some(name) = &self.header {
            headers.push(name, business);
        }
        Ok((headers, form.body.render(fill).into()))
    }

    /// The vendor's answer to [`Self::request`], and how many recipients it accepts.
    pub(super) fn answer(&mut self, key: &AnswerKey, fill: &Fill<'_>) -> Result<(WireAnswer, u64), CallsError> {
        let form = match self.answers.get(key) {
            Some(form) => Rc::clone(form),
            None => {
                let form = Rc::new(self.answer_form(key)?);
                self.answers.insert(key.clone(), Rc::clone(&form));
                form
            }
        };
        self.answered += 1;
        let fill = Fill { number: NUMBER_MARK + self.answered, ..*fill };
        let answer = WireAnswer { headers: form.headers.fill(&fill), body: form.body.render(&fill).into() };
        Ok((answer, form.accepted))
    }

    /// The vendor's answer to a request that the filter has written, and how many recipients it accepts and refuses. The
    /// vendor's cluster has put its own credential into it.
    pub(super) fn answer_any(&mut self, mut request: Request<Bytes>, code: Option<&str>) -> (WireAnswer, u64, u64) {
        self.answered += 1;
        for (name, value) in self.api.example().headers.iter().filter(|(name, _)| *name == "authorization") {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        let (head, body) = request.into_parts();
        let refusal = code.map(|code| Refusal { code: code.to_owned(), recipients: None, retry_after_s: None });
        let answer = self.api.answer(&Received::new(head, body, None), refusal.as_ref(), NUMBER_MARK + self.answered);
        let (accepted, all) = (accepted(&answer), answer.recipients());
        (WireAnswer { headers: headers_of(&answer), body: answer.body }, accepted, all - accepted)
    }

    fn request_form(&mut self, recipients: usize) -> Result<Rc<RequestForm>, CallsError> {
        if let Some(form) = self.requests.get(&recipients) {
            return Ok(Rc::clone(form));
        }
        let form = Rc::new(RequestForm::new(self.api.name(), &self.authority, recipients)?);
        self.requests.insert(recipients, Rc::clone(&form));
        Ok(form)
    }

    fn answer_form(&mut self, key: &AnswerKey) -> Result<AnswerForm, CallsError> {
        let request = self.request_form(key.recipients)?;
        let (head, body) = request.request.clone().into_parts();
        let refusal = key.refused.as_ref().map(|(code, recipients)| {
            // Only some vendors can refuse a part of a call.
            let recipients = recipients.filter(|_| takes_batches(self.api));
            Refusal { code: code.clone(), recipients, retry_after_s: None }
        });
        let answer = self.api.answer(&Received::new(head, body, None), refusal.as_ref(), NUMBER_MARK);
        let mut marks = request.marks.clone();
        marks.extend(timestamp(&answer.body));
        Ok(AnswerForm {
            headers: Form::new(&headers_of(&answer), &marks),
            body: Template::new(&answer.body, &marks),
            accepted: accepted(&answer),
        })
    }
}

/// Whether one call can have several recipients, each with a result of its own.
pub(super) fn takes_batches(api: &dyn Api) -> bool {
    // The code is one that every vendor with batches has; the others refuse for the recipients' sake.
    let refusal = Refusal { code: "1".to_owned(), recipients: Some(1), retry_after_s: None };
    api.check(&refusal).is_ok()
}

impl RequestForm {
    fn new(channel: &str, authority: &str, recipients: usize) -> Result<Self, CallsError> {
        let fault = |reason: String| CallsError { channel: channel.to_owned(), reason };
        let recipients = recipient_marks(channel, recipients);
        let push = Push {
            message_id: ID_MARK.to_owned(),
            business: String::new(),
            channel: channel.to_owned(),
            recipients: recipients.clone(),
            template: "order-shipped".to_owned(),
            // A text by itself is known by it too: some vendors take no id of the sender's.
            title: format!("Your parcel {ID_MARK} is on its way"),
            body: format!("{ID_MARK} will be there tomorrow between ten and twelve"),
        };
        let mut calls = vendor_calls::calls(&push).map_err(|error| fault(error.to_string()))?.into_iter();
        let (Some(call), None) = (calls.next(), calls.next()) else {
            return Err(fault(format!("{} recipients do not go into one call", recipients.len())));
        };
        let marks = marks(&recipients);
        let headers = Form::new(&request_headers(&call.request, authority), &marks);
        let body = Template::new(call.request.body(), &marks);
        Ok(Self { request: call.request, marks, headers, body })
    }
}

/// Recipients that look like all others of the channel, but are known.
fn recipient_marks(channel: &str, count: usize) -> Vec<String> {
    let mut marks: Vec<String> = Vec::with_capacity(count);
    let mut number = 0;
    // Phones are few enough for two of them to be the same; after some attempts, so be it.
    while marks.len() < count && number < 100_000 {
        let mark = recipient(channel, scramble(number));
        if !marks.contains(&mark) {
            marks.push(mark);
        }
        number += 1;
    }
    marks
}

fn marks(recipients: &[String]) -> Vec<(Vec<u8>, Slot)> {
    let fixed = [
        (ID_MARK.as_bytes().to_vec(), Slot::MessageId),
        (format!("{NUMBER_MARK:x}").into_bytes(), Slot::NumberHex),
        (NUMBER_MARK.to_string().into_bytes(), Slot::NumberDecimal),
    ];
    let recipients = recipients.iter().enumerate().map(|(index, recipient)| match recipient.strip_prefix('+') {
        // The sign itself is written in more than one way.
        Some(digits) => (digits.as_bytes().to_vec(), Slot::Digits(index)),
        None => (recipient.as_bytes().to_vec(), Slot::Recipient(index)),
    });
    fixed.into_iter().chain(recipients).collect()
}

/// The moment that a stand-in has written into its answer is one of this machine's time.
fn timestamp(body: &[u8]) -> Option<(Vec<u8>, Slot)> {
    let json: serde_json::Value = serde_json::from_slice(body).ok()?;
    let number = json.get("timestamp")?.as_u64()?;
    Some((number.to_string().into_bytes(), Slot::NowMs))
}

fn request_headers(request: &Request<Bytes>, authority: &str) -> Headers {
    let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut headers = Headers::with_capacity(16, 512);
    headers.push(":method", request.method().as_str());
    headers.push(":scheme", "http");
    headers.push(":authority", authority);
    headers.push(":path", path);
    for (name, value) in request.headers() {
        headers.push(name.as_str(), value.as_bytes());
    }
    headers.push("content-length", request.body().len().to_string());
    headers.push("x-forwarded-proto", "http");
    headers.push("x-request-id", ID_MARK);
    headers
}

fn headers_of(answer: &Answer) -> Headers {
    let mut headers = Headers::with_capacity(8, 256);
    headers.push(":status", answer.status.as_str());
    for (name, value) in &answer.headers {
        headers.push(name, value.as_bytes());
    }
    headers.push("content-length", answer.body.len().to_string());
    headers
}

fn accepted(answer: &Answer) -> u64 {
    answer.verdicts.iter().filter(|verdict| verdict.accepted).map(|verdict| verdict.recipients).sum()
}

impl Form {
    fn new(headers: &Headers, marks: &[(Vec<u8>, Slot)]) -> Self {
        let templates = headers.iter().map(|(name, value)| (name.to_vec(), Template::new(value, marks)));
        Self { base: headers.clone(), filled: templates.filter(|(_, template)| !template.is_plain()).collect() }
    }

    fn fill(&self, fill: &Fill<'_>) -> Headers {
        let mut headers = self.base.clone();
        for (name, template) in &self.filled {
            headers.set(name, template.render(fill));
        }
        headers
    }
}

#[cfg(test)]
mod tests;
