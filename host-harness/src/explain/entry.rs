//! An exchange of a HAR in the form in which the core takes it.

use super::failure::Failure;
use super::har::{Entry, Header, Param, PostData};
use form_urlencoded::Serializer;
use pointsman_core::headers::Headers;

/// Says of a body that its head belongs to, which the recorder has left out, that it cannot be read.
const LEFT_OUT: (&str, &str) = ("content-encoding", "left-out-by-the-recorder");

/// Headers that tell of the body as it was on the wire and not as it was recorded, and those that the URL replaces.
const DROPPED: [&str; 5] = ["content-encoding", "content-length", "host", "transfer-encoding", "connection"];

/// A request or an answer.
#[derive(Debug)]
pub(super) struct Half {
    headers: Vec<(String, String)>,
    pub(super) body: Body,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    None,
    Recorded(Vec<u8>),
    /// There was one, but the recorder has not kept it.
    LeftOut,
}

/// An exchange, taken apart.
#[derive(Debug)]
pub(super) struct Recorded {
    /// With the port, if the URL has one.
    pub(super) authority: String,
    /// The port that was called.
    pub(super) port: Option<u16>,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) request: Half,
    /// Its status and the rest; none if there was no answer.
    pub(super) response: Option<(u16, Half)>,
    /// Why there is no answer, or not all of it.
    pub(super) failure: Option<Failure>,
    /// When it began, in nanoseconds since 1970, if that was recorded.
    pub(super) started_ns: Option<u64>,
    pub(super) duration_ns: u64,
}

impl Recorded {
    pub(super) fn of(entry: &Entry) -> Self {
        let url = Url::parse(&entry.request.url);
        let (form, content_type) = post(&entry.request.post_data);
        let body = match form {
            Some(body) if !body.is_empty() => Body::Recorded(body),
            None if entry.request.body_size > 0.0 => Body::LeftOut,
            _ => Body::None,
        };
        let own = [(":method", entry.request.method.as_str()), (":authority", &url.authority), (":path", &url.path)];
        let request = Half::new(&own, &entry.request.headers, content_type, body);
        Self {
            method: entry.request.method.clone(),
            request,
            response: entry.response.status().map(|status| (status, answer(entry, status))),
            failure: entry.failure(),
            started_ns: entry.started.map(|started| started.0),
            duration_ns: entry.duration_ns(),
            authority: url.authority,
            port: url.port,
            path: url.path,
        }
    }

    /// The path without its query.
    pub(super) fn path_alone(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}

fn answer(entry: &Entry, status: u16) -> Half {
    let content = &entry.response.content;
    let body = match &content.text.0 {
        Some(text) if !text.is_empty() => Body::Recorded(text.clone()),
        None if content.size > 0.0 => Body::LeftOut,
        _ => Body::None,
    };
    Half::new(&[(":status", &status.to_string())], &entry.response.headers, None, body)
}

impl Half {
    fn new(own: &[(&str, &str)], recorded: &[Header], content_type: Option<ContentType>, body: Body) -> Self {
        let own = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut headers: Vec<(String, String)> = own.collect();
        let kept = recorded.iter().map(|header| (header.name.trim().to_ascii_lowercase(), header.value.clone()));
        headers.extend(kept.filter(|(name, _)| !name.starts_with(':') && !DROPPED.contains(&name.as_str())));
        match content_type {
            Some(ContentType::OfNewBody(value)) => {
                headers.retain(|(name, _)| name != "content-type");
                headers.push(("content-type".to_owned(), value));
            }
            Some(ContentType::Recorded(value)) if !headers.iter().any(|(name, _)| name == "content-type") => {
                headers.push(("content-type".to_owned(), value));
            }
            _ => {}
        }
        match &body {
            Body::Recorded(bytes) => headers.push(("content-length".to_owned(), bytes.len().to_string())),
            Body::LeftOut => headers.push((LEFT_OUT.0.to_owned(), LEFT_OUT.1.to_owned())),
            Body::None => {}
        }
        Self { headers, body }
    }

    pub(super) fn headers(&self) -> Headers<'_> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// The body, as far as it is there.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Recorded(bytes) => bytes,
            Body::None | Body::LeftOut => &[],
        }
    }

    pub(super) const fn has_body(&self) -> bool {
        !matches!(self.body, Body::None)
    }
}

/// Where the type of a request's body comes from.
enum ContentType {
    /// From beside the body; a header goes before it.
    Recorded(String),
    /// The body was made anew, so no header can know.
    OfNewBody(String),
}

/// The body of a request with its type: as it was recorded, or made of its fields.
fn post(data: &PostData) -> (Option<Vec<u8>>, Option<ContentType>) {
    let recorded = || Some(data.mime_type.clone()).filter(|kind| !kind.is_empty()).map(ContentType::Recorded);
    match &data.text.0 {
        Some(text) if !text.is_empty() || data.params.is_empty() => (Some(text.clone()), recorded()),
        _ if data.params.is_empty() => (None, recorded()),
        _ if data.mime_type.trim_start().to_ascii_lowercase().starts_with("multipart/") => {
            let (body, kind) = multipart(&data.params);
            (Some(body), Some(ContentType::OfNewBody(kind)))
        }
        _ => {
            let mut form = Serializer::new(String::new());
            form.extend_pairs(data.params.iter().map(|param| (&param.name, &param.value)));
            (Some(form.finish().into_bytes()), Some(ContentType::OfNewBody("application/x-www-form-urlencoded".into())))
        }
    }
}

/// Fields as RFC 7578 has them.
fn multipart(params: &[Param]) -> (Vec<u8>, String) {
    let mut boundary = "pointsman".to_owned();
    while params.iter().any(|param| param.value.contains(&boundary)) {
        boundary.push('-');
    }
    let mut body = String::new();
    for Param { name, value, file_name, content_type } in params {
        body += &format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(name));
        if let Some(file_name) = file_name {
            body += &format!("; filename=\"{}\"", quoted(file_name));
        }
        if let Some(content_type) = content_type {
            body += &format!("\r\nContent-Type: {content_type}");
        }
        body += &format!("\r\n\r\n{value}\r\n");
    }
    body += &format!("--{boundary}--\r\n");
    (body.into_bytes(), format!("multipart/form-data; boundary={boundary}"))
}

fn quoted(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// The parts of a URL that a request line has.
#[derive(Debug, PartialEq, Eq)]
struct Url {
    authority: String,
    port: Option<u16>,
    path: String,
}

impl Url {
    fn parse(text: &str) -> Self {
        let without_fragment = text.split('#').next().unwrap_or_default();
        let (scheme, rest) = without_fragment.split_once("://").unwrap_or(("", without_fragment));
        let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_at);
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let told = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let usual = match scheme.to_ascii_lowercase().as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        Self { authority: authority.to_owned(), port: told.or(usual), path }
    }
}

#[cfg(test)]
mod tests;
